//! Many notices of the same target and rule within a window become one with a count.
//!
//! The first goes out at once and opens the window; those that follow wait and go out together when it ends,
//! which opens the next window. A window that ends with nothing waiting is forgotten.
//!
//! ```text
//! (none) ──offer: send──► open, nothing waits ──offer: keep──► open, n wait
//!    ▲                          │ window ends                      │ window ends: send n, open again
//!    └──────────────────────────┘◄─────────────────────────────────┘
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::name::Name;

use super::notice::Notice;

/// Windows open at once; beyond, the one that ends first is closed early.
const WINDOWS_MAX: usize = 256;

#[derive(Debug)]
struct Window {
    ends: Timestamp,
    waiting: Option<Notice>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Grouping {
    span: Duration,
    windows: BTreeMap<(Name, String), Window>,
}

impl Grouping {
    /// Grouping over windows of that length; zero groups nothing.
    pub(super) fn new(span: Duration) -> Self {
        Self { span, windows: BTreeMap::new() }
    }

    /// Takes a notice; gives back what is to be sent at once.
    pub(super) fn offer(&mut self, notice: Notice, now: Timestamp) -> Vec<Notice> {
        if self.span.is_zero() {
            return vec![notice];
        }
        let mut ready = self.due(now);
        let key = notice.group();
        if let Some(window) = self.windows.get_mut(&key) {
            window.waiting = Some(match window.waiting.take() {
                Some(earlier) => earlier.joined(notice),
                None => notice,
            });
            return ready;
        }
        if self.windows.len() >= WINDOWS_MAX {
            ready.extend(self.close_first());
        }
        self.windows.insert(key, Window { ends: now + self.span, waiting: None });
        ready.push(notice);
        ready
    }

    /// What is to be sent because its window has ended.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Notice> {
        let mut ready = Vec::new();
        let span = self.span;
        self.windows.retain(|_, window| {
            if window.ends > now {
                return true;
            }
            let Some(notice) = window.waiting.take() else { return false };
            ready.push(notice);
            window.ends = now + span;
            true
        });
        ready
    }

    /// When the next window ends with something waiting.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.windows.values().filter(|window| window.waiting.is_some()).map(|window| window.ends).min()
    }

    /// All that waits, at once; every window is closed.
    pub(super) fn flush(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.windows).into_values().filter_map(|window| window.waiting).collect()
    }

    fn close_first(&mut self) -> Option<Notice> {
        let first = self.windows.iter().min_by_key(|(_, window)| window.ends).map(|(key, _)| key.clone())?;
        self.windows.remove(&first).and_then(|window| window.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::notice;
    use super::*;
    use proptest::prelude::*;

    const SPAN: Duration = Duration::from_mins(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_first_goes_at_once_and_the_rest_together() {
        let mut grouping = Grouping::new(SPAN);
        assert_eq!(grouping.offer(notice("a", "1"), at(0)).len(), 1);
        assert!(grouping.offer(notice("a", "2"), at(10)).is_empty());
        assert!(grouping.offer(notice("a", "3"), at(20)).is_empty());
        assert_eq!(grouping.offer(notice("b", "other"), at(20)).len(), 1);
        assert_eq!(grouping.next_due(), Some(at(60)));
        assert!(grouping.due(at(59)).is_empty());
        let together = grouping.due(at(60));
        assert_eq!((together.len(), together[0].count, together[0].what.as_str()), (1, 2, "3"));
        assert!(grouping.offer(notice("a", "4"), at(70)).is_empty(), "the next window is open");
        assert_eq!(grouping.due(at(120)).len(), 1);
        assert!(grouping.due(at(180)).is_empty());
        assert_eq!(grouping.offer(notice("a", "5"), at(181)).len(), 1, "a quiet window is forgotten");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_group_speaks_twice_in_a_window(
            steps in prop::collection::vec((0usize..400, 0u64..30), 1..600),
        ) {
            let mut grouping = Grouping::new(SPAN);
            let (mut clock, mut offered, mut sent) = (0, 0u32, 0u32);
            let mut spoke: BTreeMap<String, u64> = BTreeMap::new();
            let crowded = steps.len() > WINDOWS_MAX;
            for (rule, later) in steps {
                clock += later;
                offered += 1;
                let ready = grouping.offer(notice(&rule.to_string(), "x"), at(clock));
                prop_assert!(grouping.windows.len() <= WINDOWS_MAX);
                for out in ready {
                    sent += out.count;
                    let last = spoke.insert(out.rule.clone(), clock);
                    prop_assert!(crowded || last.is_none_or(|last| clock - last >= SPAN.as_secs()));
                }
            }
            sent += grouping.flush().iter().map(|notice| notice.count).sum::<u32>();
            prop_assert_eq!(offered, sent);
            prop_assert_eq!(grouping.next_due(), None);
        }
    }
}
