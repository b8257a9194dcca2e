//! The world of a scenario: one process after another, its signals, and what actions change in them.

mod track;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::action::Word;
use crate::model::ages::{Ages, STEPS};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::kind::Kind;
use crate::model::name::Remote;
use crate::model::observation::{KindCounts, Life, Observation, RemoteField, RemoteSurvey, SignalKey};
use crate::model::process::ProcessId;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::{Argument, CATALOGUE, Signal, Source};
use crate::model::trend::Exhaustion;
use crate::sim::script::{Change, Scenario};
use track::Track;

/// The windows of the slope of `fd.open`, as in the agent.
const SHORT: Duration = Duration::from_mins(3);
const LONG: Duration = Duration::from_mins(10);
/// What a scenario leaves out.
const LIMIT: f64 = 1_024.0;
const HARD_LIMIT: f64 = 4_096.0;
const UPTIME: f64 = 3_600.0;
/// The number of the first process.
const FIRST_PID: u32 = 4_001;

/// Whether a new process has a number of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Number {
    /// A new one.
    Fresh,
    /// That of the process before.
    Reused,
}

/// Whether anybody reads the slope of `fd.open`, which costs more than all the rest of a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slope {
    /// Somebody does.
    Read,
    /// Nobody does, or the scenario sets what follows from it.
    Unread,
}

/// The world of a scenario.
pub(crate) struct World {
    slope: Slope,
    tracks: BTreeMap<SignalKey, Track>,
    /// Until when it has gone on.
    now: Duration,
    process: ProcessId,
    alive: bool,
    born: Duration,
    age: f64,
    exhaustion: Exhaustion,
    slows: BTreeMap<Word, BTreeMap<SignalKey, f64>>,
    blank: Observation,
    exhausted: bool,
}

impl World {
    pub(crate) fn new(scenario: &Scenario, slope: Slope) -> Self {
        let mut tracks: BTreeMap<SignalKey, Track> = BTreeMap::new();
        let usual = [(Signal::FdLimit, LIMIT), (Signal::FdHardLimit, HARD_LIMIT)];
        for (signal, value) in usual {
            tracks.insert(SignalKey::Plain(signal), Track::new(value, Vec::new()));
        }
        let mut age = UPTIME;
        for (key, value) in &scenario.start {
            if *key == SignalKey::Plain(Signal::ProcessUptime) {
                age = *value;
            } else {
                tracks.insert(key.clone(), Track::new(*value, Vec::new()));
            }
        }
        for series in &scenario.series {
            let start = scenario.start.get(&series.key).copied();
            let start = start.or_else(|| tracks.get(&series.key).map(Track::first)).unwrap_or(0.0);
            tracks.insert(series.key.clone(), Track::new(start, series.generators.clone()));
        }
        let process = ProcessId { pid: FIRST_PID, inode: 1, started: 1, exe: (1, 1) };
        Self {
            slope,
            tracks,
            now: Duration::ZERO,
            process,
            alive: true,
            born: Duration::ZERO,
            age,
            exhaustion: Exhaustion::new(SHORT, LONG),
            slows: BTreeMap::new(),
            blank: blank(),
            exhausted: false,
        }
    }

    pub(crate) fn process(&self) -> ProcessId {
        self.process
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive
    }

    /// Goes on until `to`.
    pub(crate) fn advance(&mut self, to: Duration) {
        if to <= self.now && !self.now.is_zero() {
            return;
        }
        for (key, track) in &mut self.tracks {
            let pace = self.slows.values().filter_map(|slows| slows.get(key)).product();
            track.advance(self.now, to, pace);
        }
        self.now = to;
    }

    /// Time passes and nothing goes on.
    pub(crate) fn sleep(&mut self, to: Duration) {
        self.now = to;
    }

    pub(crate) fn change(&mut self, changes: &BTreeMap<SignalKey, Change>) {
        for (key, change) in changes {
            let track = self.tracks.entry(key.clone()).or_insert_with(|| Track::new(0.0, Vec::new()));
            track.change(*change);
        }
    }

