//! Polls: declared requests, and the messages that their answers become.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::{AbortHandle, spawn_local};

use crate::call::endpoint::Endpoint;
use crate::call::excerpt::Excerpt;
use crate::call::web::{Call, Method, Web};
use crate::config::proxy::{Poll, Slow};
use crate::proxy::http::seat::Seat;
use crate::proxy::http::websocket::session::Session;
use crate::stream::chain::refusal;
use crate::stream::chain::walk::{Start, Walk, Walked};
use crate::stream::feed::{Item, Polled};
use crate::stream::generation::Generation;
use crate::stream::pattern::Pointer;
use crate::stream::template::{Filling, Template, TemplateError, fill_text};
use crate::wire::websocket::head::write;
use crate::wire::websocket::opcode::Opcode;

/// An answer is kept up to this size; a longer one is a failure.
const ANSWER_MAX: usize = 256 << 10;
/// The most items of one answer: of more the newest.
const ITEMS_MAX: usize = 4_096;
/// The most bytes that the items of a poll become; what is left waits for the next one.
const BYTES_MAX: usize = 4 << 20;
/// The most topics that are asked for in one poll, one after the other; more take turns.
const TOPICS_MAX: usize = 256;
/// So many requests in a row that are not answered at all end a poll.
const UNANSWERED_MAX: u32 = 3;
/// What a poll may take beyond its requests.
const SLACK: Duration = Duration::from_secs(1);

/// What stands for a topic in the address that is asked.
const TOPIC: &str = "{topic}";
/// The longest answer of an Ethereum node.
const NODE_ANSWER_MAX: usize = 8 << 20;
/// Requests of one client that are under way beside its connection.
const ASKED_MAX: usize = 32;

/// How a stream is polled.
#[derive(Clone)]
pub(super) struct Poller {
    url: String,
    timeout: Duration,
    items: Pointer,
    topic: Option<Pointer>,
    cursor: Option<Pointer>,
    message: Template,
    web: Web,
}

/// What came of a poll.
#[derive(Debug, Default)]
struct Outcome {
    polled: Polled,
    /// Requests that were answered.
    answered: usize,
    /// What went wrong.
    faults: Vec<String>,
}

/// Why a request brought nothing.
#[derive(Debug)]
enum Fault {
    /// There was no answer.
    Unanswered(String),
    /// The answer is of no use; it may want to be left alone for so long.
    Useless(String, Duration),
}

/// What a poll brought.
#[derive(Debug)]
enum Brought {
    /// Items.
    Items(Outcome),
    /// A piece of a chain.
    Walked(Result<Walked, Unpolled>),
}

/// Why there is nothing, and how long the upstream wants to be left alone.
type Unpolled = (String, Duration);

/// Polls under way, and those answered that nobody has looked at.
#[derive(Debug, Default)]
pub(super) struct Desk {
    answers: Rc<RefCell<Vec<(Generation, Brought)>>>,
    asking: Option<AbortHandle>,
    /// With which topic the next poll begins, where they take turns.
    first: usize,
    /// Requests of the client.
    told: Rc<RefCell<Vec<String>>>,
    asked: Vec<AbortHandle>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.asking.iter().chain(&self.asked).for_each(AbortHandle::abort);
    }
}

impl Desk {
    /// Asks for the client; not where too much is under way.
    pub(super) fn asks(&mut self, poller: Poller, text: String, seat: Rc<Seat>) -> bool {
        self.asked.retain(|asked| !asked.is_finished());
        if self.asked.len() >= ASKED_MAX {
            return false;
        }
        let told = Rc::clone(&self.told);
        let asked = spawn_local(async move {
            let answer = match poller.post(text.clone().into_bytes()).await {
                Ok(Some(answer)) => answer,
                Ok(None) => refused(&text, "the node's answer is too long"),
                Err((why, _)) => refused(&text, &why),
            };
            told.borrow_mut().push(answer);
            seat.wake();
        });
        self.asked.push(asked.abort_handle());
        true
    }

