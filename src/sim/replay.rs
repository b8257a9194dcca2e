//! A policy on what was recorded: what it would have done, and when.
//!
//! The record shows a world in which *its* actions were done, not the ones of this policy. So the replay
//! compares the two: an action that the record has as well (the same word, near in time) ends as it did there;
//! any other is taken as done and without effect, since the record goes on as if it had not been. From the first
//! such difference on, all that follows is **counterfactual** and marked so.
//!
//! Several processes of one target go through one engine, so that budgets count over all of them. Where the
//! monotonic clock starts over, after a boot, it is carried on by the civil one.

mod record;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::model::action::{Effect, Word};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{Decision, Done, Evaluation, Failure, Report, Verdict, Work};
use crate::model::name::Name;
use crate::model::observation::{Life, Observation};
use crate::model::process::ProcessId;
use crate::model::signal::Signal;
use crate::policy::definition::Policy;
use crate::policy::engine::{Engine, Enrolled, Role};
use crate::policy::means::Means;
use crate::sim::course::{Course, Note, seconds};

pub use record::{ACTUAL_NEAR, Actual, Record};
pub use summary::{BudgetUse, Summary, TierSummary};

/// How long an action that the record does not have is taken to last.
pub const TAKES: Duration = Duration::from_secs(1);

/// What came of a replay.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Replay {
    /// The policy.
    pub policy: Name,
    /// Civil time of the first sample; none where there was none.
    pub from: Option<WallTime>,
    /// How long the record is.
    #[serde(serialize_with = "seconds")]
    pub length: Duration,
    /// Samples replayed.
    pub samples: u64,
    /// What happened.
    pub course: Course,
    /// From which entry of the course on all is counterfactual.
    pub counterfactual: Option<usize>,
    /// The tiers, the actions and the budgets in figures.
    pub summary: Summary,
}

/// Replays a record under a policy. `samples` come in the order of time for each process.
pub fn replay(
    policy: &Arc<Policy>,
    means: Means,
    samples: impl Iterator<Item = (ProcessId, Observation)>,
    record: &Record,
) -> Replay {
    let mut player = Player::new(policy, means, record);
    for (process, seen) in samples {
        player.play(process, seen);
    }
    player.finish()
}

/// A replay under way: for those who have samples handed to them.
#[derive(Debug)]
pub struct Player<'r> {
    policy: Arc<Policy>,
    engine: Engine,
    record: &'r Record,
    used: BTreeSet<usize>,
    /// The first sample, monotonic and civil.
    first: Option<(Timestamp, WallTime)>,
    /// The last sample: time, carried over boots, and civil.
    last: (Timestamp, WallTime),
    /// What is added to the monotonic time of the samples.
    carried: Duration,
    samples: u64,
    reports: BTreeMap<(Timestamp, u64), (ProcessId, Word, Report)>,
    exhausted: BTreeSet<ProcessId>,
    course: Course,
    counterfactual: Option<usize>,
    tally: summary::Tally,
}

impl<'r> Player<'r> {
    /// A replay that has seen nothing yet.
    pub fn new(policy: &Arc<Policy>, means: Means, record: &'r Record) -> Self {
        let enrolled = Enrolled { policy: Arc::clone(policy), role: Role::Live };
        Self {
            policy: Arc::clone(policy),
            engine: Engine::new(vec![enrolled], means),
            record,
            used: BTreeSet::new(),
            first: None,
            last: (Timestamp::ZERO, WallTime::default()),
            carried: Duration::ZERO,
            samples: 0,
            reports: BTreeMap::new(),
            exhausted: BTreeSet::new(),
            course: Course::default(),
            counterfactual: None,
            tally: summary::Tally::default(),
        }
    }

    /// Takes in one sample. Samples of a process come in the order of time.
    pub fn play(&mut self, process: ProcessId, mut seen: Observation) {
        self.carry(&mut seen);
        self.samples += 1;
        self.last = (seen.at, seen.wall);
        self.deliver(seen.at);
        self.note_end(process, &seen);
        let evaluation = self.engine.step(&process, &seen);
        if !evaluation.is_empty() {
            self.take_in(seen.at, process, evaluation);
        }
        if seen.life == Life::Exited {
            self.engine.forget(&process);
            self.exhausted.remove(&process);
            self.tally.leave(process, seen.at);
        }
    }

