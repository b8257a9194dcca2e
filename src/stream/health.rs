//! Whether an open socket still gives what it is there for.
//!
//! Two questions that must not be mixed up. The *heartbeat* asks whether the other side lives: a ping that nobody
//! answers in time is a loss, whatever else came. *Silence* asks whether data comes, and only data answers it: pings,
//! pongs and replies to subscriptions do not.

use std::time::Duration;

use crate::model::clock::Timestamp;

/// How an open socket is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Watch {
    /// A ping so often; none where absent.
    pub ping_every: Option<Duration>,
    /// Its answer within.
    pub pong_within: Duration,
    /// No data for so long is a loss.
    pub silence: Option<Duration>,
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// A ping.
    Ping,
    /// The answer to one did not come.
    NoPong,
    /// No data for too long.
    Silent,
}

/// What is known of an open socket.
#[derive(Clone, Debug)]
pub struct Health {
    watch: Watch,
    pinged: Timestamp,
    /// A ping is not answered yet.
    asked: bool,
    data: Timestamp,
}

impl Health {
    /// Of a socket that has just opened: everything that is watched counts from now.
    pub const fn new(watch: Watch, now: Timestamp) -> Self {
        Self { watch, pinged: now, asked: false, data: now }
    }

    /// Data came.
    #[inline]
    pub const fn data(&mut self, now: Timestamp) {
        self.data = now;
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
            return Some(Due::Silent);
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
        let all = ping.map(|span| self.pinged + span).into_iter();
        all.chain(self.watch.silence.map(|most| self.data + most)).min()
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
        }
    }

    #[test]
    fn a_ping_wants_its_answer_whatever_else_comes() {
        let mut health = Health::new(watch(), at(0));
        assert_eq!((health.due(at(19)), health.next()), (None, Some(at(20))));
        assert_eq!((health.due(at(20)), health.next()), (Some(Due::Ping), Some(at(25))));
        health.data(at(24));
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
        assert_eq!(health.due(at(60)), Some(Due::Silent));
        health.data(at(60));
        assert_eq!((health.due(at(119)), health.next()), (None, Some(at(120))));
    }
}
