//! The fast look at one process, and the place where a full scan's findings join it.
//!
//! Three numbers are fresh at each look: descriptors, their limits (read again every so often: they change
//! only by prlimit), and age. All else is what the last full scan found, shared, and *late* once that scan is
//! overdue, so that no decision rests on a view that has grown old unnoticed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::clock::{Timestamp, WallTime};
use crate::model::name::Name;
use crate::model::observation::{Life, Observation};
use crate::model::process::ProcessId;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::{Argument, CATALOGUE, Signal, Source};
use crate::model::trend::Exhaustion;
use crate::sampler::pace::{Pace, PaceBounds};
use crate::sampler::pools::{PoolAnswers, trading};
use crate::sampler::precision::thousandths;
use crate::sampler::view::FullView;
use crate::sys::adopted::Adopted;
use crate::sys::descriptors::Counting;
use crate::sys::stat::ticks_per_second;

/// Limits are read again after so long: only prlimit changes them.
const LIMITS_KEPT: Duration = Duration::from_secs(1);
/// A full scan overdue by so many of its periods is late.
const OVERDUE_PERIODS: u32 = 5;
/// No scan is late before this.
const OVERDUE_MIN: Duration = Duration::from_secs(10);

/// How the eye looks.
#[derive(Clone, Copy, Debug)]
pub struct EyeSettings {
    /// Bounds of the fast period.
    pub pace: PaceBounds,
    /// The short window of `fd.tte`.
    pub short: Duration,
    /// The long window of `fd.tte`.
    pub long: Duration,
}

/// The eye on one process.
#[derive(Debug)]
pub struct Eye {
    process: Arc<Adopted>,
    started: Option<Timestamp>,
    exhaustion: Exhaustion,
    pace: Pace,
    period: Duration,
    limits: Option<(Timestamp, Reading<(u64, u64)>)>,
    latest: Observation,
    full: Option<Arc<FullView>>,
    answers: Answers,
    pools: Arc<PoolAnswers>,
    /// The proxies whose order gates are the target's.
    gates: Vec<Name>,
}

impl Eye {
    /// Looks at an adopted process. `started` is its start on the same clock as the looks.
    pub fn new(process: Arc<Adopted>, started: Option<Timestamp>, settings: &EyeSettings) -> Self {
        Self {
            process,
            started,
            exhaustion: Exhaustion::new(settings.short, settings.long),
            pace: Pace::new(settings.pace),
            period: settings.pace.fastest,
            limits: None,
            latest: Observation::blank(Timestamp::ZERO, WallTime::default(), Gap::NotYet),
            full: None,
            answers: Answers::default(),
            pools: Arc::default(),
            gates: Vec::new(),
        }
    }

    /// The process it looks at.
    pub fn process(&self) -> &Arc<Adopted> {
        &self.process
    }

    /// The time until the next look is due.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What the last look saw.
    pub fn latest(&self) -> &Observation {
        &self.latest
    }

    /// The last full view.
    pub fn full(&self) -> Option<&Arc<FullView>> {
        self.full.as_ref()
    }

    /// Takes in what a full scan found.
    pub fn absorb(&mut self, view: Arc<FullView>) {
        self.latest.kinds = view.kinds.clone();
        self.latest.leaked = view.leaked.clone();
        self.latest.remotes = view.remotes.clone();
        self.latest.surveyed = view.at;
        for (signal, reading) in &view.plain {
            self.latest.set(*signal, *reading);
        }
        self.full = Some(view);
    }

    /// Sets what the host says; it comes with the full scans, and is late with them.
    pub fn tell(&mut self, signal: Signal, reading: Reading<f64>) {
        self.latest.set(signal, reading);
    }

    /// Sets what probes said, in place of what they said before.
    pub fn tell_answers(&mut self, answers: Answers) {
        self.answers = answers;
        self.spread_answers(self.latest.at);
    }

    /// Sets what pools said, in place of what they said before, and which of them have order gates of the target.
    pub fn tell_pools(&mut self, pools: Arc<PoolAnswers>, gates: &[Name]) {
        self.pools = pools;
        gates.clone_into(&mut self.gates);
        self.spread_answers(self.latest.at);
    }

    /// Whether there are other descriptors in number than at the last look. The cheapest question of all; where the kernel
    /// does not tell the number it is not asked.
    pub fn has_moved(&self) -> bool {
        if self.process.descriptors().counting() == Counting::ByListing {
            return false;
        }
        match (self.process.count(), self.latest.plain(Signal::FdOpen)) {
            (Ok(count), Reading::Known(seen)) => (count as f64).total_cmp(&seen).is_ne(),
            (Err(_), Reading::Unavailable(_)) => false,
            (Ok(_), Reading::Unavailable(_)) | (Err(_), Reading::Known(_)) => true,
        }
    }

    /// The fast look: counts, and gives all that is known now.
    pub fn look(&mut self, at: Timestamp, wall: WallTime) -> &Observation {
        self.latest.at = at;
        self.latest.wall = wall;
        if self.answers.is_empty() && self.pools.is_empty() {
            self.latest.probed = at;
        }
        let count = match self.process.count() {
            Ok(count) => Reading::Known(count as f64),
            Err(error) => Reading::Unavailable(error.gap()),
        };
        let limits = self.limits(at);
        self.latest.set(Signal::FdOpen, count);
        self.latest.set(Signal::FdLimit, limits.map(|(soft, _)| as_count(soft)));
        self.latest.set(Signal::FdHardLimit, limits.map(|(_, hard)| as_count(hard)));
        let age = self.started.map(|started| thousandths(at.since(started).as_secs_f64()));
        self.latest
            .set(Signal::ProcessUptime, age.map_or(Reading::Unavailable(Gap::NotSupported), Reading::Known));
        self.derive(at, count, limits.map(|(soft, _)| as_count(soft)));
        self.mark_late(at);
        if self.grows_old(at) {
            self.spread_answers(at);
        }
        &self.latest
    }

