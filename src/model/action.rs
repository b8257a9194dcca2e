//! Everything the agent can do, and nothing else: actions are done once, holds are kept up and undone.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::name::{Name, Remote};

/// An action, done once.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Tell somebody.
    Notify {
        /// A receiver of the agent's file, or `journal`.
        to: Name,
        /// What to say; where absent, what happened is said.
        message: Option<String>,
    },
    /// Write an evidence bundle.
    Snapshot,
    /// Raise the soft limit on descriptors.
    RaiseNofile {
        /// How far.
        to: NofileGoal,
    },
    /// Close connections of a pool.
    ResetPool {
        /// The pool.
        pool: Name,
        /// Which connections and how.
        how: ResetHow,
        /// The share of connections, oldest first; 1.0 is all.
        share: f64,
    },
    /// Destroy aged CLOSE_WAIT sockets in the kernel (SOCK_DESTROY); wakes a loop that then closes them.
    DestroySockets {
        /// Only those at least so old.
        older: Duration,
        /// Only those to this remote.
        remote: Option<Remote>,
        /// At most so many, oldest first.
        max: u32,
    },
    /// Close aged dead sockets inside the target by ptrace. Break-glass.
    ReapDescriptors {
        /// Only those at least so old.
        older: Duration,
        /// At most so many, oldest first.
        max: u32,
    },
    /// Run a hook of the agent's file.
    Run {
        /// The hook.
        hook: Name,
    },
    /// Stop the process: hooks, TERM, grace, KILL, confirm, then what `then` says.
    Stop {
        /// Hooks to run before the signal, in order.
        before: Vec<Name>,
        /// Time between TERM and KILL.
        grace: Duration,
        /// What follows.
        then: Then,
    },
}

/// How far to raise the soft limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NofileGoal {
    /// To the hard limit.
    Hard,
    /// To this number, at most the hard limit.
    Count(u64),
}

/// Which connections of a pool a reset closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetHow {
    /// Idle ones, now.
    Idle,
    /// Idle ones now, busy ones when released.
    Drain,
    /// All, now.
    Hard,
}

impl ResetHow {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Drain => "drain",
            Self::Hard => "hard",
        }
    }
}

/// What follows a stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Start it again: a child by its command, a systemd unit by `systemctl restart`.
    Restart,
    /// Leave it stopped.
    Stay,
    /// Leave the restart to systemd's own `Restart=`.
    Systemd,
}

/// An effect kept up while a tier is active.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Limit new client connections at a proxy.
    ThrottleConnects {
        /// The pool.
        pool: Name,
        /// New clients allowed per second.
        rate: f64,
    },
    /// Drop a stream's WebSocket and poll instead.
    PollStream {
        /// The stream.
        stream: Name,
        /// Time between polls.
        every: Duration,
    },
    /// Close the order gate.
    PauseTrading {
        /// How far.
        state: Gate,
    },
    /// Freeze the process, never longer than `limit`.
    Freeze {
        /// Thawed after so long even where the tier stays.
        limit: Duration,
    },
}

/// How far the order gate is closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// New risk is refused, cancels pass.
    Reducing,
    /// Only cancels pass.
    Halted,
}

macro_rules! words {
    ($($variant:ident $name:literal $effect:ident $doc:literal,)*) => {
        /// The word for an action or hold, as policies and the agent's `allow` write it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Word { $(#[doc = $doc] $variant,)* }

        impl Word {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word as written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it does to the bot.
            pub const fn effect(self) -> Effect {
                match self { $(Self::$variant => Effect::$effect,)* }
            }

            /// What it does, one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }

            /// The word as written, parsed.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.name() == text)
            }
        }
    };
}

/// What a word does to the bot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The bot does not notice.
    None,
    /// The bot may notice: refused inside the start grace.
    Disruptive,
    /// Disruptive, and refused unless the target's `allow` names it.
    Dangerous,
}

