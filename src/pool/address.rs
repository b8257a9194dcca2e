//! The addresses behind the name of an upstream. The answers are handed in.
//!
//! An address that an answer lacks is not connected to any more; connections to it are let go only once it was
//! absent from [`ABSENCES_MAX`] answers in a row, since some names give another part of their addresses each time.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::clock::Timestamp;

/// The most addresses kept for one name.
pub const ADDRESSES_MAX: usize = 64;
/// An address absent from so many answers in a row is gone.
pub const ABSENCES_MAX: u8 = 3;
/// A look-up that failed is repeated after this time.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);
/// A look-up that was never answered is repeated after this time.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Whether the loop knows the address itself, or it is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// A unix socket, or an address in numbers: `Connect` carries no address.
    Never,
    /// Again after this time.
    Every(Duration),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: SocketAddr,
    stamp: u32,
    absences: u8,
}

/// The addresses of one upstream.
#[derive(Clone, Debug)]
pub(super) struct AddressBook {
    lookup: Lookup,
    entries: Vec<Entry>,
    stamps: u32,
    turn: usize,
    due: Timestamp,
}

/// What an answer changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// Nothing that concerns connections.
    None,
    /// At least one address is gone.
    Gone,
}

impl AddressBook {
    pub(super) fn new(lookup: Lookup, now: Timestamp) -> Self {
        Self { lookup, entries: Vec::new(), stamps: 0, turn: 0, due: now }
    }

    /// Whether the name is to be looked up now; if so, the answer is awaited from here on.
    pub(super) fn ask(&mut self, now: Timestamp) -> bool {
        let due = matches!(self.lookup, Lookup::Every(_)) && self.due <= now;
        if due {
            self.due = now + ANSWER_WITHIN;
        }
        due
    }

    /// Takes in an answer; an empty one says nothing.
    pub(super) fn answered(&mut self, addresses: &[SocketAddr], now: Timestamp) -> Change {
        let (Lookup::Every(span), false) = (self.lookup, addresses.is_empty()) else {
            self.due = now + RETRY_AFTER;
            return Change::None;
        };
        self.due = now + span;
        for entry in &mut self.entries {
            let there = addresses.contains(&entry.address);
            entry.absences = if there { 0 } else { entry.absences.saturating_add(1) };
        }
        let before = self.entries.len();
        self.entries.retain(|entry| entry.absences < ABSENCES_MAX);
        let gone = self.entries.len() < before;
        for address in addresses {
            let known = self.entries.iter().any(|entry| entry.address == *address);
            if !known && self.entries.len() < ADDRESSES_MAX {
                self.stamps += 1;
                self.entries.push(Entry { address: *address, stamp: self.stamps, absences: 0 });
            }
        }
        if gone { Change::Gone } else { Change::None }
    }

    /// Whether a connect can begin.
    pub(super) fn is_ready(&self) -> bool {
        self.lookup == Lookup::Never || self.entries.iter().any(|entry| entry.absences == 0)
    }

    /// Where the next connect goes, one address after the other, and the stamp of that entry.
    pub(super) fn next(&mut self) -> (Option<SocketAddr>, u32) {
        let count = self.entries.len();
        for _ in 0..count {
            self.turn = (self.turn + 1) % count;
            let entry = self.entries[self.turn];
            if entry.absences == 0 {
                return (Some(entry.address), entry.stamp);
            }
        }
        (None, 0)
    }

    /// Whether connections under that stamp may go on.
    pub(super) fn holds(&self, stamp: u32) -> bool {
        self.lookup == Lookup::Never || self.entries.iter().any(|entry| entry.stamp == stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 5_432))
    }

    fn book() -> AddressBook {
        AddressBook::new(Lookup::Every(Duration::from_mins(1)), at(0))
    }

    #[test]
    fn it_asks_once_and_again_after_its_time() {
        let mut book = book();
        assert!(book.ask(at(0)));
        assert!(!book.ask(at(1)), "the answer is awaited");
        book.answered(&[address(1)], at(1));
        assert!(!book.ask(at(60)));
        assert!(book.ask(at(61)));
        book.answered(&[], at(61));
        assert!(book.is_ready(), "a failed look-up takes nothing away");
        assert!(book.ask(at(66)), "and is repeated soon");
        assert!(book.ask(at(96)), "as is one that is never answered");
    }

    #[test]
    fn an_address_is_gone_after_three_answers_without_it() {
        let mut book = book();
        book.answered(&[address(1), address(2)], at(0));
        let stamp = std::iter::repeat_with(|| book.next()).find(|(to, _)| *to == Some(address(2))).unwrap().1;
        assert_eq!(book.answered(&[address(1)], at(1)), Change::None);
        assert!((0..4).all(|_| book.next().0 == Some(address(1))), "absent ones are not connected to");
        assert_eq!(book.answered(&[address(1)], at(2)), Change::None);
        assert!(book.holds(stamp));
        assert_eq!(book.answered(&[address(1)], at(3)), Change::Gone);
        assert!(!book.holds(stamp));
        book.answered(&[address(2)], at(4));
        assert!(!book.holds(stamp), "an address that comes back is another entry");
    }

    #[test]
    fn connects_go_round() {
        let mut book = book();
        book.answered(&[address(1), address(2)], at(0));
        assert_ne!(book.next().0, book.next().0);
    }
}