    /// The value of a signal as it stands.
    pub(crate) fn value(&self, signal: Signal) -> Option<f64> {
        self.tracks.get(&SignalKey::Plain(signal)).map(Track::value)
    }

    pub(crate) fn slow(&mut self, word: Word, shares: BTreeMap<SignalKey, f64>) {
        self.slows.insert(word, shares);
    }

    pub(crate) fn unslow(&mut self, word: Word) {
        self.slows.remove(&word);
    }

    /// The process ends.
    pub(crate) fn end(&mut self) {
        self.alive = false;
    }

    /// A new process comes: everything starts again, save what goes by the time of the scenario.
    pub(crate) fn spawn(&mut self, number: Number) {
        let pid = match number {
            Number::Fresh => self.process.pid + 1,
            Number::Reused => self.process.pid,
        };
        self.process.pid = pid;
        self.process.inode += 1;
        self.process.started += 1;
        self.alive = true;
        self.born = self.now;
        self.age = 0.0;
        self.exhausted = false;
        self.exhaustion = Exhaustion::new(SHORT, LONG);
        self.slows.clear();
        self.tracks.values_mut().for_each(Track::restart);
    }

    /// Whether the descriptors have run out since this was asked last; once for each process.
    pub(crate) fn runs_out(&mut self, seen: &Observation) -> bool {
        let value = |signal| seen.plain(signal).known();
        let (Some(open), Some(limit)) = (value(Signal::FdOpen), value(Signal::FdLimit)) else { return false };
        let out = open >= limit && !self.exhausted;
        self.exhausted |= out;
        out
    }

    /// What a look sees now.
    pub(crate) fn look(&mut self, at: Timestamp, wall: WallTime) -> Observation {
        let mut seen = self.blank.clone();
        (seen.at, seen.wall, seen.surveyed, seen.probed) = (at, wall, at, at);
        let mut kinds: Reading<KindCounts> = Reading::Known([0; Kind::COUNT]);
        let mut leaked: Reading<[u32; STEPS.len()]> = Reading::Known([0; STEPS.len()]);
        let mut remotes: Reading<BTreeMap<Remote, RemoteSurvey>> = Reading::Known(BTreeMap::new());
        let mut named = BTreeMap::new();
        for (key, track) in &mut self.tracks {
            let reading = track.read(self.now, key.signal());
            match key {
                SignalKey::Plain(signal) => seen.set(*signal, reading),
                SignalKey::Kind(kind) => fill(&mut kinds, reading, |counts, value| {
                    counts[*kind as usize] = count(value);
                }),
                SignalKey::Leaked(age) => {
                    fill(&mut leaked, reading, |counts, value| older(counts, *age, value));
                }
                SignalKey::Remote(remote, field) => fill(&mut remotes, reading, |surveys, value| {
                    *part(survey(surveys, remote), *field) = count(value);
                }),
                SignalKey::ConnectRate(remote) => fill(&mut remotes, reading, |surveys, value| {
                    survey(surveys, remote).connect_rate = value;
                }),
                SignalKey::Named(signal, name) => drop(named.insert((*signal, name.clone()), reading)),
            }
        }
        seen.kinds = kinds.map(Arc::new);
        seen.leaked = leaked.map(|counts| Arc::new(Ages::from_counts(counts)));
        seen.remotes = remotes.map(|surveys| Arc::new(surveys.into_values().collect()));
        seen.named = Arc::new(named);
        self.derive(&mut seen);
        seen
    }

