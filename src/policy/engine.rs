//! The engine of one target: observations in, decisions out. All rule state lives here and nowhere else.
//!
//! One step of one process goes through fixed stations, so that the same input gives the same bytes:
//!
//! ```text
//!  observation ─► pace, windows ─► judge trials ─► raise, climb ─► plan runs ─► carry runs ─► upkeep ─► holds
//!                                                                                     ▲
//!                                                   report of the actuator ───────────┘
//! ```
//!
//! **One action in flight per target**: while a started action has no [`Report`], every other one that is not a
//! notice or a snapshot is refused and tried again later. A report that never comes blocks nothing for ever: well
//! after the action's own time limit it counts as lost ([`Engine::expire`]). Budgets, latches and the human hold are kept for the
//! target; everything else for one process of it.

pub(in crate::policy) mod bench;
pub(in crate::policy) mod book;
mod command;
pub(in crate::policy) mod desk;
pub(in crate::policy) mod process;
mod recall;
mod reload;
#[cfg(test)]
mod tests;

pub use book::{Enrolled, Role};
pub use command::{Command, CommandError};

use std::collections::{BTreeMap, VecDeque};

use crate::model::action::{Hold, Word};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{DecisionId, Evaluation, Lost, Report};
use crate::model::observation::{Life, Observation};
use crate::model::process::ProcessId;
use crate::policy::engine::book::Book;
use crate::policy::engine::desk::Desk;
use crate::policy::engine::process::{Process, Standing};
use crate::policy::leave::{Leave, SETTLED};
use crate::policy::means::Means;
use crate::policy::memory::ProcessMemory;
use crate::policy::run::Flight;

/// The engine of one target.
#[derive(Clone, Debug)]
pub struct Engine {
    books: Vec<Book>,
    means: Means,
    target: Target,
    processes: BTreeMap<ProcessId, Process>,
    recalled: BTreeMap<ProcessId, ProcessMemory>,
    /// The processes that ended last, oldest first.
    ended: VecDeque<ProcessId>,
}

/// How many processes are remembered that have ended.
const ENDED_MAX: usize = 16;

/// What is kept for the target as a whole, beside the accounts of its tiers.
#[derive(Clone, Debug)]
struct Target {
    flight: Option<Flight>,
    /// When the last action that was under way ended.
    landed: Option<Timestamp>,
    hold: HumanHold,
    leave: Leave,
    next: u64,
    anchored: bool,
}

impl Target {
    /// Nothing is under way any more.
    fn land(&mut self, at: Timestamp) {
        (self.flight, self.landed) = (None, Some(at));
    }
}

/// Whether a person has put the target on hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HumanHold {
    /// Nothing that the bot can notice is begun.
    On,
    /// The policies rule.
    Off,
}

impl Engine {
    /// An engine with these policies, in the order in which they are asked.
    pub fn new(policies: Vec<Enrolled>, means: Means) -> Self {
        let target = Target {
            flight: None,
            landed: None,
            hold: HumanHold::Off,
            leave: Leave::default(),
            next: 1,
            anchored: true,
        };
        let books = policies.into_iter().map(Book::new).collect();
        Self {
            books,
            means,
            target,
            processes: BTreeMap::new(),
            recalled: BTreeMap::new(),
            ended: VecDeque::new(),
        }
    }

    /// Takes in one observation of one process. Observations of a process come in the order of time.
    pub fn step(&mut self, process: &ProcessId, observation: &Observation) -> Evaluation {
        self.anchor(observation.at, observation.wall);
        let lost = self.expire(observation.at);
        if observation.life == Life::Exited {
            self.note_end(*process);
        }
        let Self { books, means, target, processes, recalled, .. } = self;
        let state = processes.entry(*process).or_insert_with(|| {
            let mut fresh = Process::new(books, observation);
            if let Some(memory) = recalled.remove(process) {
                fresh.recall(books, &memory);
            }
            fresh
        });
        let mut desk = Desk::new(means, target, *process, (observation.at, observation.wall));
        match observation.life {
            Life::Alive => state.step(books, observation, &mut desk),
            Life::Exited => state.end(books, &mut desk),
        }
        desk.out.lost.extend(lost);
        desk.out
    }

