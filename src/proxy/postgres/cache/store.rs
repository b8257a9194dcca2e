//! The answers that are kept: bounded in bytes, the one not asked for longest goes first.

use std::collections::HashMap;
use std::rc::Rc;

use slab::Slab;

use super::declared::ReadId;
use crate::model::clock::Timestamp;

/// What an answer costs beside its own bytes and those of its key: its places in the tables.
const OVERHEAD: usize = 160;
/// The end of the list.
const NONE: usize = usize::MAX;

#[derive(Debug)]
struct Entry {
    read: ReadId,
    key: Rc<[u8]>,
    answer: Rc<[u8]>,
    until: Timestamp,
    newer: usize,
    older: usize,
    /// Its place among the answers of its read.
    place: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.key.len() + self.answer.len() + OVERHEAD
    }
}

/// Answers by their keys.
#[derive(Debug)]
pub(super) struct Store {
    entries: Slab<Entry>,
    by_key: HashMap<Rc<[u8]>, usize>,
    /// Of each read, its answers.
    of_read: Vec<Vec<usize>>,
    newest: usize,
    oldest: usize,
    bytes: usize,
    most: usize,
}

impl Store {
    /// An empty one for so many reads and bytes.
    pub(super) fn new(reads: usize, most: usize) -> Self {
        let of_read = (0..reads).map(|_| Vec::new()).collect();
        let by_key = HashMap::new();
        Self { entries: Slab::new(), by_key, of_read, newest: NONE, oldest: NONE, bytes: 0, most }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The answer of a key, unless it is too old; counts as use.
    pub(super) fn get(&mut self, key: &[u8], now: Timestamp) -> Option<Rc<[u8]>> {
        let at = *self.by_key.get(key)?;
        if self.entries[at].until <= now {
            self.remove(at);
            return None;
        }
        self.unlink(at);
        self.link(at);
        Some(Rc::clone(&self.entries[at].answer))
    }

    /// Keeps an answer, in place of an older one; others go for it as it needs room. One larger than everything is not
    /// kept.
    pub(super) fn put(&mut self, read: ReadId, key: Rc<[u8]>, answer: Rc<[u8]>, until: Timestamp) {
        if let Some(at) = self.by_key.get(&key) {
            self.remove(*at);
        }
        let mut entry =
            Entry { read, key: Rc::clone(&key), answer, until, newer: NONE, older: NONE, place: 0 };
        let bytes = entry.bytes();
        if bytes > self.most {
            return;
        }
        while self.bytes + bytes > self.most {
            self.remove(self.oldest);
        }
        self.bytes += bytes;
        entry.place = self.of_read[usize::from(read)].len();
        let at = self.entries.insert(entry);
        self.by_key.insert(key, at);
        self.of_read[usize::from(read)].push(at);
        self.link(at);
    }

    /// Drops the answers of a read; says how many.
    pub(super) fn drop_read(&mut self, read: ReadId) -> usize {
        let mut count = 0;
        while let Some(at) = self.of_read[usize::from(read)].last() {
            self.remove(*at);
            count += 1;
        }
        count
    }

    fn remove(&mut self, at: usize) {
        self.unlink(at);
        let entry = self.entries.remove(at);
        self.bytes -= entry.bytes();
        self.by_key.remove(&entry.key);
        let own = &mut self.of_read[usize::from(entry.read)];
        own.swap_remove(entry.place);
        if let Some(moved) = own.get(entry.place) {
            self.entries[*moved].place = entry.place;
        }
    }

    fn link(&mut self, at: usize) {
        let before = std::mem::replace(&mut self.newest, at);
        let entry = &mut self.entries[at];
        (entry.newer, entry.older) = (NONE, before);
        match self.entries.get_mut(before) {
            Some(entry) => entry.newer = at,
            None => self.oldest = at,
        }
    }

    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.entries[at].newer, self.entries[at].older);
        match self.entries.get_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    /// One done to the store and to a plain list, oldest use first.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Get(u8),
        Put(u8, usize),
        DropRead(ReadId),
        Pass(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..12_u8).prop_map(Step::Get),
            4 => (0..12_u8, 0..400_usize).prop_map(|(key, len)| Step::Put(key, len)),
            1 => (0..3_u16).prop_map(Step::DropRead),
            1 => (0..3_u64).prop_map(Step::Pass),
        ];
        prop::collection::vec(step, 1..200)
    }

    const MOST: usize = 1_000;
    const TTL: u64 = 4;

    proptest! {
        #[test]
        fn it_keeps_what_a_plain_list_would(steps in steps()) {
            let mut store = Store::new(3, MOST);
            // Key, bytes of the answer, good until.
            let mut list: Vec<(u8, usize, u64)> = Vec::new();
            let cost = |len: usize| 1 + len + OVERHEAD;
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Get(key) => {
                        let found = list.iter().position(|(own, ..)| *own == key);
                        let wanted = found.map(|place| list.remove(place)).filter(|(_, _, until)| *until > now);
                        list.extend(wanted);
                        let got = store.get(&[key], at(now)).map(|answer| answer.len());
                        prop_assert_eq!(got, wanted.map(|(_, len, _)| len));
                    }
                    Step::Put(key, len) => {
                        list.retain(|(own, ..)| *own != key);
                        let answer: Rc<[u8]> = vec![key; len].into();
                        store.put(u16::from(key % 3), Rc::from([key]), answer, at(now + TTL));
                        if cost(len) <= MOST {
                            list.push((key, len, now + TTL));
                        }
                        while list.iter().map(|(_, len, _)| cost(*len)).sum::<usize>() > MOST {
                            list.remove(0);
                        }
                    }
                    Step::DropRead(read) => {
                        let before = list.len();
                        list.retain(|(key, ..)| u16::from(key % 3) != read);
                        prop_assert_eq!(store.drop_read(read), before - list.len());
                    }
                    Step::Pass(seconds) => now += seconds,
                }
                prop_assert_eq!(store.len(), list.len());
                prop_assert_eq!(store.bytes(), list.iter().map(|(_, len, _)| cost(*len)).sum::<usize>());
            }
        }
    }
}
