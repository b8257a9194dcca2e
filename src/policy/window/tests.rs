use super::*;
use proptest::prelude::*;

const SPAN: u64 = 60_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A tick: time since the one before, and what was read.
fn tick() -> impl Strategy<Value = (u64, Option<u32>)> {
    let passed = prop_oneof![8 => 0u64..3_000, 1 => 3_000u64..30_000, 1 => 60_001u64..100_000];
    (passed, prop::option::weighted(0.8, 0u32..1_000))
}

struct Naive {
    ticks: Vec<(u64, Option<f64>)>,
}

/// A recount from all ticks since the last pause.
impl Naive {
    fn of(all: &[(u64, Option<f64>)]) -> Self {
        let start = (1..all.len()).rev().find(|i| all[*i].0 - all[*i - 1].0 > SPAN).unwrap_or(0);
        Self { ticks: all[start..].to_vec() }
    }

    fn bucket(millis: u64) -> u64 {
        millis / (SPAN / BUCKETS)
    }

    /// Every tick in the window with the time it stands for.
    fn inside(&self) -> Vec<(usize, u64)> {
        let now = Self::bucket(self.ticks.last().unwrap().0);
        (0..self.ticks.len())
            .filter(|i| Self::bucket(self.ticks[*i].0) + BUCKETS >= now)
            .map(|i| (i, if i == 0 { 0 } else { self.ticks[i].0 - self.ticks[i - 1].0 }))
            .collect()
    }

    fn read(&self, function: Function, growth: Growth) -> Option<f64> {
        let inside = self.inside();
        let known: Vec<(usize, u64, f64)> =
            inside.iter().filter_map(|(i, time)| Some((*i, *time, self.ticks[*i].1?))).collect();
        let covered: u64 = inside.iter().map(|(_, time)| time).sum();
        let seen: u64 = known.iter().map(|(_, time, _)| time).sum();
        if covered < SPAN || (covered - seen) > seen {
            return None;
        }
        let steps: Vec<(f64, u64)> = known
            .iter()
            .filter_map(|(i, _, value)| {
                let (time, before) = self.ticks[..*i].iter().rev().find_map(|(t, v)| Some((*t, (*v)?)))?;
                let passed = self.ticks[*i].0 - time;
                let step = if growth == Growth::Counter && *value < before { *value } else { value - before };
                (passed <= SPAN).then_some((step, passed))
            })
            .collect();
        let grown: f64 = steps.iter().map(|(step, _)| step).sum();
        let bridged: u64 = steps.iter().map(|(_, passed)| passed).sum();
        match function {
            Function::Avg => {
                Some(known.iter().map(|(_, time, v)| v * *time as f64).sum::<f64>() / seen as f64)
            }
            Function::Max => known.iter().map(|(_, _, value)| *value).reduce(f64::max),
            Function::Min => known.iter().map(|(_, _, value)| *value).reduce(f64::min),
            Function::Increase => Some(grown),
            Function::Rate => (bridged > 0).then(|| grown / bridged as f64 * 1e3),
            Function::Trend | Function::Ago => None,
        }
    }

