//! Whether an open socket still gives what it is there for.
//!
//! Two questions that must not be mixed up. The *heartbeat* asks whether the other side lives: a ping that nobody
//! answers in time is a loss, whatever else came. *Silence* asks whether data comes, and only data answers it: pings,
//! pongs and replies to subscriptions do not. Each topic may have a silence of its own, so a quiet symbol beside a busy
//! one is noticed, and one that is quiet by nature is not taken for dead.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::clock::Timestamp;

/// The most topics that are watched one by one.
pub const WATCHED_MAX: usize = 256;

/// How an open socket is watched.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Watch {
    /// A ping so often; none where absent.
    pub ping_every: Option<Duration>,
    /// Its answer within.
    pub pong_within: Duration,
    /// No data at all for so long is a loss.
    pub silence: Option<Duration>,
    /// No data of a topic for so long is one.
    pub topics: BTreeMap<String, Duration>,
}

/// What is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Due {
    /// A ping.
    Ping,
    /// The answer to one did not come.
    NoPong,
    /// No data for too long; of which topic, where it is one.
    Silent(Option<String>),
}

/// What is known of an open socket.
#[derive(Clone, Debug)]
pub struct Health {
    watch: Watch,
    pinged: Timestamp,
    /// A ping is not answered yet.
    asked: bool,
    data: Timestamp,
    topics: BTreeMap<String, Timestamp>,
}

impl Health {
    /// Of a socket that has just opened: everything that is watched counts from now.
    pub fn new(watch: Watch, now: Timestamp) -> Self {
        let topics = watch.topics.keys().take(WATCHED_MAX).map(|topic| (topic.clone(), now)).collect();
        Self { watch, pinged: now, asked: false, data: now, topics }
    }

    /// Data came, of this topic where that is known.
    #[inline]
    pub fn data(&mut self, topic: Option<&str>, now: Timestamp) {
        self.data = now;
        if let Some(at) = topic.and_then(|topic| self.topics.get_mut(topic)) {
            *at = now;
        }
    }

    /// A pong came.
    pub const fn pong(&mut self) {
        self.asked = false;
    }

    /// What is due; a ping that is told counts as sent.
    pub fn due(&mut self, now: Timestamp) -> Option<Due> {
        if self.asked && now.since(self.pinged) >= self.watch.pong_within {
            return Some(Due::NoPong);
        }
        if self.watch.silence.is_some_and(|most| now.since(self.data) >= most) {
            return Some(Due::Silent(None));
        }
        let silent = self.topics.iter().find(|(topic, at)| now.since(**at) >= self.watch.topics[*topic]);
        if let Some((topic, _)) = silent {
            return Some(Due::Silent(Some(topic.clone())));
        }
        let every = self.watch.ping_every.filter(|_| !self.asked)?;
        (now.since(self.pinged) >= every).then(|| {
            self.pinged = now;
            self.asked = true;
            Due::Ping
        })
    }

    /// When to look again.
    pub fn next(&self) -> Option<Timestamp> {
        let ping = if self.asked { Some(self.watch.pong_within) } else { self.watch.ping_every };
        let topics = self.topics.iter().map(|(topic, at)| *at + self.watch.topics[topic]);
        let all = ping.map(|span| self.pinged + span).into_iter();
        all.chain(self.watch.silence.map(|most| self.data + most)).chain(topics).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn watch() -> Watch {
        Watch {
            ping_every: Some(Duration::from_secs(20)),
            pong_within: Duration::from_secs(5),
            silence: Some(Duration::from_secs(60)),
            topics: BTreeMap::from([("slow".to_owned(), Duration::from_secs(300))]),
        }
    }

    #[test]
    fn a_ping_wants_its_answer_whatever_else_comes() {
        let mut health = Health::new(watch(), at(0));
        assert_eq!((health.due(at(19)), health.next()), (None, Some(at(20))));
        assert_eq!((health.due(at(20)), health.next()), (Some(Due::Ping), Some(at(25))));
        health.data(None, at(24));
        assert_eq!(health.due(at(24)), None);
        assert_eq!(health.due(at(25)), Some(Due::NoPong));
        health.pong();
        assert_eq!(health.due(at(25)), None);
        assert_eq!(health.due(at(40)), Some(Due::Ping));
    }

    #[test]
    fn only_data_breaks_a_silence() {
        let mut health = Health::new(Watch { ping_every: None, ..watch() }, at(0));
        health.pong();
        assert_eq!(health.due(at(59)), None);
        assert_eq!(health.due(at(60)), Some(Due::Silent(None)));
        health.data(None, at(60));
        assert_eq!((health.due(at(119)), health.next()), (None, Some(at(120))));
    }

    #[test]
    fn a_topic_has_a_silence_of_its_own() {
        let mut health = Health::new(Watch { ping_every: None, silence: None, ..watch() }, at(0));
        health.data(Some("busy"), at(299));
        assert_eq!(health.due(at(299)), None);
        assert_eq!(health.due(at(300)), Some(Due::Silent(Some("slow".to_owned()))));
        health.data(Some("slow"), at(300));
        assert_eq!((health.due(at(301)), health.next()), (None, Some(at(600))));
    }
}
