//! One subscription of a client, and what of it was delivered.

use serde_json::Value;

use super::block::{Block, Recents};
use super::told::{Place, Room, Told};

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

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    /// As the client asked for it, and its bytes.
    pub(super) params: Value,
    pub(super) weight: usize,
    pub(super) kind: Kind,
    /// The height at its beginning: what is not above it is not its.
    pub(super) since: Option<u64>,
    pub(super) blocks: Recents,
    pub(super) logs: Told,
}

impl Subscription {
    /// By the parameters of `eth_subscribe`.
    pub(super) fn new(params: Value, since: Option<u64>) -> Self {
        let kind = match params.get(0).and_then(Value::as_str) {
            Some("newHeads") => Kind::Heads,
            Some("logs") => Kind::Logs(params.get(1).cloned().unwrap_or_default()),
            Some(_) | None => Kind::Other,
        };
        let weight = params.to_string().len();
        Self { params, weight, kind, since, blocks: Recents::default(), logs: Told::default() }
    }

    /// What becomes of an event; counts it as delivered where it is.
    pub(super) fn judge(&mut self, event: &Value, room: Room) -> Judged {
        match self.kind {
            Kind::Heads => self.head(event),
            Kind::Logs(_) => self.log(event, room),
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

    fn log(&mut self, log: &Value, room: Room) -> Judged {
        let Some(place) = Place::of(log) else { return Judged::New };
        if log.get("removed") == Some(&Value::Bool(true)) {
            return if self.logs.forget(place) { Judged::New } else { Judged::Old };
        }
        if self.logs.knows(place) || self.since.is_some_and(|since| place.number <= since) {
            return Judged::Old;
        }
        self.logs.add(place, log, room);
        Judged::New
    }

    /// What is missing before this block is given up.
    pub(super) fn forgive(&mut self, block: u64) {
        self.blocks.clear();
        self.since = block.checked_sub(1);
    }
}
