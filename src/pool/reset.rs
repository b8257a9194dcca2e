//! Replacing connections: by a reset of a policy or a person, for new credentials, for a host that is to be left.
//!
//! A reset begins a new generation. What it takes of the old one is closed: at once if nobody uses it, when it
//! comes back otherwise, and by force when the drain time is over (see [`CloseReason::is_urgent`]). Clients see
//! nothing of it but the force.

use crate::model::action::ResetHow;
use crate::model::clock::Timestamp;
use crate::pool::connection::{Connection, State};
use crate::pool::id::{Generation, Key, UpstreamId};
use crate::pool::reason::CloseReason;
use crate::pool::state::Pool;

/// What a reset is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// All connections.
    All,
    /// Those of one key.
    Key(Key),
    /// Those to one upstream.
    Upstream(UpstreamId),
}

/// Why there is a reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResetCause {
    /// A policy or a person asked for it.
    Asked,
    /// `RECONNECT` on the console.
    Reconnect,
    /// The credentials have changed.
    Credentials,
}

/// A reset.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reset {
    /// Which connections by what they do.
    pub how: ResetHow,
    /// Which share of those, oldest first: 1.0 is all. Any share above 0 is one connection at least.
    pub share: f64,
    /// Which connections by where they belong.
    pub scope: Scope,
    /// Why.
    pub cause: ResetCause,
}

impl ResetCause {
    const fn close_reason(self) -> CloseReason {
        match self {
            Self::Asked => CloseReason::Reset,
            Self::Reconnect => CloseReason::Reconnect,
            Self::Credentials => CloseReason::Credentials,
        }
    }
}

impl Pool {
    /// Replaces connections; how many it takes.
    pub fn reset(&mut self, reset: Reset, now: Timestamp) -> usize {
        self.generation = Generation(self.generation.0 + 1);
        if reset.cause == ResetCause::Credentials {
            match reset.scope {
                Scope::Key(key) => self.logins.forget(key),
                Scope::All | Scope::Upstream(_) => self.logins.forget_all(),
            }
        }
        let taken = self.oldest_share(&reset, now);
        for slot in &taken {
            match reset.how {
                ResetHow::Idle | ResetHow::Drain => self.retire(*slot, reset.cause.close_reason(), now),
                ResetHow::Hard => self.close(*slot, reset.cause.close_reason(), now),
            }
        }
        self.despair(now);
        self.pump(now);
        taken.len()
    }

    /// The present generation: connections opened from now on carry it.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    fn oldest_share(&self, reset: &Reset, now: Timestamp) -> Vec<u16> {
        let concerned = |connection: &Connection| {
            let belongs = match reset.scope {
                Scope::All => true,
                Scope::Key(key) => connection.key == key,
                Scope::Upstream(upstream) => connection.upstream == upstream,
            };
            let idle = matches!(connection.state, State::Idle | State::Checking)
                || self.rests_in_hand(connection, now);
            belongs && (idle || reset.how != ResetHow::Idle)
        };
        let all = self.connections.iter().filter(|(_, connection)| concerned(connection));
        let mut all: Vec<_> = all.map(|(slot, connection)| (connection.opened, slot)).collect();
        all.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small positive number"
        )]
        let count = (all.len() as f64 * reset.share.clamp(0.0, 1.0)).ceil() as usize;
        all.truncate(count);
        all.into_iter().map(|(_, slot)| slot).collect()
    }
}
