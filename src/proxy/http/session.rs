//! A session: a client, and the server connection that it has for the length of one request.
//!
//! ```text
//!   accepted ─► resting ─── a head ───► waiting ─── lent ───► exchange ─┬─► resting
//!                │  │ └─► weighing ─────►  │                     │      └─► tunnel ─► over
//!                │  │        └──────────── │ ──── kept back by the order gate ─► resting
//!                │  └── bad head, silence ─┴── refused ──────────┴── an answer of our own ─► parting ─► over
//! ```
//!
//! Nothing of a client is read ahead of what can be passed on, but for the head itself and for what came with it. Of an
//! answer nothing is kept at all: what the client does not take at once waits in its transport, and the upstream is not read
//! until it went.

mod answer;
mod exchange;
mod forward;
mod gate;
mod parting;
mod request;
mod rest;
mod tunnel;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::forward::Goal;
use crate::proxy::http::reply::{Reply, is_failure};
use crate::proxy::http::room::{Link, Room, RoomSettings};
use crate::proxy::http::seat::{Seat, Told};
use crate::proxy::http::side::Side;
use crate::proxy::http::turns::{self, Attached, STALLED_AFTER, Step, Turns};
use crate::proxy::http::web::{Tools, Web};
use crate::wire::http::head::Finder;

use request::{Answer, Ask};
use tunnel::Carried;

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Between requests, or in a head.
    Rest,
    /// In a body that tells what it is.
    Weighing,
    /// For a server connection.
    Waiting,
    /// A request on its way up, its answer on its way down; over when the client has taken all of it.
    Exchange,
    /// Bytes both ways.
    Tunnel,
    /// The last word is on its way.
    Parting {
        /// It is waited for until then.
        until: Timestamp,
        /// And until then while the client takes it.
        latest: Timestamp,
    },
    /// Over.
    Over,
}

/// A client as it was accepted.
pub(super) struct Arrival {
    pub(super) place: usize,
    pub(super) client: Side,
    /// Its address and ours, where it has come by TCP from this machine.
    pub(super) ends: Option<(SocketAddr, SocketAddr)>,
    /// What it is told instead of being served.
    pub(super) refusal: Option<Reply>,
}

/// A session.
pub(super) struct Session {
    web: Rc<Web>,
    seat: Rc<Seat>,
    place: usize,
    client: Side,
    ends: Option<(SocketAddr, SocketAddr)>,
    attached: Attached,
    phase: Phase,
    /// What was read of the client and not passed on.
    held: Vec<u8>,
    finder: Finder,
    /// When the head in `held` began.
    begun: Timestamp,
    ask: Ask,
    /// Where the request wants to go, where the proxy leads anywhere.
    goal: Option<Rc<Goal>>,
    link: Option<Link>,
    /// How its tunnel stands, once it has one.
    carried: Carried,
    /// The head of an answer that is not all there.
    answer: Vec<u8>,
    answer_finder: Finder,
}

impl Session {
    /// With a client, who has a seat.
    pub(super) fn new(web: Rc<Web>, seat: Rc<Seat>, arrival: Arrival) -> Self {
        let now = web.now.get();
        Self {
            web,
            seat,
            place: arrival.place,
            client: arrival.client,
            ends: arrival.ends,
            attached: arrival.refusal.map_or(Attached::Yes, Attached::Never),
            phase: Phase::Rest,
            held: Vec::new(),
            finder: Finder::default(),
            begun: now,
            ask: Ask::none(now),
            goal: None,
            link: None,
            carried: Carried::begin(now),
            answer: Vec::new(),
            answer_finder: Finder::default(),
        }
    }

    fn now(&self) -> Timestamp {
        self.web.now.get()
    }

    fn settings(&self) -> &RoomSettings {
        &self.web.settings[usize::from(self.seat.room)]
    }

