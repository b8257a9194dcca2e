//! What the worker does because somebody asks: commands to a pool, and its own end.
//!
//! The end, once asked for: nobody is let in, clients at rest are told to go, those at work may end it within the drain
//! time of their proxy; then their connections are closed. A worker that is not through [`FORCED_AFTER`] that ends all
//! the same.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::pool::Pool;
use crate::pool::id::ConnectionId;
use crate::pool::reason::Farewell;
use crate::pool::reset::{Reset, ResetCause, Scope};
use crate::proxy::command::{Command, Done};
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::client::Client;
use crate::proxy::proxies::Question;

/// After the last drain time, until what is left is dropped as it is.
const FORCED_AFTER: Duration = Duration::from_secs(2);

impl Worker {
    /// Answers a question about a room. One about a room that is not there is dropped, which says so.
    pub(super) fn asked(&mut self, place: u16, question: Question) {
        match question {
            Question::View(reply) => {
                if let Some(view) = self.view(place) {
                    reply.send(Box::new(view));
                }
            }
            Question::Do(command, reply) => {
                if let Some(done) = self.obey(place, command) {
                    reply.send(done);
                }
            }
        }
    }

    fn obey(&mut self, place: u16, command: Command) -> Option<Done> {
        let now = self.now;
        let pool = &mut self.rooms.get_mut(usize::from(place))?.pool;
        let before = Standing::of(pool, now);
        match command {
            Command::Reset { how, share } => {
                pool.reset(Reset { how, share, scope: Scope::All, cause: ResetCause::Asked }, now);
            }
            Command::Admit(gate) => pool.set_gate(gate, now),
            Command::Pause => pool.pause(now),
            Command::Resume => pool.resume(now),
            Command::Reconnect => {
                pool.reconnect(now);
            }
            Command::Disable => pool.disable(now),
            Command::Kill => pool.kill(now),
            Command::KillClient { place: client, turn } => {
                return Some(self.kill_client(place, client as usize, turn));
            }
            Command::Adjust(limits) => pool.adjust(&limits, now),
        }
        let done = before.until(&Standing::of(pool, now));
        self.carry_out(usize::from(place));
        Some(done)
    }

    /// Closes one client; its server connection is cleaned, as if it had left by itself.
    fn kill_client(&mut self, room: u16, place: usize, turn: u32) -> Done {
        let meant = |client: &Client| client.room == room && client.turn == turn;
        if !self.clients.get(place).is_some_and(meant) {
            return Done::default();
        }
        self.farewell(place, Farewell::Killed);
        Done { clients: 1, ..Done::default() }
    }

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

/// A pool's connections and clients, to tell what a command did.
struct Standing {
    open: BTreeSet<ConnectionId>,
    retired: BTreeSet<ConnectionId>,
    clients: u32,
}

impl Standing {
    fn of(pool: &Pool, now: crate::model::clock::Timestamp) -> Self {
        let open = pool.connections(now).map(|seen| seen.connection).collect();
        let retired = pool.connections(now).filter(|seen| seen.retired.is_some());
        let retired = retired.map(|seen| seen.connection).collect();
        Self { open, retired, clients: pool.snapshot(now).clients }
    }

    fn until(&self, after: &Self) -> Done {
        Done {
            closed: self.open.difference(&after.open).count(),
            retired: after.retired.difference(&self.retired).count(),
            clients: self.clients.saturating_sub(after.clients) as usize,
        }
    }
}
