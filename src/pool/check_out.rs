//! The hot path: a client takes a connection for a unit of work and gives it back.

use crate::model::clock::Timestamp;
use crate::pool::client::Standing;
use crate::pool::connection::{Connection, Loan, Serving, State};
use crate::pool::id::{ClientId, ConnectionId, Key, UpstreamId};
use crate::pool::mode::Mode;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, Refusal};
use crate::pool::state::Pool;
use crate::pool::upstream::{Balance, Blame};

/// What a client that begins a unit of work gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckOut {
    /// This connection, at once. The loop peeks at it: if anything is readable, `discard` it and ask again.
    Lease(ConnectionId),
    /// A place in the queue: `check_in`, `connected`, `pong` or an order names the client later.
    Wait,
    /// Nothing.
    Refused(Refusal),
}

/// What became of a connection that is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Released {
    /// Idle now.
    Idle,
    /// It is leased to this client, who waited. No order says so again.
    Serve(ClientId),
    /// A `Close` for it is among the orders.
    Closed,
    /// The pool had closed it already.
    Stale,
}

/// From whom a connection was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Parted {
    /// A client whose unit of work this ends.
    Worker,
    /// Nobody, or a client between units of work.
    Other,
}

/// Who gets a connection that is free.
enum Heir {
    Waiter(ClientId),
    /// A waiter of another key has waited too long: this one makes room.
    OtherKey,
    Nobody,
}

impl Pool {
    /// A client that is between units of work begins one.
    pub fn check_out(&mut self, client: ClientId, key: Key, now: Timestamp) -> CheckOut {
        let seen = self.clients.get(client);
        if seen.standing != Standing::Resting || seen.lease.is_some() {
            return self.refuse(Refusal::OutOfTurn);
        }
        match self.mode {
            Mode::Running => {}
            Mode::Paused { .. } => return self.wait(client, key, now),
            Mode::Disabled => return self.refuse(Refusal::Disabled),
            Mode::Draining { .. } => return self.refuse(Refusal::ShuttingDown),
        }
        if self.clients.waiting_for(key) == 0
            && let Some(slot) = self.best_idle(key)
            && self.is_fresh(self.connections.get(slot), now)
        {
            return CheckOut::Lease(self.lease_to(slot, client, now));
        }
        self.wait(client, key, now)
    }

    /// A leased connection comes back, proven clean: its reply is read to the end and its session is as new.
    pub fn check_in(&mut self, id: ConnectionId, now: Timestamp) -> Released {
        let Some(slot) = self.connections.find_in(id, State::Leased) else { return Released::Stale };
        let connection = self.connections.get_mut(slot);
        connection.proven = Some(now);
        let (since, upstream) = (connection.since, connection.upstream);
        self.counters.leased += nanos(since, now);
        self.upstreams.get_mut(upstream).breaker.success(&self.limits.trip, now);
        self.counters.units += u64::from(self.part(slot, now) == Parted::Worker);
        self.offer(slot, now, now)
    }

    /// Hands a connection that nobody holds to whom it is due, or closes it, or lays it by as one that is idle
    /// from `idle_since` on.
    pub(super) fn offer(&mut self, slot: u16, idle_since: Timestamp, now: Timestamp) -> Released {
        if let Some(reason) = self.unfit(slot, now) {
            self.close(slot, reason, now);
            self.pump(now);
            return Released::Closed;
        }
        match self.heir(slot, now) {
            Heir::Waiter(client) => {
                self.count_wait(client, now);
                self.lease_to(slot, client, now);
                Released::Serve(client)
            }
            Heir::OtherKey => {
                self.close(slot, CloseReason::MadeRoom, now);
                self.pump(now);
                Released::Closed
            }
            Heir::Nobody => {
                self.connections.enter(slot, State::Idle, idle_since);
                self.pump(now);
                Released::Idle
            }
        }
    }

    /// Why a connection can't be used once more.
    fn unfit(&self, slot: u16, now: Timestamp) -> Option<CloseReason> {
        let connection = self.connections.get(slot);
        if connection.retired.is_some() {
            return connection.retired;
        }
        let limits = &self.limits;
        if self.connections.total().size() > limits.max
            || self.connections.of_upstream(connection.upstream).size() > limits.per_upstream
            || self.connections.of_key(connection.key).size() > limits.per_key
        {
            return Some(CloseReason::Shrunk);
        }
        if connection.uses >= limits.uses {
            return Some(CloseReason::UsesOver);
        }
        (now >= connection.expires).then_some(CloseReason::LifetimeOver)
    }

