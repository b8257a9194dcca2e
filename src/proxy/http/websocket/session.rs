//! The session of one client.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::model::clock::Timestamp;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::room::{Room, RoomSettings};
use crate::proxy::http::seat::{Seat, Told};
use crate::proxy::http::session::Arrival;
use crate::proxy::http::side::Side;
use crate::proxy::http::turns::{self, Attached, STALLED_AFTER, Step, Turns};
use crate::proxy::http::web::{Tools, Web};
use crate::proxy::http::websocket::channel::Channel;
use crate::proxy::http::websocket::ending::Closing;
use crate::proxy::http::websocket::gauge::Gauge;
use crate::proxy::http::websocket::node::Node;
use crate::proxy::http::websocket::opening::Ask;
use crate::proxy::http::websocket::poll::Desk;
use crate::proxy::http::websocket::refusal::Trouble;
use crate::proxy::http::websocket::replay::{Refused, Replay};
use crate::proxy::http::websocket::settings::StreamSettings;
use crate::proxy::http::websocket::wire::Wire;
use crate::stream::Feed;
use crate::stream::chain::Chain;
use crate::stream::generation::Generation;
use crate::stream::ledger::Ledger;
use crate::stream::order::{Wanted, Why};
use crate::stream::outbox::Outbox;
use crate::wire::http::head::Finder;
use crate::wire::websocket::close::Code;
use crate::wire::websocket::handshake::response::Agreed;
use crate::wire::websocket::rules::Sender;

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The client's request is not all there.
    Head,
    /// The client waits for its answer, which depends on the upstream.
    Dialing,
    /// The client's WebSocket is open.
    Open,
    /// The last word is on its way.
    Parting(Timestamp),
    /// Over.
    Over,
}

/// See the module.
pub(in crate::proxy::http) struct Session {
    pub(super) web: Rc<Web>,
    pub(super) seat: Rc<Seat>,
    pub(super) place: usize,
    pub(super) client: Side,
    pub(super) attached: Attached,
    pub(super) phase: Phase,
    /// What was read of the client's request.
    pub(super) held: Vec<u8>,
    pub(super) finder: Finder,
    /// When the client came, and since when it takes nothing.
    pub(super) begun: Timestamp,
    pub(super) stalled: Option<Timestamp>,
    pub(super) ask: Ask,
    pub(super) agreed: Option<Agreed>,
    pub(super) feed: Feed,
    pub(super) ledger: Ledger,
    /// Of a client that speaks with an Ethereum node.
    pub(super) node: Option<Box<Node>>,
    pub(super) wire: Wire,
    pub(super) closing: Option<Box<Closing>>,
    /// What the client says; none while it is at work.
    pub(super) up: Option<Box<Channel>>,
    /// What leaves with this pass, in each direction.
    pub(super) to_client: Vec<u8>,
    pub(super) to_server: Vec<u8>,
    pub(super) outbox: Outbox,
    /// The answers to the latest pings, where they could not be sent: to the client, and to the upstream.
    pub(super) pong_down: Option<Vec<u8>>,
    pub(super) pong_up: Option<Vec<u8>>,
    /// When the connection to the upstream opened.
    pub(super) opened: Timestamp,
    pub(super) replay: Option<Replay>,
    pub(super) refused: Refused,
    pub(super) desk: Desk,
    /// A connection that was not to be had, and for how long none is to be tried; not told to the feed yet.
    pub(super) failed: Option<(Generation, Duration)>,
    /// Why the last one was not, for a client that waits.
    pub(super) trouble: Option<Trouble>,
    /// Messages that went nowhere, and those of the client that leave with this pass.
    pub(super) dropped: u64,
    pub(super) leaving: u64,
    /// Something is due, and so much was read since.
    pub(super) overdue: Option<u32>,
    /// Its outbox is full.
    pub(super) too_slow: bool,
    wanted: Wanted,
    connects: u64,
    closes: u64,
}

