//! One window over one signal: what its last minutes were like, in bounded memory.
//!
//! A window of span *s* keeps [`BUCKETS`] stretches of *s*/60 and the one now open, so its edge is exact to a
//! 60th. Each tick stands for the time since the tick before, so that spells of faster ticks weigh no more
//! than their time. A tick whose reading is unknown leaves a hole. A window is unknown
//!
//! - while it covers less than its span ([`Gap::TooYoung`]; a trend tells after half),
//! - while more than half of it is holes (the reason of the last hole),
//!
//! and starts over after a pause that is longer than its span.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::reading::{Gap, Reading};
use crate::model::trend::Trend;

/// Closed stretches in a window; with the open one and one before, it never holds more than 62.
pub(super) const BUCKETS: u64 = 60;

/// What is asked of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Function {
    Avg,
    Max,
    Min,
    Rate,
    Increase,
    Trend,
    Ago,
}

/// How a drop of the value is understood.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Growth {
    /// As it is: the value went down.
    Gauge,
    /// As a start from zero: the value only ever counts up.
    Counter,
}

/// What a window keeps; several functions can share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Memory {
    Spread(Growth),
    Slope,
    Past,
}

/// A window.
#[derive(Clone, Debug)]
pub(super) enum Window {
    Spread(Spread),
    Slope { trend: Trend, holes: Spread },
    Past(Past),
}

impl Window {
    pub(super) fn new(memory: Memory, span: Duration) -> Self {
        match memory {
            Memory::Spread(growth) => Self::Spread(Spread::new(span, growth)),
            Memory::Slope => Self::Slope { trend: Trend::new(span), holes: Spread::new(span, Growth::Gauge) },
            Memory::Past => Self::Past(Past::new(span)),
        }
    }

    /// Takes in one reading; an older one than the last is ignored.
    pub(super) fn observe(&mut self, at: Timestamp, reading: Reading<f64>) {
        match self {
            Self::Spread(spread) => spread.observe(at, reading),
            Self::Slope { trend, holes } => {
                holes.observe(at, reading);
                if let Reading::Known(value) = reading {
                    trend.push(at, value);
                }
            }
            Self::Past(past) => past.observe(at, reading),
        }
    }

    /// The answer as of the last observation.
    pub(super) fn read(&self, function: Function) -> Result<f64, Gap> {
        let value = match self {
            Self::Spread(spread) => spread.read(function)?,
            Self::Slope { trend, holes } => {
                holes.mostly_known()?;
                trend.slope().ok_or(Gap::TooYoung)?.per_second
            }
            Self::Past(past) => past.read()?,
        };
        if value.is_nan() { Err(Gap::Undefined) } else { Ok(value) }
    }
}

/// Sum, extremes and growth of a window.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    span: u64,
    growth: Growth,
    buckets: VecDeque<Bucket>,
    /// All buckets but the open one, together.
    closed: Bucket,
    last: Option<Timestamp>,
    last_known: Option<(Timestamp, f64)>,
    last_gap: Gap,
}

/// What happened in one stretch. Times in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    index: u64,
    known: u64,
    hole: u64,
    /// Time between the known ticks that `growth` compares.
    bridged: u64,
    /// Value times seconds.
    area: f64,
    growth: f64,
    least: f64,
    most: f64,
}

impl Bucket {
    const fn empty(index: u64) -> Self {
        Self {
            index,
            known: 0,
            hole: 0,
            bridged: 0,
            area: 0.0,
            growth: 0.0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
        }
    }

    fn with(self, other: &Self) -> Self {
        Self {
            index: other.index,
            known: self.known + other.known,
            hole: self.hole + other.hole,
            bridged: self.bridged + other.bridged,
            area: self.area + other.area,
            growth: self.growth + other.growth,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }
}

impl Spread {
    fn new(span: Duration, growth: Growth) -> Self {
        Self {
            span: nanos(span),
            growth,
            buckets: VecDeque::new(),
            closed: Bucket::empty(0),
            last: None,
            last_known: None,
            last_gap: Gap::NotYet,
        }
    }