    fn heir(&self, slot: u16, now: Timestamp) -> Heir {
        let Connection { key, state, .. } = *self.connections.get(slot);
        let Some(oldest) = self.clients.oldest() else { return Heir::Nobody };
        if self.mode != Mode::Running {
            return Heir::Nobody;
        }
        let seen = self.clients.get(oldest);
        if seen.key == key {
            return Heir::Waiter(oldest);
        }
        // One that was just opened or asked serves those first for whom it was.
        let impatient = state == State::Leased && now.since(seen.since) >= self.limits.patience;
        if impatient && self.needs_room(seen.key, now) {
            return Heir::OtherKey;
        }
        self.clients.oldest_for(key).map_or(Heir::Nobody, Heir::Waiter)
    }

    /// Whether all that keeps a key from a connection is that there is no room for it.
    fn needs_room(&self, key: Key, now: Timestamp) -> bool {
        let total = self.connections.total();
        total.size() >= self.limits.max
            && total.idle() == 0
            && total.connecting() < self.limits.connects
            && self.is_short(key)
            && self.has_place(key)
            && !self.logins.pauses(key, now)
            && self.upstreams.any_ready(now)
    }

    /// The idle connection of a key that is handed out next: last given back, at the upstream that suits best.
    pub(super) fn best_idle(&self, key: Key) -> Option<u16> {
        if self.upstreams.len() == 1 {
            return self.connections.top(key, UpstreamId(0));
        }
        let mut tops = self.upstreams.ids().filter_map(|id| Some((id, self.connections.top(key, id)?)));
        let best = match self.upstreams.balance {
            Balance::Priority => tops.next(),
            Balance::Equal => tops.min_by_key(|(id, _)| self.connections.of_upstream(*id).leased()),
        };
        best.map(|(_, slot)| slot)
    }

    pub(super) fn lease_to(&mut self, slot: u16, client: ClientId, now: Timestamp) -> ConnectionId {
        self.connections.enter(slot, State::Leased, now);
        let connection = self.connections.get_mut(slot);
        connection.holder = Some(client);
        connection.loan = Loan::Unit;
        connection.uses = connection.uses.saturating_add(1);
        let id = connection.id(slot);
        self.clients.enter(client, Standing::Working, now);
        self.clients.get_mut(client).lease = Some(id);
        id
    }

    /// Gives a connection to the oldest waiter of its key by an order, where no caller can be told.
    pub(super) fn serve(&mut self, slot: u16, client: ClientId, now: Timestamp) {
        self.count_wait(client, now);
        let connection = self.lease_to(slot, client, now);
        self.connections.get_mut(slot).serving = Serving::Pending;
        self.orders.push(Order::Serve { client, connection });
    }

    /// Takes a connection out of its client's hand; the client rests.
    pub(super) fn part(&mut self, slot: u16, now: Timestamp) -> Parted {
        let Some(client) = self.connections.get_mut(slot).holder.take() else { return Parted::Other };
        let held = self.clients.get_mut(client);
        held.lease = None;
        if held.standing != Standing::Working {
            return Parted::Other;
        }
        self.clients.enter(client, Standing::Resting, now);
        Parted::Worker
    }

    fn wait(&mut self, client: ClientId, key: Key, now: Timestamp) -> CheckOut {
        if self.clients.queue.len() >= self.limits.waiters {
            return self.refuse(Refusal::QueueFull);
        }
        if self.mode == Mode::Running
            && let Some(refusal) = self.hopeless(key, now)
        {
            return self.refuse(refusal);
        }
        self.clients.wait_for(client, key, now);
        if self.mode == Mode::Running {
            self.rouse(key, now);
            self.pump(now);
        }
        CheckOut::Wait
    }

    /// Why nothing can come free for a key within a wait that begins now.
    fn hopeless(&self, key: Key, now: Timestamp) -> Option<Refusal> {
        if self.connections.of_key(key).size() == 0 && self.logins.pauses(key, now) {
            return Some(self.unreached());
        }
        self.is_vain(now + self.limits.wait, now).then_some(Refusal::UpstreamDown)
    }

    /// What those are told that want a key which pauses.
    pub(super) fn unreached(&self) -> Refusal {
        match self.blame {
            Blame::Upstream => Refusal::LoginRefused,
            Blame::Key => Refusal::UpstreamDown,
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> CheckOut {
        self.counters.refused[refusal as usize] += 1;
        CheckOut::Refused(refusal)
    }

    fn count_wait(&mut self, client: ClientId, now: Timestamp) {
        let waited = nanos(self.clients.get(client).since, now);
        self.counters.served += 1;
        self.counters.waited += waited;
        self.counters.waits.add_nanos(waited);
    }
}

/// The time between, in nanoseconds.
pub(super) fn nanos(from: Timestamp, now: Timestamp) -> u64 {
    now.as_nanos().saturating_sub(from.as_nanos())
}
