//! Every event goes out here, once: to the history, to the log, and to a bounded ring for those who ask.

use std::collections::{BTreeSet, VecDeque};

use crate::agent::feed::Feed;
use crate::agent::status::Counts;
use crate::agent::tally::Tally;
use crate::journal::log;
use crate::journal::recorder::Recorder;
use crate::model::action::{Hold, Word};
use crate::model::clock::Clock;
use crate::model::decision::DecisionId;
use crate::model::event::{Event, Fact};
use crate::model::name::Name;
use crate::model::process::ProcessId;

/// Events kept for those who ask.
const RING_MAX: usize = 512;

/// What an event is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    /// The target.
    pub(super) target: Option<&'a Name>,
    /// The process.
    pub(super) process: Option<ProcessId>,
}

impl<'a> About<'a> {
    /// About a whole target.
    pub(super) fn target(target: &'a Name) -> Self {
        Self { target: Some(target), process: None }
    }

    /// About one process of it.
    pub(super) fn process(target: &'a Name, process: ProcessId) -> Self {
        Self { target: Some(target), process: Some(process) }
    }
}

/// Sends events out.
#[derive(Debug)]
pub(super) struct Herald<C> {
    clock: C,
    recorder: Option<Recorder>,
    feed: Feed,
    ring: VecDeque<(u64, Event)>,
    told: u64,
    tally: Tally,
    /// Processes whose thaw has been told: it ends by its own limit and by a decision, and is one thing.
    thawed: BTreeSet<ProcessId>,
}

impl<C: Clock> Herald<C> {
    /// With a history, or without.
    pub(super) fn new(clock: C, recorder: Option<Recorder>, feed: Feed) -> Self {
        let ring = VecDeque::with_capacity(RING_MAX);
        Self { clock, recorder, feed, ring, told: 0, tally: Tally::default(), thawed: BTreeSet::new() }
    }

    /// Tells a fact that is true now.
    pub(super) fn tell(&mut self, about: About<'_>, fact: Fact) {
        if about.process.is_some_and(|process| self.is_old(process, &fact)) {
            return;
        }
        let event = self.event(about, fact);
        if let Some(recorder) = &self.recorder {
            recorder.event(event.clone());
        }
        self.keep(event);
    }

    /// Whether it is the second word on one thaw.
    fn is_old(&mut self, process: ProcessId, fact: &Fact) -> bool {
        if matches!(fact, Fact::HoldReleased { hold: Hold::Freeze { .. }, .. }) {
            return !self.thawed.insert(process);
        }
        if matches!(fact, Fact::HoldTaken { hold: Hold::Freeze { .. } } | Fact::Exited { .. }) {
            self.thawed.remove(&process);
        }
        false
    }

    /// Counts a hold that is being taken or ended: what is told of it does not name its decision.
    pub(super) fn count_begun(&mut self, target: &Name, id: DecisionId, word: Word) {
        self.tally.begun(target, id, word);
    }

    /// Tells everybody but the history a fact that the history has told.
    pub(super) fn repeat(&mut self, about: About<'_>, fact: Fact) {
        let event = self.event(about, fact);
        self.keep(event);
    }

    fn event(&self, about: About<'_>, fact: Fact) -> Event {
        let (at, wall) = (self.clock.now(), self.clock.wall());
        Event { at, wall, target: about.target.cloned(), process: about.process, fact }
    }

    fn keep(&mut self, event: Event) {
        log::log(&event);
        self.tally.count(&event);
        if self.ring.len() == RING_MAX {
            self.ring.pop_front();
        }
        self.told += 1;
        self.feed.tell(self.told, &event);
        self.ring.push_back((self.told, event));
    }

    /// The events after a number that are still held.
    pub(super) fn after(&self, number: u64) -> Vec<(u64, Event)> {
        self.ring.iter().filter(|(told, _)| *told > number).cloned().collect()
    }

    /// What happened so far, counted.
    pub(super) fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// The latest events about a target, for notices and evidence, oldest first.
    pub(super) fn latest(&self, target: &Name, most: usize) -> Vec<Event> {
        let about = self.ring.iter().rev().filter(|(_, event)| event.target.as_ref() == Some(target));
        let mut events: Vec<Event> = about.take(most).map(|(_, event)| event.clone()).collect();
        events.reverse();
        events
    }
}
