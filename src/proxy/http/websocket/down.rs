//! From the upstream to the client.

use std::ops::ControlFlow;
use std::task::Context;

use serde_json::Value;

use crate::config::proxy::Slow;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::side::Heard;
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::Tools;
use crate::proxy::http::websocket::channel::Said;
use crate::proxy::http::websocket::session::{Phase, Session, nonce};
use crate::proxy::http::websocket::wire::Wire;
use crate::stream::cursor::Seen;
use crate::stream::feed::Verdict;
use crate::stream::generation::Generation;
use crate::stream::ledger::Answered;
use crate::stream::order::Why;
use crate::stream::outbox::Pushed;
use crate::wire::websocket::close::{Close, Code};
use crate::wire::websocket::head::write;
use crate::wire::websocket::opcode::Opcode;

/// Messages that wait for a client and leave together.
const TOGETHER: usize = 16;

impl Session {
    /// One pass over everything that can move.
    pub(super) fn carry(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        self.take_polled();
        self.take_answers();
        self.go_on_saying();
        self.close_on(cx, tools);
        if self.phase == Phase::Open && !self.held.is_empty() && self.replay.is_none() {
            let early = std::mem::take(&mut self.held);
            self.listen(&early);
        }
        if self.flush_client(cx).is_err() {
            self.abort(Farewell::Lost);
            return Step::Again;
        }
        let down = self.hear_server(cx, tools);
        let up = if self.phase == Phase::Open { self.hear_client(cx, tools) } else { self.watch(cx, tools) };
        if self.too_slow && self.phase == Phase::Open {
            self.bye((Code::POLICY, "too slow"), Farewell::Cut);
        }
        self.send();
        match (down, up) {
            (Step::Wait, Step::Wait) => Step::Wait,
            (Step::Again, _) | (_, Step::Again) => Step::Again,
        }
    }

    /// Sends what has gathered in this pass, in one write each way.
    pub(super) fn send(&mut self) {
        if !self.to_client.is_empty() && matches!(self.phase, Phase::Open | Phase::Parting(_)) {
            let out = std::mem::take(&mut self.to_client);
            self.count(0, out.len());
            if self.client.send(&out).is_err() && self.phase == Phase::Open {
                self.abort(Farewell::Lost);
            }
            self.web.give_back(out);
        }
        if !self.to_server.is_empty() {
            let out = std::mem::take(&mut self.to_server);
            if let Wire::Open(_, link, _) = &mut self.wire {
                // What it breaks is heard when it is read.
                let _heard = link.side.send(&out);
                self.count(out.len(), 0);
            }
            self.web.give_back(out);
        }
    }

    /// Sends more of what a slow client did not take.
    fn flush_client(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        loop {
            if self.client.is_blocked() {
                let moved = self.client.flush(cx)?;
                if moved || self.stalled.is_none() {
                    self.stalled = Some(self.now());
                }
                if self.client.is_blocked() {
                    return Ok(());
                }
            }
            self.stalled = None;
            if self.outbox.is_empty() {
                return Ok(());
            }
            let mut out = self.web.lend();
            self.outbox.front(TOGETHER).for_each(|piece| out.extend_from_slice(piece));
            self.outbox.sent(out.len());
            self.count(0, out.len());
            self.client.send(&out)?;
            self.web.give_back(out);
        }
    }

    /// Reads the upstream.
    fn hear_server(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        let waits = self.stream().slow == Slow::Wait && (self.client.is_blocked() || !self.outbox.is_empty());
        let is_open = matches!(self.wire, Wire::Open(..));
        let most = self.settings().buffer.min(tools.scratch.len());
        let Some(generation) = self.wire.generation() else { return Step::Wait };
        let Some(link) = self.wire.link() else { return Step::Wait };
        if link.side.is_blocked() && link.side.flush(cx).is_err() {
            self.lose(generation, CloseReason::UpstreamLost);
            return Step::Again;
        }
        if waits && is_open {
            // A pong that is not read, since the client is slow, does not speak against the upstream.
            self.feed.pong(generation);
            return Step::Wait;
        }
        let Some(link) = self.wire.link() else { return Step::Wait };
        match link.side.hear(&mut tools.scratch[..most], cx) {
            None => return Step::Wait,
            Some(Ok(Heard::Bytes(count))) if is_open => {
                let scratch = std::mem::take(&mut tools.scratch);
                self.hear(generation, &scratch[..count]);
                tools.scratch = scratch;
            }
            Some(Ok(Heard::Bytes(count))) => {
                self.shake(count, tools);
                self.carry_out();
            }
            Some(Ok(Heard::End) | Err(_)) if is_open => self.lose(generation, CloseReason::UpstreamLost),
            Some(Ok(Heard::End) | Err(_)) => {
                let why = "the upstream ended the handshake".to_owned();
                self.fail(generation, (502, why));
                self.carry_out();
            }
        }
        Step::Again
    }

