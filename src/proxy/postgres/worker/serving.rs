//! Between clients and pool: leases, and what the pool orders.

use std::net::SocketAddr;
use std::rc::Rc;

use mio::Interest;
use mio::unix::SourceFd;

use crate::pool::Pool;
use crate::pool::check_out::{CheckOut, Released};
use crate::pool::id::{ClientId, ConnectionId, Key, UpstreamId};
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::obey::answer;
use crate::proxy::postgres::side::{ServerSide, Settled};
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::client::State;
use crate::proxy::postgres::worker::client_path::token_of;
use crate::proxy::postgres::worker::inbox::{Carried, Errand, Failed, Message, Ready};
use crate::proxy::postgres::worker::room::{Greeting, Room, RoomSettings};
use crate::proxy::postgres::worker::server::{Asking, Holder, Server};
use crate::proxy::postgres::worker::token::Token;
use crate::wire::postgres::exchange::{Owed, Reply};
use crate::wire::postgres::frontend::{write_query, write_terminate};
use crate::wire::postgres::sqlstate::{Report, SqlState};

pub(super) const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl Worker {
    pub(super) fn take_message(&mut self, message: Message) {
        match message {
            Message::Open(place, settings) => self.open_room(place, *settings),
            Message::Arrived(newcomer) => self.arrive(*newcomer),
            Message::Connected(room, connection, ready) => {
                self.connected(usize::from(room), connection, *ready);
            }
            Message::Failed(room, connection, failed) => self.failed(usize::from(room), connection, *failed),
            Message::Cancel(room, number, secret) => self.cancel(usize::from(room), number, &secret),
            Message::Cancelled(room, connection, carried) => {
                self.cancelled(usize::from(room), connection, carried);
            }
            Message::Resolved(room, upstream, addresses) => {
                self.resolved(usize::from(room), upstream, &addresses);
            }
            Message::Listen(hall) => self.open_hall(*hall),
            Message::Asked(room, question) => answer(self, room, question),
            Message::End => self.begin_to_end(),
        }
    }

    fn open_room(&mut self, place: u16, settings: RoomSettings) {
        debug_assert_eq!(self.rooms.len(), usize::from(place), "rooms are opened in order");
        let pool = Pool::new(&settings.pool, self.now.as_nanos(), self.now);
        self.rooms.push(Room::new(settings, pool));
        // Names are looked up before the first client needs them.
        self.rooms[usize::from(place)].pool.tick(self.now);
        self.carry_out(usize::from(place));
    }

    fn resolved(&mut self, room: usize, upstream: UpstreamId, addresses: &[SocketAddr]) {
        self.rooms[room].pool.resolved(upstream, addresses, self.now);
        self.carry_out(room);
    }

    /// Asks the pool for a server connection; gives whether the client has one now. Otherwise it waits, or is gone.
    pub(super) fn lease(&mut self, place: usize) -> bool {
        loop {
            let Some(client) = self.clients.get_mut(place) else { return false };
            let room_place = usize::from(client.room);
            let room = &mut self.rooms[room_place];
            match room.pool.check_out(token_of(place), client.key, self.now) {
                CheckOut::Lease(connection) => {
                    self.look_at(room_place, connection);
                    if self.hand_over(place, connection) {
                        return true;
                    }
                }
                CheckOut::Wait => {
                    if client.state == State::Open {
                        client.state = State::Waiting;
                    }
                    return false;
                }
                CheckOut::Refused(refusal) => {
                    self.refuse(place, refusal);
                    return false;
                }
            }
        }
    }

    /// Gives a server connection to a client; false where the connection turned out to be gone.
    fn hand_over(&mut self, place: usize, connection: ConnectionId) -> bool {
        let client = &mut self.clients[place];
        let room = &mut self.rooms[usize::from(client.room)];
        let Some(server) = room.server_mut(connection) else {
            room.pool.discard(connection, CloseReason::UpstreamLost, self.now);
            return false;
        };
        server.holder = Holder::Client(place);
        server.recording = None;
        server.active = self.now;
        server.overdue = false;
        client.lease = Some(connection);
        client.active = self.now;
        server.side.settings = Settled::No;
        true
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
        match order {
            Order::Connect { connection, upstream, address, key, why: _ } => {
                self.connect(room_place, connection, (upstream, address), key);
            }
            Order::Close { connection, reason: _ } => self.close(room_place, connection),
            Order::Ping { connection } => self.ping(room_place, connection),
            Order::Serve { client, connection } => self.serve(client, connection),
            Order::Refuse { client, refusal } => self.refuse(client.index(), refusal),
            Order::Dismiss { client, farewell } => self.farewell(client.index(), farewell),
            Order::Resolve { upstream } => {
                self.errand(Errand::Resolve { room: narrow(room_place), upstream });
            }
        }
    }

    pub(super) fn errand(&mut self, errand: Errand) {
        if self.desk.send(errand).is_err() {
            // The threads around are ending, and so is this one.
            self.ending = true;
        }
    }

    fn connect(
        &mut self,
        room_place: usize,
        connection: ConnectionId,
        (upstream, address): (UpstreamId, Option<SocketAddr>),
        key: Key,
    ) {
        let room = &mut self.rooms[room_place];
        room.begin(connection, upstream, key);
        let Some(door) = room.door(key) else { return };
        let errand = Errand::Connect {
            room: narrow(room_place),
            connection,
            upstream,
            address,
            user: door.user.clone(),
            database: door.database.clone(),
        };
        self.errand(errand);
    }

    fn connected(&mut self, room_place: usize, connection: ConnectionId, ready: Ready) {
        let room = &mut self.rooms[room_place];
        let Some((_, key)) = room.place_of(connection) else { return };
        let name = Token::server(room_place, connection).name();
        let fd = ready.transport.fd();
        let server = Server {
            transport: ready.transport,
            side: ServerSide::default(),
            holder: Holder::Pool,
            drained: false,
            pending: Vec::new(),
            cancel: ready.cancel,
            address: ready.address,
            cancels: 0,
            threat: Carried::Over,
            active: self.now,
            overdue: false,
            answers: 0,
            deaf: None,
            asking: Asking::default(),
            recording: None,
        };
        if room.insert(connection, Box::new(server)).is_err() {
            return;
        }
        if let Some(door) = room.door_mut(key) {
            door.greeting = Some(Rc::new(Greeting { parameters: ready.parameters }));
            door.refused.clear();
        }
        if self.poll.registry().register(&mut SourceFd(&fd), name, BOTH).is_err() {
            return self.server_lost(room_place, connection, CloseReason::NoDescriptors);
        }
        let released = self.rooms[room_place].pool.connected(connection, self.now);
        self.after_release(room_place, connection, released);
    }

    fn failed(&mut self, room_place: usize, connection: ConnectionId, failed: Failed) {
        let room = &mut self.rooms[room_place];
        if let Some((_, key)) = room.place_of(connection)
            && let Some(door) = room.door_mut(key)
        {
            door.refused = failed.said;
        }
        if room.told.is_due(&failed.why, self.now) {
            tracing::warn!(proxy = room.settings.name, why = failed.why, "no server connection");
        }
        room.pool.failed(connection, failed.failure, self.now);
        self.carry_out(room_place);
    }

    fn close(&mut self, room_place: usize, connection: ConnectionId) {
        let waited = self.forget_answers(room_place, connection);
        let Some(mut server) = self.rooms[room_place].remove(connection) else {
            return self.errand(Errand::Abandon { room: narrow(room_place), connection });
        };
        match server.holder {
            Holder::Pool | Holder::Cleaner(_) => {
                let mut said = Vec::new();
                write_terminate(&mut said);
                // One that is gone already needs no goodbye.
                let _told = server.transport.send(&said);
                server.transport.say_goodbye();
            }
            Holder::Client(place) => {
                if let Some(client) = self.clients.get_mut(place) {
                    client.lease = None;
                    let report =
                        Report::new(SqlState::AdminShutdown, "the server connection was closed by its pool")
                            .fatal();
                    self.dismiss(place, &report, Farewell::Killed);
                }
            }
        }
        self.wake(&waited);
    }

    fn ping(&mut self, room_place: usize, connection: ConnectionId) {
        let Some(server) = self.rooms[room_place].server_mut(connection) else { return };
        let mut said = Vec::new();
        write_query(&mut said, b"");
        server.side.exchange.enter(Owed::Query(Reply::Swallow));
        if server.transport.send(&said).is_err() {
            self.server_lost(room_place, connection, CloseReason::PingFailed);
        }
    }

    /// What follows from a connection that came back to its pool.
    pub(super) fn after_release(&mut self, room_place: usize, connection: ConnectionId, released: Released) {
        match released {
            Released::Serve(client) => self.serve(client, connection),
            Released::Idle | Released::Closed | Released::Stale => {}
        }
        self.carry_out(room_place);
    }

    fn serve(&mut self, client: ClientId, connection: ConnectionId) {
        let place = client.index();
        if !self.clients.contains(place) || !self.hand_over(place, connection) {
            return;
        }
        let client = &mut self.clients[place];
        match client.state {
            State::Greeting => self.greeted_by_lease(place),
            State::Waiting | State::Open | State::Awaiting | State::Sated => {
                client.state = State::Open;
                self.take_pending(place);
                if self.clients.get(place).is_some_and(|client| !client.drained) {
                    self.pump_client(place);
                }
            }
        }
    }

    pub(super) fn cancel(&mut self, room: usize, number: u32, secret: &[u8]) {
        let Some(place) = (number as usize).checked_sub(1) else { return };
        let Some(client) = self.clients.get_mut(place) else { return };
        if usize::from(client.room) != room || client.secret != secret {
            return;
        }
        if client.lease.is_none() && client.state == State::Open {
            // What is to be cancelled may stand unread in its socket.
            client.drained = false;
            self.pump_client(place);
        }
        let Some(client) = self.clients.get(place) else { return };
        match client.lease {
            Some(connection) => {
                let server = self.rooms[room].server(connection);
                if server.is_some_and(|server| !server.side.exchange.quiet()) {
                    self.cancel_on(room, connection);
                }
            }
            None if matches!(client.state, State::Waiting | State::Awaiting) => {
                let report =
                    Report::new(SqlState::QueryCanceled, "canceled while waiting for a server connection");
                self.dismiss(place, &report.fatal(), Farewell::Left);
            }
            None => {}
        }
    }
}

fn narrow(room: usize) -> u16 {
    u16::try_from(room).unwrap_or(u16::MAX)
}
