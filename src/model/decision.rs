//! What the engine decided in one step, why, and why not.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::action::{Action, Hold, Word};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::reading::Gap;
use crate::model::units::{Quota, format_span};

/// The number of a decision to act; its outcome carries the same number. Unique within a target's history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
pub struct DecisionId(pub u64);

/// The place in the policies that a decision comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RulePath {
    /// The policy.
    pub policy: Name,
    /// The ladder, none for upkeep and commands.
    pub ladder: Option<Name>,
    /// The tier, none for upkeep and commands.
    pub tier: Option<Name>,
}

impl fmt::Display for RulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.policy)?;
        for part in [&self.ladder, &self.tier].into_iter().flatten() {
            write!(f, "/{part}")?;
        }
        Ok(())
    }
}

/// Why something was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The tier was entered.
    Entry,
    /// The tier stays, the cooldown is over, and the last run was not effective.
    Again,
    /// The tier stays, and its `every` is due.
    Every,
    /// An upkeep rule is due.
    Upkeep,
    /// A person asked for it.
    Command,
}

/// What was decided about.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Do it once.
    Do(Action),
    /// Keep it up.
    Take(Hold),
    /// Undo it.
    Release(Hold),
}

impl Work {
    /// The word for it.
    pub const fn word(&self) -> Word {
        match self {
            Self::Do(action) => action.word(),
            Self::Take(hold) | Self::Release(hold) => hold.word(),
        }
    }
}

/// Which of the three scopes asked for a dry run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DryRun {
    /// The whole agent.
    Agent,
    /// The policy.
    Policy,
    /// This action.
    Action,
    /// A shadow policy never acts.
    Shadow,
}

/// Why a wanted action was not started.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The target is too young for disruption.
    StartGrace {
        /// Time left.
        left: Duration,
    },
    /// The guard does not hold.
    Guard {
        /// The guard as written.
        guard: String,
        /// False, or unknown for this reason.
        unknown: Option<Gap>,
        /// How long it has held the action back.
        held: Duration,
    },
    /// The budget is spent.
    Budget {
        /// The budget.
        quota: Quota,
        /// Until one comes free.
        left: Duration,
    },
    /// The budget was spent and the tier waits for a person.
    Latched,
    /// Too soon after the last run.
    Cooldown {
        /// Time left.
        left: Duration,
    },
    /// Another action on the target is under way.
    InFlight {
        /// Which.
        action: Word,
    },
    /// The leave of the fleet has not come.
    Fleet,
    /// The tier was jumped over on the way up.
    JumpedOver,
    /// The target's `allow` does not name it.
    NotAllowed,
    /// It can't work here: privilege, kernel, or nothing of that name.
    Unavailable {
        /// Why, for people.
        why: String,
    },
    /// A person has put the target on hold.
    HumanHold,
    /// The process has ended.
    Gone,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartGrace { left } => write!(f, "start grace, {} left", format_span(*left)),
            Self::Guard { guard, unknown: None, held } => {
                write!(f, "guard `{guard}` does not hold, {} so far", format_span(*held))
            }
            Self::Guard { guard, unknown: Some(gap), held } => {
                write!(f, "guard `{guard}` is unknown ({gap}), {} so far", format_span(*held))
            }
            Self::Budget { quota, left } => write!(f, "budget {quota} is spent, {} left", format_span(*left)),
            Self::Latched => f.write_str("latched: waits for `fdguard ctl release`"),
            Self::Cooldown { left } => write!(f, "cooldown, {} left", format_span(*left)),
            Self::InFlight { action } => write!(f, "{action} is under way"),
            Self::Fleet => f.write_str("waits for the leave of the fleet, which lets few be stopped at once"),
            Self::JumpedOver => f.write_str("tier jumped over"),
            Self::NotAllowed => f.write_str("not in the target's `allow`"),
            Self::Unavailable { why } => write!(f, "can't work here: {why}"),
            Self::HumanHold => f.write_str("a person has put the target on hold"),
            Self::Gone => f.write_str("the process has ended"),
        }
    }
}