impl Session {
    /// With a client, who has a seat, of a proxy with these settings.
    pub(in crate::proxy::http) fn new(
        web: Rc<Web>,
        seat: Rc<Seat>,
        stream: &StreamSettings,
        arrival: Arrival,
    ) -> Self {
        let now = web.now.get();
        let buffer = web.settings[usize::from(seat.room)].buffer;
        let (wanted, connects, closes) = {
            let room = web.rooms[usize::from(seat.room)].borrow();
            (room.tally.wanted, room.tally.connects, room.tally.closes)
        };
        // Those that come in the same moment must not come again in the same moment.
        let seed = nonce().map_or_else(|| now.as_nanos() ^ arrival.place as u64, u64::from_ne_bytes);
        let mut feed = Feed::new(Arc::clone(&stream.machine), stream.rule, seed, now);
        feed.want(wanted, now);
        Self {
            web,
            seat,
            place: arrival.place,
            client: arrival.client,
            attached: arrival.refusal.map_or(Attached::Yes, Attached::Never),
            phase: Phase::Head,
            held: Vec::new(),
            finder: Finder::default(),
            begun: now,
            stalled: None,
            ask: Ask::default(),
            agreed: None,
            feed,
            ledger: Ledger::new(Arc::clone(&stream.patterns)),
            node: stream.is_node().then(|| Box::new(Node::new(Chain::new(now.as_nanos())))),
            wire: Wire::None,
            closing: None,
            up: Some(Box::new(Channel::new(Sender::Client, stream.reading, stream.message_max))),
            to_client: Vec::new(),
            to_server: Vec::new(),
            outbox: Outbox::new(buffer, stream.when_full),
            pong_down: None,
            pong_up: None,
            opened: now,
            replay: None,
            refused: Refused::default(),
            desk: Desk::default(),
            failed: None,
            trouble: None,
            dropped: 0,
            leaving: 0,
            overdue: None,
            too_slow: false,
            wanted,
            connects,
            closes,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.web.now.get()
    }

    pub(super) fn settings(&self) -> &RoomSettings {
        &self.web.settings[usize::from(self.seat.room)]
    }

    pub(super) fn stream(&self) -> &StreamSettings {
        self.settings().stream.as_ref().expect("a session of a stream is in the room of one")
    }

    pub(super) fn room(&self) -> std::cell::RefMut<'_, Room> {
        self.web.rooms[usize::from(self.seat.room)].borrow_mut()
    }

    /// The pool has told something.
    fn told(&mut self, told: Told) {
        match told {
            Told::Nothing => {}
            Told::Serve(connection) => self.served(connection),
            Told::Refused(refusal) => {
                if let Wire::Queued(waiting) = std::mem::replace(&mut self.wire, Wire::None)
                    && let Some(generation) = waiting
                {
                    self.fail(generation, Trouble::of(503, refusal.meaning()));
                }
            }
            Told::Lost => match std::mem::replace(&mut self.wire, Wire::None) {
                Wire::Queued(Some(generation)) => self.seek(generation),
                Wire::Queued(None) | Wire::None => {}
                Wire::Shaking(generation, ..) | Wire::Open(generation, ..) => {
                    self.forget_said();
                    self.feed.lost(generation, Why::Lost, self.now());
                }
            },
            Told::Go(farewell) => self.go(farewell),
        }
        self.carry_out();
    }

    /// It is to go.
    fn go(&mut self, farewell: Farewell) {
        match (self.phase, farewell) {
            (Phase::Open, Farewell::Killed) => self.bye((Code::GOING_AWAY, "closed by hand"), farewell),
            (Phase::Open, _) => self.bye((Code::GOING_AWAY, "the proxy closes this stream"), farewell),
            (Phase::Head | Phase::Dialing, _) => self.refuse((503, "The proxy closes."), farewell),
            (Phase::Parting(_) | Phase::Over, _) => {}
        }
    }

