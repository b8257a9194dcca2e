//! Everything worth recording, one variant a fact. journald, the history and the output are renderings of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::action::Hold;
use crate::model::asker::Asker;
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{Decision, DecisionId, Judged, Outcome, Transition, Verdict};
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::reading::Gap;
use crate::model::signal::Signal;

/// An event with its time and place.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When, monotonic.
    pub at: Timestamp,
    /// When, civil.
    pub wall: WallTime,
    /// The target it is about; none for the agent itself.
    pub target: Option<Name>,
    /// The process it is about.
    pub process: Option<ProcessId>,
    /// What happened.
    pub fact: Fact,
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The agent has started.
    AgentStarted {
        /// Its version.
        version: String,
        /// Fingerprint of its settings and policies.
        settings: String,
    },
    /// The agent stops in order.
    AgentStopping {
        /// Why.
        why: String,
    },
    /// A process is guarded from now on.
    Adopted {
        /// Its command line, cut short.
        command: String,
        /// Whether it was guarded before the agent started.
        again: bool,
    },
    /// No process matches the target.
    TargetAbsent {
        /// What was looked for.
        sought: String,
    },
    /// The target's command is not started again.
    StaysDown {
        /// Why.
        why: String,
    },
    /// A guarded process has ended.
    Exited {
        /// Exit code, or 128 and the signal's number, where it could be learnt.
        code: Option<i32>,
    },
    /// The agent has started the target's command.
    Spawned {
        /// How many times before.
        restarts: u32,
    },
    /// A ladder moved.
    Transition(Transition),
    /// Something was decided.
    Decision(Decision),
    /// An action came to its end.
    Finished {
        /// The decision that started it.
        decision: DecisionId,
        /// What was done, or what failed.
        result: Result<String, String>,
        /// How long it took.
        took: Duration,
    },
    /// An expectation was judged.
    Judged(Judged),
    /// A hold is kept up from now on.
    HoldTaken {
        /// Which.
        hold: Hold,
    },
    /// A hold is undone.
    HoldReleased {
        /// Which.
        hold: Hold,
        /// Why.
        why: String,
    },
    /// A tier has spent its budget and waits for a person.
    Latched {
        /// The rule.
        rule: String,
    },
    /// A person has released a latch, or put the target on hold or back.
    Commanded {
        /// What was asked for.
        command: String,
        /// Who asked.
        #[serde(flatten)]
        by: Asker,
    },
    /// The process has nearly no descriptors left: a pool lets in nobody beyond its reserve.
    DescriptorsScarce {
        /// The pool.
        pool: Name,
        /// Descriptors left.
        left: u64,
    },
    /// It has some again, or is no client any more: the pool is open as before.
    DescriptorsBack {
        /// The pool.
        pool: Name,
    },
    /// The stream of a client has changed its state.
    StreamChanged {
        /// The proxy.
        stream: Name,
        /// The client.
        client: String,
        /// From which state.
        from: String,
        /// To which one.
        to: String,
        /// Why.
        why: String,
    },
    /// A signal can't be seen from now on.
    SignalLost {
        /// Which.
        signal: Signal,
        /// Why.
        gap: Gap,
    },
    /// A signal can be seen again.
    SignalBack {
        /// Which.
        signal: Signal,
    },
    /// Settings or policies were read anew and hold from now on.
    Reloaded {
        /// What changed.
        what: String,
    },
    /// New settings or policies had a fault; the old ones stay.
    ReloadRefused {
        /// The first fault and how many more.
        why: String,
    },
    /// A shadow policy would have done something else.
    ShadowDiffers {
        /// The shadow policy.
        policy: Name,
        /// How it differs.
        how: String,
    },
    /// The history can't be written; events are counted and dropped.
    HistoryLost {
        /// Why.
        why: String,
    },
    /// The history can be written again.
    HistoryBack {
        /// How many records were lost.
        lost: u64,
    },
    /// The fleet can't be asked for leave: what this agent's own budgets allow is done without it.
    FleetAway {
        /// Why.
        why: String,
    },
    /// The fleet has answered again.
    FleetBack {},
    /// A bound was hit.
    BoundHit {
        /// Which bound.
        bound: String,
    },
    /// A notice could not be delivered.
    NoticeFailed {
        /// The receiver.
        to: Name,
        /// Why.
        why: String,
    },
}

