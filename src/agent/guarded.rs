//! One guarded process: the eye on it, what the last scan found, what is due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::actuator::Subject;
use crate::model::aged::AgedSockets;
use crate::model::clock::{Timestamp, WallTime};
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::reading::Gap;
use crate::model::signal::{Argument, CATALOGUE, Signal, Source};
use crate::sampler::eye::Eye;
use crate::sys::adopted::Adopted;

/// One guarded process.
#[derive(Debug)]
pub(super) struct Guarded {
    /// Who it is.
    pub(super) id: ProcessId,
    /// The hold on it.
    pub(super) process: Arc<Adopted>,
    /// The eye on it.
    pub(super) eye: Eye,
    /// What actions need to know of it.
    pub(super) subject: Arc<Subject>,
    /// Its command line, cut short.
    pub(super) command: String,
    /// When it was adopted.
    pub(super) since: WallTime,
    /// Dead sockets of the last scan.
    pub(super) aged: Option<Arc<AgedSockets>>,
    /// Its sockets in the last scan: inode and descriptor, by inode; none where they were not seen.
    pub(super) sockets: Option<Arc<[(u64, u32)]>>,
    /// The pools that it has clients of, and how few descriptors left mean that these let in nobody beyond their reserve.
    pub(super) pools: BTreeMap<Name, u32>,
    /// The next fast look.
    pub(super) look_due: Timestamp,
    /// The next full scan.
    pub(super) scan_due: Timestamp,
    /// The next sample for the history.
    pub(super) sample_due: Timestamp,
    /// Signals that could not be seen at the last check, with the reason, to tell changes.
    pub(super) missing: Vec<(Signal, Gap)>,
    /// Why each tier was entered last, by its rule: a run that is repeated has no other reason.
    pub(super) raised: BTreeMap<String, String>,
}

impl Guarded {
    /// Whether the next fast look may be done now: it is due, or within `slack` and a quarter of its period.
    pub(super) fn is_due(&self, now: Timestamp, slack: Duration) -> bool {
        self.look_due <= now + slack.min(self.eye.period() / 4)
    }

    /// Which watched signals have been lost or are back since the last call. Passing reasons of a young
    /// process are no loss.
    pub(super) fn changes(&mut self) -> (Vec<(Signal, Gap)>, Vec<Signal>) {
        let plain = |source| matches!(source, Source::FastTick | Source::FullTick);
        let rows = CATALOGUE.iter().filter(|row| row.argument == Argument::None && plain(row.source));
        let missing: Vec<(Signal, Gap)> = rows
            .filter(|row| row.signal != Signal::ProcessExitCode)
            .filter_map(|row| self.eye.latest().plain(row.signal).gap().map(|gap| (row.signal, gap)))
            .filter(|(_, gap)| !matches!(gap, Gap::NotYet | Gap::TooYoung))
            .collect();
        let lost = missing.iter().filter(|entry| !self.missing.contains(entry)).copied().collect();
        let is_missing = |signal: &Signal| missing.iter().any(|(other, _)| other == signal);
        let back =
            self.missing.iter().map(|(signal, _)| *signal).filter(|signal| !is_missing(signal)).collect();
        self.missing = missing;
        (lost, back)
    }
}
