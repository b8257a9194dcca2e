//! At most so many notices in any stretch of time, and a count of those left out.

use std::collections::VecDeque;

use crate::model::clock::Timestamp;
use crate::model::units::Quota;

/// A sliding quota that counts what it refused.
#[derive(Debug)]
pub(super) struct Limiter {
    quota: Quota,
    sent: VecDeque<Timestamp>,
    suppressed: u32,
}

impl Limiter {
    /// A limiter with nothing spent.
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, sent: VecDeque::new(), suppressed: 0 }
    }

    /// Whether one may be sent now: then it counts as sent, and how many were left out before it is given and
    /// forgotten. Else it counts as left out.
    pub(super) fn admit(&mut self, now: Timestamp) -> Option<u32> {
        self.forget(now);
        if self.sent.len() >= self.quota.count as usize {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.sent.push_back(now);
        Some(std::mem::take(&mut self.suppressed))
    }

    /// When a final word about those left out may be sent; none where nothing was left out. A quota of zero
    /// never speaks.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let room = self.quota.count as usize;
        if self.suppressed == 0 || room == 0 {
            return None;
        }
        let over = self.sent.len().saturating_sub(room.saturating_sub(1));
        match over.checked_sub(1) {
            Some(last) => self.sent.get(last).map(|at| *at + self.quota.per),
            None => Some(Timestamp::ZERO),
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while self.sent.front().is_some_and(|at| now.since(*at) >= self.quota.per) {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_than_the_quota_in_any_window(gaps in prop::collection::vec(0u64..40, 1..200), count in 0u32..6) {
            let per = Duration::from_mins(1);
            let mut limiter = Limiter::new(Quota { count, per });
            let (mut clock, mut admitted, mut told, mut refused) = (0, Vec::new(), 0, 0);
            for gap in gaps {
                clock += gap * 1_000;
                match limiter.admit(Timestamp::from_millis(clock)) {
                    Some(left_out) => { admitted.push(clock); told += left_out; }
                    None => refused += 1,
                }
                let recent = admitted.iter().filter(|at| clock - **at < 60_000).count();
                prop_assert!(recent <= count as usize);
                prop_assert_eq!(told + limiter.suppressed, refused);
                if let Some(due) = limiter.next_due() {
                    let mut later = Limiter { quota: limiter.quota, sent: limiter.sent.clone(), suppressed: limiter.suppressed };
                    prop_assert_eq!(later.admit(due.max(Timestamp::from_millis(clock))), Some(limiter.suppressed));
                }
            }
        }
    }
}