words! {
    Notify "notify" None "Tell somebody: journald, Slack, a webhook, a command.",
    Snapshot "snapshot" None "Write an evidence bundle.",
    RaiseNofile "raise_nofile" None "Raise the soft limit on descriptors.",
    ResetPool "reset_pool" Disruptive "Close connections of a pool.",
    DestroySockets "destroy_sockets" Dangerous "Destroy aged CLOSE_WAIT sockets in the kernel.",
    ReapDescriptors "reap_descriptors" Dangerous "Close aged dead sockets inside the target by ptrace.",
    Run "run" Disruptive "Run a hook of the agent's file.",
    Stop "stop" Dangerous "Stop the process, and start it again where told to.",
    ThrottleConnects "throttle_connects" Disruptive "Limit new client connections at a proxy.",
    PollStream "poll_stream" Disruptive "Drop a stream's WebSocket and poll instead.",
    PauseTrading "pause_trading" Disruptive "Pause trading: the order gates keep orders back, the bot's own hook is told.",
    Freeze "freeze" Dangerous "Freeze the process for a limited time.",
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Action {
    /// The word for it.
    pub const fn word(&self) -> Word {
        match self {
            Self::Notify { .. } => Word::Notify,
            Self::Snapshot => Word::Snapshot,
            Self::RaiseNofile { .. } => Word::RaiseNofile,
            Self::ResetPool { .. } => Word::ResetPool,
            Self::DestroySockets { .. } => Word::DestroySockets,
            Self::ReapDescriptors { .. } => Word::ReapDescriptors,
            Self::Run { .. } => Word::Run,
            Self::Stop { .. } => Word::Stop,
        }
    }
}

impl Hold {
    /// The word for it.
    pub const fn word(&self) -> Word {
        match self {
            Self::ThrottleConnects { .. } => Word::ThrottleConnects,
            Self::PollStream { .. } => Word::PollStream,
            Self::PauseTrading { .. } => Word::PauseTrading,
            Self::Freeze { .. } => Word::Freeze,
        }
    }

    /// What it holds: two holds on the same object differ only in strength.
    pub fn object(&self) -> (Word, Option<&Name>) {
        match self {
            Self::ThrottleConnects { pool, .. } => (Word::ThrottleConnects, Some(pool)),
            Self::PollStream { stream, .. } => (Word::PollStream, Some(stream)),
            Self::PauseTrading { .. } => (Word::PauseTrading, None),
            Self::Freeze { .. } => (Word::Freeze, None),
        }
    }

    /// The stronger of two holds on the same object: the lower rate, the longer poll, the further gate, the
    /// shorter freeze (it is the one bounded by the nearest countdown).
    #[must_use]
    pub fn stronger(self, other: Self) -> Self {
        let keep_self = match (&self, &other) {
            (Self::ThrottleConnects { rate: a, .. }, Self::ThrottleConnects { rate: b, .. }) => a <= b,
            (Self::PollStream { every: a, .. }, Self::PollStream { every: b, .. }) => a >= b,
            (Self::PauseTrading { state: a }, Self::PauseTrading { state: b }) => a >= b,
            (Self::Freeze { limit: a }, Self::Freeze { limit: b }) => a <= b,
            (
                Self::ThrottleConnects { .. }
                | Self::PollStream { .. }
                | Self::PauseTrading { .. }
                | Self::Freeze { .. },
                _,
            ) => true,
        };
        if keep_self { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stronger_hold_wins_whichever_side_it_stands_on() {
        let reducing = Hold::PauseTrading { state: Gate::Reducing };
        let halted = Hold::PauseTrading { state: Gate::Halted };
        assert_eq!(reducing.clone().stronger(halted.clone()), halted);
        assert_eq!(halted.clone().stronger(reducing), halted);
    }

    #[test]
    fn words_parse_as_written() {
        for word in Word::ALL {
            assert_eq!(Word::parse(word.name()), Some(*word));
        }
    }
}
