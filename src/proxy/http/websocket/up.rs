//! From the client to the upstream.

use std::ops::ControlFlow;
use std::task::Context;

use serde_json::Value;

use crate::pool::reason::Farewell;
use crate::proxy::http::side::Heard;
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::Tools;
use crate::proxy::http::websocket::channel::Said;
use crate::proxy::http::websocket::replay::Replay;
use crate::proxy::http::websocket::session::{Phase, Session};
use crate::proxy::http::websocket::wire::Wire;
use crate::stream::ledger::{Heard as Learnt, Step as Saying};
use crate::wire::http::head::HEAD_MAX;
use crate::wire::websocket::close::Code;
use crate::wire::websocket::head::write;
use crate::wire::websocket::opcode::Opcode;

impl Session {
    /// Reads the client.
    pub(super) fn hear_client(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        // What it says would wait here without bound.
        let is_full = self.replay.as_ref().is_some_and(Replay::is_full);
        if is_full || self.wire.link().is_some_and(|link| link.side.is_blocked()) {
            return Step::Wait;
        }
        let most = self.settings().buffer.min(tools.scratch.len());
        match self.client.hear(&mut tools.scratch[..most], cx) {
            None => return Step::Wait,
            Some(Ok(Heard::Bytes(count))) => self.listen(&tools.scratch[..count]),
            Some(Ok(Heard::End)) => self.abort(Farewell::Left),
            Some(Err(_)) => self.abort(Farewell::Lost),
        }
        Step::Again
    }

    /// A client that waits for its answer is watched, and what it says ahead is kept.
    pub(super) fn watch(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        if self.phase != Phase::Dialing || self.held.len() > HEAD_MAX {
            return Step::Wait;
        }
        match self.client.hear(&mut tools.scratch, cx) {
            None => return Step::Wait,
            Some(Ok(Heard::Bytes(count))) => self.held.extend_from_slice(&tools.scratch[..count]),
            Some(Ok(Heard::End) | Err(_)) => self.abort(Farewell::Left),
        }
        Step::Again
    }

    /// Bytes of the client.
    pub(super) fn listen(&mut self, chunk: &[u8]) {
        let Some(mut channel) = self.up.take() else { return };
        let mut ended = None;
        let heard = channel.feed(chunk, |said| {
            match said {
                Said::Ping(words) => {
                    // Of those that it does not take the latest is enough (RFC 6455, section 5.5.3).
                    if self.is_behind() {
                        self.pong_down = Some(words.to_vec());
                    } else {
                        write(&mut self.to_client, Opcode::Pong, None, words);
                    }
                }
                Said::Pong => {}
                Said::Close(close) => ended = Some(close.code.unwrap_or(Code::NORMAL)),
                Said::Message(bytes, text) => self.raise(bytes, text),
            }
            if ended.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.up = Some(channel);
        if let Err(offence) = heard {
            self.bye((offence.code(), &offence.to_string()), Farewell::Protocol);
        } else if let Some(code) = ended {
            self.bye((code, ""), Farewell::Left);
        }
    }

    /// A message of the client.
    fn raise(&mut self, bytes: &[u8], text: Option<&str>) {
        if self.ask_node(text) {
            return;
        }
        let mut learnt = Learnt::Other;
        if self.ledger.learns()
            && let Some(value) = text.and_then(|text| serde_json::from_str::<Value>(text).ok())
        {
            learnt = self.ledger.heard(&value);
        }
        if learnt == Learnt::TooMany {
            self.warn("a client subscribes to more than is kept: it is not said again");
        }
        let now = self.now();
        if let (Learnt::Login | Learnt::Topics, Some(replay), Some(text)) = (learnt, &mut self.replay, text) {
            let step = match learnt {
                Learnt::Login => self.ledger.login_step(text.to_owned()),
                Learnt::Topics | Learnt::TooMany | Learnt::Other => Saying::Say(text.to_owned()),
            };
            return replay.join(step, (learnt, now));
        }
        let takes = self.replay.as_ref().is_none_or(|replay| !replay.is_logging_in());
        if let (Wire::Open(..), true) = (&self.wire, takes) {
            if self.to_server.is_empty() {
                self.to_server = self.web.lend();
            }
            self.leaving += 1;
            return self.to_server.extend_from_slice(bytes);
        }
        match learnt {
            // It is said with the next connection.
            Learnt::Login | Learnt::Topics => {}
            Learnt::TooMany | Learnt::Other => self.lose_message(),
        }
    }

    /// A message that has come while there is no upstream is not kept: what it asks for may be wrong by then.
    fn lose_message(&mut self) {
        self.dropped += 1;
        self.warn("a message of a client went nowhere: its stream has no connection that would take it");
    }
}
