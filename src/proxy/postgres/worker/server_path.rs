//! The way of a server's bytes: read, crossed out of what is owed, given to the client. Also how a connection breaks.

use std::time::Duration;

use crate::pool::id::ConnectionId;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::postgres::assembly::Assembly;
use crate::proxy::postgres::outbound;
use crate::proxy::postgres::side::Mode;
use crate::proxy::postgres::worker::caching::kept_of;
use crate::proxy::postgres::worker::cleaning::NO_PORTAL;
use crate::proxy::postgres::worker::client::Client;
use crate::proxy::postgres::worker::server::{Asking, Holder};
use crate::proxy::postgres::worker::token::Token;
use crate::proxy::postgres::worker::{READS_MAX, Worker};
use crate::proxy::transport::{Flow, Taken};
use crate::wire::postgres::backend::Transaction;
use crate::wire::postgres::exchange::In;
use crate::wire::postgres::frontend::{Target, write_close, write_sync};
use crate::wire::postgres::sqlstate::{Report, SqlState};

/// A connection that was idle for so long is looked at before it is handed out.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// What an idle server says is its end, and short.
const LAST_WORDS: usize = 1 << 10;

/// Whether to read once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Go {
    On,
    Stop,
}

impl Worker {
    /// Takes what a server connection has to give, as far as its client takes it.
    pub(super) fn pump_server(&mut self, room: usize, connection: ConnectionId) {
        if self.scratch.is_empty() {
            // The buffer is in use further up.
            return self.again.push(Token::server(room, connection));
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut reads = 0;
        while self.read_server(room, connection, &mut scratch) == Go::On {
            reads += 1;
            if reads == READS_MAX {
                self.again.push(Token::server(room, connection));
                break;
            }
        }
        self.scratch = scratch;
    }

    /// A connection that was idle for a while may be gone: what it has to say is read before it is handed out. With a
    /// buffer of its own, since the one for all is in use while a client's request is dealt with.
    pub(super) fn look_at(&mut self, room: usize, connection: ConnectionId) {
        let Some(server) = self.rooms[room].server_mut(connection) else { return };
        if self.now.since(server.active) < LOOK_AFTER {
            return;
        }
        server.drained = false;
        let mut last_words = [0; LAST_WORDS];
        while self.read_server(room, connection, &mut last_words) == Go::On {}
    }

    fn read_server(&mut self, room: usize, connection: ConnectionId, scratch: &mut [u8]) -> Go {
        let Some(server) = self.rooms[room].server_mut(connection) else { return Go::Stop };
        if server.drained {
            return Go::Stop;
        }
        if let Holder::Client(place) = server.holder
            && self.clients.get(place).is_some_and(|client| client.transport.blocked())
        {
            return Go::Stop;
        }
        let count = match server.transport.take(scratch) {
            Ok(Taken::Bytes(count)) => count,
            Ok(Taken::Last(count)) => {
                server.drained = true;
                count
            }
            Ok(Taken::Nothing) => {
                server.drained = true;
                return Go::Stop;
            }
            Ok(Taken::End) | Err(_) => {
                self.server_gone(room, connection);
                return Go::Stop;
            }
        };
        if server.pending.is_empty() {
            self.take_from_server(room, connection, &scratch[..count]);
        } else {
            let mut bytes = std::mem::take(&mut server.pending);
            bytes.extend_from_slice(&scratch[..count]);
            self.take_from_server(room, connection, &bytes);
        }
        Go::On
    }

    fn take_from_server(&mut self, room_place: usize, connection: ConnectionId, bytes: &[u8]) {
        let room = &mut self.rooms[room_place];
        let Some((server, statements, cache)) = room.server_and_books(connection) else { return };
        let place = match server.holder {
            Holder::Client(place) => Some(place),
            Holder::Pool | Holder::Cleaner(_) => None,
        };
        let mut client = place.and_then(|place| self.clients.get_mut(place));
        let mut made = std::mem::take(&mut self.made);
        let mut assembly = Assembly::new(bytes, &mut made);
        let side = client.as_deref_mut().map(|client| &mut client.side);
        let taken = outbound::take(&mut server.side, side, statements, bytes, &mut assembly);
        let said = assembly.finish();
        let waited = cache.map(|cache| kept_of(cache, server, said, self.now)).unwrap_or_default();
        let sent = client.map(|client| {
            let sent = client.transport.send(said);
            if matches!(sent, Ok(Flow::Blocked)) {
                client.stalled.get_or_insert(self.now);
            }
            sent
        });
        self.made = made;
        let Ok(taken) = taken else {
            self.server_lost(room_place, connection, CloseReason::UpstreamProtocol);
            return self.wake(&waited);
        };
        if taken < bytes.len() {
            server.pending = bytes[taken..].to_vec();
        }
        if let (Some(Err(_)), Some(place)) = (sent, place) {
            self.end_client(place, Farewell::Lost);
        }
        self.after_answers(room_place, connection);
        self.wake(&waited);
    }

    /// What follows from answers: a connection at rest goes back, one in doubt goes away.
    fn after_answers(&mut self, room: usize, connection: ConnectionId) {
        let by_statement = self.rooms[room].settings.mode == Mode::Statement;
        let Some(server) = self.rooms[room].server_mut(connection) else { return };
        server.asking = Asking::Goes;
        let exchange = &server.side.exchange;
        if exchange.doubtful() {
            let reason = match server.holder {
                Holder::Pool => CloseReason::UpstreamSpoke,
                Holder::Client(_) | Holder::Cleaner(_) => CloseReason::UpstreamProtocol,
            };
            return self.server_lost(room, connection, reason);
        }
        if let (Holder::Client(_), Some(place)) = (server.holder, exchange.must_ask()) {
            return self.ask_after_syncs(room, connection, place);
        }
        let (quiet, transaction) = (exchange.quiet(), exchange.transaction());
        let at_rest = exchange.at_rest() && server.side.rest.left == 0 && server.pending.is_empty();
        if exchange.rests_with_client() {
            server.active = self.now;
            server.overdue = false;
        }
        match server.holder {
            Holder::Client(place) if server.side.exchange.take_own_failure() => {
                self.setup_failed(room, place);
            }
            Holder::Client(place) if quiet && transaction != Transaction::Idle && by_statement => {
                let report = Report::new(
                    SqlState::FeatureNotSupported,
                    "transactions of several statements are refused in statement mode",
                );
                self.dismiss(place, &report.fatal(), Farewell::Protocol);
            }
            Holder::Client(place) if at_rest => {
                self.release(place);
                self.take_pending_of(place);
            }
            Holder::Client(place) => self.take_pending_of(place),
            Holder::Cleaner(_) if quiet => self.clean_on(room, connection),
            Holder::Cleaner(_) => {
                server.answers += 1;
                self.cancel_next(room, connection);
            }
            Holder::Pool if at_rest => {
                let released = self.rooms[room].pool.pong(connection, self.now);
                self.after_release(room, connection, released);
            }
            Holder::Pool => {}
        }
    }

    /// Asks the server what became of Syncs that were sent into a COPY that failed.
    fn ask_after_syncs(&mut self, room: usize, connection: ConnectionId, place: In) {
        let Some(server) = self.rooms[room].server_mut(connection) else { return };
        let mut said = Vec::new();
        if place == In::Batch {
            write_sync(&mut said);
        }
        write_close(&mut said, Target::Portal, NO_PORTAL);
        write_sync(&mut said);
        server.side.exchange.asked();
        if server.transport.send(&said).is_err() {
            self.server_broken(room, connection);
        }
    }

    /// The server refused what was to bring the session to its client's settings.
    fn setup_failed(&mut self, room: usize, place: usize) {
        let Some(connection) = self.clients.get_mut(place).and_then(|client| client.lease.take()) else {
            return;
        };
        let report = Report::new(
            SqlState::InvalidParameter,
            "the server refuses a setting that this client asked for",
        );
        self.dismiss(place, &report.fatal(), Farewell::Refused);
        self.server_lost(room, connection, CloseReason::Unclean);
    }

    /// A client that had to wait for answers goes on.
    fn take_pending_of(&mut self, place: usize) {
        // What it has said may be kept here, or not have been read while the server had to answer first.
        let waits = |client: &Client| !client.pending.is_empty() || !client.drained;
        let waits = self.clients.get(place).is_some_and(waits);
        if waits {
            self.take_pending(place);
            self.pump_client(place);
        }
    }

    /// The server takes more again.
    pub(super) fn server_writable(&mut self, room: usize, connection: ConnectionId) {
        let Some(server) = self.rooms.get_mut(room).and_then(|room| room.server_mut(connection)) else {
            return;
        };
        if !server.transport.blocked() {
            return;
        }
        match (server.transport.flush(), server.holder) {
            (Ok(Flow::Blocked), _) | (Ok(Flow::Clear), Holder::Pool | Holder::Cleaner(_)) => {}
            (Ok(Flow::Clear), Holder::Client(place)) => self.pump_client(place),
            (Err(_), _) => self.server_broken(room, connection),
        }
    }

    /// A write failed: what the server still said is read first, since it says why.
    pub(super) fn server_broken(&mut self, room: usize, connection: ConnectionId) {
        if let Some(server) = self.rooms[room].server_mut(connection) {
            server.drained = false;
            self.again.push(Token::server(room, connection));
        }
    }

    /// The server closed the connection, or it broke.
    fn server_gone(&mut self, room: usize, connection: ConnectionId) {
        let Some(server) = self.rooms[room].server_mut(connection) else { return };
        let reason = match server.holder {
            Holder::Pool => CloseReason::UpstreamClosed,
            Holder::Client(_) | Holder::Cleaner(_) => CloseReason::UpstreamLost,
        };
        self.server_lost(room, connection, reason);
    }

    /// Gives a server connection up; its client is told and ended.
    pub(super) fn server_lost(&mut self, room: usize, connection: ConnectionId, reason: CloseReason) {
        let waited = self.forget_answers(room, connection);
        let Some(server) = self.rooms[room].remove(connection) else { return };
        self.rooms[room].pool.discard(connection, reason, self.now);
        if let Holder::Client(place) = server.holder
            && let Some(client) = self.clients.get_mut(place)
        {
            client.lease = None;
            let report = Report::new(SqlState::ConnectionFailure, "the server connection was lost")
                .fatal()
                .detail("Whether the last statement took effect is not known.");
            self.dismiss(place, &report, Farewell::Lost);
        }
        drop(server);
        self.carry_out(room);
        self.wake(&waited);
    }
}
