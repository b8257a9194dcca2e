//! What clients have subscribed to, learnt from their own messages by declared patterns, and said again on each new
//! socket: logins first, then topics in batches, as many as one message may bear.
//!
//! A topic is *pending* from the message on that asks for it, and *confirmed* by its answer; where answers are not
//! declared it is confirmed at once. A refused one is forgotten. Several clients may hold a topic; it is left when the
//! last of them has. What the ledger says again bears numbers of its own, so that its answers are told from those that a
//! client waits for, and kept from it.

mod replay;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use replay::Step;

use crate::stream::pattern::{Pattern, Pointer, key};

/// The most topics of one ledger.
pub const TOPICS_MAX: usize = 4_096;
/// The most requests without an answer that are kept in mind.
const PENDING_MAX: usize = 1_024;

/// A message that names topics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naming {
    /// What it looks like.
    pub looks: Pattern,
    /// Where it names one topic, or a list of them.
    pub topics: Pointer,
}

/// What messages look like that a ledger learns from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Patterns {
    /// A login.
    pub login: Option<Pattern>,
    /// The answer to it; without one nothing is waited for.
    pub login_answer: Option<Pattern>,
    /// A subscription.
    pub subscribe: Option<Naming>,
    /// Its end.
    pub unsubscribe: Option<Naming>,
    /// Where requests and answers bear the number by which they belong together.
    pub id: Option<Pointer>,
    /// An answer that refuses.
    pub refused: Option<Pattern>,
    /// At most so many topics in one message that is said again.
    pub batch: usize,
}

/// Who holds a topic.
pub type Holder = u32;

/// Whether the other side has agreed to a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It was asked for.
    Pending,
    /// It was agreed to.
    Confirmed,
}

/// What a message of a client was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A login.
    Login,
    /// It asks for these topics, which nobody held.
    Subscribed(Vec<String>),
    /// It leaves these topics, which nobody else holds.
    Unsubscribed(Vec<String>),
    /// More topics than are kept.
    TooMany,
    /// Nothing that is learnt from.
    Other,
}

/// What a message of the other side was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answered {
    /// The answer to something that was said again: no client waits for it.
    Own,
    /// The answer to a login that was said again.
    Login,
    /// The answer to a request of a client.
    Request,
    /// Something else.
    Other,
}

#[derive(Clone, Debug)]
struct Topic {
    /// As it stands in a message.
    value: Value,
    /// The message to say again, by its shape.
    shape: String,
    standing: Standing,
    holders: BTreeSet<Holder>,
    /// Topics are said again in the order in which they came.
    turn: u64,
}

/// A request without an answer.
#[derive(Clone, Debug)]
struct Pending {
    topics: Vec<String>,
    ours: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Ledger {
    patterns: Patterns,
    login: Option<Value>,
    login_pending: bool,
    topics: BTreeMap<String, Topic>,
    /// Messages without their topics and numbers, by themselves as text.
    shapes: BTreeMap<String, Value>,
    pending: BTreeMap<String, Pending>,
    turn: u64,
    number: u64,
}

impl Ledger {
    /// One that knows of nothing.
    pub fn new(patterns: Patterns) -> Self {
        Self {
            patterns,
            login: None,
            login_pending: false,
            topics: BTreeMap::new(),
            shapes: BTreeMap::new(),
            pending: BTreeMap::new(),
            turn: 0,
            number: 0,
        }
    }

    /// Whether there is anything that it could learn from.
    pub const fn learns(&self) -> bool {
        self.patterns.login.is_some() || self.patterns.subscribe.is_some()
    }

    /// The topics that are held, with what was said of each.
    pub fn topics(&self) -> impl Iterator<Item = (&str, Standing)> {
        self.topics.iter().map(|(name, topic)| (name.as_str(), topic.standing))
    }

    /// A message of a client.
    pub fn heard(&mut self, holder: Holder, message: &Value) -> Heard {
        if self.patterns.login.as_ref().is_some_and(|looks| looks.fits(message)) {
            self.login = Some(message.clone());
            return Heard::Login;
        }
        if let Some(naming) = fitting(self.patterns.subscribe.as_ref(), message) {
            return self.subscribe(holder, message, &naming);
        }
        match fitting(self.patterns.unsubscribe.as_ref(), message) {
            Some(naming) => Heard::Unsubscribed(self.unsubscribe(holder, &named(&naming, message))),
            None => Heard::Other,
        }
    }

