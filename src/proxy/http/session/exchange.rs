//! A request on its way up: its head, rewritten for the upstream, and its body as it comes.

use std::task::Context;

use super::forward::{host_line, write_line};
use super::request::{Answer, Expect, Takes};
use super::rest::Word;
use super::{Phase, Session};
use crate::config::proxy::HostRule;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::reply::Reply;
use crate::proxy::http::side::Heard;
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::Tools;
use crate::wire::http::head::{After, Finder, Request, Version, request};
use crate::wire::http::rewrite;

/// What is put before an upgrade that is passed on.
const UPGRADES: &[u8] = b"Connection: Upgrade\r\n";

impl Session {
    /// Sends the head that is held, and what has come of its body.
    pub(super) fn send(&mut self, head: Option<&Request>, tools: &mut Tools) {
        let again;
        let head = match head {
            Some(head) => head,
            // The fields are shared by all sessions, and others have had heads meanwhile.
            None => match request(&self.held, &mut Finder::default(), &mut tools.fields) {
                Ok(Some(head)) => {
                    again = head;
                    &again
                }
                Ok(None) | Err(_) => return self.abort(Farewell::Protocol, CloseReason::ClientProtocol),
            },
        };
        if self.is_for_tunnel() {
            return self.open_tunnel(head.end, tools);
        }
        let Tools { out, fields, .. } = tools;
        let settings = &self.web.settings[usize::from(self.seat.room)];
        let Some(link) = &mut self.link else { return };
        let bytes = &self.held[..head.end];
        let mut extra: [&[u8]; 2] = [b"", b""];
        let aimed = self.goal.as_ref().map(|goal| host_line(&goal.to));
        // One of HTTP/1.0 may come without.
        if settings.host == HostRule::Upstream || head.host.is_none() {
            extra[0] = aimed.as_deref().unwrap_or_else(|| &settings.hosts[link.upstream.index()]);
            if let Some(place) = head.host {
                fields.cut(place);
            }
        }
        if self.ask.upgrades {
            fields.keep_named(bytes, b"upgrade");
            extra[1] = UPGRADES;
        }
        if self.ask.expect == Expect::Ours {
            fields.cut_named(bytes, b"expect");
        }
        out.clear();
        let from = if self.goal.is_some() { write_line(bytes, head, fields, out) } else { head.start };
        rewrite::write(bytes, fields, from, &extra, out);
        if head.version == Version::Http10 {
            speak_newer(out);
        }
        self.ask.body = head.body;
        let count = match self.ask.body.advance(&self.held[head.end..]) {
            Ok(count) => count,
            Err(fault) => {
                self.drop_unused();
                return self.reply(&Reply::fault(fault), tools);
            }
        };
        out.extend_from_slice(&self.held[head.end..head.end + count]);
        // What it breaks is heard when it is read.
        if link.side.send(out).is_err() {
            self.ask.takes = Takes::No;
        }
        let sent = out.len();
        if link.used && self.ask.is_repeatable() {
            self.ask.kept = head.end;
        } else {
            self.ask.kept = 0;
            self.used(head.end + count);
        }
        self.phase = Phase::Exchange;
        self.answer_finder = Finder::default();
        self.count(sent, 0);
        self.count_passed();
    }

    /// Gives back a connection to which nothing was sent.
    pub(super) fn drop_unused(&mut self) {
        if let Some(link) = self.link.take() {
            self.web.check_in(usize::from(self.seat.room), link);
        }
    }

    /// Carries both ways.
    pub(super) fn exchange(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        if self.client.is_blocked() {
            match self.client.flush(cx) {
                Ok(true) => self.ask.moved = self.now(),
                Ok(false) => {}
                Err(_) => {
                    self.abort(Farewell::Lost, CloseReason::ClientGone);
                    return Step::Again;
                }
            }
        }
        let up = self.upward(cx, tools);
        if self.phase != Phase::Exchange {
            return Step::Again;
        }
        let down = self.downward(cx, tools);
        if self.phase == Phase::Exchange && self.ask.is_over() {
            return self.complete();
        }
        if self.phase != Phase::Exchange {
            return Step::Again;
        }
        match (up, down) {
            (Step::Wait, Step::Wait) => Step::Wait,
            (Step::Again, _) | (_, Step::Again) => Step::Again,
        }
    }

