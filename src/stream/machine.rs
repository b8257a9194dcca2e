//! The states of a stream and what moves it: see the picture in [`crate::stream`].
//!
//! The machine knows sockets and polls by their generation alone. It decides and orders; what a message says is none of
//! its business, but for whether a socket or a poll may speak now.

pub(super) mod moves;
pub(super) mod turns;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::jitter::Jitter;
use crate::stream::backoff::{Retry, Tries};
use crate::stream::generation::Generation;
use crate::stream::health::{Health, Watch};
use crate::stream::order::{Blame, Order, State, Wanted, Why};

/// How a stream is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How it is tried again.
    pub retry: Retry,
    /// How an open socket is watched.
    pub watch: Watch,
    /// A connect with its handshake may take so long.
    pub connect_within: Duration,
    /// The other side may take so long to answer a close.
    pub close_within: Duration,
    /// From an open socket to its service after polls.
    pub prime_within: Duration,
    /// Bytes kept of a socket that is being made ready.
    pub prime_buffer: usize,
    /// It stays in polls at least so long.
    pub dwell: Duration,
    /// How it polls; it can't where absent.
    pub poll: Option<Polling>,
}

/// How a stream polls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Polling {
    /// So often, where it is not held in polls by somebody who says how often.
    pub every: Duration,
    /// An answer may take so long.
    pub within: Duration,
    /// Whether it polls when no try is left.
    pub fallback: Fallback,
    /// How far back polls reach.
    pub reach: Reach,
}

/// How far back polls reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// No one knows: they serve where a policy holds them, or no try is left, and something may be missing before them.
    Some,
    /// To the last message that was delivered: nothing is missing, so they serve from the moment of a loss on.
    All,
}

/// What becomes of a stream without tries left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fallback {
    /// Polls serve.
    Polls,
    /// It has failed.
    Fails,
}

/// Where the machine is.
#[derive(Clone, Debug)]
enum Phase {
    Disconnected,
    /// The socket is being opened, for the first time or once more.
    Dialing(State),
    Pausing {
        until: Timestamp,
    },
    Connected,
    /// With the time from which a socket may be made ready again.
    Polling {
        retry: Timestamp,
    },
    Priming(Stage),
    Failed {
        probe: Timestamp,
    },
}

/// How far a socket is that is to serve after polls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Dialing,
    /// Everything is being said again.
    Replaying,
    /// Polls that began after this fill the gap; so many have.
    Filling {
        since: Timestamp,
        polls: u32,
    },
}

/// The poller.
#[derive(Clone, Copy, Debug)]
struct Poller {
    every: Duration,
    /// The next one, where none is under way.
    at: Timestamp,
    /// When the one under way began.
    asked: Option<Timestamp>,
}

/// Whether what a socket says is passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hears {
    /// It serves.
    Serves,
    /// It will: what it says is kept.
    Waits,
    /// It does not, or no longer.
    Nothing,
}

/// What becomes of the answer to a poll.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Nobody waits for it any more.
    Stale,
    /// It is passed on.
    Passes,
    /// It is passed on, and the socket may serve behind it.
    Fills,
}

/// See the module.
#[derive(Debug)]
pub struct Machine {
    settings: Arc<Settings>,
    jitter: Jitter,
    phase: Phase,
    /// Since when it is in its phase or stage.
    since: Timestamp,
    link: Generation,
    health: Option<Health>,
    /// A socket that is being closed, until when.
    closing: Option<(Generation, Timestamp)>,
    poll: Generation,
    poller: Option<Poller>,
    /// No poll and no connect before: the other side has asked for that.
    not_before: Timestamp,
    no_dial_before: Timestamp,
    wanted: Wanted,
    tries: Tries,
    orders: VecDeque<Order>,
    breaches: u64,
    reconnects: u64,
}

impl Machine {
    /// One that nobody wants yet.
    pub fn new(settings: impl Into<Arc<Settings>>, seed: u64, now: Timestamp) -> Self {
        let settings = settings.into();
        Self {
            jitter: Jitter::new(seed),
            phase: Phase::Disconnected,
            since: now,
            link: Generation::default(),
            health: None,
            closing: None,
            poll: Generation::default(),
            poller: None,
            not_before: now,
            no_dial_before: now,
            wanted: Wanted::Live,
            tries: Tries::new(settings.retry.clone()),
            orders: VecDeque::new(),
            breaches: 0,
            reconnects: 0,
            settings,
        }
    }

