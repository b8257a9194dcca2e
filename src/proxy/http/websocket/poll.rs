//! Polls: declared requests, and the messages that their answers become.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::{AbortHandle, spawn_local};

use crate::call::endpoint::Endpoint;
use crate::call::excerpt::Excerpt;
use crate::call::web::{Call, Method, Web};
use crate::config::proxy::Poll;
use crate::proxy::http::seat::Seat;
use crate::proxy::http::websocket::session::Session;
use crate::stream::chain::refusal;
use crate::stream::chain::walk::{Start, Walk, Walked};
use crate::stream::feed::Item;
use crate::stream::generation::Generation;
use crate::stream::pattern::Pointer;
use crate::stream::template::{Filling, Template, TemplateError, fill_text};
use crate::wire::websocket::head::write;
use crate::wire::websocket::opcode::Opcode;

/// An answer is kept up to this size; a longer one is a failure.
const ANSWER_MAX: usize = 256 << 10;
/// The most items of one poll.
const ITEMS_MAX: usize = 4_096;
/// The most topics that are asked for in one poll, one after the other.
const TOPICS_MAX: usize = 256;
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

/// What a poll brought.
#[derive(Debug)]
enum Brought {
    /// Items.
    Items(Vec<Item>),
    /// A piece of a chain.
    Walked(Walked),
}

/// Why there is nothing, and how long the upstream wants to be left alone.
type Unpolled = (String, Duration);
/// What came of a poll.
type Polled = Result<Brought, Unpolled>;

/// Polls under way, and those answered that nobody has looked at.
#[derive(Debug, Default)]
pub(super) struct Desk {
    answers: Rc<RefCell<Vec<(Generation, Polled)>>>,
    asking: Option<AbortHandle>,
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

    /// Walks along the chain of a node.
    async fn walk(&self, start: Start) -> Polled {
        let failed = |why: String| (why, Duration::ZERO);
        let mut walk = Walk::new(start);
        while let Some(question) = walk.question() {
            let walked = match self.post(question.to_string().into_bytes()).await? {
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
        Ok(Brought::Walked(walk.end()))
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

    async fn ask(&self, topics: Vec<String>) -> Polled {
        let mut items = Vec::new();
        if !self.url.contains("{topic}") {
            self.ask_one(None, &mut items).await?;
            return Ok(Brought::Items(items));
        }
        for topic in topics.iter().take(TOPICS_MAX) {
            self.ask_one(Some(topic), &mut items).await?;
        }
        Ok(Brought::Items(items))
    }

    async fn ask_one(&self, topic: Option<&str>, items: &mut Vec<Item>) -> Result<(), (String, Duration)> {
        let failed = |why: String| (why, Duration::ZERO);
        let endpoint = Endpoint::parse(&fill_text(&self.url, topic, escaped))
            .map_err(|error| failed(error.to_string()))?;
        let call = Call { method: Method::GET, body: Vec::new(), timeout: self.timeout };
        let kept = Excerpt::keeping(ANSWER_MAX / 2);
        let answer = self.web.call_keeping(&endpoint, call, kept).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        if !(200..300).contains(&answer.status) {
            let why = format!("{} answers a poll with status {}", endpoint.label(), answer.status);
            return Err((why, answer.retry_after.unwrap_or_default()));
        }
        let value: Value = serde_json::from_str(&answer.body.text())
            .map_err(|error| failed(format!("{} answers no JSON to a poll: {error}", endpoint.label())))?;
        match self.items.of(&value) {
            Some(Value::Array(all)) => {
                items.extend(all.iter().take(ITEMS_MAX - items.len()).map(|item| self.item(item, topic)));
            }
            Some(Value::Null) | None => {
                return Err(failed(format!("the answer of {} to a poll has no items", endpoint.label())));
            }
            Some(one) if items.len() < ITEMS_MAX => items.push(self.item(one, topic)),
            Some(_) => {}
        }
        Ok(())
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
        let topics = self.ledger.topics().map(|(topic, _)| topic.to_owned()).collect();
        let start = self.node.as_ref().map(|node| node.chain.start());
        let (answers, seat) = (Rc::clone(&self.desk.answers), Rc::clone(&self.seat));
        if let Some(old) = self.desk.asking.take() {
            old.abort();
        }
        let asking = spawn_local(async move {
            let polled = match start {
                Some(start) => poller.walk(start).await,
                None => poller.ask(topics).await,
            };
            answers.borrow_mut().push((generation, polled));
            seat.wake();
        });
        self.desk.asking = Some(asking.abort_handle());
    }

    /// Takes what polls have brought.
    pub(super) fn take_polled(&mut self) {
        let answers = std::mem::take(&mut *self.desk.answers.borrow_mut());
        for (generation, polled) in answers {
            let now = self.now();
            match polled {
                Ok(Brought::Items(items)) => self.feed.polled(generation, items, now),
                Ok(Brought::Walked(walked)) => self.take_walked(generation, walked),
                Err((why, pause)) => {
                    if self.room().told.is_due(&why, now) {
                        tracing::warn!(proxy = self.settings().name, why, "a poll failed");
                    }
                    self.feed.poll_failed(generation, pause, now);
                }
            }
            self.carry_out();
        }
    }
}

impl Session {
    /// Takes a piece of a chain.
    fn take_walked(&mut self, generation: Generation, walked: Walked) {
        let Some(node) = self.node.as_mut().filter(|_| self.feed.awaits(generation)) else { return };
        let (events, gaps) = node.chain.walked(walked);
        gaps.into_iter().for_each(|gap| self.feed.missed(gap));
        let item = |event: String| Item { bytes: event.into_bytes(), ..Item::default() };
        self.feed.polled(generation, events.into_iter().map(item).collect(), self.now());
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
