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
use crate::proxy::http::websocket::session::Session;
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

/// What came of a poll: items, or why not and how long the upstream wants to be left alone.
type Polled = Result<Vec<Item>, (String, Duration)>;

/// Polls under way, and those answered that nobody has looked at.
#[derive(Debug, Default)]
pub(super) struct Desk {
    answers: Rc<RefCell<Vec<(Generation, Polled)>>>,
    asking: Option<AbortHandle>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
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

    async fn ask(&self, topics: Vec<String>) -> Polled {
        let mut items = Vec::new();
        if !self.url.contains("{topic}") {
            self.ask_one(None, &mut items).await?;
            return Ok(items);
        }
        for topic in topics.iter().take(TOPICS_MAX) {
            self.ask_one(Some(topic), &mut items).await?;
        }
        Ok(items)
    }

    async fn ask_one(&self, topic: Option<&str>, items: &mut Vec<Item>) -> Result<(), (String, Duration)> {
        let failed = |why: String| (why, Duration::ZERO);
        let endpoint = Endpoint::parse(&fill_text(&self.url, topic, escaped))
            .map_err(|error| failed(error.to_string()))?;
        let call = Call { method: Method::GET, body: Vec::new(), timeout: self.timeout };
        let kept = Excerpt::keeping(ANSWER_MAX);
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
        let (answers, seat) = (Rc::clone(&self.desk.answers), Rc::clone(&self.seat));
        if let Some(old) = self.desk.asking.take() {
            old.abort();
        }
        let asking = spawn_local(async move {
            let polled = poller.ask(topics).await;
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
                Ok(items) => self.feed.polled(generation, items, now),
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
