//! The end of a session: the last word of the proxy's own, and time for the client to read it.

use std::task::Context;
use std::time::Duration;

use super::{Phase, Session};
use crate::model::clock::Timestamp;
use crate::pool::reason::Farewell;
use crate::proxy::http::reply::Reply;
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::Tools;
use crate::wire::http::head::After;

/// What a client still says is read and dropped for so long: a socket that is closed with something unread is reset, and
/// the answer on its way is lost.
const PARTING_WITHIN: Duration = Duration::from_secs(2);
/// As long as the client goes on taking the last word it is waited for, up to so long in all.
const PARTING_AT_MOST: Duration = Duration::from_secs(30);

impl Session {
    /// Answers the client itself, and parts from it: how much of its request is still to come is not known.
    pub(super) fn reply(&mut self, reply: &Reply, tools: &mut Tools) {
        tracing::debug!(proxy = self.settings().name, reason = reply.reason(), "a request is answered here");
        if reply.is_failure() {
            self.fail();
        }
        tools.out.clear();
        reply.write(&self.settings().name, (self.ask.method, After::Close), &mut tools.out);
        let sent = tools.out.len();
        self.count(0, sent);
        // Who does not hear it has gone.
        let _heard = self.client.send(&tools.out);
        self.part(Farewell::Refused);
    }

    /// The last word was said.
    pub(super) fn part(&mut self, farewell: Farewell) {
        debug_assert!(self.link.is_none(), "its connection was given back");
        self.leave(farewell);
        let now = self.now();
        self.phase = Phase::Parting { until: now + PARTING_WITHIN, latest: now + PARTING_AT_MOST };
        if !self.client.is_blocked() {
            self.client.finish();
        }
    }

    /// Waits until the client has read it.
    pub(super) fn parting(&mut self, latest: Timestamp, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        if self.client.is_blocked() {
            match self.client.flush(cx) {
                Ok(true) => {
                    let until = latest.min(self.now() + PARTING_WITHIN);
                    self.phase = Phase::Parting { until, latest };
                }
                Ok(false) => {}
                Err(_) => {
                    self.phase = Phase::Over;
                    return Step::Again;
                }
            }
            if !self.client.is_blocked() {
                self.client.finish();
            }
        }
        if self.client.has_ended() && !self.client.is_blocked() {
            self.phase = Phase::Over;
            return Step::Again;
        }
        match self.client.hear(&mut tools.scratch, cx) {
            None => return Step::Wait,
            Some(Ok(_)) => {}
            Some(Err(_)) => self.phase = Phase::Over,
        }
        Step::Again
    }
}