    fn room(&self) -> std::cell::RefMut<'_, Room> {
        self.web.rooms[usize::from(self.seat.room)].borrow_mut()
    }

    /// The pool, or who has it do something, has told something.
    fn hear(&mut self, told: Told, tools: &mut Tools) {
        match (told, self.phase) {
            (Told::Serve(connection), Phase::Waiting) => self.served(connection, tools),
            (Told::Refused(refusal), Phase::Waiting) => self.reply(&self.refused(refusal), tools),
            (Told::Lost, Phase::Waiting) => self.seek(tools),
            (Told::Lost, Phase::Tunnel) if self.goal.is_some() => {
                self.link = None;
                self.part(Farewell::Cut);
            }
            (Told::Lost, Phase::Exchange | Phase::Tunnel) => {
                self.link = None;
                self.upstream_lost(tools);
            }
            (Told::Go(farewell), Phase::Rest | Phase::Weighing) => self.part(farewell),
            (Told::Go(Farewell::Killed), Phase::Waiting | Phase::Exchange | Phase::Tunnel) => {
                self.abort(Farewell::Killed, CloseReason::Killed);
            }
            (Told::Go(farewell), Phase::Tunnel) if self.goal.is_some() => {
                self.end_tunnel(farewell, tunnel::reason_of(farewell));
            }
            // For the pool it rests: only the client has still to take what was said last.
            (Told::Go(farewell), Phase::Exchange) if self.link.is_none() => self.part(farewell),
            // It came to something else before it heard of it.
            (Told::Nothing | Told::Serve(_) | Told::Refused(_) | Told::Go(_) | Told::Lost, _) => {}
        }
    }

    /// How long nothing may pass in an exchange.
    fn patience(&self) -> Duration {
        let read = self.settings().read_within;
        // While the client is waited for, the upstream's patience is not the measure.
        if self.client.is_blocked() { read.max(STALLED_AFTER) } else { read }
    }

    fn overdue(&mut self, tools: &mut Tools) {
        match self.phase {
            Phase::Rest if self.held.is_empty() => self.part(Farewell::Refused),
            Phase::Rest | Phase::Weighing => self.reply(&Reply::late_client(), tools),
            Phase::Exchange => self.exchange_overdue(tools),
            Phase::Tunnel => self.tunnel_overdue(),
            Phase::Parting { .. } => self.phase = Phase::Over,
            Phase::Waiting | Phase::Over => {}
        }
    }

    /// Ends it at once, with its server connection.
    fn abort(&mut self, farewell: Farewell, reason: CloseReason) {
        self.drop_link(reason);
        self.leave(farewell);
        self.phase = Phase::Over;
    }

    /// A server connection in the middle of its work is not used again.
    fn drop_link(&mut self, reason: CloseReason) {
        if let Some(link) = self.link.take() {
            self.web.discard(usize::from(self.seat.room), link.id, reason);
        }
    }

    /// The pool is told that it has left.
    fn leave(&mut self, farewell: Farewell) {
        if let Attached::Yes = self.attached {
            self.attached = Attached::NoLonger;
            self.web.detach(self.place, &self.seat, farewell);
        }
    }

    /// Bytes have passed.
    fn count(&mut self, up: usize, down: usize) {
        self.ask.moved = self.now();
        turns::count(self, up, down);
    }

    /// The request has failed: it got no answer, half an answer, or one that says so. Counted once.
    fn fail(&mut self) {
        if !std::mem::replace(&mut self.ask.failed, true) {
            self.room().requests.fail();
        }
    }

    /// The head of its answer is there.
    fn answered(&mut self, status: u16) {
        let (now, took) = (self.now(), self.now().since(self.ask.begun));
        self.room().requests.answered(took, now);
        if is_failure(status) {
            self.fail();
        }
    }

    /// Drops what was passed on of the client's bytes.
    fn used(&mut self, count: usize) {
        self.held.drain(..count);
        if self.held.is_empty() {
            self.web.give_back(std::mem::take(&mut self.held));
        }
    }
}

impl Turns for Session {
    fn web(&self) -> &Rc<Web> {
        &self.web
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn step(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        match self.seat.hear() {
            Told::Nothing => {}
            told => self.hear(told, tools),
        }
        if self.seat.due.get().is_some_and(|due| due <= self.now()) {
            self.seat.due.set(None);
            if self.deadline().is_some_and(|due| due <= self.now()) {
                self.overdue(tools);
            }
        }
        match self.phase {
            Phase::Rest => self.rest(cx, tools),
            Phase::Weighing => self.weigh(cx, tools),
            Phase::Waiting => self.wait(cx, tools),
            Phase::Exchange => self.exchange(cx, tools),
            Phase::Tunnel => self.tunnel(cx, tools),
            Phase::Parting { latest, .. } => self.parting(latest, cx, tools),
            Phase::Over => Step::Wait,
        }
    }

    fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn leave_word(&self) {
        self.seat.asks.set(match self.phase {
            Phase::Waiting | Phase::Exchange | Phase::Weighing => true,
            Phase::Rest | Phase::Tunnel | Phase::Parting { .. } | Phase::Over => false,
        });
    }

    fn deadline(&self) -> Option<Timestamp> {
        let settings = self.settings();
        match self.phase {
            Phase::Rest | Phase::Weighing => {
                let waits = !self.held.is_empty() || matches!(self.attached, Attached::Never(_));
                waits.then(|| self.begun + settings.head_within)
            }
            Phase::Exchange => {
                let quiet = self.ask.moved + self.patience();
                let total = settings.total.filter(|_| matches!(self.ask.answer, Answer::Awaited));
                Some(total.map_or(quiet, |total| quiet.min(self.ask.begun + total)))
            }
            Phase::Tunnel => Some(self.tunnel_due()),
            Phase::Parting { until, .. } => Some(until),
            Phase::Waiting | Phase::Over => None,
        }
    }
}

impl Future for Session {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        turns::pass(self.get_mut(), cx)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Attached::Never(_) = self.attached {
            self.web.refused.set(self.web.refused.get().saturating_sub(1));
        }
        drop(self.web.seats.borrow_mut().try_remove(self.place));
    }
}
