//! One subscription of a client, and what of it was delivered.

use std::collections::VecDeque;

use serde_json::Value;

use super::block::{Block, Recents, quantity};

/// Logs that are kept in mind, to know them again and to take them back.
const LOGS_KEPT: usize = 4_096;
/// And their bytes.
const LOG_BYTES: usize = 4 << 20;

/// What it tells of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Each new block.
    Heads,
    /// Logs that fit this filter.
    Logs(Value),
    /// Something that nobody can ask for later.
    Other,
}

/// What becomes of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judged {
    /// It is delivered.
    New,
    /// It was delivered before, or is older than the subscription.
    Old,
    /// Something is missing before it: the block behind the last one, and itself.
    Hole(u64, u64),
}

/// A log that was delivered.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) number: u64,
    pub(super) block: String,
    index: u64,
    pub(super) value: Value,
    bytes: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    /// As the client asked for it.
    pub(super) params: Value,
    pub(super) kind: Kind,
    /// The height at its beginning: what is not above it is not its.
    pub(super) since: Option<u64>,
    pub(super) blocks: Recents,
    pub(super) logs: VecDeque<Log>,
    bytes: usize,
}

impl Subscription {
    /// By the parameters of `eth_subscribe`.
    pub(super) fn new(params: Value, since: Option<u64>) -> Self {
        let kind = match params.get(0).and_then(Value::as_str) {
            Some("newHeads") => Kind::Heads,
            Some("logs") => Kind::Logs(params.get(1).cloned().unwrap_or_default()),
            Some(_) | None => Kind::Other,
        };
        Self { params, kind, since, blocks: Recents::default(), logs: VecDeque::new(), bytes: 0 }
    }

    /// What becomes of an event; counts it as delivered where it is.
    pub(super) fn judge(&mut self, event: &Value) -> Judged {
        match self.kind {
            Kind::Heads => self.head(event),
            Kind::Logs(_) => self.log(event),
            Kind::Other => Judged::New,
        }
    }

    fn head(&mut self, header: &Value) -> Judged {
        let Some(block) = Block::parse(header) else { return Judged::New };
        if self.since.is_some_and(|since| block.number <= since) && self.blocks.at(block.number).is_none() {
            return Judged::Old;
        }
        if self.blocks.at(block.number).is_some_and(|known| known.hash == block.hash) {
            return Judged::Old;
        }
        let before = block.number.saturating_sub(1);
        let joins = match (self.blocks.last(), self.blocks.at(before)) {
            (None, _) => self.since.is_none_or(|since| before <= since),
            (Some(_), Some(parent)) => parent.hash == block.parent,
            // Deeper than what is kept in mind.
            (Some(last), None) => block.number <= last.number,
        };
        if !joins {
            let last = self.blocks.last().map(|last| last.number).or(self.since).unwrap_or(before);
            return Judged::Hole(last + 1, block.number);
        }
        self.blocks.push(block);
        Judged::New
    }

    fn log(&mut self, value: &Value) -> Judged {
        let number = value.get("blockNumber").and_then(quantity);
        let index = value.get("logIndex").and_then(quantity);
        let block = value.get("blockHash").and_then(Value::as_str);
        let (Some(number), Some(index), Some(block)) = (number, index, block) else { return Judged::New };
        let known = self.logs.iter().rposition(|log| log.index == index && log.block == block);
        if value.get("removed") == Some(&Value::Bool(true)) {
            let Some(place) = known else { return Judged::Old };
            self.bytes -= self.logs.remove(place).map_or(0, |log| log.bytes);
            return Judged::New;
        }
        if known.is_some() || self.since.is_some_and(|since| number <= since) {
            return Judged::Old;
        }
        let bytes = value.to_string().len();
        self.bytes += bytes;
        self.logs.push_back(Log { number, block: block.to_owned(), index, value: value.clone(), bytes });
        while self.logs.len() > LOGS_KEPT || self.bytes > LOG_BYTES {
            self.bytes -= self.logs.pop_front().map_or(0, |log| log.bytes);
        }
        Judged::New
    }

    /// What is missing before this block is given up.
    pub(super) fn forgive(&mut self, block: u64) {
        self.blocks.clear();
        self.since = block.checked_sub(1);
    }
}
