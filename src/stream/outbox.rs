//! What a client has not taken yet: bounded in bytes, and never thinned in silence.
//!
//! When it is full there are three rules. A feed of *states* keeps the newest message of each key and drops those that it
//! replaces, counted. A feed of *events* drops nothing: its client is closed, with a reason, and can come again. A feed
//! of states whose newest messages alone are too many ends the same way. And where the other side waits for its client, so
//! that nothing comes while anything is here, what was under way may go beyond the bound: a poll's answer, say.

use std::collections::{BTreeSet, VecDeque};

/// Messages without a key are joined up to this size, so that a batch leaves in one write.
const JOINED_MAX: usize = 32 << 10;

/// What is done when it is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenFull {
    /// Of each key only the newest message is kept.
    Conflate,
    /// The client is closed.
    Close,
    /// Nothing: who fills it waits.
    Wait,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pushed {
    /// It is kept.
    Kept,
    /// There is no room: the client must be closed.
    Full,
}

/// The messages that wait for one client.
#[derive(Debug)]
pub struct Outbox {
    max: usize,
    when_full: WhenFull,
    queue: VecDeque<Entry>,
    bytes: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    key: Option<String>,
    bytes: Vec<u8>,
}

impl Outbox {
    /// An empty one.
    pub const fn new(max: usize, when_full: WhenFull) -> Self {
        Self { max, when_full, queue: VecDeque::new(), bytes: 0, dropped: 0 }
    }

    /// Bytes that wait.
    pub const fn len(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Messages that newer ones replaced.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A message of data. Without a key nothing replaces it.
    pub fn push(&mut self, key: Option<&str>, message: &[u8]) -> Pushed {
        let key = key.filter(|_| self.when_full == WhenFull::Conflate);
        let over = (self.bytes + message.len()).saturating_sub(self.max);
        let has_room = match self.when_full {
            WhenFull::Wait => true,
            WhenFull::Close | WhenFull::Conflate => over == 0 || self.conflate(key, over),
        };
        if !has_room {
            return Pushed::Full;
        }
        self.put(key, message);
        Pushed::Kept
    }

    fn put(&mut self, key: Option<&str>, message: &[u8]) {
        self.bytes += message.len();
        match self.queue.back_mut() {
            Some(Entry { key: None, bytes }) if key.is_none() && bytes.len() < JOINED_MAX => {
                bytes.extend_from_slice(message);
            }
            Some(_) | None => {
                self.queue.push_back(Entry { key: key.map(str::to_owned), bytes: message.to_vec() });
            }
        }
    }

    /// Drops what newer messages replace, the one that comes next among them, where that makes so much room. Whether it
    /// did.
    fn conflate(&mut self, next: Option<&str>, room: usize) -> bool {
        let mut newer: BTreeSet<&str> = next.into_iter().collect();
        let (mut old, mut freed) = (BTreeSet::new(), 0);
        for (place, entry) in self.queue.iter().enumerate().rev() {
            if entry.key.as_deref().is_some_and(|key| !newer.insert(key)) {
                old.insert(place);
                freed += entry.bytes.len();
            }
        }
        if freed < room {
            return false;
        }
        let mut place = 0..;
        self.queue.retain(|_| place.next().is_none_or(|place| !old.contains(&place)));
        self.bytes -= freed;
        self.dropped += old.len() as u64;
        true
    }

    /// Takes the next messages, up to `count` of them and those that were joined with them, behind what `out` holds.
    pub fn take(&mut self, count: usize, out: &mut Vec<u8>) {
        for entry in self.queue.drain(..count.min(self.queue.len())) {
            self.bytes -= entry.bytes.len();
            out.extend_from_slice(&entry.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(outbox: &Outbox) -> String {
        outbox.queue.iter().map(|entry| std::str::from_utf8(&entry.bytes).unwrap()).collect()
    }

    #[test]
    fn a_feed_of_states_keeps_the_newest_of_each_key() {
        let mut outbox = Outbox::new(12, WhenFull::Conflate);
        for (key, message) in [("a", "a1."), ("b", "b1."), ("a", "a2."), ("b", "b2.")] {
            assert_eq!(outbox.push(Some(key), message.as_bytes()), Pushed::Kept);
        }
        assert_eq!(outbox.push(Some("a"), b"a3."), Pushed::Kept);
        assert_eq!((text(&outbox).as_str(), outbox.dropped()), ("b2.a3.", 3));
        for (key, message) in [("c", "c1."), ("d", "d1.")] {
            outbox.push(Some(key), message.as_bytes());
        }
        assert_eq!(outbox.push(Some("e"), b"e1."), Pushed::Full, "each is the newest of its key");
    }

    #[test]
    fn a_feed_of_events_drops_nothing() {
        let mut outbox = Outbox::new(6, WhenFull::Close);
        assert_eq!(outbox.push(Some("a"), b"one"), Pushed::Kept);
        assert_eq!(outbox.push(Some("a"), b"two"), Pushed::Kept);
        assert_eq!(outbox.push(Some("a"), b"3"), Pushed::Full);
        assert_eq!((text(&outbox).as_str(), outbox.dropped()), ("onetwo", 0));
        let mut left = b"now: ".to_vec();
        outbox.take(1, &mut left);
        assert_eq!((left.as_slice(), outbox.is_empty()), (b"now: onetwo".as_slice(), true), "in one write");
    }

    #[test]
    fn where_its_feed_waits_what_is_under_way_goes_beyond_the_bound() {
        let mut outbox = Outbox::new(6, WhenFull::Wait);
        for message in ["one", "two", "three", "four"] {
            assert_eq!(outbox.push(Some("a"), message.as_bytes()), Pushed::Kept);
        }
        assert_eq!((text(&outbox).as_str(), outbox.dropped()), ("onetwothreefour", 0));
    }

    proptest! {
        #[test]
        fn what_leaves_is_what_came_less_what_was_replaced(
            steps in prop::collection::vec((0_u8..4, 1_usize..6, 0_usize..3), 0..60),
        ) {
            let mut outbox = Outbox::new(24, WhenFull::Conflate);
            let (mut left, mut came, mut full) = (String::new(), Vec::new(), 0);
            for (number, (key, len, takes)) in steps.into_iter().enumerate() {
                let name = (key > 0).then(|| key.to_string());
                let message = format!("{key}:{number}{};", "x".repeat(len));
                match outbox.push(name.as_deref(), message.as_bytes()) {
                    Pushed::Kept => came.push(message),
                    Pushed::Full => full += 1,
                }
                prop_assert!(outbox.len() <= 24);
                let whole = text(&outbox);
                let mut taken = Vec::new();
                outbox.take(takes, &mut taken);
                prop_assert_eq!(outbox.len(), whole.len() - taken.len());
                left.push_str(std::str::from_utf8(&taken).unwrap());
            }
            left.push_str(&text(&outbox));
            let left: Vec<&str> = left.split_inclusive(';').collect();
            prop_assert_eq!(left.len() as u64 + outbox.dropped(), came.len() as u64);
            let mut rest = came.iter();
            prop_assert!(left.iter().all(|one| rest.any(|message| message == one)), "in order, and nothing else");
            let newest = |key: char| came.iter().rev().find(|message| message.starts_with(key));
            for key in ['1', '2', '3'] {
                prop_assert_eq!(newest(key).map(String::as_str), left.iter().rev().find(|m| m.starts_with(key)).copied());
            }
            let bare = |messages: &[String]| messages.iter().filter(|m| m.starts_with('0')).count();
            prop_assert_eq!(bare(&came), left.iter().filter(|m| m.starts_with('0')).count(), "{} were refused", full);
        }
    }
}