    /// Answers that have come.
    pub(super) fn take_answers(&mut self) -> Vec<String> {
        std::mem::take(&mut *self.told.borrow_mut())
    }
}

fn refused(text: &str, why: &str) -> String {
    refusal(&serde_json::from_str(text).unwrap_or_default(), why)
}

impl Poller {
    pub(super) fn new(poll: &Poll) -> Result<Self, TemplateError> {
        let place = |text: &Option<String>| text.as_deref().and_then(Pointer::parse);
        Ok(Self {
            url: poll.url.clone(),
            timeout: poll.timeout,
            items: Pointer::parse(&poll.items).unwrap_or(Pointer::ROOT),
            topic: place(&poll.topic),
            cursor: place(&poll.cursor),
            message: Template::parse(&poll.message)?,
            web: Web::new(),
        })
    }

    /// How long a poll of a stream may take, as long as each of its requests may.
    pub(super) fn within(poll: &Poll) -> Duration {
        let requests = if poll.url.contains(TOPIC) { TOPICS_MAX } else { 1 };
        poll.timeout * u32::try_from(requests).unwrap_or(u32::MAX) + SLACK
    }

    /// Walks along the chain of a node.
    async fn walk(&self, start: Start) -> Result<Walked, Unpolled> {
        let failed = |why: String| (why, Duration::ZERO);
        let mut walk = Walk::new(start);
        while let Some(question) = walk.question() {
            let answer = match self.post(question.to_string().into_bytes()).await {
                Ok(answer) => answer,
                Err(_) if walk.ask_otherwise() => continue,
                Err(unpolled) => return Err(unpolled),
            };
            let walked = match answer {
                Some(answer) => {
                    let answer = serde_json::from_str(&answer);
                    let answer =
                        answer.map_err(|error| failed(format!("a node answers no JSON: {error}")))?;
                    walk.answered(&answer)
                }
                None => walk.too_long(),
            };
            walked.map_err(|error| failed(error.to_string()))?;
        }
        Ok(walk.end())
    }

    /// Asks a node; nothing where its answer is too long to be read.
    async fn post(&self, body: Vec<u8>) -> Result<Option<String>, Unpolled> {
        let failed = |why: String| (why, Duration::ZERO);
        let endpoint = Endpoint::parse(&self.url).map_err(|error| failed(error.to_string()))?;
        let call = Call { method: Method::POST, body, timeout: self.timeout };
        let kept = Excerpt::keeping(NODE_ANSWER_MAX / 2);
        let answer = self.web.call_keeping(&endpoint, call, kept).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        if !(200..300).contains(&answer.status) {
            let why = format!("{} answers with status {}", endpoint.label(), answer.status);
            return Err((why, answer.retry_after.unwrap_or_default()));
        }
        let is_whole = answer.body.total() < NODE_ANSWER_MAX as u64;
        Ok(is_whole.then(|| answer.body.text()))
    }

    /// Asks for each topic by itself: what one of them can't have the others can.
    async fn ask(&self, topics: Vec<String>) -> Outcome {
        let mut outcome = Outcome::default();
        let by_topic = self.url.contains(TOPIC);
        let questions: Vec<_> = if by_topic { topics.into_iter().map(Some).collect() } else { vec![None] };
        let mut left = questions.into_iter();
        let (mut unanswered, mut bytes) = (0, 0);
        for topic in left.by_ref() {
            match self.ask_one(topic.as_deref()).await {
                Ok((items, cut)) => {
                    unanswered = 0;
                    bytes += items.iter().map(|item| item.bytes.len()).sum::<usize>();
                    outcome.answered += 1;
                    outcome.polled.items.extend(items);
                    outcome.faults.extend(cut);
                }
                Err(Fault::Unanswered(why)) => {
                    unanswered += 1;
                    outcome.faults.push(why);
                    outcome.polled.missed.extend(topic);
                }
                Err(Fault::Useless(why, pause)) => {
                    unanswered = 0;
                    outcome.faults.push(why);
                    outcome.polled.pause = pause;
                    outcome.polled.missed.extend(topic);
                }
            }
            let is_spared = !outcome.polled.pause.is_zero();
            if is_spared || unanswered >= UNANSWERED_MAX || bytes >= BYTES_MAX {
                break;
            }
        }
        if left.len() > 0 {
            outcome.faults.push(format!("a poll ends with {} topics not asked for", left.len()));
            outcome.polled.missed.extend(left.flatten());
        }
        outcome
    }