/// How loud an event is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loudness {
    /// The agent did or saw something.
    Info,
    /// It could not do or see something.
    Warn,
    /// A person is needed.
    Error,
}

impl Fact {
    /// How loud it is, and the constant message for it. The particulars are fields.
    pub fn headline(&self) -> (Loudness, &'static str) {
        match self {
            Self::AgentStarted { .. } => (Loudness::Info, "agent started"),
            Self::AgentStopping { .. } => (Loudness::Info, "agent stopping"),
            Self::Adopted { again: false, .. } => (Loudness::Info, "process adopted"),
            Self::Adopted { again: true, .. } => (Loudness::Info, "process taken up again"),
            Self::TargetAbsent { .. } => (Loudness::Warn, "the target has no process"),
            Self::StaysDown { .. } => (Loudness::Error, "the child stays down until a person starts it"),
            Self::Exited { .. } => (Loudness::Info, "process ended"),
            Self::Spawned { .. } => (Loudness::Info, "process started"),
            Self::Transition(_) => (Loudness::Info, "tier changed"),
            Self::Decision(decision) => match decision.verdict {
                Verdict::Start => (Loudness::Info, "action started"),
                Verdict::DryRun(_) => (Loudness::Info, "action would start (dry run)"),
                Verdict::Refused(_) => (Loudness::Warn, "action refused"),
            },
            Self::Finished { result: Ok(_), .. } => (Loudness::Info, "action done"),
            Self::Finished { result: Err(_), .. } => (Loudness::Warn, "action failed"),
            Self::Judged(judged) => match judged.outcome {
                Outcome::Effective => (Loudness::Info, "action was effective"),
                Outcome::Ineffective => (Loudness::Warn, "action was ineffective"),
                Outcome::Unknown => (Loudness::Warn, "whether the action helped is unknown"),
            },
            Self::HoldTaken { .. } => (Loudness::Info, "hold taken"),
            Self::HoldReleased { .. } => (Loudness::Info, "hold released"),
            Self::Latched { .. } => (Loudness::Error, "budget spent: waits for a person"),
            Self::Commanded { .. } => (Loudness::Info, "command received"),
            Self::DescriptorsScarce { .. } => {
                (Loudness::Warn, "descriptors nearly gone, a pool lets in its reserve alone")
            }
            Self::DescriptorsBack { .. } => {
                (Loudness::Info, "descriptors left again, the pool is open as before")
            }
            Self::StreamChanged { to, .. } if is_trouble(to) => (Loudness::Warn, "stream changed its state"),
            Self::StreamChanged { .. } => (Loudness::Info, "stream changed its state"),
            Self::SignalLost { .. } => (Loudness::Warn, "signal lost"),
            Self::SignalBack { .. } => (Loudness::Info, "signal back"),
            Self::Reloaded { .. } => (Loudness::Info, "settings reloaded"),
            Self::ReloadRefused { .. } => (Loudness::Error, "reload refused, the old settings stay"),
            Self::ShadowDiffers { .. } => (Loudness::Info, "shadow policy differs"),
            Self::HistoryLost { .. } => (Loudness::Warn, "history can't be written"),
            Self::HistoryBack { .. } => (Loudness::Info, "history can be written again"),
            Self::FleetAway { .. } => (Loudness::Warn, "fleet can't be asked: the local budgets alone rule"),
            Self::FleetBack {} => (Loudness::Info, "fleet answers again"),
            Self::BoundHit { .. } => (Loudness::Warn, "bound hit"),
            Self::NoticeFailed { .. } => (Loudness::Warn, "notice not delivered"),
        }
    }
}

/// Whether a stream in this state lacks its connection.
fn is_trouble(state: &str) -> bool {
    matches!(state, "reconnecting" | "polling" | "failed")
}