    fn ago(&self) -> Result<f64, Gap> {
        let now = Self::bucket(self.ticks.last().unwrap().0);
        let then = self.ticks.iter().rev().find(|(at, _)| Self::bucket(*at) + BUCKETS <= now);
        then.map_or(Err(Gap::TooYoung), |(_, value)| value.ok_or(Gap::Late))
    }
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * (1.0 + a.abs()),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

proptest! {
    #[test]
    fn windows_equal_a_naive_recount(ticks in prop::collection::vec(tick(), 1..200), counter in any::<bool>()) {
        let growth = if counter { Growth::Counter } else { Growth::Gauge };
        let span = Duration::from_millis(SPAN);
        let mut spread = Window::new(Memory::Spread(growth), span);
        let mut past = Window::new(Memory::Past, span);
        let (mut now, mut all) = (5_000, Vec::new());
        for (passed, value) in ticks {
            now += passed;
            let value = value.map(f64::from);
            let reading = value.map_or(Reading::Unavailable(Gap::Late), Reading::Known);
            spread.observe(at(now), reading);
            past.observe(at(now), reading);
            all.push((now, value));
            let naive = Naive::of(&all);
            for function in [Function::Avg, Function::Max, Function::Min, Function::Increase, Function::Rate] {
                let (told, is) = (spread.read(function), naive.read(function, growth));
                prop_assert!(close(told.ok(), is), "{:?} at {}: {:?}, is {:?}", function, now, told, is);
            }
            prop_assert_eq!(past.read(Function::Ago), naive.ago());
        }
    }

    #[test]
    fn memory_is_bounded(ticks in prop::collection::vec(0u64..20_000, 1..300)) {
        let span = Duration::from_millis(SPAN);
        let (mut spread, mut past) = (Spread::new(span, Growth::Gauge), Past::new(span));
        let mut now = 0;
        for passed in ticks {
            now += passed;
            spread.observe(at(now), Reading::Known(1.0));
            past.observe(at(now), Reading::Known(1.0));
            prop_assert!(spread.buckets.len() <= 62 && past.readings.len() <= 62);
        }
    }
}

fn fed(memory: Memory, seconds: u64, reading: impl Fn(u64) -> Reading<f64>) -> Window {
    let mut window = Window::new(memory, Duration::from_mins(1));
    for second in 0..=seconds {
        window.observe(at(second * 1_000), reading(second));
    }
    window
}

const GAUGE: Memory = Memory::Spread(Growth::Gauge);

#[test]
fn a_window_is_unknown_until_full_and_while_mostly_holes() {
    let steady = |_| Reading::Known(7.0);
    assert_eq!(fed(GAUGE, 59, steady).read(Function::Avg), Err(Gap::TooYoung));
    assert_eq!(fed(GAUGE, 60, steady).read(Function::Avg), Ok(7.0));
    let holed = |share: u64| {
        move |s| if s % 10 < share { Reading::Unavailable(Gap::Late) } else { Reading::Known(7.0) }
    };
    assert_eq!(fed(GAUGE, 120, holed(4)).read(Function::Max), Ok(7.0));
    assert_eq!(fed(GAUGE, 120, holed(6)).read(Function::Max), Err(Gap::Late));
    assert_eq!(fed(Memory::Slope, 120, holed(6)).read(Function::Trend), Err(Gap::Late));
}

#[test]
fn growth_of_a_counter_survives_its_reset_and_that_of_a_gauge_goes_down() {
    let reset = |s: u64| Reading::Known(if s < 100 { s as f64 } else { (s - 100) as f64 });
    let counter = fed(Memory::Spread(Growth::Counter), 120, reset).read(Function::Increase).unwrap();
    let gauge = fed(GAUGE, 120, reset).read(Function::Increase).unwrap();
    assert!((59.0..=61.0).contains(&counter), "{counter}");
    assert!((-41.0..=-39.0).contains(&gauge), "{gauge}");
}

#[test]
fn faster_ticks_weigh_no_more_than_their_time() {
    let mut window = Window::new(GAUGE, Duration::from_mins(1));
    (0..=60).for_each(|s| window.observe(at(s * 1_000), Reading::Known(0.0)));
    (1..=3_000).for_each(|tick| window.observe(at(60_000 + tick * 10), Reading::Known(100.0)));
    let average = window.read(Function::Avg).unwrap();
    assert!((48.0..=52.0).contains(&average), "{average}");
}

#[test]
fn infinities_pass_and_what_they_undo_is_undefined() {
    let infinite = |_| Reading::Known(f64::INFINITY);
    let window = fed(GAUGE, 60, infinite);
    assert_eq!(window.read(Function::Min), Ok(f64::INFINITY));
    assert_eq!(window.read(Function::Avg), Ok(f64::INFINITY));
    assert_eq!(window.read(Function::Increase), Err(Gap::Undefined));
    assert_eq!(fed(Memory::Slope, 60, infinite).read(Function::Trend), Err(Gap::Undefined));
}

#[test]
fn a_trend_has_the_slope_of_its_signal() {
    let slope = fed(Memory::Slope, 60, |s| Reading::Known(s as f64 * 0.5)).read(Function::Trend).unwrap();
    assert!((slope - 0.5).abs() < 1e-9, "{slope}");
}
