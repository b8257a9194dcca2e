//! The base line: where the bot stands, how much room it has, and the thresholds that follow. Pure.

use serde::Serialize;

use crate::cli::inspect::Report;
use crate::model::signal::Signal;
use crate::model::units::format_span;

/// A limit further away than this many base lines is none that a leak would be let come near: memory and ports of
/// the host end first.
const LINES_MAX: u64 = 8;
/// The room that the usual soft limit leaves.
const CEILING_MIN: u64 = 1024;
/// Without this much room the base line is the problem.
const ROOM_MIN: u64 = 32;
/// Aged dead sockets that are no idle pool: pools keep up to some ten for each of several remotes.
const LEAKED_MIN: u64 = 50;

/// What was seen in the look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Base {
    /// The fewest and the most descriptors.
    pub(super) low: u64,
    pub(super) peak: u64,
    /// Soft limit; none where there is no limit.
    pub(super) limit: Option<u64>,
    /// Hard limit; none where there is no limit.
    pub(super) hard: Option<u64>,
    /// Dead sockets: in CLOSE_WAIT, and orphans.
    pub(super) dead: u64,
    /// Seconds to exhaustion, where it rose.
    pub(super) exhausted_in: Option<u64>,
}

/// Where each tier begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Threshold {
    pub(super) raise: u64,
    pub(super) clear: u64,
}

impl Base {
    /// Of a report.
    pub(super) fn of(report: &Report) -> Result<Self, String> {
        let Some((low, peak)) = report.range else {
            return Err(format!(
                "the descriptors of pid {} can't be counted here: `fdguard doctor --pid {}` tells what would grant it",
                report.process.pid, report.process.pid
            ));
        };
        let dead = [Signal::SocketCloseWait, Signal::SocketOrphans];
        let dead = dead.into_iter().filter_map(|signal| report.value(signal)).map(whole).sum();
        let finite = |signal| report.value(signal).filter(|value| value.is_finite()).map(whole);
        Ok(Self {
            low: whole(low),
            peak: whole(peak).max(1),
            limit: finite(Signal::FdLimit),
            hard: finite(Signal::FdHardLimit),
            dead,
            exhausted_in: finite(Signal::FdTte),
        })
    }

    /// The count that the ladder is spread over: the limit, or far less where that is far away.
    pub(super) fn ceiling(&self) -> u64 {
        let wanted = (self.peak * LINES_MAX).max(CEILING_MIN).max(self.peak + ROOM_MIN);
        self.limit.map_or(wanted, |limit| limit.min(wanted))
    }

    /// Whether the ceiling is where EMFILE begins.
    pub(super) fn ends_at_limit(&self) -> bool {
        self.limit == Some(self.ceiling())
    }

    /// Between the base line and the ceiling.
    pub(super) fn room(&self) -> u64 {
        self.ceiling().saturating_sub(self.peak)
    }

    /// Whether there is room enough for a ladder of counts.
    pub(super) fn is_roomy(&self) -> bool {
        self.room() >= ROOM_MIN
    }

    /// A tier that begins when so many per cent of the room are gone, and ends with less of it.
    pub(super) fn tier(&self, raise: u64, clear: u64) -> Threshold {
        let at = |share: u64| self.peak + self.room() * share / 100;
        Threshold { raise: at(raise), clear: at(clear).max(self.peak + 2) }
    }

    /// Aged dead sockets from which they are a leak, and below which they are none.
    pub(super) fn leaked(&self) -> Threshold {
        let raise = LEAKED_MIN.max(self.dead * 2);
        Threshold { raise, clear: raise * 2 / 5 }
    }

    /// What a person reads.
    pub(super) fn sentence(&self) -> String {
        let limit =
            self.limit.map_or_else(|| "no limit".to_owned(), |limit| format!("a soft limit of {limit}"));
        let hard = self.hard.map_or_else(|| "none".to_owned(), |hard| hard.to_string());
        let rise = self.exhausted_in.map_or_else(String::new, |left| {
            format!(
                "; it rises, and would be at its limit in {}",
                format_span(std::time::Duration::from_secs(left))
            )
        });
        let (peak, dead) = (self.peak, self.dead);
        let low = if self.low == peak { String::new() } else { format!("{} to ", self.low) };
        format!("{low}{peak} descriptors under {limit} (hard: {hard}), {dead} dead socket(s){rise}")
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count or a span, not negative"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(peak: u64, limit: Option<u64>) -> Base {
        Base { low: peak, peak, limit, hard: limit, dead: 0, exhausted_in: None }
    }

    #[test]
    fn the_usual_bot_gets_the_ladder_that_bots_were_nursed_with_by_hand() {
        let base = base(85, Some(1024));
        let raises: Vec<u64> = [25, 55, 75].map(|share| base.tier(share, 15).raise).to_vec();
        assert_eq!(raises, [319, 601, 789]);
        assert!(base.ends_at_limit() && base.is_roomy());
    }

    #[test]
    fn a_limit_that_is_far_away_is_not_waited_for() {
        let base = base(85, Some(1_048_576));
        assert_eq!((base.ceiling(), base.ends_at_limit()), (1024, false));
        assert_eq!(self::base(1_000, None).ceiling(), 8_000);
    }

    #[test]
    fn a_bot_at_its_limit_has_no_room_for_a_ladder() {
        let base = base(1_010, Some(1024));
        assert!(!base.is_roomy());
        assert!(base.tier(25, 15).clear <= base.ceiling());
    }

    #[test]
    fn what_is_dead_already_is_no_leak_yet() {
        let base = Base { dead: 60, ..base(100, Some(1024)) };
        assert_eq!(base.leaked(), Threshold { raise: 120, clear: 48 });
    }
}
