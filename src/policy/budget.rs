//! The runs that a tier's budget has paid for, and the latch that closes when it is spent.
//!
//! Both are kept for the target, not for a process: what one process has used is used, and neither a restart of
//! the bot nor one of the agent gives it back. Between restarts the age of a run is measured by the monotonic
//! clock; over a restart of the agent it is taken once from the civil one, and a run that seems to lie in the
//! future is taken as made now. So no jump of the civil clock frees a budget while the agent runs.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::clock::{Timestamp, WallTime};
use crate::model::units::Quota;
use crate::policy::definition::Mode;

/// One run that was paid for, as it is kept over restarts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// When, civil.
    pub wall: WallTime,
    /// Whether it was only told.
    pub dry: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Charge {
    stamp: Stamp,
    /// How old it was at this moment; none until the first moment after a restart.
    anchor: Option<(Timestamp, Duration)>,
}

impl Charge {
    fn age(&self, at: Timestamp) -> Duration {
        self.anchor.map_or(Duration::ZERO, |(anchor, age)| age + at.since(anchor))
    }
}

/// What is kept of one tier for the whole target.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Account {
    charges: VecDeque<Charge>,
    /// Whether the tier waits for a person.
    pub(crate) latched: bool,
}

impl Account {
    /// What was kept over a restart.
    pub(crate) fn recalled(stamps: &[Stamp], latched: bool) -> Self {
        let charges = stamps.iter().map(|stamp| Charge { stamp: *stamp, anchor: None }).collect();
        Self { charges, latched }
    }

    /// Ties what was recalled to the monotonic clock. Call at the first moment after a restart.
    pub(crate) fn anchor(&mut self, at: Timestamp, wall: WallTime) {
        for charge in self.charges.iter_mut().filter(|charge| charge.anchor.is_none()) {
            charge.anchor = Some((at, wall.since(charge.stamp.wall)));
        }
    }

    /// How much of the budget is used. A real run counts real runs only; a told one counts all.
    pub(crate) fn used(&self, quota: Quota, mode: Mode, at: Timestamp) -> u32 {
        let counts = |charge: &&Charge| mode == Mode::Dry || !charge.stamp.dry;
        let live = self.charges.iter().filter(counts).filter(|charge| charge.age(at) < quota.per);
        u32::try_from(live.count()).unwrap_or(u32::MAX)
    }

    /// Whether there is one left; else the time until there is.
    pub(crate) fn check(&self, quota: Quota, mode: Mode, at: Timestamp) -> Result<(), Duration> {
        let used = self.used(quota, mode, at);
        if used < quota.count {
            return Ok(());
        }
        let counts = |charge: &&Charge| mode == Mode::Dry || !charge.stamp.dry;
        let live = self.charges.iter().filter(counts).filter(|charge| charge.age(at) < quota.per);
        // The budget is free again when all but `count - 1` have grown old.
        let frees = live.map(|charge| quota.per.saturating_sub(charge.age(at)));
        let nth = (used - quota.count) as usize;
        let mut left: Vec<Duration> = frees.collect();
        left.sort_unstable();
        Err(left.get(nth).copied().unwrap_or_default())
    }

    /// Pays for one run.
    pub(crate) fn charge(&mut self, quota: Option<Quota>, mode: Mode, (at, wall): (Timestamp, WallTime)) {
        let Some(quota) = quota else { return };
        self.charges.retain(|charge| charge.age(at) < quota.per);
        while self.charges.len() >= 2 * quota.count.max(1) as usize {
            self.charges.pop_front();
        }
        let stamp = Stamp { wall, dry: mode == Mode::Dry };
        self.charges.push_back(Charge { stamp, anchor: Some((at, Duration::ZERO)) });
    }

    /// Opens the latch and gives the whole budget back: a person has looked.
    pub(crate) fn release(&mut self) {
        self.latched = false;
        self.charges.clear();
    }

    /// What is to be kept over a restart.
    pub(crate) fn stamps(&self) -> Vec<Stamp> {
        self.charges.iter().map(|charge| charge.stamp).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> (Timestamp, WallTime) {
        let millis = i64::try_from(seconds).unwrap() * 1_000;
        (Timestamp::from_millis(seconds * 1_000), WallTime::from_millis(1_700_000_000_000 + millis))
    }

    #[test]
    fn a_restart_of_the_agent_gives_nothing_back() {
        let quota = Quota::parse("2/hour").unwrap();
        let mut account = Account::default();
        account.charge(Some(quota), Mode::Real, at(100));
        account.charge(Some(quota), Mode::Real, at(200));
        let (later, wall) = at(1_300);
        let mut again = Account::recalled(&account.stamps(), false);
        again.anchor(Timestamp::from_millis(5_000), wall);
        assert_eq!(
            again.check(quota, Mode::Real, Timestamp::from_millis(5_000)),
            account.check(quota, Mode::Real, later)
        );
        assert_eq!(account.check(quota, Mode::Real, later), Err(Duration::from_mins(40)));
    }

    #[test]
    fn a_civil_clock_set_back_frees_nothing() {
        let quota = Quota::parse("1/day").unwrap();
        let mut account = Account::recalled(&[Stamp { wall: at(90_000).1, dry: false }], false);
        account.anchor(Timestamp::ZERO, at(0).1);
        assert_eq!(account.check(quota, Mode::Real, Timestamp::ZERO), Err(Duration::from_hours(24)));
    }

    #[test]
    fn told_runs_do_not_use_up_the_real_budget() {
        let quota = Quota::parse("1/day").unwrap();
        let mut account = Account::default();
        account.charge(Some(quota), Mode::Dry, at(0));
        assert!(account.check(quota, Mode::Dry, at(1).0).is_err());
        assert!(account.check(quota, Mode::Real, at(1).0).is_ok());
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_ever_sees_more_than_the_quota(
            count in 1u32..6, per in 5u64..60, gaps in prop::collection::vec(0u64..20, 1..120),
        ) {
            let quota = Quota { count, per: Duration::from_secs(per) };
            let (mut account, mut now, mut made) = (Account::default(), 0, Vec::<u64>::new());
            for gap in gaps {
                now += gap;
                match account.check(quota, Mode::Real, at(now).0) {
                    Ok(()) => {
                        account.charge(Some(quota), Mode::Real, at(now));
                        made.push(now);
                    }
                    Err(left) => {
                        prop_assert!(account.check(quota, Mode::Real, at(now).0 + left).is_ok());
                    }
                }
                let recent = made.iter().filter(|t| now - **t < per).count();
                prop_assert!(recent <= count as usize, "{recent} in {per} s, allowed {count}");
            }
        }
    }
}