    fn note_end(&mut self, process: ProcessId) {
        if self.ended.contains(&process) {
            return;
        }
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(process);
    }

    /// Stops waiting for an action whose end should have been told long ago: its outcome is unknown, and the
    /// target may act again. Each step does so; call it where no step comes any more.
    pub fn expire(&mut self, at: Timestamp) -> Option<Lost> {
        let lost = self.target.flight.as_mut()?.wait(at)?;
        self.target.flight = None;
        if let Some(state) = self.processes.get_mut(&lost.process) {
            state.give_up(&lost);
        }
        Some(lost)
    }

    /// Takes in what the actuator says about a decision, at that moment; what comes next is decided at once.
    pub fn report(
        &mut self,
        process: &ProcessId,
        report: &Report,
        at: Timestamp,
        wall: WallTime,
    ) -> Evaluation {
        let Self { books, means, target, processes, .. } = self;
        let flight = target.flight.filter(|flight| flight.decision == report.decision);
        if flight.is_some() {
            target.land(at);
        }
        let Some(state) = processes.get_mut(process) else { return Evaluation::default() };
        let mut desk = Desk::new(means, target, *process, (at, wall));
        let stopped = flight.is_some_and(|flight| flight.word == Word::Stop) && report.result.is_ok();
        if stopped {
            state.end(books, &mut desk);
        } else {
            state.report(books, report, &mut desk);
        }
        desk.out
    }

    /// Drops all that is kept of a process; budgets and latches stay. Call it when the process is gone and its
    /// last report is in: an action that is still under way on it counts as ended from then on.
    pub fn forget(&mut self, process: &ProcessId) {
        self.processes.remove(process);
        self.recalled.remove(process);
        if self.target.flight.is_some_and(|flight| flight.process == *process) {
            self.target.flight = None;
        }
    }

    /// The processes there are.
    pub fn processes(&self) -> impl Iterator<Item = &ProcessId> {
        self.processes.keys()
    }

    /// The holds that are to be kept up on a process now: the strongest on each object.
    pub fn holds(&self, process: &ProcessId) -> Vec<Hold> {
        self.processes.get(process).map_or_else(Vec::new, |state| state.holds.kept())
    }

    /// The action under way on the target.
    pub fn in_flight(&self) -> Option<(DecisionId, Word)> {
        self.target.flight.map(|flight| (flight.decision, flight.word))
    }

    /// Where the leave of the fleet stands.
    pub fn leave(&self) -> Leave {
        self.target.leave
    }

    /// The leave of the fleet is asked for from now on, has come, or has ended.
    pub fn set_leave(&mut self, leave: Leave) {
        self.target.leave = leave;
    }

    /// Whether the target serves: a process that is [`SETTLED`] old stands on no tier, and nothing is under way.
    pub fn serves(&self, at: Timestamp) -> bool {
        let well = |process: &Process| {
            process.standing == Standing::Guarded
                && process.eyes.age(at) >= SETTLED
                && process.ladders.iter().flatten().all(|ladder| ladder.active.is_none())
        };
        self.target.flight.is_none() && self.processes.values().any(well)
    }

    /// Whether a person has put the target on hold.
    pub fn human_hold(&self) -> HumanHold {
        self.target.hold
    }

    /// What may be done and can work now.
    pub fn means(&self) -> &Means {
        &self.means
    }

    /// What may be done and can work, from now on.
    pub fn set_means(&mut self, means: Means) {
        self.means = means;
        for state in self.processes.values_mut() {
            state.holds.recheck();
        }
    }

    pub(in crate::policy) fn books(&self) -> &[Book] {
        &self.books
    }

    pub(in crate::policy) fn process(&self, process: &ProcessId) -> Option<&Process> {
        self.processes.get(process)
    }

    pub(in crate::policy) fn flight(&self) -> Option<Flight> {
        self.target.flight
    }
}
