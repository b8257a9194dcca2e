//! What a person on the console does to a pool as a whole, and how it ends.
//!
//! ```text
//!              pause                  disable
//!   paused ◄───────────► running ◄─────────────► disabled
//!      │       resume       │        resume          │
//!      └────────────────────┼────────────────────────┘
//!                           ▼ shut_down
//!                        draining ── nothing is left, or the deadline ──► over
//! ```

use crate::model::action::ResetHow;
use crate::model::clock::Timestamp;
use crate::pool::client::Standing;
use crate::pool::connection::State;
use crate::pool::id::ClientId;
use crate::pool::limits::Limits;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, Farewell, Refusal};
use crate::pool::reset::{Reset, ResetCause, Scope};
use crate::pool::state::Pool;

/// How a pool stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// At work.
    Running,
    /// Units of work wait, and their wait does not count.
    Paused {
        /// Since when.
        since: Timestamp,
    },
    /// New clients and new units of work are refused.
    Disabled,
    /// It ends.
    Draining {
        /// When what is left is closed by force.
        deadline: Timestamp,
    },
}

impl Pool {
    /// How it stands.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// `PAUSE`: new units of work wait; upstream connections are closed as they come free. The loop answers the
    /// console once [`Pool::is_still`] holds.
    pub fn pause(&mut self, now: Timestamp) {
        match self.mode {
            Mode::Running | Mode::Disabled => {
                self.mode = Mode::Paused { since: now };
                self.retire_all(CloseReason::Paused, now);
            }
            Mode::Paused { .. } | Mode::Draining { .. } => {}
        }
    }

    /// `RESUME`, `ENABLE`: back to work.
    pub fn resume(&mut self, now: Timestamp) {
        match self.mode {
            Mode::Paused { since } => {
                self.clients.hold_waits(since, now);
                self.mode = Mode::Running;
                self.shaken = true;
                self.pump(now);
            }
            Mode::Disabled => self.mode = Mode::Running,
            Mode::Running | Mode::Draining { .. } => {}
        }
    }

    /// `DISABLE`: new clients and new units of work are refused, also those that wait; what is at work goes on.
    pub fn disable(&mut self, now: Timestamp) {
        match self.mode {
            Mode::Running | Mode::Paused { .. } => {
                self.mode = Mode::Disabled;
                self.turn_all_away(Refusal::Disabled, now);
            }
            Mode::Disabled | Mode::Draining { .. } => {}
        }
    }

    /// `RECONNECT`: all connections are replaced as they come free.
    pub fn reconnect(&mut self, now: Timestamp) -> usize {
        let cause = ResetCause::Reconnect;
        self.reset(Reset { how: ResetHow::Drain, share: 1.0, scope: Scope::All, cause }, now)
    }

    /// `KILL`: all connections and clients are closed now, and the pool is paused.
    pub fn kill(&mut self, now: Timestamp) {
        self.pause(now);
        self.turn_all_away(Refusal::Disabled, now);
        self.close_all(CloseReason::Killed, now);
        self.dismiss_all(Farewell::Killed, now);
    }

    /// SIGTERM: nobody is let in, who rests is dismissed, who waits is refused, who works may end by the deadline.
    pub fn shut_down(&mut self, deadline: Timestamp, now: Timestamp) {
        self.mode = Mode::Draining { deadline };
        self.turn_all_away(Refusal::ShuttingDown, now);
        self.dismiss_all(Farewell::Shutdown, now);
        self.retire_all(CloseReason::Shutdown, now);
    }

    /// Whether no upstream connection is left.
    pub fn is_still(&self) -> bool {
        self.connections.total().size() == 0
    }

    /// Whether a pool that was shut down can be dropped: nothing is left, upstream or of clients.
    pub fn is_over(&self) -> bool {
        matches!(self.mode, Mode::Draining { .. }) && self.is_still() && self.clients.attached() == 0
    }

    /// Changes limits. What still fits stays: only surplus idle connections are closed at once, the longest idle
    /// first; surplus busy ones when they come back.
    pub fn adjust(&mut self, limits: &Limits, now: Timestamp) {
        self.limits = limits.settled();
        self.clients_due = now;
        for slot in self.connections.slots() {
            let connection = self.connections.get_mut(slot);
            connection.expires = connection.opened + self.limits.lifetime_of(connection.fraction);
        }
        self.shrink(now);
        self.shaken = true;
        self.pump(now);
    }

    fn shrink(&mut self, now: Timestamp) {
        let surplus = |pool: &Self| {
            let crowded = pool.connections.total().size() > pool.limits.max;
            let full = |id| pool.connections.of_upstream(id).size() > pool.limits.per_upstream;
            let many = |key| pool.connections.of_key(key).size() > pool.limits.per_key;
            pool.connections.longest_idle(|seen| crowded || full(seen.upstream) || many(seen.key))
        };
        while let Some(slot) = surplus(self) {
            self.close(slot, CloseReason::Shrunk, now);
        }
    }

    /// What a draining pool does as time goes on.
    pub(super) fn drain(&mut self, now: Timestamp) {
        let Mode::Draining { deadline } = self.mode else { return };
        if deadline <= now {
            self.close_all(CloseReason::Shutdown, now);
        }
        self.dismiss_all(Farewell::Shutdown, now);
    }

    fn retire_all(&mut self, reason: CloseReason, now: Timestamp) {
        for slot in self.connections.slots() {
            if self.connections.get(slot).state != State::Free {
                self.retire(slot, reason, now);
            }
        }
    }

    fn close_all(&mut self, reason: CloseReason, now: Timestamp) {
        for slot in self.connections.slots() {
            if self.connections.get(slot).state != State::Free {
                self.close(slot, reason, now);
            }
        }
    }

    /// All that rest.
    fn dismiss_all(&mut self, farewell: Farewell, now: Timestamp) {
        let all: Vec<_> = self.clients.resting().collect();
        all.into_iter().for_each(|(client, _)| self.send_off(client, farewell, now));
    }

    /// Tells a client that rests to go.
    pub(super) fn send_off(&mut self, client: ClientId, farewell: Farewell, now: Timestamp) {
        self.clients.enter(client, Standing::Leaving, now);
        self.counters.farewells[farewell as usize] += 1;
        self.orders.push(Order::Dismiss { client, farewell });
    }
}
