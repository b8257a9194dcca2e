//! The way of a client's bytes: read, looked at, given to a server connection. Also how a client ends.

use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::postgres::assembly::Assembly;
use crate::proxy::postgres::inbound::{self, Cx, Next};
use crate::proxy::postgres::outbound;
use crate::proxy::postgres::settle;
use crate::proxy::postgres::side::{Mode, Settled};
use crate::proxy::postgres::worker::caching::Kept;
use crate::proxy::postgres::worker::client::State;
use crate::proxy::postgres::worker::inbox::Carried;
use crate::proxy::postgres::worker::server::{Asking, Holder, Server};
use crate::proxy::postgres::worker::token::Token;
use crate::proxy::postgres::worker::{READS_MAX, Worker};
use crate::proxy::transport::{Flow, Taken};
use crate::wire::postgres::exchange::Owed;
use crate::wire::postgres::sqlstate::{Report, SqlState, error_response};
use crate::wire::postgres::statement::Pin;

/// Whether to read once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Go {
    On,
    Stop,
}

impl Worker {
    /// Takes what a client has to give, as far as it may go on.
    pub(super) fn pump_client(&mut self, place: usize) {
        if self.scratch.is_empty() {
            // The buffer is in use further up: this client's turn comes after it.
            if let Some(client) = self.clients.get(place).filter(|client| !client.drained) {
                self.again.push(Token::Client { place, turn: client.turn });
            }
            return;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut reads = 0;
        while self.read_client(place, &mut scratch) == Go::On {
            reads += 1;
            if reads == READS_MAX {
                if let Some(client) = self.clients.get(place) {
                    self.again.push(Token::Client { place, turn: client.turn });
                }
                break;
            }
        }
        self.scratch = scratch;
    }

    fn read_client(&mut self, place: usize, scratch: &mut [u8]) -> Go {
        let Some(client) = self.clients.get_mut(place) else { return Go::Stop };
        if client.drained || client.state != State::Open {
            return Go::Stop;
        }
        // What it asks is not taken while the server does not take what it asked before, nor while it does not
        // take its answers.
        let room = &self.rooms[usize::from(client.room)];
        let server = client.lease.and_then(|connection| room.server(connection));
        if server.is_some_and(|server| !server.takes_more()) {
            return Go::Stop;
        }
        let count = match client.transport.take(scratch) {
            Ok(Taken::Bytes(count)) => count,
            Ok(Taken::Last(count)) => {
                client.drained = true;
                count
            }
            Ok(Taken::Nothing) => {
                client.drained = true;
                return Go::Stop;
            }
            Ok(Taken::End) | Err(_) => {
                self.end_client(place, Farewell::Lost);
                return Go::Stop;
            }
        };
        if client.pending.is_empty() {
            self.take_from_client(place, &scratch[..count]);
        } else {
            client.pending.extend_from_slice(&scratch[..count]);
            self.take_pending(place);
        }
        Go::On
    }

    /// Deals with what a client sent before and that had to wait.
    pub(super) fn take_pending(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        let room = &self.rooms[usize::from(client.room)];
        let server = client.lease.and_then(|connection| room.server(connection));
        if client.pending.is_empty() || server.is_some_and(Server::is_settling) {
            return;
        }
        let bytes = std::mem::take(&mut client.pending);
        self.take_from_client(place, &bytes);
        self.give_back(bytes);
    }

    fn take_from_client(&mut self, place: usize, bytes: &[u8]) {
        let mut at = 0;
        loop {
            let Ok((taken, next)) = self.pass_inbound(place, &bytes[at..]) else { return };
            at += taken;
            match next {
                Next::Server => match self.ask_cache(place, &bytes[at..]) {
                    Kept::Not => {
                        if !self.lease(place) {
                            break;
                        }
                    }
                    Kept::Answered(taken) => at += taken,
                    Kept::Stops(taken) => {
                        at += taken;
                        break;
                    }
                },
                Next::More | Next::Answers => break,
                Next::Leave => return self.end_client(place, Farewell::Left),
            }
        }
        if at < bytes.len() {
            let mut rest = self.buffer();
            match self.clients.get_mut(place) {
                Some(client) => {
                    rest.extend_from_slice(&bytes[at..]);
                    client.pending = rest;
                }
                None => self.give_back(rest),
            }
        }
        if let Some(client) = self.clients.get(place).filter(|client| client.lease.is_none()) {
            self.carry_out(usize::from(client.room));
        }
    }

    /// One pass of bytes to the server connection that the client has, if any. An error has ended the client.
    fn pass_inbound(&mut self, place: usize, bytes: &[u8]) -> Result<(usize, Next), ()> {
        let Some(client) = self.clients.get_mut(place) else { return Err(()) };
        let room_place = usize::from(client.room);
        let room = &mut self.rooms[room_place];
        let (mode, keeps, most) = (room.settings.mode, room.settings.keeps, room.settings.statements_max);
        let mut made = std::mem::take(&mut self.made);
        let mut assembly = Assembly::new(bytes, &mut made);
        let Some(connection) = client.lease else {
            let mut cx = Cx { mode, keeps, statements: &mut room.statements, cache: None };
            let passed = inbound::take(&mut client.side, None, &mut cx, bytes, &mut assembly);
            self.made = made;
            return passed.map_err(|lost| self.lose_client(place, &lost));
        };
        let Some((server, statements, mut cache)) = room.server_and_books(connection) else { return Err(()) };
        if server.side.settings == Settled::No && server.side.exchange.takes_ours() {
            inbound::thin_out(&mut server.side, most, assembly.buffer());
            settle::bring(&mut server.side, &mut client.side, assembly.buffer());
        }
        let mut marked = 0;
        if let Some(cache) = cache.as_deref_mut()
            && let Some(mark) = client.mark.take()
        {
            marked = mark.len();
            server.recording = Some(Box::new(cache.sent(*mark)));
        }
        let mut cx = Cx { mode, keeps, statements, cache };
        let exchange = &server.side.exchange;
        if exchange.quiet() || exchange.in_batch() || exchange.copying_in() || client.side.rest.left > 0 {
            server.active = self.now;
        }
        let passed = inbound::take(&mut client.side, Some(&mut server.side), &mut cx, bytes, &mut assembly);
        server.asking = match passed {
            Ok((_, Next::Answers)) => Asking::HeldBack,
            Ok((_, Next::More | Next::Server | Next::Leave)) | Err(_) => Asking::Goes,
        };
        let sent = server.transport.send(assembly.finish());
        if client.rests && !(server.side.exchange.at_rest() && client.side.rest.left == 0) {
            client.rests = false;
            room.pool.stir(token_of(place), self.now);
        }
        let flushed = std::mem::take(&mut client.side.flushed);
        self.made = made;
        if marked > 0 && !matches!(passed, Ok((taken, _)) if taken >= marked) {
            // It was not sent in one piece: what comes back may be the answer to something else.
            let waited = self.give_up_recording(room_place, connection);
            self.wake(&waited);
        }
        match (passed, sent) {
            (Err(lost), _) => {
                self.lose_client(place, &lost);
                Err(())
            }
            (Ok(_), Err(_)) => {
                // What the server said before it went is still to be read.
                let room = usize::from(self.clients[place].room);
                self.server_broken(room, connection);
                Err(())
            }
            (Ok(passed), Ok(Flow::Clear | Flow::Blocked)) => {
                if flushed {
                    self.answer_flush(place);
                }
                Ok(passed)
            }
        }
    }

    /// A Flush asks for replies now; those of ours whose turn it is have no server message to go with.
    fn answer_flush(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        let Some(connection) = client.lease else { return };
        let room = &mut self.rooms[usize::from(client.room)];
        let Some(server) = room.server_mut(connection) else { return };
        if !matches!(server.side.exchange.front(), Some(Owed::Own(_))) {
            return;
        }
        let mut made = std::mem::take(&mut self.made);
        let mut assembly = Assembly::new(&[], &mut made);
        outbound::own_replies(&mut server.side, Some(&mut client.side), &mut assembly);
        let sent = client.transport.send(assembly.finish());
        self.made = made;
        if sent.is_err() {
            self.end_client(place, Farewell::Lost);
        }
    }

    /// The client takes more again.
    pub(super) fn client_writable(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        if !client.transport.blocked() {
            return;
        }
        match client.transport.flush() {
            Ok(Flow::Blocked) => client.stalled = Some(self.now),
            Ok(Flow::Clear) => {
                client.stalled = None;
                self.client_clear(place);
            }
            Err(_) => self.end_client(place, Farewell::Lost),
        }
    }

    fn client_clear(&mut self, place: usize) {
        let Some(client) = self.clients.get(place) else { return };
        match client.lease {
            Some(connection) => {
                let room = usize::from(client.room);
                self.pump_server(room, connection);
            }
            None if client.state == State::Sated => self.go_on(place),
            None => {}
        }
    }

    /// Ends a client that can't be followed, and tells it why.
    fn lose_client(&mut self, place: usize, lost: &inbound::Lost) {
        let state = match lost {
            inbound::Lost::Over(_) => SqlState::ProgramLimitExceeded,
            inbound::Lost::Frame(_) | inbound::Lost::Unexpected(_) | inbound::Lost::Malformed(_) => {
                SqlState::ProtocolViolation
            }
        };
        let text = lost.to_string();
        self.dismiss(place, &Report::new(state, &text).fatal(), Farewell::Protocol);
    }

    /// Tells a client something and ends it.
    pub(super) fn dismiss(&mut self, place: usize, report: &Report<'_>, farewell: Farewell) {
        let mut said = self.buffer();
        error_response(&mut said, report);
        self.dismiss_with(place, &said, farewell);
        self.give_back(said);
    }

    /// Tells a client something in the protocol's form and ends it.
    pub(super) fn dismiss_with(&mut self, place: usize, said: &[u8], farewell: Farewell) {
        if let Some(client) = self.clients.get_mut(place) {
            // One that does not listen any more is ended all the same.
            let _told = client.transport.send(said);
        }
        self.end_client(place, farewell);
    }

    /// Ends a client: its socket is closed, and what it leaves behind on a server connection is cleaned up.
    pub(super) fn end_client(&mut self, place: usize, farewell: Farewell) {
        let Some(mut client) = self.clients.try_remove(place) else { return };
        client.transport.say_goodbye();
        let room = usize::from(client.room);
        if let Some(names) = client.side.names.take() {
            let count = names.len();
            drop(names);
            self.rooms[room].statements.departed(count);
        }
        self.rooms[room].parted.note(&client.about, farewell, self.now);
        self.rooms[room].pool.detach(token_of(place), farewell, self.now);
        let mut waited = Vec::new();
        if let Some(connection) = client.lease {
            let whole = client.side.rest.left == 0;
            waited = self.give_up_recording(room, connection);
            self.clean(room, connection, whole);
        }
        if let Some(mark) = client.mark.take() {
            self.give_up_mark(room, &mark);
        }
        self.wake(&waited);
        self.give_back(std::mem::take(&mut client.pending));
        self.carry_out(room);
    }

    /// Takes the server connection from a client whose unit of work is over, where it may.
    pub(super) fn release(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        let Some(connection) = client.lease else { return };
        let room_place = usize::from(client.room);
        let room = &mut self.rooms[room_place];
        let keeps = room.settings.mode == Mode::Session
            || client.side.pinned.is_some()
            || client.side.rest.left > 0
            || client.state == State::Greeting;
        let Some(server) = room.server_mut(connection) else { return };
        if keeps || server.cancels > 0 {
            return self.rest_with_lease(place);
        }
        server.holder = Holder::Pool;
        server.side.unnamed_is_ours = false;
        client.lease = None;
        client.active = self.now;
        if server.threat == Carried::Unsure {
            return self.server_lost(room_place, connection, CloseReason::CancelAdrift);
        }
        debug_assert!(server.side.exchange.quiet(), "what owes an answer serves nobody else");
        let released = room.pool.check_in(connection, self.now);
        self.after_release(room_place, connection, released);
    }

    /// The work of a client that keeps its server connection is over: it rests from now on, unless what it keeps the
    /// connection for goes on without a word.
    fn rest_with_lease(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        let Some(connection) = client.lease else { return };
        let room = &mut self.rooms[usize::from(client.room)];
        let is_over = room.server(connection).is_some_and(|server| server.side.exchange.at_rest());
        let waits = matches!(client.side.pinned, Some(Pin::Listen | Pin::AdvisoryLock));
        if is_over && !waits && client.state == State::Open && client.side.rest.left == 0 {
            client.rests = true;
            client.active = self.now;
            room.pool.rest(token_of(place), self.now);
        }
    }
}

/// A client's name in its pool.
pub(super) fn token_of(place: usize) -> crate::pool::id::ClientId {
    crate::pool::id::ClientId(u32::try_from(place).unwrap_or(u32::MAX))
}
