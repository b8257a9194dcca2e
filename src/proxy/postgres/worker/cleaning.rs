//! After a client that left: its server connection is brought to rest, or closed where that can't be proven.
//!
//! ```text
//!   client gone ─► at rest, nothing left behind ────────────────────────────────► back to the pool
//!       │
//!       ├─► owes answers ─► cancel, again while it goes on ─► answers ─┐
//!       │                                                              ▼
//!       ├─► batch open, transaction open, state ─► an error and Sync, ROLLBACK, DISCARD ALL ─► back to the pool
//!       │                                            (one step each time it owes nothing)
//!       └─► half a message sent, COPY, doubt, or too late ─► cancel ─► close
//! ```

use std::rc::Rc;

use crate::pool::id::ConnectionId;
use crate::pool::reason::CloseReason;
use crate::proxy::postgres::side::Mode;
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::inbox::{Carried, Errand};
use crate::proxy::postgres::worker::server::Holder;
use crate::wire::postgres::backend::Transaction;
use crate::wire::postgres::exchange::{Exchange, Owed, Reply};
use crate::wire::postgres::frontend::{write_execute, write_query, write_sync};

/// What cleaning does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    EndBatch,
    RollBack,
    Discard,
    Done,
}

impl Worker {
    /// Begins to clean up after the client of a server connection. `whole` says whether its last message was sent in
    /// full.
    pub(super) fn clean(&mut self, room_place: usize, connection: ConnectionId, whole: bool) {
        let room = &mut self.rooms[room_place];
        let session = room.settings.mode == Mode::Session;
        let Some(server) = room.server_mut(connection) else { return };
        server.holder = Holder::Cleaner(self.now);
        server.side.stateful |= session;
        server.side.unnamed_is_ours = false;
        let exchange = &mut server.side.exchange;
        let busy = !exchange.quiet();
        let lost = !whole || exchange.copying_in() || exchange.doubtful();
        if busy && !lost && exchange.in_batch() {
            // Without its end the server keeps the answers to itself.
            let mut said = Vec::new();
            end_batch(exchange, &mut said);
            if server.transport.send(&said).is_err() {
                return self.server_broken(room_place, connection);
            }
        }
        if busy {
            self.cancel_on(room_place, connection);
        }
        if lost {
            return self.server_lost(room_place, connection, CloseReason::Unclean);
        }
        if !busy {
            self.clean_on(room_place, connection);
        }
    }

    /// The next step, now that nothing is owed.
    pub(super) fn clean_on(&mut self, room_place: usize, connection: ConnectionId) {
        let room = &mut self.rooms[room_place];
        let Some(server) = room.server_mut(connection) else { return };
        server.deaf = None;
        if server.side.exchange.take_own_failure() {
            return self.server_lost(room_place, connection, CloseReason::Unclean);
        }
        if server.cancels > 0 || server.side.rest.left > 0 || !server.pending.is_empty() {
            return;
        }
        let stateful = server.side.stateful;
        let exchange = &mut server.side.exchange;
        let step = match (exchange.in_batch() || exchange.skipping(), exchange.transaction(), stateful) {
            (true, _, _) => Step::EndBatch,
            (false, Transaction::Open | Transaction::Failed, _) => Step::RollBack,
            (false, Transaction::Idle, true) => Step::Discard,
            (false, Transaction::Idle, false) => Step::Done,
        };
        let mut said = Vec::new();
        match step {
            Step::EndBatch => end_batch(exchange, &mut said),
            Step::RollBack => {
                write_query(&mut said, b"ROLLBACK");
                exchange.enter(Owed::Query(Reply::Swallow));
            }
            Step::Discard => {
                write_query(&mut said, b"DISCARD ALL");
                exchange.enter(Owed::Query(Reply::Swallow));
                server.side.stateful = false;
                server.side.prepared.clear();
                server.side.has = Rc::default();
            }
            Step::Done if server.threat == Carried::Unsure => {
                return self.server_lost(room_place, connection, CloseReason::CancelAdrift);
            }
            Step::Done => {
                server.holder = Holder::Pool;
                let released = room.pool.check_in(connection, self.now);
                return self.after_release(room_place, connection, released);
            }
        }
        if server.transport.send(&said).is_err() {
            self.server_broken(room_place, connection);
        }
    }

    /// Of several requests that a client left behind, the next one is cancelled once the one before has ended.
    pub(super) fn cancel_next(&mut self, room_place: usize, connection: ConnectionId) {
        let Some(server) = self.rooms[room_place].server_mut(connection) else { return };
        let left = matches!(server.holder, Holder::Cleaner(_));
        if left && server.cancels == 0 && server.answers > 0 {
            self.cancel_on(room_place, connection);
        }
    }

    /// Has the server cancel what it is doing.
    pub(super) fn cancel_on(&mut self, room_place: usize, connection: ConnectionId) {
        let room = &mut self.rooms[room_place];
        let Some((upstream, _)) = room.place_of(connection) else { return };
        let Some(server) = room.server_mut(connection) else { return };
        server.cancels += 1;
        server.answers = 0;
        server.deaf = None;
        let errand = Errand::Cancel {
            room: u16::try_from(room_place).unwrap_or(u16::MAX),
            connection,
            upstream,
            address: server.address,
            cancel: server.cancel.clone(),
        };
        self.errand(errand);
    }

    /// A cancel is over: the connection may go back.
    pub(super) fn cancelled(&mut self, room_place: usize, connection: ConnectionId, carried: Carried) {
        let Some(server) = self.rooms[room_place].server_mut(connection) else { return };
        if carried == Carried::Unsure {
            server.threat = Carried::Unsure;
        }
        server.cancels = server.cancels.saturating_sub(1);
        if server.cancels > 0 {
            return;
        }
        if !server.side.exchange.quiet() {
            // A cancel that finds a session at rest is lost: what was sent just before it may not have begun.
            server.deaf = matches!(server.holder, Holder::Cleaner(_)).then_some(self.now);
            return self.cancel_next(room_place, connection);
        }
        match server.holder {
            Holder::Client(place) => {
                if server.side.exchange.at_rest() {
                    self.release(place);
                }
                self.take_pending(place);
                self.pump_client(place);
            }
            Holder::Cleaner(_) => self.clean_on(room_place, connection),
            Holder::Pool => {}
        }
    }
}

/// A portal that nobody makes: to run it is an error, to close it is none.
pub(super) const NO_PORTAL: &[u8] = b"(a portal of fdguard, which is not there)";

/// Ends a batch whose Sync never came, so that nothing of it stays: an error first, since a Sync alone would commit it.
fn end_batch(exchange: &mut Exchange, said: &mut Vec<u8>) {
    write_execute(said, NO_PORTAL, 0);
    exchange.enter(Owed::Execute);
    write_sync(said);
    exchange.enter(Owed::Sync(Reply::Swallow));
}
