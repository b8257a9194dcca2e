//! What one receiver is sent, and when: grouping, then the rate limit, then a bounded outbox. Pure: time is
//! handed in.

use std::collections::VecDeque;

use crate::model::clock::Timestamp;

use super::grouping::Grouping;
use super::limiter::Limiter;
use super::notice::Notice;
use super::receiver::Receiver;

/// Notices that may wait for delivery; the oldest goes first where more come.
pub(super) const OUTBOX: usize = 32;

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    grouping: Grouping,
    limiter: Limiter,
    /// The last notice that was left out: it carries the final count.
    left_out: Option<Notice>,
    outbox: VecDeque<Notice>,
}

impl Desk {
    /// A desk by the receiver's rules.
    pub(super) fn new(receiver: &Receiver) -> Self {
        Self {
            grouping: Grouping::new(receiver.group),
            limiter: Limiter::new(receiver.quota),
            left_out: None,
            outbox: VecDeque::new(),
        }
    }

    /// Takes a notice. Gives back those that found no room and are lost.
    pub(super) fn offer(&mut self, notice: Notice, now: Timestamp) -> Vec<Notice> {
        let ready = self.grouping.offer(notice, now);
        self.post(ready, now)
    }

    /// Moves on what has become due. Gives back what is lost, as [`Self::offer`].
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<Notice> {
        let ready = self.grouping.due(now);
        let mut lost = self.post(ready, now);
        lost.extend(self.final_word(now));
        lost
    }

    /// Groups no longer: everything that waits becomes due. Still within the rate limit.
    pub(super) fn flush(&mut self, now: Timestamp) -> Vec<Notice> {
        let ready = self.grouping.flush();
        self.post(ready, now)
    }

    /// The next one to deliver.
    pub(super) fn next(&mut self) -> Option<Notice> {
        self.outbox.pop_front()
    }

    /// When to call [`Self::tick`] next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let final_word = self.left_out.as_ref().and_then(|_| self.limiter.next_due());
        [self.grouping.next_due(), final_word].into_iter().flatten().min()
    }

    fn post(&mut self, ready: Vec<Notice>, now: Timestamp) -> Vec<Notice> {
        let mut lost = Vec::new();
        for mut notice in ready {
            let Some(suppressed) = self.limiter.admit(now) else {
                self.left_out = Some(notice);
                continue;
            };
            self.left_out = None;
            notice.suppressed = suppressed;
            lost.extend(self.put_out(notice));
        }
        lost
    }

    /// Once there is room again and nothing new has come to carry the count, the last one left out carries it.
    fn final_word(&mut self, now: Timestamp) -> Option<Notice> {
        if self.limiter.next_due().is_none_or(|due| due > now) {
            return None;
        }
        let mut last = self.left_out.take()?;
        let left_out = self.limiter.admit(now)?;
        last.suppressed = left_out.saturating_sub(1);
        self.put_out(last)
    }

    /// Puts one out for delivery; gives back the one that had to go for it.
    fn put_out(&mut self, notice: Notice) -> Option<Notice> {
        self.outbox.push_back(notice);
        if self.outbox.len() > OUTBOX { self.outbox.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::model::units::Quota;

    use super::super::notice::tests::notice;
    use super::super::{Backoff, Way};
    use super::*;

    fn desk(group: u64, quota: &str) -> Desk {
        let way = Way::Command(vec!["true".to_owned()]);
        let quota = Quota::parse(quota).unwrap();
        Desk::new(&Receiver {
            way,
            group: Duration::from_secs(group),
            quota,
            timeout: Duration::from_secs(10),
            backoff: Backoff::default(),
        })
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_final_word_tells_how_many_were_suppressed() {
        let mut desk = desk(0, "2/min");
        for second in 0..10 {
            assert!(desk.offer(notice("a", &second.to_string()), at(second)).is_empty());
        }
        assert_eq!(std::iter::from_fn(|| desk.next()).count(), 2);
        assert_eq!(desk.next_due(), Some(at(60)));
        assert!(desk.tick(at(59)).is_empty() && desk.next().is_none());
        desk.tick(at(60));
        let last = desk.next().expect("the final word");
        assert_eq!((last.what.as_str(), last.suppressed), ("9", 7));
        assert_eq!(desk.next_due(), None);
    }

    #[test]
    fn a_new_notice_carries_the_count_instead() {
        let mut desk = desk(0, "1/min");
        desk.offer(notice("a", "1"), at(0));
        desk.offer(notice("a", "2"), at(1));
        desk.offer(notice("a", "3"), at(61));
        let out: Vec<_> = std::iter::from_fn(|| desk.next()).map(|n| (n.what, n.suppressed)).collect();
        assert_eq!(out, [("1".to_owned(), 0), ("3".to_owned(), 1)]);
        assert_eq!(desk.next_due(), None);
    }

    #[test]
    fn a_full_outbox_gives_back_the_oldest() {
        let mut desk = desk(0, "1000/min");
        let lost: usize = (0..OUTBOX + 3).map(|i| desk.offer(notice("a", &i.to_string()), at(0)).len()).sum();
        assert_eq!(lost, 3);
        assert_eq!(desk.next().map(|n| n.what), Some("3".to_owned()));
    }

    #[test]
    fn closing_sends_what_a_window_still_held() {
        let mut desk = desk(60, "10/min");
        desk.offer(notice("a", "1"), at(0));
        desk.offer(notice("a", "2"), at(1));
        assert_eq!(desk.next().map(|n| n.what), Some("1".to_owned()));
        assert!(desk.next().is_none());
        desk.flush(at(2));
        assert_eq!(desk.next().map(|n| n.what), Some("2".to_owned()));
    }
}
