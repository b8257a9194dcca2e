//! What the rules remember over a restart of the agent, as plain values to be stored anywhere.
//!
//! Everything is kept by name and civil time, so that it fits a policy that was edited in between: what is no
//! longer there is left out, what is new starts fresh.

use serde::{Deserialize, Serialize};

use crate::model::action::Hold;
use crate::model::clock::WallTime;
use crate::model::decision::{DecisionId, RulePath};
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::policy::budget::Stamp;

/// What is remembered of one target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RuleMemory {
    /// The number of the next decision.
    pub next: DecisionId,
    /// Whether a person has put the target on hold.
    pub human_hold: bool,
    /// Tiers that have used some of their budget, or are latched.
    pub accounts: Vec<AccountMemory>,
    /// Processes with an active tier, or with something to remember.
    pub processes: Vec<ProcessMemory>,
    /// Those that ended last, oldest first: a number of theirs that is there again is a stranger's.
    #[serde(default)]
    pub ended: Vec<ProcessId>,
}

impl Default for RuleMemory {
    fn default() -> Self {
        Self {
            next: DecisionId(1),
            human_hold: false,
            accounts: Vec::new(),
            processes: Vec::new(),
            ended: Vec::new(),
        }
    }
}

/// What is remembered of one tier for the whole target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccountMemory {
    /// The tier.
    pub rule: RulePath,
    /// The runs that its budget has paid for.
    pub runs: Vec<Stamp>,
    /// Whether it waits for a person.
    pub latched: bool,
}

/// What is remembered of one process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProcessMemory {
    /// The process.
    pub process: ProcessId,
    /// Its ladders.
    pub ladders: Vec<LadderMemory>,
    /// Holds that a person has taken.
    pub by_hand: Vec<Hold>,
}

/// What is remembered of one ladder of one process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LadderMemory {
    /// The policy.
    pub policy: Name,
    /// The ladder.
    pub ladder: Name,
    /// The active tier; none is normal.
    pub active: Option<Name>,
    /// Since when.
    pub since: WallTime,
    /// Its tiers.
    pub tiers: Vec<TierMemory>,
}

/// What is remembered of one tier of one process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TierMemory {
    /// The tier.
    pub tier: Name,
    /// Ineffective outcomes in a row.
    pub ineffective: u32,
    /// When its last run began.
    pub last_run: Option<WallTime>,
    /// When the ladder last left it downwards.
    pub cleared: Option<WallTime>,
    /// How often its dwell has doubled.
    pub relapses: u32,
    /// What it still wants to do.
    pub wants: Wants,
}

/// What a tier still wanted to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wants {
    /// Nothing.
    Nothing,
    /// Its first run since entry, which something has held back.
    Entry,
    /// Another run, because the last one was ineffective or not seen to its end.
    Again,
}
