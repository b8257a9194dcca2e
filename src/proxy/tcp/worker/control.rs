//! What the worker does because somebody asks: commands to a pool, and its own end.
//!
//! The end, once asked for: nobody is let in, sessions at rest are ended, those at work may come to rest or to their end
//! within the drain time of their proxy; then they are cut.

use std::time::Duration;

use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::command::{Command, Done};
use crate::proxy::obey::{Owner, Standing, obey};
use crate::proxy::porch::Porch;
use crate::proxy::proxies::Client;
use crate::proxy::tcp::session::Session;
use crate::proxy::tcp::worker::Worker;
use crate::proxy::tcp::worker::ending::Parting;
use crate::proxy::view::View;

/// After the last drain time, until what is left is dropped as it is.
const FORCED_AFTER: Duration = Duration::from_secs(2);

impl Owner for Worker {
    fn view(&self, place: u16) -> Option<View> {
        self.room_view(place)
    }

    /// Ends one session, with its server connection.
    fn kill_client(&mut self, room: u16, client: Client) -> Done {
        let place = client.place as usize;
        let meant = |session: &Session| session.room == room && session.turn == client.turn;
        if !self.sessions.get(place).is_some_and(meant) {
            return Done::default();
        }
        self.end(place, Farewell::Killed, CloseReason::Killed, Parting::InOrder);
        Done { clients: 1, ..Done::default() }
    }

    fn obey(&mut self, place: u16, command: Command) -> Option<Done> {
        let room = usize::from(place);
        let before = Standing::of(&self.rooms.get(room)?.pool, self.now);
        obey(&mut self.rooms[room].pool, command, self.now);
        // A connection that is closed takes its client with it.
        self.carry_out(room);
        Some(before.until(&Standing::of(&self.rooms[room].pool, self.now)))
    }
}

impl Worker {
    /// Begins to end.
    pub(super) fn begin_to_end(&mut self) {
        self.ending = true;
        if self.last.is_some() {
            return;
        }
        self.porch = Porch::default();
        let mut last = self.now;
        for room in 0..self.rooms.len() {
            let pool = &mut self.rooms[room].pool;
            let deadline = self.now + pool.limits().drain;
            last = last.max(deadline);
            pool.shut_down(deadline, self.now);
            self.carry_out(room);
        }
        self.last = Some(last + FORCED_AFTER);
    }

    /// Whether it is told to end and everything is drained.
    pub(super) fn is_over(&mut self) -> bool {
        if !self.ending {
            return false;
        }
        // The threads around may have ended first: nobody asked then.
        self.begin_to_end();
        let drained = self.sessions.is_empty() && self.rooms.iter().all(|room| room.pool.is_over());
        if !drained && self.last.is_some_and(|last| last <= self.now) {
            tracing::error!(clients = self.sessions.len(), "the proxies could not be drained");
            return true;
        }
        drained
    }
}
