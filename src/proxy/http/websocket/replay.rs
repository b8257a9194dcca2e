//! What is said again on a new connection: logins, then subscriptions, no faster than venues take them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::proxy::http::websocket::session::Session;
use crate::stream::generation::Generation;
use crate::stream::ledger::Step;
use crate::wire::websocket::opcode::Opcode;

/// Answers are waited for so long; then the rest is said all the same.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What is still to be said.
#[derive(Debug)]
pub(super) struct Replay {
    generation: Generation,
    steps: VecDeque<Step>,
    /// When the next step comes.
    pub(super) due: Timestamp,
}

impl Session {
    /// Begins to say everything again.
    pub(super) fn say_again(&mut self, generation: Generation) {
        let steps = match &mut self.node {
            Some(node) => node.chain.replay().into(),
            None => self.ledger.replay().into(),
        };
        self.replay = Some(Replay { generation, steps, due: self.now() });
    }

    /// Says what is due.
    pub(super) fn go_on_saying(&mut self) {
        let (now, pace) = (self.now(), self.stream().pace);
        while let Some(replay) = self.replay.as_mut().filter(|replay| replay.due <= now) {
            match replay.steps.pop_front() {
                Some(Step::Say(text)) => {
                    let is_last = replay.steps.is_empty();
                    replay.due = if is_last { now } else { now + pace };
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

    /// What was waited for was answered.
    pub(super) fn agreed(&mut self) {
        let now = self.now();
        if let Some(replay) = &mut self.replay {
            replay.due = now;
        }
    }

    /// What was to be said on a connection that is gone is not said on the next one.
    pub(super) fn forget_said(&mut self) {
        self.replay = None;
        self.to_server.clear();
        self.lose_node();
    }
}