/// What became of a wanted action.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Start it.
    Start,
    /// Would be started; nothing is done.
    DryRun(DryRun),
    /// Not started, and why.
    Refused(Refusal),
}

/// One decision.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// Its number.
    pub id: DecisionId,
    /// When, monotonic.
    pub at: Timestamp,
    /// When, civil.
    pub wall: WallTime,
    /// Where it comes from.
    pub rule: RulePath,
    /// Why.
    pub cause: Cause,
    /// What.
    pub work: Work,
    /// What became of it.
    pub verdict: Verdict,
}

/// A ladder moved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transition {
    /// When, monotonic.
    pub at: Timestamp,
    /// When, civil.
    pub wall: WallTime,
    /// The policy.
    pub policy: Name,
    /// The ladder.
    pub ladder: Name,
    /// The tier before; none is normal.
    pub from: Option<Name>,
    /// The tier now; none is normal.
    pub to: Option<Name>,
    /// The condition that moved it, with the values it saw.
    pub because: String,
}

/// Whether an action helped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The expectation was met in time.
    Effective,
    /// It was not.
    Ineffective,
    /// It could not be told.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Effective => "effective",
            Self::Ineffective => "ineffective",
            Self::Unknown => "unknown",
        })
    }
}

/// An expectation judged.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// The decision that is judged.
    pub decision: DecisionId,
    /// When, monotonic.
    pub at: Timestamp,
    /// Where it comes from.
    pub rule: RulePath,
    /// The word for the run's main action.
    pub word: Word,
    /// The verdict.
    pub outcome: Outcome,
    /// The expectation with the values it saw.
    pub because: String,
}

/// All that one step of the engine gave.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Evaluation {
    /// Ladders that moved.
    pub transitions: Vec<Transition>,
    /// What is to be done, and what was wanted and refused. A refusal that only repeats is given once.
    pub decisions: Vec<Decision>,
    /// Expectations judged in this step.
    pub judged: Vec<Judged>,
    /// Tiers that spent their budget and wait for a person from now on.
    pub latched: Vec<RulePath>,
    /// Where a shadow policy differs from the live ones from now on.
    pub shadow: Vec<ShadowDifference>,
    /// Actions that are no longer waited for.
    pub lost: Vec<Lost>,
}

/// A shadow policy would do something else than the live ones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShadowDifference {
    /// The shadow policy.
    pub policy: Name,
    /// How it differs, for people.
    pub how: String,
}

impl Evaluation {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.transitions.is_empty()
            && self.decisions.is_empty()
            && self.judged.is_empty()
            && self.latched.is_empty()
            && self.shadow.is_empty()
            && self.lost.is_empty()
    }
}

/// What the actuator says about a decision it carried out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The decision.
    pub decision: DecisionId,
    /// How it went.
    pub result: Result<Done, Failure>,
}

/// Why an action was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It was tried, and could not be done: that it does not help is known.
    #[error("{0}")]
    Failed(String),
    /// It was never begun or not seen to its end, as where the agent stops: nobody knows whether it would have
    /// helped.
    #[error("{0}")]
    GivenUp(String),
}

/// An action whose end was never told. It is no longer waited for, and its outcome is unknown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lost {
    /// The decision.
    pub decision: DecisionId,
    /// The word for it.
    pub word: Word,
    /// The process it was for.
    pub process: ProcessId,
    /// How long it was waited for.
    pub after: Duration,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = format_span(self.after);
        write!(f, "the end of {} (decision {}) was not told within {after}", self.word, self.decision.0)
    }
}

/// An action carried out. This says nothing about whether it helped.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// What was done, one sentence of facts: `destroyed 12 sockets, 2 had changed`.
    pub summary: String,
}
