//! What the agent can be asked and told from outside, and its answers.
//!
//! A request travels to the control loop with a place for the answer; nothing but the loop touches its state.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::status::{PoolTrading, Status};
use crate::model::action::{ResetHow, Then};
use crate::model::asker::Asker;
use crate::model::event::Event;
use crate::model::name::Name;
use crate::model::trading::Trading;
use crate::model::units::{format_ratio, format_span};

/// What can be asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// What the agent sees and holds.
    Status,
    /// Why, and why not.
    Explain {
        /// Only this target.
        target: Option<Name>,
    },
    /// What happened of late.
    Events {
        /// Only events after this number; 0 for all that are still held.
        after: u64,
    },
    /// How order gates stand at this moment.
    Trading {
        /// Only that of this proxy.
        proxy: Option<Name>,
    },
    /// Do something.
    Do(Command),
}

/// What the agent can be told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Read settings and policies anew.
    Reload,
    /// Replace server connections of a pool.
    ResetPool {
        /// The pool.
        pool: Name,
        /// Which, by what they do.
        how: ResetHow,
        /// Which share of those, oldest first.
        share: f64,
    },
    /// Have a pool do something as a whole.
    Pool {
        /// The pool.
        pool: Name,
        /// What.
        work: PoolWork,
    },
    /// Close order gates by hand, or open what was closed so.
    Trading {
        /// What passes from now on.
        state: Trading,
        /// The proxy; all that have an order gate without it.
        proxy: Option<Name>,
        /// For so long; until `active` without it.
        limit: Option<Duration>,
    },
    /// Release a latch.
    Release {
        /// The target.
        target: Name,
        /// The rule as written in `status`; all rules of the target without it.
        rule: Option<String>,
    },
    /// Hold every disruptive action back.
    Hold {
        /// The target.
        target: Name,
    },
    /// End that.
    Resume {
        /// The target.
        target: Name,
    },
    /// Write an evidence bundle of each process.
    Snapshot {
        /// The target.
        target: Name,
    },
    /// Freeze each process.
    Freeze {
        /// The target.
        target: Name,
        /// Thawed after so long.
        limit: Duration,
    },
    /// Thaw each process.
    Thaw {
        /// The target.
        target: Name,
    },
    /// Start a child that is down, with its restarts counted anew.
    Start {
        /// The target.
        target: Name,
    },
    /// Stop each process.
    Stop {
        /// The target.
        target: Name,
        /// Time between TERM and KILL; the target's own without it.
        grace: Option<Duration>,
        /// What follows.
        then: Then,
    },
}

impl Command {
    /// The target it is about, where it is about one.
    pub const fn target(&self) -> Option<&Name> {
        match self {
            Self::Release { target, .. }
            | Self::Hold { target }
            | Self::Resume { target }
            | Self::Snapshot { target }
            | Self::Freeze { target, .. }
            | Self::Thaw { target }
            | Self::Start { target }
            | Self::Stop { target, .. } => Some(target),
            Self::Reload | Self::ResetPool { .. } | Self::Pool { .. } | Self::Trading { .. } => None,
        }
    }
}

/// What a pool as a whole can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolWork {
    /// New work waits; server connections are closed as they come free.
    Pause,
    /// Back to work.
    Resume,
    /// Replace all server connections as they come free.
    Reconnect,
    /// Refuse new clients and new work.
    Disable,
    /// End that.
    Enable,
    /// Close all clients and server connections now, and pause.
    Kill,
    /// Drop what its read cache keeps.
    FlushCache,
    /// Have its streams try now.
    Connect,
    /// Have its streams give their connections up.
    Close,
}

impl PoolWork {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Reconnect => "reconnect",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Kill => "kill",
            Self::FlushCache => "flush-cache",
            Self::Connect => "connect",
            Self::Close => "close",
        }
    }
}

/// As a person would type it after `fdguard ctl`, and as it is recorded.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reload => write!(f, "reload"),
            Self::ResetPool { pool, how, share } => {
                write!(f, "reset {pool} --how {} --share {}", how.name(), format_ratio(*share))
            }
            Self::Pool { pool, work: work @ (PoolWork::Connect | PoolWork::Close) } => {
                write!(f, "{} {pool}", work.name())
            }
            Self::Pool { pool, work } => write!(f, "pool {} {pool}", work.name()),
            Self::Trading { state, proxy, limit } => {
                write!(f, "trading {state}")?;
                proxy.iter().try_for_each(|proxy| write!(f, " --proxy {proxy}"))?;
                limit.iter().try_for_each(|limit| write!(f, " --for {}", format_span(*limit)))
            }
            Self::Release { target, rule: None } => write!(f, "release {target}"),
            Self::Release { target, rule: Some(rule) } => write!(f, "release {target} {rule}"),
            Self::Hold { target } => write!(f, "hold {target}"),
            Self::Resume { target } => write!(f, "resume {target}"),
            Self::Snapshot { target } => write!(f, "snapshot {target}"),
            Self::Freeze { target, .. } => write!(f, "freeze {target}"),
            Self::Thaw { target } => write!(f, "thaw {target}"),
            Self::Start { target } => write!(f, "start {target}"),
            Self::Stop { target, .. } => write!(f, "stop {target}"),
        }
    }
}

/// The answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Explain`]: one text and one value per process.
    Explained(Vec<Explained>),
    /// To [`Request::Events`]: the events with their numbers, oldest first.
    Events(Vec<(u64, Event)>),
    /// To [`Request::Trading`]: the gates, by their proxies.
    Trading(BTreeMap<Name, PoolTrading>),
    /// A command was taken; what it did, one sentence.
    Taken(String),
    /// It was not, and why.
    Refused(String),
}

/// Why one process is treated as it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The target.
    pub target: Name,
    /// The process's number.
    pub pid: u32,
    /// For people.
    pub text: String,
    /// For programs.
    pub value: serde_json::Value,
}

/// A request on its way to the control loop.
#[derive(Debug)]
pub struct Envelope {
    /// What is asked.
    pub request: Request,
    /// Who asks.
    pub by: Asker,
    /// Where the answer goes.
    pub reply: tokio::sync::oneshot::Sender<Answer>,
}