    fn observe(&mut self, at: Timestamp, reading: Reading<f64>) {
        let passed = match self.last {
            Some(last) if at < last => return,
            Some(last) if nanos(at.since(last)) > self.span => {
                self.buckets.clear();
                self.last_known = None;
                0
            }
            Some(last) => nanos(at.since(last)),
            None => 0,
        };
        self.last = Some(at);
        self.open_bucket_at(at.as_nanos() / width(self.span));
        let grown = self.grown(at, reading);
        let Some(bucket) = self.buckets.back_mut() else { return };
        match reading {
            Reading::Known(value) => {
                bucket.known += passed;
                if passed > 0 {
                    bucket.area += value * seconds(passed);
                }
                bucket.least = bucket.least.min(value);
                bucket.most = bucket.most.max(value);
                if let Some((time, growth)) = grown {
                    bucket.bridged += time;
                    bucket.growth += growth;
                }
                self.last_known = Some((at, value));
            }
            Reading::Unavailable(gap) => {
                bucket.hole += passed;
                self.last_gap = gap;
            }
        }
    }

    fn open_bucket_at(&mut self, index: u64) {
        if self.buckets.back().is_some_and(|bucket| bucket.index == index) {
            return;
        }
        while self.buckets.front().is_some_and(|bucket| bucket.index + BUCKETS < index) {
            self.buckets.pop_front();
        }
        self.closed = self.buckets.iter().fold(Bucket::empty(index), Bucket::with);
        self.buckets.push_back(Bucket::empty(index));
    }

    /// Time and growth since the last known tick, unless that is out of the window.
    fn grown(&self, at: Timestamp, reading: Reading<f64>) -> Option<(u64, f64)> {
        let (value, (since, before)) = (reading.known()?, self.last_known?);
        let passed = nanos(at.since(since));
        let growth = match self.growth {
            Growth::Counter if value < before => value,
            Growth::Gauge | Growth::Counter => value - before,
        };
        (passed <= self.span).then_some((passed, growth))
    }

    fn total(&self) -> Option<Bucket> {
        self.buckets.back().map(|open| self.closed.with(open))
    }

    fn mostly_known(&self) -> Result<Bucket, Gap> {
        let total = self.total().ok_or(Gap::NotYet)?;
        if total.hole > total.known { Err(self.last_gap) } else { Ok(total) }
    }

    fn read(&self, function: Function) -> Result<f64, Gap> {
        let total = self.mostly_known()?;
        if total.known + total.hole < self.span {
            return Err(Gap::TooYoung);
        }
        match function {
            Function::Avg => Ok(total.area / seconds(total.known)),
            Function::Max => Ok(total.most),
            Function::Min => Ok(total.least),
            Function::Increase => Ok(total.growth),
            Function::Rate if total.bridged == 0 => Err(Gap::TooYoung),
            Function::Rate => Ok(total.growth / seconds(total.bridged)),
            Function::Trend | Function::Ago => Err(Gap::NotYet),
        }
    }
}

/// The last reading of each stretch.
#[derive(Clone, Debug)]
pub(super) struct Past {
    span: u64,
    readings: VecDeque<(u64, Reading<f64>)>,
    last: Option<Timestamp>,
}

impl Past {
    fn new(span: Duration) -> Self {
        Self { span: nanos(span), readings: VecDeque::new(), last: None }
    }

    fn observe(&mut self, at: Timestamp, reading: Reading<f64>) {
        match self.last {
            Some(last) if at < last => return,
            Some(last) if nanos(at.since(last)) > self.span => self.readings.clear(),
            _ => {}
        }
        self.last = Some(at);
        let index = at.as_nanos() / width(self.span);
        match self.readings.back_mut() {
            Some((open, last)) if *open == index => *last = reading,
            _ => self.readings.push_back((index, reading)),
        }
        while self.readings.get(1).is_some_and(|(second, _)| second + BUCKETS <= index) {
            self.readings.pop_front();
        }
    }

    fn read(&self) -> Result<f64, Gap> {
        let ((first, reading), (open, _)) =
            self.readings.front().zip(self.readings.back()).ok_or(Gap::NotYet)?;
        match reading {
            _ if first + BUCKETS > *open => Err(Gap::TooYoung),
            Reading::Known(value) => Ok(*value),
            Reading::Unavailable(gap) => Err(*gap),
        }
    }
}

/// The length of a stretch, taken up so that [`BUCKETS`] of them are never shorter than the span.
const fn width(span: u64) -> u64 {
    if span == 0 { 1 } else { span.div_ceil(BUCKETS) }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests;