    fn derive(&mut self, seen: &mut Observation) {
        if !self.tracks.contains_key(&SignalKey::Plain(Signal::ProcessUptime)) {
            seen.know(Signal::ProcessUptime, self.age + self.now.saturating_sub(self.born).as_secs_f64());
        }
        let derived =
            |tracks: &BTreeMap<SignalKey, Track>, signal| !tracks.contains_key(&SignalKey::Plain(signal));
        let (open, limit) = (seen.plain(Signal::FdOpen), seen.plain(Signal::FdLimit));
        let (Reading::Known(open), Reading::Known(limit)) = (open, limit) else {
            let gap = open.gap().or(limit.gap()).unwrap_or(Gap::Failed);
            for signal in [Signal::FdRatio, Signal::FdTte, Signal::FdRate] {
                if derived(&self.tracks, signal) {
                    seen.set(signal, Reading::Unavailable(gap));
                }
            }
            return;
        };
        let open = open.min(limit);
        seen.know(Signal::FdOpen, open);
        if self.slope == Slope::Read {
            self.exhaustion.push(seen.at, open);
        }
        let young = Reading::Unavailable(Gap::TooYoung);
        let found = [
            (Signal::FdRatio, Reading::Known(open / limit.max(1.0))),
            (Signal::FdRate, self.exhaustion.rate().map_or(young, Reading::Known)),
            (Signal::FdTte, self.exhaustion.seconds(open, limit).map_or(young, Reading::Known)),
        ];
        for (signal, reading) in found {
            if derived(&self.tracks, signal) {
                seen.set(signal, reading);
            }
        }
    }
}

/// The last observation of a process that has ended.
pub(crate) fn farewell(at: Timestamp, wall: WallTime, code: i32) -> Observation {
    let mut last = Observation::blank(at, wall, Gap::Gone);
    last.life = Life::Exited;
    last.know(Signal::ProcessExitCode, f64::from(code));
    last
}

/// An observation in which what the scenario leaves out is quiet, and what must be fed is not configured.
fn blank() -> Observation {
    let mut seen = Observation::blank(Timestamp::ZERO, WallTime::default(), Gap::NotRecorded);
    for row in CATALOGUE.iter().filter(|row| row.argument == Argument::None) {
        match row.source {
            Source::Proxy | Source::Probe => seen.set(row.signal, Reading::Unavailable(Gap::NotConfigured)),
            Source::FullTick if row.name.starts_with("socket.") => seen.know(row.signal, 0.0),
            Source::FastTick | Source::FullTick | Source::Host | Source::Clock => {}
        }
    }
    seen
}

/// A survey that misses one part is missing as a whole, as in the agent.
fn fill<T>(survey: &mut Reading<T>, reading: Reading<f64>, set: impl FnOnce(&mut T, f64)) {
    match (survey, reading) {
        (Reading::Known(survey), Reading::Known(value)) => set(survey, value),
        (survey @ Reading::Known(_), Reading::Unavailable(gap)) => *survey = Reading::Unavailable(gap),
        (Reading::Unavailable(_), _) => {}
    }
}

/// So many are at least so old, and so at every younger step.
fn older(counts: &mut [u32; STEPS.len()], age: Duration, value: f64) {
    for (place, step) in counts.iter_mut().zip(STEPS) {
        if Duration::from_secs(u64::from(step)) <= age {
            *place = (*place).max(count(value));
        }
    }
}

fn survey<'s>(surveys: &'s mut BTreeMap<Remote, RemoteSurvey>, remote: &Remote) -> &'s mut RemoteSurvey {
    surveys.entry(remote.clone()).or_insert_with(|| RemoteSurvey {
        remote: remote.clone(),
        count: 0,
        established: 0,
        close_wait: 0,
        syn_sent: 0,
        fin_wait: 0,
        connect_rate: 0.0,
    })
}

fn part(survey: &mut RemoteSurvey, field: RemoteField) -> &mut u32 {
    match field {
        RemoteField::Count => &mut survey.count,
        RemoteField::Established => &mut survey.established,
        RemoteField::CloseWait => &mut survey.close_wait,
        RemoteField::SynSent => &mut survey.syn_sent,
        RemoteField::FinWait => &mut survey.fin_wait,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and NaN is 0")]
fn count(value: f64) -> u32 {
    value as u32
}
