//! What is said again on a new connection: the login, then subscriptions, no faster than venues take them.
//!
//! The client is read meanwhile. What it declares joins the queue, so that it does not overtake what came before it; what
//! is undeclared passes at once, but for the time of the login, before which nothing would be taken.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::proxy::http::websocket::session::Session;
use crate::proxy::http::websocket::wire::Wire;
use crate::stream::generation::Generation;
use crate::stream::ledger::{Heard, Step};
use crate::wire::websocket::opcode::Opcode;

/// Answers are waited for so long; then the rest is said all the same.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// What is refused is said once more after so long, then after twice as long, and so on.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// More than so many bytes do not join what is said again.
const JOINED_MAX: usize = 1 << 20;
/// The longest of these pauses.
const AGAIN_MOST: Duration = Duration::from_mins(5);

/// What is still to be said.
#[derive(Debug)]
pub(super) struct Replay {
    generation: Generation,
    steps: VecDeque<Step>,
    /// When the next step comes.
    pub(super) due: Timestamp,
    login: Login,
    /// Bytes that have joined it.
    joined: usize,
}

/// How far the login is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Login {
    /// It is still to be said.
    Due,
    /// It was said, and its answer is waited for.
    Said,
    /// It is over, or there was none.
    Over,
}

impl Replay {
    /// Whether it is not logged in yet, so that nothing else would be taken.
    pub(super) fn is_logging_in(&self) -> bool {
        self.login != Login::Over
    }

    /// Whether so much has joined it that its client waits: it may say more than the pace lets through.
    pub(super) fn is_full(&self) -> bool {
        self.joined > JOINED_MAX
    }

    /// Something that its client has declared joins it.
    pub(super) fn join(&mut self, step: Step, (heard, now): (Heard, Timestamp)) {
        let (Step::Say(text) | Step::Login(text)) = &step else { return };
        self.joined += text.len();
        match (heard, &step) {
            // The login that was said again was refused, or is late: the rest waits for this one.
            (Heard::Login, Step::Login(_)) => {
                self.login = Login::Due;
                self.due = now;
                self.steps.push_front(step);
            }
            (Heard::Login, Step::Say(_) | Step::Await) => self.steps.push_front(step),
            (Heard::Topics | Heard::TooMany | Heard::Other, _) => self.steps.push_back(step),
        }
    }
}

/// Topics that were refused when they were said again.
#[derive(Debug, Default)]
pub(super) struct Refused {
    names: Vec<String>,
    /// When they are said once more.
    pub(super) due: Option<Timestamp>,
    /// How often they were, on this connection.
    again: u32,
}

impl Session {
    /// Begins to say everything again.
    pub(super) fn say_again(&mut self, generation: Generation) {
        let steps = match &mut self.node {
            Some(node) => node.chain.replay(),
            None => self.ledger.replay(),
        };
        self.begin_to_say(generation, steps);
    }

    fn begin_to_say(&mut self, generation: Generation, steps: Vec<Step>) {
        let login = if matches!(steps.first(), Some(Step::Login(_))) { Login::Due } else { Login::Over };
        self.replay = Some(Replay { generation, steps: steps.into(), due: self.now(), login, joined: 0 });
    }

    /// Says what is due.
    pub(super) fn go_on_saying(&mut self) {
        self.say_refused();
        let (now, pace) = (self.now(), self.stream().pace);
        while let Some(replay) = self.replay.as_mut().filter(|replay| replay.due <= now) {
            if self.wire.link().is_some_and(|link| link.side.is_blocked()) {
                // It comes again once the upstream takes more.
                return;
            }
            if replay.login == Login::Said {
                replay.login = Login::Over;
                self.ledger.login_late();
                self.warn("a login that was said again was not answered in time");
                continue;
            }
            match replay.steps.pop_front() {
                Some(Step::Say(text)) => {
                    replay.due = if replay.steps.is_empty() { now } else { now + pace };
                    self.say(Opcode::Text, text.as_bytes());
                }
                Some(Step::Login(text)) => {
                    (replay.login, replay.due) = (Login::Said, now + ANSWER_WITHIN);
                    self.say(Opcode::Text, text.as_bytes());
                }
                Some(Step::Await) if self.node.as_ref().is_some_and(|node| node.chain.is_settled()) => {}
                Some(Step::Await) => replay.due = now + ANSWER_WITHIN,
                None => {
                    let generation = replay.generation;
                    self.replay = None;
                    self.feed.replayed(generation, now);
                    self.carry_out();
                }
            }
        }
    }

    /// All that was waited for was answered.
    pub(super) fn agreed(&mut self) {
        let now = self.now();
        if let Some(replay) = &mut self.replay {
            replay.due = now;
        }
    }

    /// The login was answered.
    pub(super) fn logged_in(&mut self) {
        let now = self.now();
        if let Some(replay) = self.replay.as_mut().filter(|replay| replay.login == Login::Said) {
            (replay.login, replay.due) = (Login::Over, now);
        }
    }

    /// Topics that were said again are refused, by a limit of the other side, say. The client counts on them: they are
    /// said once more, and it is told that they are missing.
    pub(super) fn refused_again(&mut self, names: Vec<String>) {
        self.warn("a subscription that was said again was refused; it is said once more later");
        let now = self.now();
        if self.refused.again == 0 {
            names.iter().for_each(|name| self.feed.missing(name));
        }
        let pause = (AGAIN_AFTER * 2_u32.saturating_pow(self.refused.again.min(16))).min(AGAIN_MOST);
        self.refused.names.extend(names);
        self.refused.due.get_or_insert(now + pause);
        self.carry_out();
    }

    fn say_refused(&mut self) {
        let Wire::Open(generation, ..) = self.wire else { return };
        if self.replay.is_some() || self.refused.due.is_none_or(|due| due > self.now()) {
            return;
        }
        (self.refused.due, self.refused.again) = (None, self.refused.again + 1);
        let names = std::mem::take(&mut self.refused.names);
        let steps = self.ledger.say_again(&names);
        self.begin_to_say(generation, steps);
    }

    /// What was to be said on a connection that is gone is not said on the next one.
    pub(super) fn forget_said(&mut self) {
        self.replay = None;
        self.refused = Refused::default();
        self.pong_up = None;
        self.to_server.clear();
        self.lose_node();
        self.dropped += std::mem::take(&mut self.leaving);
    }

    /// Something that a person may want to know, once in a while.
    pub(super) fn warn(&self, what: &str) {
        let now = self.now();
        if self.room().told.is_due(what, now) {
            let (proxy, client) = (&self.settings().name, &self.seat.about.address);
            tracing::warn!(proxy, client, "{what}");
        }
    }
}
