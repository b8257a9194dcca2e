//! Between sessions and pool: what the pool orders, and what comes of it.

use std::net::SocketAddr;
use std::rc::Rc;

use tokio::task::spawn_local;

use crate::pool::check_out::Released;
use crate::pool::id::{ConnectionId, Key, UpstreamId};
use crate::pool::order::Order;
use crate::pool::reason::CloseReason;
use crate::proxy::http::dial::{dial, dial_out};
use crate::proxy::http::forward::Way;
use crate::proxy::http::room::{Held, Link};
use crate::proxy::http::seat::Told;
use crate::proxy::http::side::Rest;
use crate::proxy::http::web::Web;
use crate::proxy::reach::resolve;

impl Web {
    /// Carries out what the pool has ordered, until it orders no more.
    pub(super) fn carry_out(self: &Rc<Self>, room_place: usize) {
        let begun = std::mem::replace(&mut self.rooms[room_place].borrow_mut().carrying_out, true);
        if begun {
            return;
        }
        loop {
            let order = self.rooms[room_place].borrow_mut().pool.next_order();
            match order {
                Some(order) => self.carry(room_place, order),
                None => break,
            }
        }
        self.rooms[room_place].borrow_mut().carrying_out = false;
    }

    fn carry(self: &Rc<Self>, room_place: usize, order: Order) {
        match order {
            Order::Connect { connection, upstream, address, key, why: _ } => {
                if self.settings[room_place].forward.is_some() {
                    self.connect_out(room_place, (connection, upstream), key);
                } else {
                    self.connect(room_place, (connection, upstream), address);
                }
            }
            Order::Close { connection, reason: _ } => self.close(room_place, connection),
            Order::Ping { connection } => self.ping(room_place, connection),
            Order::Serve { client, connection } => self.tell(client, Told::Serve(connection)),
            Order::Refuse { client, refusal } => self.tell(client, Told::Refused(refusal)),
            Order::Dismiss { client, farewell } => self.tell(client, Told::Go(farewell)),
            Order::Resolve { upstream } => self.resolve(room_place, upstream),
        }
    }

    fn connect(
        self: &Rc<Self>,
        room_place: usize,
        (connection, upstream): (ConnectionId, UpstreamId),
        address: Option<SocketAddr>,
    ) {
        let web = Rc::clone(self);
        let dialling = spawn_local(async move {
            let dialled = dial(&web.settings[room_place], upstream, address).await;
            let now = web.look_at_clock();
            match dialled {
                Ok(side) => {
                    web.connected(room_place, Link { id: connection, side, upstream, used: false });
                }
                Err((failure, why)) => {
                    let mut room = web.rooms[room_place].borrow_mut();
                    if room.told.is_due(&why, now) {
                        tracing::warn!(proxy = web.settings[room_place].name, why, "no server connection");
                    }
                    room.pool.failed(connection, failure, now);
                }
            }
            web.carry_out(room_place);
        });
        let held = Held::Connecting(dialling.abort_handle());
        self.rooms[room_place].borrow_mut().links.begin(connection, held);
    }

    /// Connects to where the clients of a key want to go.
    fn connect_out(
        self: &Rc<Self>,
        room_place: usize,
        (connection, upstream): (ConnectionId, UpstreamId),
        key: Key,
    ) {
        let web = Rc::clone(self);
        let goal = self.rooms[room_place].borrow().goals.of(key).cloned();
        let dialling = spawn_local(async move {
            let Some(goal) = goal else {
                return web.discard(room_place, connection, CloseReason::Unwanted);
            };
            let dialled = dial_out(&web.settings[room_place], &goal).await;
            let now = web.look_at_clock();
            match dialled {
                Ok(side) => {
                    web.rooms[room_place].borrow_mut().goals.note(&goal, None);
                    let link = Link { id: connection, side, upstream, used: false };
                    let released = web.connected(room_place, link);
                    if released == Released::Idle && goal.way == Way::Tunnel {
                        // Who waited for it has left, and it is never given to another one later.
                        web.discard(room_place, connection, CloseReason::Unwanted);
                    }
                }
                Err((failure, trouble)) => {
                    let mut room = web.rooms[room_place].borrow_mut();
                    if room.told.is_due(trouble.why(), now) {
                        let (proxy, why) = (&web.settings[room_place].name, trouble.why());
                        tracing::warn!(proxy, why, "no server connection");
                    }
                    room.goals.note(&goal, Some(trouble));
                    room.pool.failed(connection, failure, now);
                }
            }
            web.carry_out(room_place);
        });
        let held = Held::Connecting(dialling.abort_handle());
        self.rooms[room_place].borrow_mut().links.begin(connection, held);
    }

