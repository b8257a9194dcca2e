//! How fast observations come, and which gap between two of them is a jump.
//!
//! A suspended machine, a stopped agent or a stalled source leaves a gap in which nothing was seen. Such a gap
//! must not count as time in which a condition held. A gap is a **jump** where it is longer than
//! [`USUAL_TIMES`] the usual gap and longer than [`JUMP_MIN`]; then `for` starts over, and what waits for seen
//! time (`waited` in a guard) stands still. `dwell`, `cooldown`, budgets and `every` go by the clock: time that
//! passes unseen is good for them.

use std::time::Duration;

use crate::model::clock::Timestamp;

/// A gap that many times the usual one is a jump.
pub const USUAL_TIMES: u32 = 5;
/// A gap up to this long is never a jump.
pub const JUMP_MIN: Duration = Duration::from_secs(5);
/// How slowly the usual gap follows: one part in so many for each observation.
const FOLLOW: u32 = 8;

/// What lies between two observations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gait {
    /// So much time, all of it under watch.
    Step(Duration),
    /// More than can be vouched for.
    Jump,
}

/// Follows the observations of one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pace {
    last: Option<Timestamp>,
    usual: Duration,
    watched: Duration,
}

impl Pace {
    /// Takes in the time of one observation. An older one counts as no time at all.
    pub(crate) fn tick(&mut self, at: Timestamp) -> Gait {
        let Some(last) = self.last else {
            self.last = Some(at);
            return Gait::Step(Duration::ZERO);
        };
        let gap = at.since(last);
        self.last = Some(last.max(at));
        let longest = (self.usual * USUAL_TIMES).max(JUMP_MIN);
        self.usual = (self.usual * (FOLLOW - 1) + gap.min(longest)) / FOLLOW;
        if gap > longest {
            return Gait::Jump;
        }
        self.watched += gap;
        Gait::Step(gap)
    }

    /// Time under watch so far.
    pub(crate) fn watched(&self) -> Duration {
        self.watched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(pace: &mut Pace, from: u64, step: u64, count: u64) -> u64 {
        for i in 1..=count {
            pace.tick(Timestamp::from_millis(from + i * step));
        }
        from + step * count
    }

    #[test]
    fn an_hour_of_sleep_is_a_jump_and_is_not_watched() {
        let mut pace = Pace::default();
        let end = feed(&mut pace, 0, 1_000, 60);
        assert_eq!(pace.watched(), Duration::from_secs(59));
        assert_eq!(pace.tick(Timestamp::from_millis(end + 3_600_000)), Gait::Jump);
        assert_eq!(pace.watched(), Duration::from_secs(59));
    }

    #[test]
    fn slow_sources_are_no_jumps_once_known() {
        let mut pace = Pace::default();
        let end = feed(&mut pace, 0, 30_000, 60);
        assert_eq!(pace.tick(Timestamp::from_millis(end + 30_000)), Gait::Step(Duration::from_secs(30)));
    }

    #[test]
    fn time_that_stands_still_or_runs_back_is_no_time() {
        let mut pace = Pace::default();
        feed(&mut pace, 0, 1_000, 10);
        assert_eq!(pace.tick(Timestamp::from_millis(4_000)), Gait::Step(Duration::ZERO));
        assert_eq!(pace.tick(Timestamp::from_millis(10_500)), Gait::Step(Duration::from_millis(500)));
    }
}