    /// Monotonic time that starts over is carried on by the civil clock.
    fn carry(&mut self, seen: &mut Observation) {
        let (last, wall) = self.last;
        let at = seen.at + self.carried;
        let back = last.since(at);
        if self.first.is_some() && back > ACTUAL_NEAR {
            self.carried = (last + seen.wall.since(wall)).since(seen.at);
        }
        seen.surveyed = seen.surveyed + self.carried;
        seen.probed = seen.probed + self.carried;
        seen.at = seen.at + self.carried;
        self.first.get_or_insert((seen.at, seen.wall));
    }

    fn since_start(&self, at: Timestamp) -> Duration {
        self.first.map_or(Duration::ZERO, |(first, _)| at.since(first))
    }

    fn note_end(&mut self, process: ProcessId, seen: &Observation) {
        let at = self.since_start(seen.at);
        let value = |signal| seen.plain(signal).known();
        if let (Some(open), Some(limit)) = (value(Signal::FdOpen), value(Signal::FdLimit))
            && open >= limit
            && self.exhausted.insert(process)
        {
            self.course.push(at, Some(process), Note::Exhausted);
            self.tally.end(process, seen.at);
        }
        if seen.life == Life::Exited {
            let what = format!("{process} ends, by the record");
            self.course.push(at, Some(process), Note::World(what));
            self.tally.end(process, seen.at);
        }
    }

    fn deliver(&mut self, now: Timestamp) {
        while let Some(entry) = self.reports.first_entry().filter(|entry| entry.key().0 <= now) {
            let at = entry.key().0;
            let (process, word, report) = entry.remove();
            let behind = i64::try_from(now.since(at).as_millis()).unwrap_or(i64::MAX);
            let wall = WallTime::from_millis(self.last.1.as_millis().saturating_sub(behind));
            let evaluation = self.engine.report(&process, &report, at, wall);
            let result =
                report.result.clone().map(|done| done.summary).map_err(|failure| failure.to_string());
            let note = Note::Ended { decision: report.decision, word, result };
            self.course.push(self.since_start(at), Some(process), note);
            self.take_in(at, process, evaluation);
        }
    }

    fn take_in(&mut self, at: Timestamp, process: ProcessId, evaluation: Evaluation) {
        for moved in &evaluation.transitions {
            self.tally.moved(process, at, moved);
        }
        let started: Vec<Decision> = evaluation
            .decisions
            .iter()
            .filter(|decision| decision.verdict == Verdict::Start)
            .cloned()
            .collect();
        let place = self.course.entries.len();
        self.course.extend(self.since_start(at), process, evaluation);
        for decision in started {
            self.begin(at, process, place, &decision);
        }
    }

    /// An action ends as in the record, where it is there; else it is taken as done, and the record is left.
    fn begin(&mut self, at: Timestamp, process: ProcessId, place: usize, decision: &Decision) {
        let word = decision.work.word();
        let (took, result) = if let Some(index) = self.record.find(decision, &self.used) {
            self.used.insert(index);
            self.record.ending(index)
        } else {
            if self.counterfactual.is_none() && word.effect() != Effect::None {
                self.counterfactual = Some(self.place_of(place, decision));
            }
            (TAKES, Ok(Done { summary: "taken as done: the record does not have it".to_owned() }))
        };
        if matches!(decision.work, Work::Do(_)) {
            let report = Report { decision: decision.id, result: result.map_err(Failure::Failed) };
            self.reports.insert((at + took, decision.id.0), (process, word, report));
        }
    }

    fn place_of(&self, from: usize, decision: &Decision) -> usize {
        let is_it = |note: &Note| matches!(note, Note::Decided(other) if other.id == decision.id);
        let found = self.course.entries.iter().skip(from).position(|entry| is_it(&entry.note));
        found.map_or(from, |offset| from + offset)
    }

    /// What came of it.
    pub fn finish(mut self) -> Replay {
        let (at, _) = self.last;
        self.deliver(at);
        let missed = self.record.missed(&self.used);
        let summary = self.tally.sum(&self.policy, &self.course, at, missed);
        Replay {
            policy: self.policy.name.clone(),
            from: self.first.map(|(_, wall)| wall),
            length: self.first.map_or(Duration::ZERO, |(first, _)| at.since(first)),
            samples: self.samples,
            course: self.course,
            counterfactual: self.counterfactual,
            summary,
        }
    }
}

#[cfg(test)]
mod tests;
