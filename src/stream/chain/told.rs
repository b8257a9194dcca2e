//! The logs that a client was told of a subscription: which they are, to know them again, and what they said, to take them back.
//!
//! A place in a block is a bit, so that many are kept; what was said is kept as text, and of less of them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::block::{KEPT, quantity};

/// What the logs of one client may take: their texts, and words of 64 places.
const BYTES_MAX: usize = 8 << 20;
const WORDS_MAX: usize = 1 << 17;

/// What the logs of one subscription may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Room {
    bytes: usize,
    words: usize,
}

impl Room {
    /// Of one of so many subscriptions of a client.
    pub(super) fn of_one_of(subscriptions: usize) -> Self {
        let share = subscriptions.max(1);
        Self { bytes: BYTES_MAX / share, words: WORDS_MAX / share }
    }
}

/// Which log it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place<'v> {
    pub(super) number: u64,
    pub(super) block: &'v str,
    index: u64,
}

impl<'v> Place<'v> {
    /// Of a log; none of one that lies in no block yet.
    pub(super) fn of(log: &'v Value) -> Option<Self> {
        Some(Self {
            number: log.get("blockNumber").and_then(quantity)?,
            block: log.get("blockHash").and_then(Value::as_str)?,
            index: log.get("logIndex").and_then(quantity)?,
        })
    }

    const fn bit(self) -> (u64, u64) {
        (self.index / 64, 1 << (self.index % 64))
    }
}

/// Those of one block.
#[derive(Clone, Debug)]
struct OfBlock {
    number: u64,
    hash: String,
    known: BTreeMap<u64, u64>,
    texts: VecDeque<(u64, Box<str>)>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// In the order in which they were told.
    blocks: VecDeque<OfBlock>,
    bytes: usize,
    words: usize,
}

impl Told {
    /// Whether it was told, and not taken back.
    pub(super) fn knows(&self, place: Place<'_>) -> bool {
        let (word, bit) = place.bit();
        let known = |block: &OfBlock| block.known.get(&word).is_some_and(|bits| bits & bit != 0);
        self.find(place).and_then(|at| self.blocks.get(at)).is_some_and(known)
    }

    /// It is told now.
    pub(super) fn add(&mut self, place: Place<'_>, log: &Value, room: Room) {
        let at = self.find(place).unwrap_or_else(|| {
            let hash = place.block.to_owned();
            let (known, texts) = (BTreeMap::new(), VecDeque::new());
            self.blocks.push_back(OfBlock { number: place.number, hash, known, texts });
            self.blocks.len() - 1
        });
        let Some(block) = self.blocks.get_mut(at) else { return };
        let (word, bit) = place.bit();
        let bits = block.known.entry(word).or_insert_with(|| {
            self.words += 1;
            0
        });
        *bits |= bit;
        let text = log.to_string().into_boxed_str();
        self.bytes += text.len();
        block.texts.push_back((place.index, text));
        self.make_room(place.number, room);
    }

    /// It is taken back; whether it was told.
    pub(super) fn forget(&mut self, place: Place<'_>) -> bool {
        if !self.knows(place) {
            return false;
        }
        let (word, bit) = place.bit();
        let at = self.find(place);
        let Some((at, block)) = at.and_then(|at| Some((at, self.blocks.get_mut(at)?))) else { return false };
        if let Some(bits) = block.known.get_mut(&word) {
            *bits &= !bit;
            if *bits == 0 {
                block.known.remove(&word);
                self.words -= 1;
            }
        }
        if let Some(text) = block.texts.iter().rposition(|(index, _)| *index == place.index) {
            self.bytes -= block.texts.remove(text).map_or(0, |(_, text)| text.len());
        }
        if block.known.is_empty() {
            self.blocks.remove(at);
        }
        true
    }

    /// Those of blocks that are gone as they are taken back, the newest first.
    pub(super) fn of_gone(&self, is_gone: impl Fn(u64, &str) -> bool) -> Vec<Value> {
        let gone = self.blocks.iter().rev().filter(|block| is_gone(block.number, &block.hash));
        let texts = gone.flat_map(|block| block.texts.iter().rev());
        let mut logs: Vec<Value> = texts.filter_map(|(_, text)| serde_json::from_str(text).ok()).collect();
        logs.iter_mut().for_each(|log| log["removed"] = true.into());
        logs
    }

    fn find(&self, place: Place<'_>) -> Option<usize> {
        self.blocks.iter().rposition(|block| block.number == place.number && block.hash == place.block)
    }

    /// Forgets blocks that no reorganisation reaches, and what there is no room for: texts before places.
    fn make_room(&mut self, newest: u64, room: Room) {
        let deep = |block: &OfBlock| block.number.saturating_add(KEPT as u64) < newest;
        while self.blocks.front().is_some_and(|block| deep(block) || self.words > room.words) {
            let Some(gone) = self.blocks.pop_front() else { return };
            self.words -= gone.known.len();
            self.bytes -= gone.texts.iter().map(|(_, text)| text.len()).sum::<usize>();
        }
        for block in &mut self.blocks {
            while self.bytes > room.bytes {
                let Some((_, text)) = block.texts.pop_front() else { break };
                self.bytes -= text.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn log(number: u64, index: u64) -> Value {
        json!({ "blockNumber": format!("{number:#x}"), "blockHash": format!("h{number}"), "logIndex": format!("{index:#x}") })
    }

    fn told(logs: &[(u64, u64)], room: Room) -> Told {
        let mut told = Told::default();
        for (number, index) in logs {
            let log = log(*number, *index);
            told.add(Place::of(&log).unwrap(), &log, room);
        }
        told
    }

    #[test]
    fn a_log_is_known_again_after_what_it_said_was_forgotten() {
        let all: Vec<_> = (0..4_000).map(|index| (7, index)).collect();
        let mut told = told(&all, Room { bytes: 1_000, words: 1_000 });
        assert!(told.bytes <= 1_000);
        for (number, index) in all {
            let log = log(number, index);
            let place = Place::of(&log).unwrap();
            assert!(told.knows(place) && told.forget(place) && !told.knows(place) && !told.forget(place));
        }
        assert_eq!((told.bytes, told.words, told.blocks.len()), (0, 0, 0));
    }

    #[test]
    fn what_takes_too_much_or_lies_too_deep_is_forgotten_oldest_first() {
        let room = Room { bytes: 1 << 20, words: 4 };
        let few = told(&[(1, 0), (2, 64), (3, u64::MAX), (4, 9), (5, 70)], room);
        assert_eq!((few.words, few.blocks.len(), few.blocks[0].number), (4, 4, 2));
        let deep = told(&[(1, 0), (2, 0), (258, 0)], Room::of_one_of(1));
        assert_eq!(deep.blocks.iter().map(|block| block.number).collect::<Vec<_>>(), [2, 258]);
    }

    #[test]
    fn what_is_gone_is_taken_back_newest_first() {
        let told = told(&[(1, 0), (2, 0), (2, 1), (3, 0)], Room::of_one_of(3));
        let gone = told.of_gone(|number, hash| number > 1 && hash != "h3");
        let indices: Vec<_> =
            gone.iter().map(|log| (log["removed"] == true, log["logIndex"].clone())).collect();
        assert_eq!(indices, [(true, json!("0x1")), (true, json!("0x0"))]);
    }
}
