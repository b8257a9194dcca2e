//! What a process uses: memory, CPU, threads, faults, bytes; rates from two full ticks.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::model::trend::Trend;
use crate::sampler::precision::thousandths;
use crate::sys::adopted::Adopted;
use crate::sys::children;
use crate::sys::io::Io;
use crate::sys::proc_root::ProcRoot;
use crate::sys::read_error::ReadError;
use crate::sys::stat::{Stat, Status, ticks_per_second};

/// The window of `process.rss_rate`.
const RSS_WINDOW: Duration = Duration::from_mins(10);
/// Counting children walks over all processes: only every so many full ticks.
const CHILDREN_EVERY: u32 = 10;

/// What is kept between two full ticks.
#[derive(Debug)]
pub(super) struct Load {
    before: Option<(Timestamp, Counters)>,
    rss: Trend,
    children: Reading<f64>,
    ticks: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    cpu_ticks: Option<u64>,
    major_faults: Option<u64>,
    bytes: Option<u64>,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            before: None,
            rss: Trend::new(RSS_WINDOW),
            children: Reading::Unavailable(Gap::NotYet),
            ticks: 0,
        }
    }
}

impl Load {
    /// Reads all of it.
    pub(super) fn read(&mut self, process: &Adopted, at: Timestamp, plain: &mut Vec<(Signal, Reading<f64>)>) {
        let stat = reading(Stat::read(process));
        let status = reading(Status::read(process));
        let io = reading(Io::read(process));
        plain.push((Signal::ProcessState, stat.map(|stat| stat.state.place() as f64)));
        plain.push((Signal::ProcessThreads, stat.map(|stat| stat.threads as f64)));
        plain.push((Signal::ProcessRss, status.map(|status| status.rss as f64)));
        plain.push((Signal::ProcessSwap, status.map(|status| status.swap as f64)));
        self.memory(at, status, plain);
        let counters = Counters {
            cpu_ticks: stat.known().map(|stat| stat.cpu_ticks),
            major_faults: stat.known().map(|stat| stat.major_faults),
            bytes: io.known().map(|io| io.read.saturating_add(io.written)),
        };
        let gaps = (stat.gap(), io.gap());
        self.rates(at, counters, gaps, plain);
        plain.push((Signal::ProcessChildren, self.children(process)));
    }

    fn memory(&mut self, at: Timestamp, status: Reading<Status>, plain: &mut Vec<(Signal, Reading<f64>)>) {
        let slope = match status {
            Reading::Known(status) => {
                self.rss.push(at, status.rss as f64);
                let slope = self.rss.slope().map(|slope| slope.per_second);
                slope.map_or(Reading::Unavailable(Gap::TooYoung), |slope| Reading::Known(thousandths(slope)))
            }
            Reading::Unavailable(gap) => Reading::Unavailable(gap),
        };
        plain.push((Signal::ProcessRssRate, slope));
    }

    fn rates(
        &mut self,
        at: Timestamp,
        now: Counters,
        gaps: (Option<Gap>, Option<Gap>),
        plain: &mut Vec<(Signal, Reading<f64>)>,
    ) {
        let before = self.before.replace((at, now));
        let rate = |value: fn(&Counters) -> Option<u64>, gap: Option<Gap>, unit: f64| {
            let Some((then, old)) = &before else {
                return Reading::Unavailable(gap.unwrap_or(Gap::TooYoung));
            };
            let passed = at.since(*then).as_secs_f64().max(1e-3);
            match (value(old), value(&now)) {
                (Some(old), Some(new)) => {
                    Reading::Known(thousandths(new.saturating_sub(old) as f64 / unit / passed))
                }
                (None, _) | (_, None) => Reading::Unavailable(gap.unwrap_or(Gap::TooYoung)),
            }
        };
        plain.push((Signal::ProcessCpu, rate(|c| c.cpu_ticks, gaps.0, ticks_per_second() as f64)));
        plain.push((Signal::ProcessMajfaults, rate(|c| c.major_faults, gaps.0, 1.0)));
        plain.push((Signal::ProcessIo, rate(|c| c.bytes, gaps.1, 1.0)));
    }

    fn children(&mut self, process: &Adopted) -> Reading<f64> {
        if self.ticks.is_multiple_of(CHILDREN_EVERY) {
            let found = children::read(&ProcRoot::new("/proc"), process);
            self.children = reading(found.map(|found| found.len() as f64));
        }
        self.ticks = self.ticks.wrapping_add(1);
        self.children
    }
}

fn reading<T>(result: Result<T, ReadError>) -> Reading<T> {
    result.map_err(|error| error.gap()).into()
}