    fn subscribe(&mut self, holder: Holder, message: &Value, naming: &Naming) -> Heard {
        let values = named(naming, message);
        let names: Vec<String> = values.iter().map(key).collect();
        let more = names.iter().filter(|name| !self.topics.contains_key(*name)).count();
        if self.topics.len() + more > TOPICS_MAX {
            return Heard::TooMany;
        }
        let mut shape = message.clone();
        if let Some(place) = naming.topics.of_mut(&mut shape) {
            *place = if place.is_array() { Value::Array(Vec::new()) } else { Value::Null };
        }
        let id = self.patterns.id.clone().and_then(|id| id.of_mut(&mut shape).map(Value::take));
        let text = shape.to_string();
        self.shapes.entry(text.clone()).or_insert(shape);
        let standing = if id.is_some() { Standing::Pending } else { Standing::Confirmed };
        let mut new = Vec::new();
        for (name, value) in names.iter().zip(values) {
            self.turn += 1;
            let fresh =
                Topic { value, shape: text.clone(), standing, holders: BTreeSet::new(), turn: self.turn };
            let topic = self.topics.entry(name.clone()).or_insert_with(|| {
                new.push(name.clone());
                fresh
            });
            topic.holders.insert(holder);
        }
        if let Some(id) = id {
            self.ask(key(&id), Pending { topics: new.clone(), ours: false });
        }
        Heard::Subscribed(new)
    }

    fn unsubscribe(&mut self, holder: Holder, values: &[Value]) -> Vec<String> {
        let mut left = Vec::new();
        for name in values.iter().map(key) {
            let Some(topic) = self.topics.get_mut(&name) else { continue };
            topic.holders.remove(&holder);
            if topic.holders.is_empty() {
                self.forget(&name);
                left.push(name);
            }
        }
        left
    }

    /// A client has gone; gives the topics that nobody holds any more.
    pub fn leave(&mut self, holder: Holder) -> Vec<String> {
        let held = self.topics.iter().filter(|(_, topic)| topic.holders.contains(&holder));
        let held: Vec<Value> = held.map(|(_, topic)| topic.value.clone()).collect();
        self.unsubscribe(holder, &held)
    }

    fn forget(&mut self, name: &str) {
        let Some(gone) = self.topics.remove(name) else { return };
        if !self.topics.values().any(|topic| topic.shape == gone.shape) {
            self.shapes.remove(&gone.shape);
        }
    }

    fn ask(&mut self, id: String, pending: Pending) {
        if self.pending.len() >= PENDING_MAX {
            // Answers that never come must not fill the memory: what they were for counts as agreed to.
            self.pending.clear();
            self.topics.values_mut().for_each(|topic| topic.standing = Standing::Confirmed);
        }
        self.pending.insert(id, pending);
    }

    /// A message of the other side.
    pub fn answered(&mut self, message: &Value) -> Answered {
        let login = self.patterns.login_answer.as_ref().is_some_and(|looks| looks.fits(message));
        if login && std::mem::take(&mut self.login_pending) {
            return Answered::Login;
        }
        let id = self.patterns.id.as_ref().and_then(|id| id.key(message));
        let Some(pending) = id.and_then(|id| self.pending.remove(&id)) else { return Answered::Other };
        let refused = self.patterns.refused.as_ref().is_some_and(|looks| looks.fits(message));
        for name in &pending.topics {
            if refused {
                self.forget(name);
            } else if let Some(topic) = self.topics.get_mut(name) {
                topic.standing = Standing::Confirmed;
            }
        }
        if pending.ours { Answered::Own } else { Answered::Request }
    }
}

fn fitting(naming: Option<&Naming>, message: &Value) -> Option<Naming> {
    naming.filter(|naming| naming.looks.fits(message)).cloned()
}

/// The topics that a message names.
fn named(naming: &Naming, message: &Value) -> Vec<Value> {
    match naming.topics.of(message) {
        Some(Value::Array(items)) => items.clone(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    }
}

#[cfg(test)]
mod tests;