    fn connected(self: &Rc<Self>, room_place: usize, link: Link) -> Released {
        let mut room = self.rooms[room_place].borrow_mut();
        let connection = link.id;
        if room.links.put(connection, Held::Here(link)).is_none() {
            return Released::Stale;
        }
        let released = room.pool.connected(connection, self.now.get());
        drop(room);
        self.released(connection, released);
        released
    }

    /// A session gives a connection back, after an answer that was read to its end.
    pub(super) fn check_in(self: &Rc<Self>, room_place: usize, link: Link) {
        let mut room = self.rooms[room_place].borrow_mut();
        let connection = link.id;
        room.links.put(connection, Held::Here(link));
        let released = room.pool.check_in(connection, self.now.get());
        drop(room);
        self.released(connection, released);
        self.carry_out(room_place);
    }

    /// Tells whoever has waited for a connection.
    pub(super) fn released(&self, connection: ConnectionId, released: Released) {
        match released {
            Released::Serve(client) => self.tell(client, Told::Serve(connection)),
            Released::Idle | Released::Closed | Released::Stale => {}
        }
    }

    /// A connection is not used again.
    pub(super) fn discard(self: &Rc<Self>, room_place: usize, connection: ConnectionId, reason: CloseReason) {
        let mut room = self.rooms[room_place].borrow_mut();
        // Its session has let go of it: nobody is told.
        room.links.remove(connection);
        room.pool.discard(connection, reason, self.now.get());
        drop(room);
        self.carry_out(room_place);
    }

    /// A connection serves its client for good.
    pub(super) fn settle(self: &Rc<Self>, room_place: usize, connection: ConnectionId) {
        self.rooms[room_place].borrow_mut().pool.settle(connection, self.now.get());
    }

    /// A connection whose work ended well is not used again.
    pub(super) fn finish(self: &Rc<Self>, room_place: usize, connection: ConnectionId, reason: CloseReason) {
        let mut room = self.rooms[room_place].borrow_mut();
        room.links.remove(connection);
        room.pool.finish(connection, reason, self.now.get());
        drop(room);
        self.carry_out(room_place);
    }

    /// A resting connection is alive while nothing can be read of it: there is nothing in the protocol to ask it.
    fn ping(&self, room_place: usize, connection: ConnectionId) {
        let mut room = self.rooms[room_place].borrow_mut();
        let rest = room.here(connection).map_or(Rest::Ended, |link| link.side.look());
        let released = match rest {
            Rest::Quiet => room.pool.pong(connection, self.now.get()),
            Rest::Spoke | Rest::Ended => {
                room.pool.discard(connection, reason_of(rest), self.now.get());
                Released::Closed
            }
        };
        drop(room);
        self.released(connection, released);
    }

    fn resolve(self: &Rc<Self>, room_place: usize, upstream: UpstreamId) {
        let web = Rc::clone(self);
        spawn_local(async move {
            let found = resolve(&web.settings[room_place].places[upstream.index()]).await;
            let now = web.look_at_clock();
            web.rooms[room_place].borrow_mut().pool.resolved(upstream, &found, now);
            web.carry_out(room_place);
        });
    }

    /// The pool has closed a connection: whoever has it ends with it.
    fn close(&self, room_place: usize, connection: ConnectionId) {
        let held = self.rooms[room_place].borrow_mut().links.remove(connection);
        match held {
            Some(Held::Connecting(dialling)) => dialling.abort(),
            Some(Held::Lent(place)) => {
                if let Some(seat) = self.seats.borrow().get(place) {
                    seat.tell(Told::Lost);
                }
            }
            Some(Held::Here(_)) | None => {}
        }
    }
}

/// Why a resting connection is closed of which something can be read.
pub(super) const fn reason_of(rest: Rest) -> CloseReason {
    match rest {
        Rest::Spoke => CloseReason::UpstreamSpoke,
        Rest::Ended | Rest::Quiet => CloseReason::UpstreamClosed,
    }
}
