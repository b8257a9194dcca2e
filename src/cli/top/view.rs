//! What was heard of the agent, and what the person at the keys has chosen. Pure.

use std::collections::{BTreeMap, VecDeque};

use crate::agent::status::{ProcessStatus, Status, TargetStatus};
use crate::model::event::{Event, Fact};
use crate::model::signal::Signal;

/// Counts of descriptors that are kept for each process: as wide as any terminal.
const COUNTS_MAX: usize = 256;
/// Events that are kept.
const EVENTS_MAX: usize = 128;

/// In which order processes stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sorted {
    /// The one that runs out first on top.
    Exhaustion,
    /// The one with the most descriptors.
    Descriptors,
    /// The one with the most sockets in CLOSE_WAIT.
    CloseWait,
    /// As the agent's file has them.
    File,
}

impl Sorted {
    const fn next(self) -> Self {
        match self {
            Self::File => Self::Exhaustion,
            Self::Exhaustion => Self::Descriptors,
            Self::Descriptors => Self::CloseWait,
            Self::CloseWait => Self::File,
        }
    }

    /// The word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Exhaustion => "exhaustion",
            Self::Descriptors => "descriptors",
            Self::CloseWait => "CLOSE_WAIT",
            Self::File => "file",
        }
    }
}

/// All that is drawn from.
#[derive(Debug)]
pub(super) struct View {
    status: Option<Status>,
    fault: Option<String>,
    counts: BTreeMap<u32, VecDeque<f64>>,
    events: VecDeque<Event>,
    told: u64,
    sorted: Sorted,
    paused: bool,
    /// The process that is chosen.
    chosen: Option<u32>,
}

impl View {
    /// Nothing was heard yet.
    pub(super) fn new() -> Self {
        Self {
            status: None,
            fault: None,
            counts: BTreeMap::new(),
            events: VecDeque::new(),
            told: 0,
            sorted: Sorted::File,
            paused: false,
            chosen: None,
        }
    }

    /// Takes a status in.
    pub(super) fn see(&mut self, status: Status) {
        // An agent that was started anew counts its events from the start.
        if self.status.as_ref().is_some_and(|before| before.agent.since != status.agent.since) {
            self.told = 0;
        }
        let processes = || status.targets.iter().flat_map(|target| &target.processes);
        self.counts.retain(|pid, _| processes().any(|process| process.pid == *pid));
        for process in processes() {
            let counts = self.counts.entry(process.pid).or_default();
            if counts.len() == COUNTS_MAX {
                counts.pop_front();
            }
            counts.push_back(plain(process, Signal::FdOpen).unwrap_or(f64::NAN));
        }
        self.fault = None;
        self.status = Some(status);
        if self.chosen.is_none_or(|pid| !self.counts.contains_key(&pid)) {
            self.chosen = self.rows().first().map(|(_, process)| process.pid);
        }
    }

    /// Takes events in.
    pub(super) fn hear(&mut self, events: Vec<(u64, Event)>) {
        for (number, event) in events {
            self.told = self.told.max(number);
            if self.events.len() == EVENTS_MAX {
                self.events.pop_front();
            }
            self.events.push_back(event);
        }
    }

    /// The agent did not answer.
    pub(super) fn miss(&mut self, why: String) {
        self.fault = Some(why);
    }

    /// The number of the last event.
    pub(super) const fn told(&self) -> u64 {
        self.told
    }

    /// What was seen last.
    pub(super) const fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// Why nothing newer was.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Every process with its target, in order.
    pub(super) fn rows(&self) -> Vec<(&TargetStatus, &ProcessStatus)> {
        let targets = self.status.iter().flat_map(|status| &status.targets);
        let mut rows: Vec<_> = targets
            .flat_map(|target| target.processes.iter().map(move |process| (target, process)))
            .collect();
        let largest = |signal| move |process: &ProcessStatus| -plain(process, signal).unwrap_or(-1.0);
        match self.sorted {
            Sorted::File => {}
            Sorted::Exhaustion => {
                sort(&mut rows, |process| plain(process, Signal::FdTte).unwrap_or(f64::MAX));
            }
            Sorted::Descriptors => sort(&mut rows, largest(Signal::FdOpen)),
            Sorted::CloseWait => sort(&mut rows, largest(Signal::SocketCloseWait)),
        }
        rows
    }

    /// Targets without a process.
    pub(super) fn away(&self) -> impl Iterator<Item = &TargetStatus> {
        self.status.iter().flat_map(|status| &status.targets).filter(|target| target.processes.is_empty())
    }

    /// The descriptors of a process of late, oldest first.
    pub(super) fn counts(&self, pid: u32) -> Vec<f64> {
        self.counts.get(&pid).map(|counts| counts.iter().copied().collect()).unwrap_or_default()
    }

    /// The latest events that tell of a tier, an action or trouble, the latest first.
    pub(super) fn acts(&self) -> impl Iterator<Item = &Event> {
        self.events
            .iter()
            .rev()
            .filter(|event| !matches!(event.fact, Fact::Adopted { .. } | Fact::SignalBack { .. }))
    }

    /// Whether this process is the one that is chosen.
    pub(super) fn is_chosen(&self, pid: u32) -> bool {
        self.chosen == Some(pid)
    }

    /// The order.
    pub(super) const fn sorted(&self) -> Sorted {
        self.sorted
    }

    /// Whether it stands still.
    pub(super) const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Stands still, or goes on.
    pub(super) const fn pause(&mut self) {
        self.paused = !self.paused;
    }

    /// Another order.
    pub(super) const fn sort(&mut self) {
        self.sorted = self.sorted.next();
    }

    /// Chooses the process above.
    pub(super) fn choose_before(&mut self) {
        self.choose(|place, _| place.saturating_sub(1));
    }

    /// Chooses the process below.
    pub(super) fn choose_after(&mut self) {
        self.choose(|place, last| (place + 1).min(last));
    }

    fn choose(&mut self, step: impl FnOnce(usize, usize) -> usize) {
        let rows: Vec<u32> = self.rows().iter().map(|(_, process)| process.pid).collect();
        let place = rows.iter().position(|pid| Some(*pid) == self.chosen).unwrap_or(0);
        self.chosen = rows.get(step(place, rows.len().saturating_sub(1))).copied();
    }
}

/// A plain signal of a process, where it is known.
pub(super) fn plain(process: &ProcessStatus, signal: Signal) -> Option<f64> {
    process.signals.get(signal.name()).and_then(|reading| reading.known())
}

fn sort(rows: &mut [(&TargetStatus, &ProcessStatus)], by: impl Fn(&ProcessStatus) -> f64) {
    rows.sort_by(|(_, a), (_, b)| by(a).total_cmp(&by(b)));
}
