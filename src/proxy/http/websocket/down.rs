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
/// So much is read of an upstream before it is asked whether it is late: more than sockets hold.
const READS_MAX: u32 = 256;

impl Session {
    /// One pass over everything that can move.
    pub(super) fn carry(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        self.take_polled();
        self.take_answers();
        self.go_on_saying();
        let closing = self.close_on(cx, tools);
        if self.phase == Phase::Open && !self.held.is_empty() {
            let early = std::mem::take(&mut self.held);
            self.listen(&early);
        }
        if self.flush_client(cx).is_err() {
            self.abort(Farewell::Lost);
            return Step::Again;
        }
        let down = self.hear_server(cx, tools);
        self.look_at_time(down);
        let up = if self.phase == Phase::Open { self.hear_client(cx, tools) } else { self.watch(cx, tools) };
        if self.too_slow && self.phase == Phase::Open {
            self.bye((Code::POLICY, "too slow"), Farewell::Cut);
        }
        self.send();
        if closing == Step::Wait && self.is_idle((down, up), cx) {
            return Step::Wait;
        }
        match (down, up, closing) {
            (Step::Wait, Step::Wait, Step::Wait) => Step::Wait,
            (Step::Again, ..) | (_, Step::Again, _) | (.., Step::Again) => Step::Again,
        }
    }

    /// Whether another step would find nothing: all that was read has left, and nothing has come since. A message of a paced feed
    /// comes alone, and that step would cost as much as the message.
    fn is_idle(&mut self, (down, up): (Step, Step), cx: &mut Context<'_>) -> bool {
        let waits = self.overdue.is_some() || self.replay.is_some() || self.is_behind();
        let Wire::Open(_, link, Some(_)) = &mut self.wire else { return false };
        // A side that was to wait has been looked at.
        self.phase == Phase::Open
            && !waits
            && !link.side.is_blocked()
            && (down == Step::Wait || link.side.is_drained(cx))
            && (up == Step::Wait || self.client.is_drained(cx))
    }

    /// Whether the client has not taken all that it was sent.
    pub(super) fn is_behind(&self) -> bool {
        self.client.is_blocked() || !self.outbox.is_empty()
    }

    /// What time brings is looked at once all that came in time was heard: this side may have stood still, and what it
    /// waited for may lie there. One who never stops talking is not waited for.
    fn look_at_time(&mut self, down: Step) {
        let Some(reads) = &mut self.overdue else { return };
        *reads += 1;
        if (down == Step::Again && *reads < READS_MAX) || !matches!(self.phase, Phase::Dialing | Phase::Open)
        {
            return;
        }
        self.overdue = None;
        self.feed.tick(self.now());
        self.carry_out();
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
            let leaving = std::mem::take(&mut self.leaving);
            if let Wire::Open(_, link, _) = &mut self.wire {
                // What it breaks is heard when it is read.
                let _heard = link.side.send(&out);
                self.count(out.len(), 0);
            } else {
                self.dropped += leaving;
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
                if let Some(words) = self.pong_down.take() {
                    write(&mut self.to_client, Opcode::Pong, None, &words);
                }
                return Ok(());
            }
            let mut out = self.web.lend();
            self.outbox.take(TOGETHER, &mut out);
            self.count(0, out.len());
            self.client.send(&out)?;
            self.web.give_back(out);
        }
    }

    /// Reads the upstream.
    fn hear_server(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        let waits = self.stream().slow == Slow::Wait && self.is_behind();
        let is_open = matches!(self.wire, Wire::Open(..));
        let most = self.settings().buffer.min(tools.scratch.len());
        let Some(generation) = self.wire.generation() else { return Step::Wait };
        let Some(link) = self.wire.link() else { return Step::Wait };
        if link.side.is_blocked() && link.side.flush(cx).is_err() {
            self.lose(generation, self.break_reason());
            return Step::Again;
        }
        if !link.side.is_blocked()
            && let Some(words) = self.pong_up.take()
        {
            self.say(Opcode::Pong, &words);
        }
        if waits && is_open {
            // What is not read, since the client is slow, does not speak against the upstream.
            self.feed.unread(generation, self.now());
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
            Some(Ok(Heard::End) | Err(_)) if is_open => self.lose(generation, self.break_reason()),
            Some(Ok(Heard::End) | Err(_)) => {
                self.handshake_ended(generation);
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
                Said::Ping(words) => self.answer_ping(words),
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
                    Answered::Refused(names) => return self.refused_again(names),
                    Answered::Login => return self.logged_in(),
                    Answered::LoginRefused(told) => {
                        self.warn("a login that was said again was refused");
                        self.logged_in();
                        let mut frame = Vec::new();
                        write(&mut frame, Opcode::Text, None, told.as_bytes());
                        return self.deliver(None, &frame);
                    }
                    // The client waits for these, whatever serves.
                    Answered::ClientLogin => {
                        self.logged_in();
                        return self.deliver(None, bytes);
                    }
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
        let before = self.feed.counts().duplicates;
        let verdict = self.feed.message(generation, &seen, bytes, now);
        self.carry_out();
        if verdict == Verdict::Pass {
            self.deliver(seen.topic, bytes);
        } else if self.feed.counts().duplicates > before {
            self.note_duplicate();
        }
    }

    /// A message was delivered before. That is usual behind a reconnect; where it goes on, the venue counts anew.
    fn note_duplicate(&self) {
        let what = "a stream repeats numbers, or counts anew: what is not above the last one is kept back";
        if self.room().told.is_due(what, self.now()) {
            tracing::info!(proxy = self.settings().name, client = self.seat.about.address, "{what}");
        }
    }

    /// Of the pings of an upstream that does not take their answers the latest is answered.
    fn answer_ping(&mut self, words: &[u8]) {
        if self.wire.link().is_some_and(|link| link.side.is_blocked()) {
            self.pong_up = Some(words.to_vec());
        } else {
            self.say(Opcode::Pong, words);
        }
    }

    /// Gives a frame to the client, now or when it takes more.
    pub(super) fn deliver(&mut self, topic: Option<&str>, bytes: &[u8]) {
        if !self.is_behind() {
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
