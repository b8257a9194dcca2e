//! Between requests: heads are read, and a server connection is asked for.

use std::task::Context;

use super::request::Ask;
use super::{Phase, Session};
use crate::pool::check_out::CheckOut;
use crate::pool::id::ConnectionId;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::guests::Seen;
use crate::proxy::http::reply::Reply;
use crate::proxy::http::room::Held;
use crate::proxy::http::serving::reason_of;
use crate::proxy::http::side::{Heard, Rest};
use crate::proxy::http::turns::{Attached, Step};
use crate::proxy::http::web::{Tools, client_of};
use crate::proxy::transport::Stream;
use crate::wire::http::head::{Finder, HEAD_MAX, request};

/// While a client waits or is answered, so much more is read of it: to see that it is still there, and what it asks next.
const AHEAD_MAX: usize = HEAD_MAX;

/// What a read of the client brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// Something.
    More,
    /// Nothing for now.
    Nothing,
    /// It has closed its half.
    End,
    /// It has broken off.
    Broken,
}

impl Session {
    /// Between requests, or in a head.
    pub(super) fn rest(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        debug_assert!(!self.client.is_blocked(), "an exchange is over only when its answer was taken");
        if !self.held.is_empty() {
            match request(&self.held, &mut self.finder, &mut tools.fields) {
                Ok(Some(head)) => {
                    self.begin(&head, tools);
                    return Step::Again;
                }
                Ok(None) => {}
                Err(fault) => {
                    self.reply(&Reply::fault(fault), tools);
                    return Step::Again;
                }
            }
        }
        match self.listen(cx, tools) {
            Word::More => Step::Again,
            // It closed its half before, and what it asked has been answered.
            Word::Nothing if !self.client.has_ended() => Step::Wait,
            Word::Nothing | Word::End => {
                self.abort(Farewell::Left, CloseReason::SessionOver);
                Step::Again
            }
            Word::Broken => {
                self.abort(Farewell::Lost, CloseReason::ClientGone);
                Step::Again
            }
        }
    }

    /// Reads more of the client into what is held.
    pub(super) fn listen(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Word {
        let most = self.settings().buffer.min(tools.scratch.len());
        match self.client.hear(&mut tools.scratch[..most], cx) {
            None => Word::Nothing,
            Some(Ok(Heard::Bytes(count))) => {
                if self.held.is_empty() {
                    self.held = self.web.lend();
                    self.begun = self.now();
                }
                self.held.extend_from_slice(&tools.scratch[..count]);
                Word::More
            }
            Some(Ok(Heard::End)) => Word::End,
            Some(Err(_)) => Word::Broken,
        }
    }

    /// Watches a client that waits for its answer. Gives whether it is gone; then the session is over.
    pub(super) fn watch(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> bool {
        while self.held.len() < AHEAD_MAX {
            match self.listen(cx, tools) {
                Word::More => {}
                Word::Nothing => return false,
                // It may have closed no more than its half, and still wait.
                Word::End if !self.is_gone() => return false,
                Word::End | Word::Broken => {
                    self.abort(Farewell::Lost, CloseReason::ClientGone);
                    return true;
                }
            }
        }
        false
    }

    /// Whether nobody holds the client's end any more.
    pub(super) fn is_gone(&self) -> bool {
        match (self.client.transport().stream(), self.ends) {
            // An end of a unix socket is closed as a whole by most, and the kernel tells nothing more of it.
            (Stream::Unix(_), _) => true,
            (Stream::Tcp(_), Some(ends)) => self.web.porch.borrow_mut().look_at(ends).1 == Seen::Gone,
            (Stream::Tcp(_), None) => false,
        }
    }

    /// The head of a request is there.
    fn begin(&mut self, head: &crate::wire::http::head::Request, tools: &mut Tools) {
        self.ask = Ask::of(head, self.now());
        self.finder = Finder::default();
        if let Attached::Never(reply) = &self.attached {
            let reply = reply.clone();
            return self.reply(&reply, tools);
        }
        if let Err(reply) = self.aim(head) {
            return self.reply(&reply, tools);
        }
        if self.is_kept_back(head, tools) {
            return;
        }
        self.seek_with(Some(head), tools);
    }

    /// Asks the pool for a server connection, for the head that is held.
    pub(super) fn seek(&mut self, tools: &mut Tools) {
        if !self.is_overtaken(tools) {
            self.seek_with(None, tools);
        }
    }

    /// The same with its head, where its fields are still at hand.
    pub(super) fn seek_with(&mut self, head: Option<&crate::wire::http::head::Request>, tools: &mut Tools) {
        let room_place = usize::from(self.seat.room);
        loop {
            let client = client_of(self.place);
            let now = self.now();
            let Some(key) = self.key() else { return self.reply(&Reply::too_many(), tools) };
            let found = self.room().pool.check_out(client, key, now);
            match found {
                CheckOut::Lease(connection) if self.adopt(connection) => return self.send(head, tools),
                CheckOut::Lease(_) => {}
                CheckOut::Wait => {
                    self.phase = Phase::Waiting;
                    return self.web.carry_out(room_place);
                }
                CheckOut::Refused(refusal) => return self.reply(&self.refused(refusal), tools),
            }
        }
    }

    /// A connection is lent to it, for which it waited.
    pub(super) fn served(&mut self, connection: ConnectionId, tools: &mut Tools) {
        if self.adopt(connection) {
            if !self.is_overtaken(tools) {
                self.send(None, tools);
            }
        } else {
            self.seek(tools);
        }
    }

    /// Takes a connection from the room; gives whether it is good.
    fn adopt(&mut self, connection: ConnectionId) -> bool {
        let held = self.room().links.put(connection, Held::Lent(self.place));
        let Some(Held::Here(mut link)) = held else {
            self.web.discard(usize::from(self.seat.room), connection, CloseReason::Unwanted);
            return false;
        };
        // One for a tunnel is new: what its server says first is for the client.
        let rest = if self.is_for_tunnel() { Rest::Quiet } else { link.side.look() };
        match rest {
            Rest::Quiet => {
                self.link = Some(link);
                true
            }
            rest @ (Rest::Spoke | Rest::Ended) => {
                self.web.discard(usize::from(self.seat.room), connection, reason_of(rest));
                false
            }
        }
    }

    /// While it waits for a connection.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        if self.watch(cx, tools) { Step::Again } else { Step::Wait }
    }
}