    /// Its state.
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Disconnected => State::Disconnected,
            Phase::Dialing(state) => state,
            Phase::Pausing { .. } => State::Reconnecting,
            Phase::Connected => State::Connected,
            Phase::Polling { .. } => State::Polling,
            Phase::Priming(_) => State::Priming,
            Phase::Failed { .. } => State::Failed,
        }
    }

    /// How often a lost socket was replaced.
    pub const fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// How often something may have been missed.
    pub(super) const fn breaches(&self) -> u64 {
        self.breaches
    }

    pub(super) fn next_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    pub(super) fn order(&mut self, order: Order) {
        self.orders.push_back(order);
    }

    /// A client wants it.
    pub(super) fn open(&mut self, now: Timestamp) {
        if matches!(self.phase, Phase::Disconnected) {
            match self.wanted {
                Wanted::Live => self.dial(State::Connecting, Why::Wanted, now),
                Wanted::Polls { every } => self.poll_now(every, Why::Held, now),
            }
        }
    }

    /// Nobody wants it any more.
    pub(super) fn leave(&mut self, now: Timestamp) {
        // It may be wanted again.
        if self.serves() {
            self.breach();
        }
        self.stop_polls();
        self.close_link(now);
        self.tries.rearm();
        self.go(Phase::Disconnected, Why::Unwanted, now);
    }

    /// Whether a socket or polls serve.
    const fn serves(&self) -> bool {
        match self.phase {
            Phase::Connected | Phase::Polling { .. } | Phase::Priming(_) => true,
            Phase::Disconnected | Phase::Dialing(_) | Phase::Pausing { .. } | Phase::Failed { .. } => false,
        }
    }

    /// A socket is open.
    pub(super) fn opened(&mut self, link: Generation, now: Timestamp) {
        let dialing = matches!(self.phase, Phase::Dialing(_) | Phase::Priming(Stage::Dialing));
        if link != self.link || !dialing {
            return self.orders.push_back(Order::Drop(link, Blame::Nobody));
        }
        self.tries.connected(now);
        self.health = Some(Health::new(self.settings.watch, now));
        if let Phase::Dialing(state) = self.phase {
            self.reconnects += u64::from(state == State::Reconnecting);
            self.go(Phase::Connected, Why::Ready, now);
        } else {
            self.stage(Stage::Replaying, now);
        }
        self.orders.push_back(Order::Replay(link));
    }

    /// Everything was said again on a socket.
    pub(super) fn replayed(&mut self, link: Generation, now: Timestamp) {
        if link == self.link && matches!(self.phase, Phase::Priming(Stage::Replaying)) {
            self.stage(Stage::Filling { since: now, polls: 0 }, now);
            self.hurry(now);
        }
    }

    /// A socket is gone, or was not to be had.
    pub(super) fn lost(&mut self, link: Generation, why: Why, now: Timestamp) {
        if self.closing.is_some_and(|(closing, _)| closing == link) {
            self.closing = None;
        } else if link == self.link {
            self.fall(why, now);
        }
    }

    /// A socket answered a ping.
    pub(super) fn pong(&mut self, link: Generation) {
        if let Some(health) = self.health.as_mut().filter(|_| link == self.link) {
            health.pong();
        }
    }

    /// A socket is not read, since who is given what it says does not keep up: that says nothing about it.
    pub(super) fn unread(&mut self, link: Generation, now: Timestamp) {
        if let Some(health) = self.health.as_mut().filter(|_| link == self.link) {
            health.pong();
            health.data(now);
        }
    }

    /// A socket gave data; whether that is passed on.
    #[inline]
    pub(super) fn data(&mut self, link: Generation, now: Timestamp) -> Hears {
        if link != self.link {
            return Hears::Nothing;
        }
        let Some(health) = &mut self.health else { return Hears::Nothing };
        health.data(now);
        match self.phase {
            Phase::Connected => Hears::Serves,
            Phase::Priming(Stage::Replaying | Stage::Filling { .. }) => Hears::Waits,
            Phase::Disconnected
            | Phase::Dialing(_)
            | Phase::Pausing { .. }
            | Phase::Polling { .. }
            | Phase::Priming(Stage::Dialing)
            | Phase::Failed { .. } => Hears::Nothing,
        }
    }

    /// What is wanted from now on.
    pub(super) fn want(&mut self, wanted: Wanted, now: Timestamp) {
        // One that can't poll keeps its socket: nothing is better than silence that looks like service.
        if self.settings.poll.is_none() || wanted == self.wanted {
            return;
        }
        self.wanted = wanted;
        match wanted {
            Wanted::Polls { every } => self.hold(every, now),
            Wanted::Live => self.release(now),
        }
    }

    /// Tries at once, with all tries left.
    pub(super) fn connect(&mut self, now: Timestamp) {
        self.tries.rearm();
        match &mut self.phase {
            Phase::Failed { .. } | Phase::Pausing { .. } => self.dial(State::Reconnecting, Why::Asked, now),
            Phase::Polling { retry } if self.wanted == Wanted::Live => *retry = now,
            Phase::Disconnected
            | Phase::Dialing(_)
            | Phase::Connected
            | Phase::Polling { .. }
            | Phase::Priming(_) => {}
        }
    }

    pub(super) fn prime_buffer(&self) -> usize {
        self.settings.prime_buffer
    }
}