    /// The items of one answer, and what is to be said about it.
    async fn ask_one(&self, topic: Option<&str>) -> Result<(Vec<Item>, Option<String>), Fault> {
        let useless = |why: String| Fault::Useless(why, Duration::ZERO);
        let endpoint = Endpoint::parse(&fill_text(&self.url, topic, escaped))
            .map_err(|error| useless(error.to_string()))?;
        let call = Call { method: Method::GET, body: Vec::new(), timeout: self.timeout };
        let kept = Excerpt::keeping(ANSWER_MAX / 2);
        let answer = self.web.call_keeping(&endpoint, call, kept).await;
        let answer = answer.map_err(|error| Fault::Unanswered(error.to_string()))?;
        let label = endpoint.label();
        if !(200..300).contains(&answer.status) {
            let why = format!("{label} answers a poll with status {}", answer.status);
            return Err(Fault::Useless(why, answer.retry_after.unwrap_or_default()));
        }
        let value: Value = serde_json::from_str(&answer.body.text())
            .map_err(|error| useless(format!("{label} answers no JSON to a poll: {error}")))?;
        let found = match self.items.of(&value) {
            Some(Value::Array(all)) => all.as_slice(),
            Some(Value::Null) | None => {
                return Err(useless(format!("the answer of {label} to a poll has no items")));
            }
            Some(one) => std::slice::from_ref(one),
        };
        let newest = &found[found.len().saturating_sub(ITEMS_MAX)..];
        let cut = (newest.len() < found.len()).then(|| {
            format!("an answer of {label} to a poll has more than {ITEMS_MAX} items: older ones are left out")
        });
        Ok((newest.iter().map(|item| self.item(item, topic)).collect(), cut))
    }

    /// The message that an item becomes.
    fn item(&self, item: &Value, asked: Option<&str>) -> Item {
        let topic = match &self.topic {
            Some(place) => place.key(item),
            None => asked.map(str::to_owned),
        };
        let message = self.message.fill(Filling { item, topic: topic.as_deref() }).to_string();
        let mut bytes = Vec::new();
        write(&mut bytes, Opcode::Text, None, message.as_bytes());
        let cursor = self.cursor.as_ref().and_then(|place| place.number(item));
        Item { topic, cursor, previous: None, bytes }
    }
}

impl Session {
    /// Begins a poll.
    pub(super) fn poll(&mut self, generation: Generation) {
        let Some(poller) = self.stream().poller.clone() else { return };
        if let Some(old) = self.desk.asking.take().filter(|old| !old.is_finished()) {
            old.abort();
            self.warn("a poll took too long and is given up");
        }
        if self.stream().slow == Slow::Wait && self.is_behind() {
            // What it brought would wait here for a client that takes nothing.
            return self.feed.poll_failed(generation, Duration::ZERO, self.now());
        }
        let (topics, rest) = self.polled_topics();
        let start = self.node.as_ref().map(|node| node.chain.start());
        let (answers, seat) = (Rc::clone(&self.desk.answers), Rc::clone(&self.seat));
        let asking = spawn_local(async move {
            let brought = match start {
                Some(start) => Brought::Walked(poller.walk(start).await),
                None => {
                    let mut outcome = poller.ask(topics).await;
                    outcome.polled.missed.extend(rest);
                    Brought::Items(outcome)
                }
            };
            answers.borrow_mut().push((generation, brought));
            seat.wake();
        });
        self.desk.asking = Some(asking.abort_handle());
    }

