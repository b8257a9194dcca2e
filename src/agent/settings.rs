//! What the control loop needs to know, resolved: no paths to read, no names to look up.

use std::time::Duration;

use crate::config::{Match, Restart, StopDefaults};
use crate::model::name::{Name, Remote};
use crate::model::signal::Signal;
use crate::policy::engine::Enrolled;
use crate::policy::means::Means;
use crate::sampler::eye::EyeSettings;
use crate::sampler::scan::ScanSettings;

/// All of it. A reload hands in a new one whole.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The targets, by name.
    pub targets: Vec<TargetSettings>,
    /// How full scans are paced.
    pub scan: ScanSettings,
    /// The probes, and what each feeds.
    pub probes: Vec<ProbeSettings>,
    /// Whether the whole agent only tells.
    pub dry_run: bool,
    /// Descriptors of its own that the agent keeps free; processes beyond are not adopted.
    pub reserve: u64,
    /// Fingerprint of the files it was made from.
    pub fingerprint: String,
}

/// One target.
#[derive(Clone, Debug)]
pub struct TargetSettings {
    /// Its name.
    pub name: Name,
    /// How its processes are found.
    pub matches: Match,
    /// Its policies.
    pub policies: Vec<Enrolled>,
    /// What may be done to it and can work.
    pub means: Means,
    /// Remotes whose sockets are out of bounds.
    pub protect: Vec<Remote>,
    /// How its processes are looked at.
    pub eye: EyeSettings,
    /// When its child is started again.
    pub restart: Restart,
    /// How it is stopped where nobody says otherwise.
    pub stop: StopDefaults,
}

/// What a probe feeds; who asks it is not the loop's business.
#[derive(Clone, PartialEq, Debug)]
pub struct ProbeSettings {
    /// Its name.
    pub name: Name,
    /// The signal it feeds, beside `probe["name"].value`.
    pub feeds: Option<Signal>,
    /// The targets it serves; none is all.
    pub targets: Vec<Name>,
}

/// Time between two samples of one process in the history.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(1);

impl TargetSettings {
    /// What is looked for, in words.
    pub fn sought(&self) -> String {
        match &self.matches {
            Match::Pid(pid) => format!("pid {pid}"),
            Match::Pidfile(path) => format!("pidfile {}", path.display()),
            Match::Unit(unit) => format!("unit {unit}"),
            Match::Cgroup(path) => format!("cgroup {path}"),
            Match::Command(pattern) => format!("command /{pattern}/"),
            Match::Child(child) => format!("child {}", child.argv.join(" ")),
        }
    }
}
