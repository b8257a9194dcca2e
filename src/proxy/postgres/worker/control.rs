//! What the worker does because somebody asks: commands to a pool, and its own end.
//!
//! The end, once asked for: nobody is let in, clients at rest are told to go, those at work may end it within the drain
//! time of their proxy; then their connections are closed. A worker that is not through [`FORCED_AFTER`] that ends all
//! the same.

use std::time::Duration;

use crate::pool::reason::Farewell;
use crate::proxy::command::{Command, Done};
use crate::proxy::obey::{Owner, Standing, obey};
use crate::proxy::postgres::cache::Cache;
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::client::Client;
use crate::proxy::proxies;
use crate::proxy::view::View;

/// After the last drain time, until what is left is dropped as it is.
const FORCED_AFTER: Duration = Duration::from_secs(2);

impl Owner for Worker {
    fn view(&self, place: u16) -> Option<View> {
        self.room_view(place)
    }

    fn obey(&mut self, place: u16, command: Command) -> Option<Done> {
        let now = self.now;
        let room = self.rooms.get_mut(usize::from(place))?;
        let outdated = match command {
            // A person means to change something past the proxy.
            Command::FlushCache | Command::Pause | Command::Reconnect | Command::Disable | Command::Kill => {
                room.cache.as_deref_mut()
            }
            Command::Reset { .. }
            | Command::Admit(_)
            | Command::Supply(_)
            | Command::Resume
            | Command::Stream(_)
            | Command::Trade(..)
            | Command::Adjust(_) => None,
        };
        if let Some(cache) = outdated {
            cache.flush();
        }
        let pool = &mut room.pool;
        let before = Standing::of(pool, now);
        obey(pool, command, now);
        let done = before.until(&Standing::of(pool, now));
        self.carry_out(usize::from(place));
        Some(done)
    }

    fn flush_cache(&mut self, place: u16) -> usize {
        let room = self.rooms.get_mut(usize::from(place));
        room.and_then(|room| room.cache.as_deref_mut()).map_or(0, Cache::flush)
    }

    /// Closes one client; its server connection is cleaned, as if it had left by itself.
    fn kill_client(&mut self, room: u16, client: proxies::Client) -> Done {
        let place = client.place as usize;
        let meant = |found: &Client| found.room == room && found.turn == client.turn;
        if !self.clients.get(place).is_some_and(meant) {
            return Done::default();
        }
        self.farewell(place, Farewell::Killed);
        Done { clients: 1, ..Done::default() }
    }
}

impl Worker {
    /// Begins to end.
    pub(super) fn begin_to_end(&mut self) {
        self.ending = true;
        if self.last.is_some() {
            return;
        }
        self.close_hall();
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
        let drained = self.clients.is_empty() && self.rooms.iter().all(|room| room.pool.is_over());
        if !drained && self.last.is_some_and(|last| last <= self.now) {
            tracing::error!(clients = self.clients.len(), "the proxies could not be drained");
            return true;
        }
        drained
    }
}
