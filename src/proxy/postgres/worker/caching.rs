//! Between clients, server connections and the read cache of their proxy.

use crate::model::clock::Timestamp;
use crate::pool::id::ConnectionId;
use crate::pool::mode::Mode;
use crate::pool::reason::Farewell;
use crate::proxy::postgres::cache::{Answer, Asker, Cache, Mark, Patience, Waiter};
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::client::State;
use crate::proxy::postgres::worker::client_path::token_of;
use crate::proxy::postgres::worker::server::Server;
use crate::proxy::transport::Flow;

/// What became of a question at the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kept {
    /// Nothing: it takes the usual way.
    Not,
    /// So many bytes are answered, and the next may be taken.
    Answered(usize),
    /// So many bytes are dealt with, and no more for now.
    Stops(usize),
}

impl Worker {
    /// A client without a server connection begins a unit of work.
    #[inline]
    pub(super) fn ask_cache(&mut self, place: usize, bytes: &[u8]) -> Kept {
        match self.clients.get(place) {
            Some(client) if self.rooms[usize::from(client.room)].cache.is_some() => {
                self.answer_by_cache(place, bytes)
            }
            Some(_) | None => Kept::Not,
        }
    }

    fn answer_by_cache(&mut self, place: usize, bytes: &[u8]) -> Kept {
        let Some(client) = self.clients.get_mut(place) else { return Kept::Stops(0) };
        let room = &mut self.rooms[usize::from(client.room)];
        let Some(cache) = room.cache.as_deref_mut() else { return Kept::Not };
        if client.mark.is_some() || room.pool.mode() != Mode::Running {
            // It has asked already, and the connection that it got was gone; or new work is not wanted.
            return Kept::Not;
        }
        let mut asker = Asker {
            side: &mut client.side,
            door: client.key,
            waiter: (place, client.turn),
            patience: std::mem::take(&mut client.patience),
        };
        match cache.ask(&mut asker, &mut room.statements, bytes, self.now) {
            Answer::Foreign => Kept::Not,
            Answer::Asked(mark) => {
                client.mark = Some(Box::new(mark));
                Kept::Not
            }
            Answer::Awaited => {
                client.state = State::Awaiting;
                Kept::Stops(0)
            }
            Answer::Known(answer, len) => {
                client.active = self.now;
                room.pool.served_aside(token_of(place), self.now);
                match client.transport.send(&answer) {
                    Ok(Flow::Clear) => Kept::Answered(len),
                    Ok(Flow::Blocked) => {
                        client.state = State::Sated;
                        Kept::Stops(len)
                    }
                    Err(_) => {
                        self.end_client(place, Farewell::Lost);
                        Kept::Stops(len)
                    }
                }
            }
        }
    }

    /// A client that had to wait, for no server connection, goes on.
    pub(super) fn go_on(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        client.state = State::Open;
        self.take_pending(place);
        if self.clients.get(place).is_some_and(|client| !client.drained) {
            self.pump_client(place);
        }
    }

    /// Those who waited for an answer go on, each with what it asked.
    pub(super) fn wake(&mut self, waiters: &[Waiter]) {
        for (place, turn) in waiters.iter().copied() {
            let Some(client) = self.clients.get_mut(place) else { continue };
            if client.turn == turn && client.state == State::Awaiting {
                client.patience = Patience::Spent;
                self.go_on(place);
            }
        }
    }

    /// A question is given up that was not sent.
    pub(super) fn give_up_mark(&mut self, room: usize, mark: &Mark) {
        let waited = self.rooms[room].cache.as_deref_mut().map(|cache| cache.abandon(mark));
        self.wake(&waited.unwrap_or_default());
    }

    /// The answer that comes by a server connection is not kept; gives who waited for it.
    pub(super) fn give_up_recording(&mut self, room: usize, connection: ConnectionId) -> Vec<Waiter> {
        let Some((server, _, Some(cache))) = self.rooms[room].server_and_books(connection) else {
            return Vec::new();
        };
        let recording = server.recording.take();
        recording.map(|recording| cache.give_up(&recording)).unwrap_or_default()
    }

    /// A server connection is going to be closed, whatever it is at work on; gives who waited for its answer.
    pub(super) fn forget_answers(&mut self, room: usize, connection: ConnectionId) -> Vec<Waiter> {
        if let Some((server, _, Some(cache))) = self.rooms[room].server_and_books(connection)
            && !server.side.writes.is_empty()
        {
            cache.lose(&mut server.side.writes, self.now);
        }
        self.give_up_recording(room, connection)
    }

    /// Who has waited long enough for another one's answer asks by itself.
    pub(super) fn sweep_cache(&mut self, room: usize) {
        let late = self.rooms[room].cache.as_deref_mut().map(|cache| cache.overdue(self.now));
        self.wake(&late.unwrap_or_default());
    }
}

/// What a server said is about to go to its client: writes of it that have ended end here, and an answer is kept. Gives
/// who waited for that.
pub(super) fn kept_of(cache: &mut Cache, server: &mut Server, said: &[u8], now: Timestamp) -> Vec<Waiter> {
    if !server.side.writes.is_empty() && server.side.exchange.at_rest() {
        cache.settle(&mut server.side.writes);
    }
    cache.hear(&mut server.recording, said, now)
}