    /// The last observation of a process that has ended.
    pub fn farewell(&mut self, at: Timestamp, wall: WallTime, code: Option<i32>) -> &Observation {
        let mut last = Observation::blank(at, wall, Gap::Gone);
        last.life = Life::Exited;
        if let Some(code) = code {
            last.know(Signal::ProcessExitCode, f64::from(code));
        }
        self.latest = last;
        &self.latest
    }

    fn derive(&mut self, at: Timestamp, count: Reading<f64>, limit: Reading<f64>) {
        let (Reading::Known(open), Reading::Known(limit)) = (count, limit) else {
            let gap = count.gap().or(limit.gap()).unwrap_or(Gap::Failed);
            for signal in [Signal::FdRatio, Signal::FdTte, Signal::FdRate] {
                self.latest.set(signal, Reading::Unavailable(gap));
            }
            self.period = self.pace.blind();
            return;
        };
        self.exhaustion.push(at, open);
        let young = Reading::Unavailable(Gap::TooYoung);
        let told = |seconds| Reading::Known(thousandths(seconds));
        self.latest.know(Signal::FdRatio, open / limit.max(1.0));
        self.latest.set(Signal::FdRate, self.exhaustion.rate().map_or(young, Reading::Known));
        self.latest.set(Signal::FdTte, self.exhaustion.seconds(open, limit).map_or(young, told));
        self.period = self.pace.after(at, open, limit);
    }

    fn limits(&mut self, at: Timestamp) -> Reading<(u64, u64)> {
        match self.limits {
            Some((read, limits)) if at.since(read) < LIMITS_KEPT => limits,
            Some(_) | None => {
                let limits = match self.process.nofile() {
                    Ok(limits) => Reading::Known((limits.soft, limits.hard)),
                    Err(error) => Reading::Unavailable(error.gap()),
                };
                self.limits = Some((at, limits));
                limits
            }
        }
    }

    /// Whether something that was said stands no longer and is still told.
    fn grows_old(&self, at: Timestamp) -> bool {
        let told = |pool: &Name| self.latest.named.get(&(Signal::PoolActive, pool.clone()));
        let is_told = |pool: &Name| told(pool).is_some_and(|reading| reading.known().is_some());
        self.answers.values().any(|answer| answer.is_overdue(at) && answer.reading.known().is_some())
            || self.pools.iter().any(|(name, answer)| answer.asked(at).is_none() && is_told(name))
    }

    fn spread_answers(&mut self, at: Timestamp) {
        for answer in self.answers.values_mut().filter(|answer| answer.is_overdue(at)) {
            answer.reading = Reading::Unavailable(Gap::Late);
        }
        for answer in self.answers.values() {
            if let Some(signal) = answer.feeds {
                self.latest.set(signal, answer.reading);
            }
        }
        self.latest.set(Signal::TradingState, trading(&self.pools, &self.gates, at));
        let named =
            self.answers.iter().map(|(name, answer)| ((Signal::ProbeValue, name.clone()), answer.reading));
        let pools = self.pools.iter().flat_map(|(name, answer)| {
            answer.signals(at).map(move |(signal, reading)| ((signal, name.clone()), reading))
        });
        self.latest.named = Arc::new(named.chain(pools).collect());
        let asked = self.answers.values().map(|answer| answer.asked);
        let asked = asked.chain(self.pools.values().filter_map(|answer| answer.asked(at)));
        self.latest.probed = asked.min().unwrap_or(at);
    }

    /// Full-tick readings and those of the host, which come with them, turn late together.
    fn mark_late(&mut self, at: Timestamp) {
        let Some(full) = &self.full else { return };
        let patience = (full.period * OVERDUE_PERIODS).max(OVERDUE_MIN);
        if at.since(full.at) <= patience {
            return;
        }
        self.full = None;
        self.latest.kinds = Reading::Unavailable(Gap::Late);
        self.latest.leaked = Reading::Unavailable(Gap::Late);
        self.latest.remotes = Reading::Unavailable(Gap::Late);
        let comes_with_scans = |source| matches!(source, Source::FullTick | Source::Host);
        let late =
            CATALOGUE.iter().filter(|row| comes_with_scans(row.source) && row.argument == Argument::None);
        for row in late {
            self.latest.set(row.signal, Reading::Unavailable(Gap::Late));
        }
    }
}

/// When a process started, on the agent's clock: both count from boot.
pub fn started(id: &ProcessId) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs_f64(id.started as f64 / ticks_per_second() as f64)
}

/// What a probe said last.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Answer {
    /// What it said.
    pub reading: Reading<f64>,
    /// The signal it feeds, beside `probe["name"].value`.
    pub feeds: Option<Signal>,
    /// When it was asked.
    pub asked: Timestamp,
    /// How long that stands.
    pub stands: Duration,
}

impl Answer {
    fn is_overdue(&self, at: Timestamp) -> bool {
        at.since(self.asked) > self.stands
    }
}

/// What probes said last, by name.
pub type Answers = BTreeMap<Name, Answer>;

/// A limit as a number; no limit is infinite.
fn as_count(limit: u64) -> f64 {
    if limit == u64::MAX { f64::INFINITY } else { limit as f64 }
}

/// How this kernel counts descriptors, for `doctor`.
pub fn counting(root: &crate::sys::proc_root::ProcRoot) -> Counting {
    Counting::detect(root)
}

#[cfg(test)]
mod tests;
