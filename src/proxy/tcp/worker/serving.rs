//! Between sessions and pool: what the pool orders, and what comes of it.

use std::os::fd::AsRawFd as _;

use mio::unix::SourceFd;

use crate::pool::Pool;
use crate::pool::check_out::Released;
use crate::pool::id::{ClientId, ConnectionId};
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, ConnectFailure, Farewell};
use crate::proxy::tcp::inbox::Errand;
use crate::proxy::tcp::relay::End;
use crate::proxy::tcp::room::{Held, Room, RoomSettings};
use crate::proxy::tcp::token::Side;
use crate::proxy::tcp::worker::Worker;
use crate::proxy::tcp::worker::ending::{Parting, reason_of};
use crate::proxy::tcp::worker::entering::BOTH;
use crate::proxy::transport::{Stream, Transport};

impl Worker {
    pub(super) fn open_room(&mut self, settings: RoomSettings) {
        let mut pool = Pool::new(&settings.pool, self.now.as_nanos(), self.now);
        // Names are looked up before the first client needs them.
        pool.tick(self.now);
        self.rooms.push(Room::new(settings, pool));
        self.carry_out(self.rooms.len() - 1);
    }

    /// Carries out what the pool has ordered, until it orders no more.
    pub(super) fn carry_out(&mut self, room_place: usize) {
        if self.rooms[room_place].carrying_out {
            return;
        }
        self.rooms[room_place].carrying_out = true;
        while let Some(order) = self.rooms[room_place].pool.next_order() {
            self.carry(room_place, order);
        }
        self.rooms[room_place].carrying_out = false;
    }

    fn carry(&mut self, room_place: usize, order: Order) {
        let room = narrow(room_place);
        match order {
            Order::Connect { connection, upstream, address, key: _, why: _ } => {
                self.rooms[room_place].links.begin(connection, Held::Connecting);
                self.errand(Errand::Connect { room, connection, upstream, address });
            }
            Order::Close { connection, reason: _ } => self.close(room_place, connection),
            // One that lies idle has served nobody and is given up at once: there is nothing to ask it.
            Order::Ping { connection } => self.give_up(room_place, connection),
            Order::Serve { client, connection } => self.serve(room_place, client.index(), connection),
            Order::Refuse { client, refusal } => self.refuse(client.index(), refusal),
            Order::Dismiss { client, farewell } => {
                self.end(client.index(), farewell, reason_of(farewell), Parting::InOrder);
            }
            Order::Resolve { upstream } => self.errand(Errand::Resolve { room, upstream }),
        }
    }

    fn errand(&mut self, errand: Errand) {
        if self.desk.send(errand).is_err() {
            // The threads around are ending, and so is this one.
            self.ending = true;
        }
    }

    pub(super) fn connected(&mut self, room_place: usize, connection: ConnectionId, stream: Stream) {
        let room = &mut self.rooms[room_place];
        if room.links.put(connection, Held::Open(stream)).is_none() {
            return;
        }
        match room.pool.connected(connection, self.now) {
            Released::Serve(client) => self.serve(room_place, client.index(), connection),
            // Who waited for it has left, or it was to see whether the upstream is back.
            Released::Idle => self.give_up(room_place, connection),
            Released::Closed | Released::Stale => {}
        }
        self.carry_out(room_place);
    }

    pub(super) fn failed(
        &mut self,
        room_place: usize,
        connection: ConnectionId,
        (failure, why): (ConnectFailure, &str),
    ) {
        let room = &mut self.rooms[room_place];
        if room.told.is_due(why, self.now) {
            tracing::warn!(proxy = room.settings.name, why, "no server connection");
        }
        room.pool.failed(connection, failure, self.now);
        self.carry_out(room_place);
    }

    fn give_up(&mut self, room_place: usize, connection: ConnectionId) {
        self.rooms[room_place].pool.discard(connection, CloseReason::Unwanted, self.now);
        self.carry_out(room_place);
    }

    /// Gives a server connection to the session that it is leased to.
    pub(super) fn serve(&mut self, room_place: usize, place: usize, connection: ConnectionId) {
        let room = &mut self.rooms[room_place];
        let held = room.links.put(connection, Held::Session(place));
        let (Some(Held::Open(stream)), Some(session)) = (held, self.sessions.get_mut(place)) else {
            return self.give_up(room_place, connection);
        };
        let fd = stream.as_raw_fd();
        session.server = Some(End::new(Transport::plain(stream)));
        session.lease = Some(connection);
        (session.opened, session.active) = (self.now, self.now);
        // What it said while it waited was not taken.
        session.client.ready();
        let name = session.token(place, Side::Server).name();
        if self.poll.registry().register(&mut SourceFd(&fd), name, BOTH).is_err() {
            return self.end(place, Farewell::Refused, CloseReason::NoDescriptors, Parting::InOrder);
        }
        self.pump(place, Side::Client);
    }

    /// The pool has closed a connection: whoever has it ends with it.
    fn close(&mut self, room_place: usize, connection: ConnectionId) {
        match self.rooms[room_place].links.remove(connection) {
            Some(Held::Connecting) => {
                self.errand(Errand::Abandon { room: narrow(room_place), connection });
            }
            Some(Held::Session(place)) => {
                if let Some(session) = self.sessions.get_mut(place) {
                    session.lease = None;
                    self.end(place, Farewell::Cut, CloseReason::SessionOver, Parting::InOrder);
                }
            }
            Some(Held::Open(_)) | None => {}
        }
    }
}

/// A session's name in its pool.
pub(super) fn client_of(place: usize) -> ClientId {
    ClientId(u32::try_from(place).unwrap_or(u32::MAX))
}

fn narrow(room: usize) -> u16 {
    u16::try_from(room).unwrap_or(u16::MAX)
}
