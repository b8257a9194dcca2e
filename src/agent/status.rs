//! What the agent sees and holds, as a value for the terminal, the API and tests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::action::Hold;
use crate::model::clock::WallTime;
use crate::model::name::Name;
use crate::model::reading::Reading;

/// The whole agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The agent itself.
    pub agent: AgentStatus,
    /// Its targets.
    pub targets: Vec<TargetStatus>,
}

/// The agent itself: it counts its own descriptors too.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Version.
    pub version: String,
    /// Its own process number.
    pub pid: u32,
    /// When it started.
    pub since: WallTime,
    /// Whether it only watches.
    pub dry_run: bool,
    /// CPU used since the start.
    pub cpu: Duration,
    /// Its own resident memory in bytes.
    pub rss: Option<u64>,
    /// Its own open descriptors.
    pub descriptors: Option<u64>,
    /// Ticks of the control loop so far.
    pub ticks: u64,
    /// Lateness of the latest tick in the worst case of the last minute.
    pub lateness_max: Duration,
    /// Why the history is not written, where it is not.
    pub history_lost: Option<String>,
}

/// One target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TargetStatus {
    /// Its name.
    pub name: Name,
    /// What is looked for: `unit bot.service`.
    pub sought: String,
    /// Its policies, shadows marked.
    pub policies: Vec<String>,
    /// Whether a person holds every disruptive action back.
    pub human_hold: bool,
    /// Rules that wait for a person.
    pub latched: Vec<String>,
    /// Its processes.
    pub processes: Vec<ProcessStatus>,
}

/// One process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// Its number.
    pub pid: u32,
    /// Its command line, cut short.
    pub command: String,
    /// When it was adopted.
    pub since: WallTime,
    /// Every plain signal, known or not. An infinite one is the text `inf` in JSON.
    #[serde(with = "crate::agent::figures")]
    pub signals: BTreeMap<String, Reading<f64>>,
    /// Descriptors by kind.
    pub kinds: BTreeMap<String, u32>,
    /// Sockets by remote: remote, count, CLOSE_WAIT.
    pub remotes: Vec<(String, u32, u32)>,
    /// Each ladder and its active tier, none for normal.
    pub tiers: BTreeMap<String, Option<Name>>,
    /// What is kept up.
    pub holds: Vec<Hold>,
    /// Time between fast ticks now.
    pub period: Duration,
}