    /// What was wanted of all streams of the proxy since it last looked.
    fn obey(&mut self) {
        if self.web.ending.get() {
            return self.go(Farewell::Shutdown);
        }
        let (wanted, connects, closes) = {
            let tally = &self.room().tally;
            (tally.wanted, tally.connects, tally.closes)
        };
        let now = self.now();
        if wanted != self.wanted {
            self.wanted = wanted;
            self.feed.want(wanted, now);
        }
        let is_served = matches!(self.phase, Phase::Dialing | Phase::Open);
        if closes != self.closes {
            self.closes = closes;
            self.feed.leave(now);
        }
        if connects != self.connects {
            self.connects = connects;
            self.feed.connect(now);
            if is_served {
                self.feed.open(now);
            }
        }
        self.carry_out();
    }

    fn overdue(&mut self) {
        let now = self.now();
        match self.phase {
            Phase::Head if self.begun + self.settings().head_within <= now => {
                self.refuse((408, "The request did not come to its end in time."), Farewell::Refused);
            }
            Phase::Dialing | Phase::Open => {
                if self.stalled.is_some_and(|since| since + STALLED_AFTER <= now) {
                    return self.abort(Farewell::Lost);
                }
                self.overdue = Some(0);
                if let Some(link) = self.wire.link() {
                    link.side.doubt();
                }
            }
            Phase::Parting(until) => {
                // The upstream has its own time to close.
                self.feed.tick(now);
                self.carry_out();
                if until <= now && self.closing.is_none() {
                    self.phase = Phase::Over;
                }
            }
            Phase::Head | Phase::Over => {}
        }
    }

    /// What is told of it.
    fn gauge(&self) -> Gauge {
        let (counts, now) = (self.feed.counts(), self.now());
        // One that has not asked yet, or is only told that it may not, has no stream; nor has one that leaves.
        let state = match self.phase {
            Phase::Dialing | Phase::Open => Some(self.feed.state()),
            Phase::Head | Phase::Parting(_) | Phase::Over => None,
        };
        Gauge {
            state,
            served: now.back(self.feed.silence(now)),
            messages: counts.messages,
            reconnects: self.feed.reconnects(),
            dropped: self.dropped + self.outbox.dropped(),
            gaps: counts.gaps,
        }
    }

    /// Ends it at once.
    pub(super) fn abort(&mut self, farewell: Farewell) {
        self.leave(farewell);
        self.phase = Phase::Over;
    }

    /// Upstream and pool are told that the client has left.
    pub(super) fn leave(&mut self, farewell: Farewell) {
        self.feed.leave(self.now());
        self.carry_out();
        self.drop_wire(CloseReason::SessionOver);
        if let Attached::Yes = self.attached {
            self.attached = Attached::NoLonger;
            self.web.detach(self.place, &self.seat, farewell);
        }
    }

    /// Bytes have passed.
    pub(super) fn count(&mut self, up: usize, down: usize) {
        turns::count(self, up, down);
    }
}

/// Bytes that nobody can guess.
pub(super) fn nonce<const LEN: usize>() -> Option<[u8; LEN]> {
    let mut bytes = [0; LEN];
    SystemRandom::new().fill(&mut bytes).ok().map(|()| bytes)
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
            told => self.told(told),
        }
        self.obey();
        if self.seat.due.get().is_some_and(|due| due <= self.now()) {
            self.seat.due.set(None);
            self.overdue();
        }
        match self.phase {
            Phase::Head => self.head(cx, tools),
            Phase::Dialing | Phase::Open => self.carry(cx, tools),
            Phase::Parting(_) => self.parting(cx, tools),
            Phase::Over => Step::Wait,
        }
    }

    fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Head => Some(self.begun + self.settings().head_within),
            Phase::Dialing | Phase::Open => {
                let stalled = self.stalled.map(|since| since + STALLED_AFTER);
                let replay = self.replay.as_ref().map(|replay| replay.due).or(self.refused.due);
                [self.feed.due(), stalled, replay].into_iter().flatten().min()
            }
            Phase::Parting(until) if self.closing.is_none() => Some(until),
            Phase::Parting(_) => self.feed.due(),
            Phase::Over => None,
        }
    }

    fn leave_word(&self) {
        self.seat.stream.set(Some(self.gauge()));
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
        self.room().tally.settle(self.gauge());
        drop(self.web.seats.borrow_mut().try_remove(self.place));
    }
}
