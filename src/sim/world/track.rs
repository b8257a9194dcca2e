//! One signal over the time of a scenario.

use std::time::Duration;

use crate::model::reading::Reading;
use crate::model::signal::{Signal, Unit};
use crate::sim::script::{Change, Generator, Shape};

/// Counts are cut to whole numbers; sums of small steps may fall short of them by a hair.
const HAIR: f64 = 1e-6;

/// One signal.
pub(super) struct Track {
    start: f64,
    level: f64,
    /// What changes have taken off a value that a generator sets anew in each tick.
    relief: f64,
    generators: Vec<Generator>,
    /// The next step of each generator.
    next: Vec<usize>,
    /// The state of each generator's noise.
    noise: Vec<u64>,
}

impl Track {
    pub(super) fn new(start: f64, generators: Vec<Generator>) -> Self {
        let seed = |generator: &Generator| match &generator.shape {
            Shape::Noise { seed, .. } => *seed,
            Shape::Constant(_)
            | Shape::Ramp { .. }
            | Shape::Sawtooth { .. }
            | Shape::Steps(_)
            | Shape::Gap(_)
            | Shape::Points { .. } => 0,
        };
        let noise = generators.iter().map(seed).collect();
        Self { start, level: start, relief: 0.0, next: vec![0; generators.len()], generators, noise }
    }

    pub(super) fn first(&self) -> f64 {
        self.start
    }

    pub(super) fn value(&self) -> f64 {
        (self.level - self.relief).max(0.0)
    }

    pub(super) fn advance(&mut self, from: Duration, to: Duration, pace: f64) {
        for (generator, next) in self.generators.iter().zip(&mut self.next) {
            match &generator.shape {
                Shape::Ramp { rate, to: bound } => {
                    let end = generator.until.map_or(to, |until| until.min(to));
                    let time = end.saturating_sub(from.max(generator.from)).as_secs_f64();
                    let grown = self.level + rate * time * pace;
                    self.level = match bound {
                        Some(bound) if *rate >= 0.0 => grown.min(bound.max(self.level)),
                        Some(bound) => grown.max(bound.min(self.level)),
                        None => grown.max(0.0),
                    };
                }
                Shape::Steps(steps) => {
                    while let Some((at, value)) = steps.get(*next).filter(|(at, _)| *at <= to) {
                        if is_active(generator, *at) {
                            (self.level, self.relief) = (*value, 0.0);
                        }
                        *next += 1;
                    }
                }
                Shape::Constant(value) if is_active(generator, to) => self.level = *value,
                Shape::Sawtooth { low, high, period } if is_active(generator, to) => {
                    let turns = to.saturating_sub(generator.from).as_secs_f64() / period.as_secs_f64();
                    self.level = low + (high - low) * turns.fract();
                }
                Shape::Points { every, values } if is_active(generator, to) => {
                    let place = to.saturating_sub(generator.from).as_nanos() / every.as_nanos().max(1);
                    let last = values.len() - 1;
                    self.level = values[usize::try_from(place).map_or(last, |place| place.min(last))];
                }
                Shape::Constant(_)
                | Shape::Sawtooth { .. }
                | Shape::Points { .. }
                | Shape::Gap(_)
                | Shape::Noise { .. } => {}
            }
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        let value = change.of(self.value());
        let set_anew = self.generators.iter().any(|generator| match generator.shape {
            Shape::Constant(_) | Shape::Sawtooth { .. } | Shape::Points { .. } => true,
            Shape::Ramp { .. } | Shape::Steps(_) | Shape::Gap(_) | Shape::Noise { .. } => false,
        });
        if set_anew {
            self.relief = self.level - value;
        } else {
            (self.level, self.relief) = (value, 0.0);
        }
    }

    pub(super) fn restart(&mut self) {
        (self.level, self.relief) = (self.start, 0.0);
    }

    /// What a look at `now` reads. Call once a look: noise goes on with each.
    pub(super) fn read(&mut self, now: Duration, signal: Signal) -> Reading<f64> {
        let mut value = self.value();
        for (generator, noise) in self.generators.iter().zip(&mut self.noise) {
            match &generator.shape {
                Shape::Gap(gap) if is_active(generator, now) => return Reading::Unavailable(*gap),
                Shape::Noise { amplitude, .. } if is_active(generator, now) => {
                    value += amplitude * draw(noise);
                }
                Shape::Gap(_)
                | Shape::Noise { .. }
                | Shape::Constant(_)
                | Shape::Ramp { .. }
                | Shape::Sawtooth { .. }
                | Shape::Steps(_)
                | Shape::Points { .. } => {}
            }
        }
        let value = value.max(0.0);
        let whole = signal.row().unit == Unit::Count && signal != Signal::HostLoad;
        Reading::Known(if whole { (value + HAIR).floor() } else { value })
    }
}

fn is_active(generator: &Generator, now: Duration) -> bool {
    now >= generator.from && generator.until.is_none_or(|until| now < until)
}

/// The next number from -1 to 1 of a linear congruential generator (Knuth's MMIX).
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let high = u32::try_from(*state >> 32).expect("32 bits are left");
    f64::from(high) / f64::from(u32::MAX) * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn always(shape: Shape) -> Generator {
        Generator { from: Duration::ZERO, until: None, shape }
    }

    fn run(track: &mut Track, ticks: std::ops::Range<u64>) -> Vec<f64> {
        let mut values = Vec::new();
        for tick in ticks {
            track.advance(seconds(tick), seconds(tick + 1), 1.0);
            values.push(track.read(seconds(tick + 1), Signal::FdOpen).known().unwrap());
        }
        values
    }

    #[test]
    fn a_ramp_goes_on_from_where_a_change_left_it() {
        let mut track = Track::new(85.0, vec![always(Shape::Ramp { rate: 1.0, to: Some(100.0) })]);
        assert_eq!(run(&mut track, 0..20).last(), Some(&100.0));
        track.change(Change::Times(0.5));
        assert_eq!(run(&mut track, 20..30).last(), Some(&60.0));
        track.restart();
        assert_eq!(run(&mut track, 30..31), [86.0]);
    }

    #[test]
    fn a_sawtooth_keeps_what_a_change_took_off() {
        let shape = Shape::Sawtooth { low: 100.0, high: 200.0, period: seconds(10) };
        let mut track = Track::new(0.0, vec![always(shape)]);
        assert_eq!(run(&mut track, 0..3), [110.0, 120.0, 130.0]);
        track.change(Change::By(-30.0));
        assert_eq!(run(&mut track, 3..5), [110.0, 120.0]);
    }

    #[test]
    fn noise_is_the_same_each_time_and_stays_in_bounds() {
        let noisy = || Track::new(100.0, vec![always(Shape::Noise { amplitude: 5.0, seed: 7 })]);
        let (first, second) = (run(&mut noisy(), 0..200), run(&mut noisy(), 0..200));
        assert_eq!(first, second);
        assert!(first.iter().all(|value| (95.0..=105.0).contains(value)));
        assert!(first.iter().any(|value| *value < 98.0) && first.iter().any(|value| *value > 102.0));
    }

    #[test]
    fn small_steps_add_up_to_whole_numbers() {
        let mut track = Track::new(85.0, vec![always(Shape::Ramp { rate: 2.5 / 60.0, to: None })]);
        let values = run(&mut track, 0..7_200);
        assert_eq!((values[23], values[7_199]), (86.0, 385.0));
    }
}