    /// What is to come of the request's body; after it the client is only watched.
    fn upward(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        let Some(link) = &mut self.link else { return self.drop_body(cx, tools) };
        if link.side.is_blocked() {
            match link.side.flush(cx) {
                Ok(true) => self.ask.moved = self.web.now.get(),
                Ok(false) => {}
                Err(_) => self.ask.takes = Takes::No,
            }
        }
        if self.ask.body.is_over() {
            self.watch(cx, tools);
            return Step::Wait;
        }
        if self.ask.takes == Takes::No || link.side.is_blocked() {
            return Step::Wait;
        }
        let settings = &self.web.settings[usize::from(self.seat.room)];
        let most = settings.buffer.min(tools.scratch.len());
        let room = &mut tools.scratch[..most];
        let taken = match self.client.hear(room, cx) {
            Some(Ok(Heard::Bytes(taken))) => taken,
            None => return Step::Wait,
            // Half a request is none.
            Some(Ok(Heard::End) | Err(_)) => {
                self.abort(Farewell::Lost, CloseReason::ClientGone);
                return Step::Again;
            }
        };
        let count = match self.ask.body.advance(&room[..taken]) {
            Ok(count) => count,
            Err(fault) => {
                self.client_fault(&Reply::fault(fault), tools);
                return Step::Again;
            }
        };
        if link.side.send(&room[..count]).is_err() {
            self.ask.takes = Takes::No;
        }
        if taken > count {
            self.held = self.web.lend();
            self.held.extend_from_slice(&room[count..taken]);
            self.begun = self.web.now.get();
        }
        self.count(count, 0);
        Step::Again
    }

    /// What is to come of the body of a request that was refused: it is read and dropped.
    fn drop_body(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        if self.ask.body.is_over() || self.client.is_blocked() {
            return Step::Wait;
        }
        match self.listen(cx, tools) {
            Word::More => {}
            Word::Nothing => return Step::Wait,
            Word::End | Word::Broken => {
                self.abort(Farewell::Lost, CloseReason::ClientGone);
                return Step::Again;
            }
        }
        match self.ask.body.advance(&self.held) {
            Ok(count) => {
                self.used(count);
                self.count(count, 0);
            }
            Err(_) => self.abort(Farewell::Protocol, CloseReason::ClientProtocol),
        }
        Step::Again
    }

    /// The client has broken the protocol in the middle of its request.
    fn client_fault(&mut self, reply: &Reply, tools: &mut Tools) {
        self.drop_link(CloseReason::ClientProtocol);
        match self.ask.answer {
            Answer::Awaited => self.reply(reply, tools),
            Answer::Body(..) | Answer::Over(_) => self.abort(Farewell::Protocol, CloseReason::ClientProtocol),
        }
    }

    /// Both ways are at their end: the server connection goes back, and the rest of the answer to the client.
    fn complete(&mut self) -> Step {
        let Answer::Over(after) = self.ask.answer else { return Step::Wait };
        let link = self.link.take();
        let was_linked = link.is_some();
        if let Some(mut link) = link {
            let room = usize::from(self.seat.room);
            // An answer may come before the request has gone out whole: what is left of that would reach the next one.
            let whole = self.ask.takes == Takes::Yes && !link.side.is_blocked();
            if after == After::Keep && whole && !link.side.has_ended() {
                link.used = true;
                self.web.check_in(room, link);
            } else {
                self.web.finish(room, link.id, CloseReason::LastAnswer);
            }
        }
        if self.client.is_blocked() {
            // The last of it may have come after the look at whether the client takes more: only that has the task woken.
            return if was_linked { Step::Again } else { Step::Wait };
        }
        if self.ask.after == After::Close {
            self.part(Farewell::Left);
        } else {
            self.phase = Phase::Rest;
            self.begun = self.now();
        }
        Step::Again
    }

    /// Nothing has passed for too long.
    pub(super) fn exchange_overdue(&mut self, tools: &mut Tools) {
        let client_is_late = !self.ask.body.is_over()
            && self.ask.takes == Takes::Yes
            && self.link.as_ref().is_some_and(|link| !link.side.is_blocked());
        match self.ask.answer {
            Answer::Awaited if client_is_late => {
                self.drop_link(CloseReason::ClientGone);
                self.reply(&Reply::late_client(), tools);
            }
            Answer::Awaited => {
                self.drop_link(CloseReason::CommandLate);
                self.reply(&Reply::late_upstream(), tools);
            }
            Answer::Body(..) if self.client.is_blocked() => {
                self.break_off(Farewell::Lost, CloseReason::ClientGone);
            }
            Answer::Body(..) => self.break_off(Farewell::Cut, CloseReason::CommandLate),
            Answer::Over(_) => self.break_off(Farewell::Lost, CloseReason::ClientGone),
        }
    }
}

/// Has a head of HTTP/1.0 say the version that is spoken towards upstreams: they keep the connection then.
fn speak_newer(head: &mut [u8]) {
    let end = memchr::memchr(b'\r', head).unwrap_or_default();
    if let Some(minor) = end.checked_sub(1).and_then(|last| head.get_mut(last)) {
        *minor = b'1';
    }
}
