//! How the sockets of a process are asked for: by a walk over the tables of the machine, or one by one. Pure.
//!
//! A walk costs the same for ten sockets as for none, and what it costs depends on the machine and the hour; so both
//! ways are timed, and the cheaper one is taken. One by one can't see new sockets: where there are some it was in vain
//! and a walk follows. Where that happens scan after scan the questions are left out for a while, and longer each time.

use std::time::Duration;

use crate::sys::sock_diag::SocketRecord;

/// More sockets than this are not kept in mind for it.
const KNOWN_MAX: usize = 1_024;
/// What one question costs until one was asked.
const EACH: Duration = Duration::from_micros(4);
/// Walks after questions that were in vain again and again, at most.
const WALKS_MAX: u32 = 8;
/// Scans without a walk, at most: the cost of one is to be known.
const QUESTIONS_MAX: u32 = 64;

/// What is kept for the choice.
#[derive(Debug)]
pub(super) struct Manner {
    /// `None` where they can't be told.
    known: Option<Vec<SocketRecord>>,
    walk: Duration,
    each: Duration,
    /// In vain so often, one time after the other.
    in_vain: u32,
    walks_left: u32,
    asked: u32,
}

impl Default for Manner {
    fn default() -> Self {
        Self { known: None, walk: Duration::ZERO, each: EACH, in_vain: 0, walks_left: 0, asked: 0 }
    }
}

impl Manner {
    /// The sockets to ask for one by one; `None` where a walk is the thing to do. A process without any has nothing to
    /// be asked for: that it has none still shows in its descriptors.
    pub(super) fn questions(&self) -> Option<&[SocketRecord]> {
        let known = self.known.as_deref()?;
        let is_cheaper = self.each.saturating_mul(count(known)) < self.walk;
        let may = self.walks_left == 0 && self.asked < QUESTIONS_MAX;
        (may && is_cheaper).then_some(known)
    }

    /// All were asked for, at this cost.
    pub(super) fn asked(&mut self, cost: Duration) {
        self.asked += 1;
        let count = count(self.known.as_deref().unwrap_or_default());
        if count > 0 {
            self.each = (self.each + cost / count) / 2;
        }
    }

    /// There was no other socket.
    pub(super) fn asked_enough(&mut self) {
        self.in_vain = 0;
    }

    /// There was another socket.
    pub(super) fn asked_in_vain(&mut self) {
        self.walks_left = self.in_vain;
        self.in_vain = (self.in_vain * 2).clamp(1, WALKS_MAX);
    }

    /// The tables were walked, at this cost.
    pub(super) fn walked(&mut self, cost: Duration) {
        self.walk = cost;
        self.asked = 0;
        self.walks_left = self.walks_left.saturating_sub(1);
    }

    /// These are all the sockets that the process has.
    pub(super) fn know<'a>(&mut self, records: impl Iterator<Item = &'a SocketRecord>) {
        let known: Vec<SocketRecord> = records.take(KNOWN_MAX + 1).cloned().collect();
        let can_be_asked = known.len() <= KNOWN_MAX && known.iter().all(|record| record.cookie.is_some());
        self.known = can_be_asked.then_some(known);
    }

    /// It has others, or they can't be told.
    pub(super) fn forget(&mut self) {
        self.known = None;
    }
}

fn count(known: &[SocketRecord]) -> u32 {
    u32::try_from(known.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::sock_diag::TcpState;

    fn record(inode: u32, cookie: Option<u64>) -> SocketRecord {
        SocketRecord { cookie, ..SocketRecord::example(inode, TcpState::Established) }
    }

    fn knowing(count: u32, walk: Duration) -> Manner {
        let mut manner = Manner::default();
        manner.walked(walk);
        manner.know((1..=count).map(|inode| record(inode, Some(1))).collect::<Vec<_>>().iter());
        manner
    }

    #[test]
    fn few_are_asked_for_and_many_are_not() {
        let walk = Duration::from_micros(400);
        assert_eq!(knowing(99, walk).questions().map(<[_]>::len), Some(99));
        assert_eq!(knowing(100, walk).questions(), None, "as dear as a walk");
        assert_eq!(knowing(1_025, Duration::from_secs(1)).questions(), None, "too many to keep in mind");
        assert_eq!(knowing(0, walk).questions().map(<[_]>::len), Some(0), "nothing to ask is the cheapest");
        assert_eq!(Manner::default().questions(), None, "not known yet");
    }

    #[test]
    fn what_a_question_costs_is_learned() {
        let mut manner = knowing(50, Duration::from_micros(400));
        for _ in 0..8 {
            manner.asked(Duration::from_micros(500));
        }
        assert_eq!(manner.questions(), None, "ten microseconds each");
    }

    #[test]
    fn questions_in_vain_become_rare_and_one_that_was_not_brings_them_back() {
        let walk = Duration::from_micros(400);
        let mut manner = knowing(9, walk);
        for walks in [1, 1, 2, 4, 8, 8] {
            manner.asked_in_vain();
            for _ in 1..walks {
                manner.walked(walk);
                assert_eq!(manner.questions(), None, "of {walks} walks");
            }
            manner.walked(walk);
            assert!(manner.questions().is_some(), "after {walks} walks");
        }
        manner.asked_enough();
        manner.asked_in_vain();
        manner.walked(walk);
        assert!(manner.questions().is_some());
    }

    #[test]
    fn a_walk_comes_now_and_then_all_the_same() {
        let mut manner = knowing(9, Duration::from_micros(400));
        for _ in 0..QUESTIONS_MAX {
            assert!(manner.questions().is_some());
            manner.asked(Duration::from_micros(9));
        }
        assert_eq!(manner.questions(), None);
        manner.walked(Duration::from_micros(400));
        assert!(manner.questions().is_some());
    }

    #[test]
    fn sockets_without_a_cookie_are_not_asked_for() {
        let mut manner = knowing(1, Duration::from_micros(400));
        manner.know([record(1, None)].iter());
        assert_eq!(manner.questions(), None);
    }
}