    /// The connection is gone.
    fn lose(&mut self, generation: Generation, reason: CloseReason) {
        self.drop_wire(reason);
        self.feed.lost(generation, Why::Lost, self.now());
        self.carry_out();
    }

    /// Bytes of the open upstream.
    pub(super) fn hear(&mut self, generation: Generation, chunk: &[u8]) {
        let Wire::Open(_, _, channel) = &mut self.wire else { return };
        let Some(mut channel) = channel.take() else { return };
        let mut ended = None;
        let heard = channel.feed(chunk, |said| {
            match said {
                Said::Ping(words) => self.say(Opcode::Pong, words),
                Said::Pong => self.feed.pong(generation),
                Said::Close(close) => ended = Some(close.code.unwrap_or(Code::NORMAL)),
                Said::Message(bytes, text) => self.pass(generation, bytes, text),
            }
            let goes_on = ended.is_none() && self.wire.generation() == Some(generation);
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let mut reason = CloseReason::UpstreamClosed;
        if let Err(offence) = heard {
            let proxy = &self.settings().name;
            tracing::warn!(proxy, %offence, "an upstream breaks the protocol of WebSocket");
            (ended, reason) = (Some(offence.code()), CloseReason::UpstreamProtocol);
        }
        // What it said may have led to its end.
        if self.wire.generation() != Some(generation) {
            return;
        }
        if let Wire::Open(_, _, place) = &mut self.wire {
            *place = Some(channel);
        }
        if let Some(code) = ended {
            self.say(Opcode::Close, &Close { code: Some(code), reason: "" }.payload());
            self.send();
            if let Some(link) = self.wire.link() {
                link.side.finish();
            }
            self.lose(generation, reason);
        }
    }

    /// A message of the upstream.
    fn pass(&mut self, generation: Generation, bytes: &[u8], text: Option<&str>) {
        let now = self.now();
        let value: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
        let (mut topic, mut seen) = (None, Seen::default());
        if self.node.is_some() {
            if !value.is_some_and(|value| self.hear_node(generation, &value)) {
                self.deliver(None, bytes);
            }
            return;
        }
        if let Some(value) = &value {
            if self.ledger.learns() {
                match self.ledger.answered(value) {
                    Answered::Own => return,
                    Answered::Login => return self.agreed(),
                    // The client waits for it, whatever serves.
                    Answered::Request => return self.deliver(None, bytes),
                    Answered::Other => {}
                }
            }
            let stream = self.stream();
            topic = stream.topic.as_ref().and_then(|place| place.key(value));
            seen.cursor = stream.cursor.as_ref().and_then(|place| place.number(value));
            seen.previous = stream.previous.as_ref().and_then(|place| place.number(value));
        }
        seen.topic = topic.as_deref();
        let verdict = self.feed.message(generation, &seen, bytes, now);
        self.carry_out();
        if verdict == Verdict::Pass {
            self.deliver(seen.topic, bytes);
        }
    }

    /// Gives a frame to the client, now or when it takes more.
    pub(super) fn deliver(&mut self, topic: Option<&str>, bytes: &[u8]) {
        let at_once = !self.client.is_blocked() && self.outbox.is_empty();
        if at_once {
            if self.to_client.is_empty() {
                self.to_client = self.web.lend();
            }
            return self.to_client.extend_from_slice(bytes);
        }
        if self.outbox.push(topic, bytes) == Pushed::Full && self.phase == Phase::Open {
            self.too_slow = true;
        }
    }

    /// Says something to the open upstream, masked as a client must.
    pub(super) fn say(&mut self, opcode: Opcode, payload: &[u8]) {
        let Some(key) = nonce() else { return };
        write(&mut self.to_server, opcode, Some(key), payload);
    }
}
