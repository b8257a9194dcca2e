//! Limits of time, looked at a few times a second: no timer is kept for a statement.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::id::ConnectionId;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::room::RoomSettings;
use crate::proxy::postgres::worker::server::{Holder, Server};
use crate::wire::postgres::backend::Transaction;
use crate::wire::postgres::sqlstate::{Report, SqlState};

/// A server that was told to cancel gets so long to do it.
const CANCEL_WITHIN: Duration = Duration::from_secs(5);
/// A server that goes on with what a client left behind is told again to cancel after so long.
const CANCEL_AGAIN: Duration = Duration::from_secs(1);
/// Bringing a server connection to rest after its client may take so long.
const CLEAN_WITHIN: Duration = Duration::from_secs(10);

/// What is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Over {
    /// A statement, for the first time.
    Statement,
    /// A statement that did not end when it was cancelled.
    Cancel,
    /// A transaction in which nothing happens.
    IdleTransaction(usize),
    /// What a client left behind goes on, though it was cancelled.
    Deaf,
    /// Cleaning.
    Cleaning,
}

/// Whose move it is on a connection that a client has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// The client's, and it keeps the connection from others meanwhile.
    Client,
    Server,
    /// The client's, which keeps nobody waiting.
    Nobody,
}

impl Worker {
    pub(super) fn sweep(&mut self) {
        for room in 0..self.rooms.len() {
            for (connection, over) in self.overdue(room) {
                self.end_overdue(room, connection, over);
            }
            self.sweep_cache(room);
            self.rooms[room].pool.tick(self.now);
            self.carry_out(room);
        }
    }

    fn overdue(&self, room: usize) -> Vec<(ConnectionId, Over)> {
        let room = &self.rooms[room];
        let of = |(connection, server)| {
            let over = over(&room.settings, server, self.turn(server), self.now);
            Some((connection, over.or_else(|| self.stalled(&room.settings, server))?))
        };
        room.servers().filter_map(of).collect()
    }

    /// A client that has taken nothing of its answer for long keeps the server connection from others.
    fn stalled(&self, settings: &RoomSettings, server: &Server) -> Option<Over> {
        let Holder::Client(place) = server.holder else { return None };
        let since = self.clients.get(place)?.stalled?;
        (self.now.since(since) >= settings.idle_transaction?).then_some(Over::IdleTransaction(place))
    }

    /// Whose move it is. A client that has begun a message or a COPY and sends no more of it keeps its connection from
    /// others as one does that rests in a transaction; one whose server does not read can do nothing.
    fn turn(&self, server: &Server) -> Turn {
        let exchange = &server.side.exchange;
        if exchange.rests_with_client() {
            let open = exchange.transaction() != Transaction::Idle || exchange.in_batch();
            return if open { Turn::Client } else { Turn::Nobody };
        }
        let half_said = match server.holder {
            Holder::Client(place) => self.clients.get(place).is_some_and(|client| client.side.rest.left > 0),
            Holder::Cleaner(_) | Holder::Pool => false,
        };
        let owes = exchange.copying_in() || half_said;
        if owes && !server.transport.blocked() { Turn::Client } else { Turn::Server }
    }

    fn end_overdue(&mut self, room: usize, connection: ConnectionId, over: Over) {
        match over {
            Over::Statement => {
                if let Some(server) = self.rooms[room].server_mut(connection) {
                    server.overdue = true;
                }
                self.cancel_on(room, connection);
            }
            Over::Cancel => {
                let Some(server) = self.rooms[room].server_mut(connection) else { return };
                let holder = std::mem::replace(&mut server.holder, Holder::Cleaner(self.now));
                if let Holder::Client(place) = holder {
                    if let Some(client) = self.clients.get_mut(place) {
                        client.lease = None;
                    }
                    let text = "the statement took longer than pool.command_timeout, and the server did not cancel it";
                    self.dismiss(place, &Report::new(SqlState::QueryCanceled, text).fatal(), Farewell::Lost);
                }
                self.server_lost(room, connection, CloseReason::CommandLate);
            }
            Over::IdleTransaction(place) => {
                let text = "the transaction was idle for longer than pool.idle_transaction";
                self.dismiss(
                    place,
                    &Report::new(SqlState::IdleInTransaction, text).fatal(),
                    Farewell::IdleOver,
                );
            }
            Over::Deaf => self.cancel_on(room, connection),
            Over::Cleaning => {
                // A server does not notice by itself that nobody waits for its answer.
                self.cancel_on(room, connection);
                self.server_lost(room, connection, CloseReason::CleaningLate);
            }
        }
    }
}

fn over(settings: &RoomSettings, server: &Server, turn: Turn, now: Timestamp) -> Option<Over> {
    let passed = now.since(server.active);
    match server.holder {
        Holder::Pool => None,
        Holder::Cleaner(since) if now.since(since) >= CLEAN_WITHIN => Some(Over::Cleaning),
        Holder::Cleaner(_) => {
            let deaf = server.deaf.is_some_and(|since| now.since(since) >= CANCEL_AGAIN);
            deaf.then_some(Over::Deaf)
        }
        Holder::Client(place) => match turn {
            Turn::Nobody => None,
            Turn::Client => {
                let late = settings.idle_transaction.is_some_and(|limit| passed >= limit);
                late.then_some(Over::IdleTransaction(place))
            }
            Turn::Server => {
                let limit = settings.command_timeout?;
                if server.overdue {
                    return (passed >= limit + CANCEL_WITHIN).then_some(Over::Cancel);
                }
                (passed >= limit).then_some(Over::Statement)
            }
        },
    }
}
