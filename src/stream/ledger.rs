//! What a client has subscribed to, learnt from its own messages by declared patterns, and said again on each new socket:
//! its login first, then topics in batches, as many as one message may bear.
//!
//! A topic is *pending* from the message on that asks for it, and *confirmed* by its answer; where answers are not
//! declared it is confirmed at once. One that is refused to its client is forgotten. One that was agreed to, and is refused
//! when it is said again, is kept: the client counts on it.
//!
//! What the ledger says again bears numbers of its own, so that its answers are told from those that the client waits for,
//! and kept from it. What the client still waits for is said again as the client said it: the answer, whenever it comes, is
//! the client's, once and under its own number.

mod replay;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

pub use replay::Step;

use crate::stream::pattern::{Pattern, Pointer, key};

/// The most topics of one ledger.
pub const TOPICS_MAX: usize = 4_096;
/// The most requests of the client without an answer that are kept in mind.
const OWED_MAX: usize = 1_024;
/// The most bytes that these have together.
const OWED_BYTES_MAX: usize = 1 << 20;
/// A request that was said on so many connections and was never answered is waited for no longer.
const SAID_MAX: u32 = 3;

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

/// Whether the other side has agreed to a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It was asked for.
    Pending,
    /// It was agreed to.
    Confirmed,
}

/// What a message of the client was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A login.
    Login,
    /// It asks for topics, or leaves some.
    Topics,
    /// More topics than are kept.
    TooMany,
    /// Nothing that is learnt from.
    Other,
}

/// What a message of the other side was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answered {
    /// The answer to something that was said again: no client waits for it.
    Own,
    /// These topics were said again, and are refused.
    Refused(Vec<String>),
    /// The answer to a login that was said again.
    Login,
    /// The login that was said again is refused; so the client would be told, under its own number.
    LoginRefused(String),
    /// The answer to a login of the client.
    ClientLogin,
    /// The answer to a request of the client.
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
    /// Topics are said again in the order in which they came.
    turn: u64,
}

/// Who waits for the answer to the login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Awaited {
    Nobody,
    /// It was said again, under this number where it bears one.
    Here(Option<u64>),
    Client,
}

/// A request of the client without an answer.
#[derive(Clone, Debug)]
struct Owed {
    id: String,
    message: String,
    /// Topics that nobody had asked for before.
    topics: Vec<String>,
    /// On how many connections it was said.
    said: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Ledger {
    patterns: Arc<Patterns>,
    login: Option<Value>,
    awaited: Awaited,
    topics: BTreeMap<String, Topic>,
    /// Messages without their topics and numbers, by themselves as text.
    shapes: BTreeMap<String, Value>,
    owed: VecDeque<Owed>,
    owed_bytes: usize,
    /// Topics that were said again on this connection, by the number under which they were. There are no more than topics.
    said: BTreeMap<u64, Vec<String>>,
    turn: u64,
    /// The last number of its own.
    number: u64,
}

impl Ledger {
    /// One that knows of nothing.
    pub fn new(patterns: impl Into<Arc<Patterns>>) -> Self {
        Self {
            patterns: patterns.into(),
            login: None,
            awaited: Awaited::Nobody,
            topics: BTreeMap::new(),
            shapes: BTreeMap::new(),
            owed: VecDeque::new(),
            owed_bytes: 0,
            said: BTreeMap::new(),
            turn: 0,
            number: replay::NUMBERS_FROM,
        }
    }

    /// Whether there is anything that it could learn from.
    pub fn learns(&self) -> bool {
        self.patterns.login.is_some() || self.patterns.subscribe.is_some()
    }

    /// The topics that are held, with what was said of each.
    pub fn topics(&self) -> impl Iterator<Item = (&str, Standing)> {
        self.topics.iter().map(|(name, topic)| (name.as_str(), topic.standing))
    }

    /// A message of the client.
    pub fn heard(&mut self, message: &Value) -> Heard {
        if self.patterns.login.as_ref().is_some_and(|looks| looks.fits(message)) {
            let is_answered = self.patterns.login_answer.is_some() || self.id_of(message).is_some();
            // Whatever was said again before: the next answer is the client's.
            self.awaited = if is_answered { Awaited::Client } else { Awaited::Nobody };
            self.login = Some(message.clone());
            return Heard::Login;
        }
        if let Some(naming) = fitting(self.patterns.subscribe.as_ref(), message) {
            return self.subscribe(message, &naming);
        }
        let Some(naming) = fitting(self.patterns.unsubscribe.as_ref(), message) else { return Heard::Other };
        for value in named(&naming, message) {
            self.forget(&key(&value));
        }
        self.owe(message, Vec::new());
        Heard::Topics
    }

    fn subscribe(&mut self, message: &Value, naming: &Naming) -> Heard {
        let values = named(naming, message);
        let names: Vec<String> = values.iter().map(key).collect();
        let more = names.iter().filter(|name| !self.topics.contains_key(*name)).count();
        if self.topics.len() + more > TOPICS_MAX {
            return Heard::TooMany;
        }
        let (text, shape) = self.shape_of(message, naming);
        let standing = if self.id_of(message).is_some() { Standing::Pending } else { Standing::Confirmed };
        let mut new = Vec::new();
        for (name, value) in names.into_iter().zip(values) {
            self.turn += 1;
            let turn = self.turn;
            self.topics.entry(name.clone()).or_insert_with(|| {
                new.push(name);
                Topic { value, shape: text.clone(), standing, turn }
            });
        }
        if !new.is_empty() {
            self.shapes.entry(text).or_insert(shape);
        }
        self.owe(message, new);
        Heard::Topics
    }