    /// The topics whose turn it is, and the others.
    fn polled_topics(&mut self) -> (Vec<String>, Vec<String>) {
        let mut topics: Vec<String> = self.ledger.topics().map(|(topic, _)| topic.to_owned()).collect();
        if topics.len() <= TOPICS_MAX {
            return (topics, Vec::new());
        }
        self.warn("a stream has more topics than one poll asks for: they take turns");
        let first = self.desk.first % topics.len();
        self.desk.first = first + TOPICS_MAX;
        topics.rotate_left(first);
        let rest = topics.split_off(TOPICS_MAX);
        (topics, rest)
    }

    /// Takes what polls have brought.
    pub(super) fn take_polled(&mut self) {
        let answers = std::mem::take(&mut *self.desk.answers.borrow_mut());
        for (generation, brought) in answers {
            match brought {
                Brought::Items(outcome) => self.take_items(generation, outcome),
                Brought::Walked(Ok(walked)) => self.take_walked(generation, walked),
                Brought::Walked(Err((why, pause))) => {
                    self.warn_of_poll(&why);
                    self.feed.poll_failed(generation, pause, self.now());
                }
            }
            self.carry_out();
        }
    }

    fn take_items(&mut self, generation: Generation, outcome: Outcome) {
        outcome.faults.iter().for_each(|why| self.warn_of_poll(why));
        let now = self.now();
        if outcome.answered > 0 {
            self.feed.polled(generation, outcome.polled, now);
        } else {
            self.feed.poll_failed(generation, outcome.polled.pause, now);
        }
    }

    fn warn_of_poll(&self, why: &str) {
        if self.room().told.is_due(why, self.now()) {
            tracing::warn!(proxy = self.settings().name, why, "a poll failed, or a part of it");
        }
    }

    /// Takes a piece of a chain.
    fn take_walked(&mut self, generation: Generation, walked: Walked) {
        let Some(node) = self.node.as_mut().filter(|_| self.feed.awaits(generation)) else { return };
        let (events, gaps) = node.chain.walked(walked);
        gaps.into_iter().for_each(|gap| self.feed.missed(gap));
        let item = |event: String| Item { bytes: event.into_bytes(), ..Item::default() };
        let polled = Polled { items: events.into_iter().map(item).collect(), ..Polled::default() };
        self.feed.polled(generation, polled, self.now());
    }
}

/// A topic as a part of an address: everything but letters, digits and `-._~` by its bytes (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_stays_a_part_of_its_address() {
        assert_eq!(escaped("BTC-USD"), "BTC-USD");
        assert_eq!(escaped("a/b?c=1&d é"), "a%2Fb%3Fc%3D1%26d%20%C3%A9");
    }

    #[test]
    fn an_item_becomes_a_whole_frame() {
        let poll = Poll {
            url: "http://127.0.0.1/".to_owned(),
            every: Duration::ZERO,
            timeout: Duration::ZERO,
            items: String::new(),
            topic: Some("/s".to_owned()),
            cursor: Some("/u".to_owned()),
            message: "{\"stream\":\"{topic}\",\"data\":\"{}\"}".to_owned(),
            dwell: Duration::ZERO,
            prime: Duration::ZERO,
            fallback: true,
        };
        let poller = Poller::new(&poll).unwrap();
        let item = poller.item(&serde_json::json!({"s": "btc", "u": 7}), None);
        assert_eq!((item.topic.as_deref(), item.cursor), (Some("btc"), Some(7)));
        let text = r#"{"data":{"s":"btc","u":7},"stream":"btc"}"#;
        assert_eq!(item.bytes, [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat());
    }
}