    /// A message without its topics and its number, and that as text.
    fn shape_of(&self, message: &Value, naming: &Naming) -> (String, Value) {
        let mut shape = message.clone();
        if let Some(place) = naming.topics.of_mut(&mut shape) {
            *place = if place.is_array() { Value::Array(Vec::new()) } else { Value::Null };
        }
        if let Some(place) = self.patterns.id.as_ref().and_then(|id| id.of_mut(&mut shape)) {
            *place = Value::Null;
        }
        (shape.to_string(), shape)
    }

    fn id_of(&self, message: &Value) -> Option<String> {
        self.patterns.id.as_ref().and_then(|id| id.key(message))
    }

    fn forget(&mut self, name: &str) {
        let Some(gone) = self.topics.remove(name) else { return };
        if !self.topics.values().any(|topic| topic.shape == gone.shape) {
            self.shapes.remove(&gone.shape);
        }
    }

    fn confirm(&mut self, names: &[String]) {
        for name in names {
            if let Some(topic) = self.topics.get_mut(name) {
                topic.standing = Standing::Confirmed;
            }
        }
    }

    /// The client waits for the answer to this, where it bears a number.
    fn owe(&mut self, message: &Value, topics: Vec<String>) {
        let Some(id) = self.id_of(message) else { return };
        let message = message.to_string();
        self.owed_bytes += message.len();
        self.owed.push_back(Owed { id, message, topics, said: 1 });
        // Answers that never come must not fill the memory: what they were for counts as agreed to.
        while self.owed.len() > OWED_MAX || self.owed_bytes > OWED_BYTES_MAX {
            self.give_up(0);
        }
    }

    /// Nothing is owed any more for the request at this place.
    fn settle(&mut self, place: usize) -> Option<Owed> {
        let owed = self.owed.remove(place)?;
        self.owed_bytes -= owed.message.len();
        Some(owed)
    }

    fn give_up(&mut self, place: usize) {
        if let Some(owed) = self.settle(place) {
            self.confirm(&owed.topics);
        }
    }

    /// A message of the other side.
    pub fn answered(&mut self, message: &Value) -> Answered {
        if self.patterns.login_answer.as_ref().is_some_and(|looks| looks.fits(message)) {
            match std::mem::replace(&mut self.awaited, Awaited::Nobody) {
                Awaited::Client => return Answered::ClientLogin,
                Awaited::Here(_) => return Answered::Login,
                Awaited::Nobody => {}
            }
        }
        let Some(id) = self.id_of(message) else { return Answered::Other };
        let refused = self.patterns.refused.as_ref().is_some_and(|looks| looks.fits(message));
        if self.awaited == Awaited::Client
            && self.login.as_ref().and_then(|login| self.id_of(login)).as_ref() == Some(&id)
        {
            self.awaited = Awaited::Nobody;
            return Answered::ClientLogin;
        }
        if let Some(place) = self.owed.iter().position(|owed| owed.id == id) {
            let topics = self.settle(place).map(|owed| owed.topics).unwrap_or_default();
            if refused {
                topics.iter().for_each(|name| self.forget(name));
            } else {
                self.confirm(&topics);
            }
            return Answered::Request;
        }
        let own = id.parse().ok().filter(|own| (replay::NUMBERS_FROM + 1..=self.number).contains(own));
        own.map_or(Answered::Other, |own| self.answered_here(own, refused.then_some(message)))
    }

    /// The answer to what was said again under a number; where it refuses that, the message.
    fn answered_here(&mut self, number: u64, refusal: Option<&Value>) -> Answered {
        if self.awaited == Awaited::Here(Some(number)) {
            self.awaited = Awaited::Nobody;
            let Some(refusal) = refusal else { return Answered::Login };
            return Answered::LoginRefused(self.under_number_of_login(refusal));
        }
        let topics = if refusal.is_some() {
            self.said.remove(&number)
        } else {
            // Some are answered more than once, for each of their topics.
            self.said.get(&number).cloned()
        };
        let topics = topics.unwrap_or_default();
        match refusal {
            Some(_) if !topics.is_empty() => Answered::Refused(topics),
            Some(_) | None => {
                self.confirm(&topics);
                Answered::Own
            }
        }
    }

    fn under_number_of_login(&self, refusal: &Value) -> String {
        let mut refusal = refusal.clone();
        if let Some(id) = &self.patterns.id
            && let Some(own) = self.login.as_ref().and_then(|login| id.of(login))
            && let Some(place) = id.of_mut(&mut refusal)
        {
            *place = own.clone();
        }
        refusal.to_string()
    }

    /// The answer to a login that was said again did not come in time.
    pub fn login_late(&mut self) {
        if let Awaited::Here(_) = self.awaited {
            self.awaited = Awaited::Nobody;
        }
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
