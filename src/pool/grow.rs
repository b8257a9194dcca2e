//! How connections come to be: for those that wait, to keep some warm, to see whether an upstream is back.

use crate::model::clock::Timestamp;
use crate::pool::breaker::Verdict;
use crate::pool::check_out::Released;
use crate::pool::connection::{Connection, State};
use crate::pool::id::{ConnectionId, Key, UpstreamId};
use crate::pool::mode::Mode;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, ConnectFailure, OpenReason};
use crate::pool::state::Pool;
use crate::pool::upstream::Blame;
use crate::pool::upstreams::Attempt;

/// Whether a connection is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Grown {
    Yes,
    No,
}

impl Pool {
    /// A connection that was ordered is open and logged in.
    pub fn connected(&mut self, id: ConnectionId, now: Timestamp) -> Released {
        let Some(slot) = self.connections.find_in(id, State::Connecting) else { return Released::Stale };
        let connection = self.connections.get_mut(slot);
        connection.proven = Some(now);
        let (key, upstream) = (connection.key, connection.upstream);
        self.counters.connects += 1;
        self.upstreams.connected(upstream, now);
        self.logins.forget(key);
        let released = self.offer(slot, now, now);
        // One connect fewer is under way.
        self.pump(now);
        released
    }

    /// A connection that was ordered could not be made.
    pub fn failed(&mut self, id: ConnectionId, failure: ConnectFailure, now: Timestamp) {
        let Some(slot) = self.connections.find_in(id, State::Connecting) else { return };
        self.fail(slot, failure, now);
        self.pump(now);
    }

    /// An idle connection answered the check.
    pub fn pong(&mut self, id: ConnectionId, now: Timestamp) -> Released {
        let Some(slot) = self.connections.find_in(id, State::Checking) else { return Released::Stale };
        let connection = self.connections.get_mut(slot);
        connection.proven = Some(now);
        let idle_since = connection.since;
        // It was asked, not used: its idle time goes on.
        self.offer(slot, idle_since, now)
    }

    pub(super) fn fail(&mut self, slot: u16, failure: ConnectFailure, now: Timestamp) {
        let Connection { key, upstream, why, .. } = *self.connections.get(slot);
        let at = (now, self.jitter.fraction());
        self.counters.failures[failure as usize] += 1;
        let of_key = self.is_of_key(failure);
        let verdict = if of_key {
            self.logins.refused(key, self.limits.retry, at);
            self.upstreams.connected(upstream, now);
            Verdict::Unchanged
        } else {
            self.upstreams.failed(Attempt { upstream, why, failure }, &self.limits, at)
        };
        self.close(slot, failure.close_reason(), now);
        if verdict == Verdict::Tripped {
            self.doubt_all_of(upstream);
        }
        if of_key && self.connections.of_key(key).size() == 0 {
            let refusal = self.unreached();
            while let Some(client) = self.clients.oldest_for(key) {
                self.turn_away(client, refusal, now);
            }
        }
        self.despair(now);
    }

    /// Whether a connect failed for a reason of its key alone.
    fn is_of_key(&self, failure: ConnectFailure) -> bool {
        match (failure, self.blame) {
            (ConnectFailure::Login, _) => true,
            (ConnectFailure::NoDescriptors, _) => false,
            (
                ConnectFailure::Unreachable
                | ConnectFailure::Late
                | ConnectFailure::Protocol
                | ConnectFailure::Crowded
                | ConnectFailure::Starting,
                blame,
            ) => blame == Blame::Key,
        }
    }

    /// New connections can't be made; old ones may well work, but are asked before they are handed out.
    fn doubt_all_of(&mut self, upstream: UpstreamId) {
        for slot in self.connections.slots() {
            let connection = self.connections.get_mut(slot);
            if connection.state == State::Idle && connection.upstream == upstream {
                connection.proven = None;
            }
        }
    }

    /// Whether more wait for a key than connections of it are on their way.
    pub(super) fn is_short(&self, key: Key) -> bool {
        let census = self.connections.of_key(key);
        self.clients.waiting_for(key) > census.connecting() + census.checking()
    }

    /// Gets connections for those that wait, oldest first, as far as limits allow.
    #[inline]
    pub(super) fn pump(&mut self, now: Timestamp) {
        if self.shaken || self.may_grow() {
            self.pump_on(now);
        }
    }

    fn pump_on(&mut self, now: Timestamp) {
        if self.shaken && self.mode == Mode::Running {
            self.shaken = false;
            for key in self.connections.keys() {
                self.rouse(key, now);
            }
        }
        while self.may_grow()
            && let Some(key) = self.most_wanted(now)
            && self.connect(key, OpenReason::Demand, now) == Grown::Yes
        {}
    }

    /// Turns to the idle connections of a key while too little is on its way to those that wait for it: asks those
    /// not heard of for long, and hands out the others.
    pub(super) fn rouse(&mut self, key: Key, now: Timestamp) {
        while self.is_short(key)
            && let Some(slot) = self.best_idle(key)
        {
            match self.clients.oldest_for(key) {
                Some(client) if self.is_fresh(self.connections.get(slot), now) => {
                    self.serve(slot, client, now);
                }
                Some(_) | None => self.ping(slot, now),
            }
        }
    }

    /// The quick answer for the path: nobody waits, or everything is in use.
    fn may_grow(&self) -> bool {
        let total = self.connections.total();
        !self.clients.queue.is_empty()
            && self.mode == Mode::Running
            && (total.size() < self.limits.max || total.idle() > 0)
    }

    /// The key of the oldest waiter for whom nothing is on its way. The search passes over no more waiters than
    /// connections are on their way, and those of keys that can't log in.
    fn most_wanted(&self, now: Timestamp) -> Option<Key> {
        let mut keys = self.clients.waiting().map(|client| self.clients.get(client).key);
        keys.find(|key| self.is_short(*key) && self.has_place(*key) && !self.logins.pauses(*key, now))
    }

    /// Asks an idle connection whether it is alive.
    pub(super) fn ping(&mut self, slot: u16, now: Timestamp) {
        let connection = self.connections.get_mut(slot);
        let idle_since = connection.since;
        connection.asked = now;
        self.connections.enter(slot, State::Checking, idle_since);
        self.counters.pings += 1;
        self.orders.push(Order::Ping { connection: self.connections.id(slot) });
    }

    /// Opens a connection: for a waiter in the place of an idle one of another key, if need be.
    pub(super) fn connect(&mut self, key: Key, why: OpenReason, now: Timestamp) -> Grown {
        if self.connections.total().connecting() >= self.limits.connects {
            return Grown::No;
        }
        let Some(upstream) = self.upstreams.pick(&self.connections, &self.limits, now) else {
            return Grown::No;
        };
        let crowded = self.connections.of_upstream(upstream).size() >= self.limits.per_upstream;
        if (crowded && why == OpenReason::Warm) || !self.make_room(upstream, now) {
            return Grown::No;
        }
        self.open((key, upstream), why, now);
        Grown::Yes
    }

    /// Closes the longest idle connections until one more fits; false where none is idle.
    pub(super) fn make_room(&mut self, upstream: UpstreamId, now: Timestamp) -> bool {
        while self.connections.of_upstream(upstream).size() >= self.limits.per_upstream {
            let idle = self.connections.longest_idle(|seen| seen.upstream == upstream);
            let Some(slot) = idle else { return false };
            self.close(slot, CloseReason::MadeRoom, now);
        }
        while self.connections.total().size() >= self.limits.max {
            let Some(slot) = self.connections.longest_idle(|_| true) else { return false };
            self.close(slot, CloseReason::MadeRoom, now);
        }
        true
    }

    /// Orders a connect; there is room.
    pub(super) fn open(&mut self, (key, upstream): (Key, UpstreamId), why: OpenReason, now: Timestamp) {
        let fraction = self.jitter.fraction();
        let chosen = self.upstreams.get_mut(upstream);
        chosen.key = key;
        let (address, stamp) = chosen.book.next();
        let connection = self.connections.open(Connection {
            why,
            key,
            upstream,
            opened: now,
            expires: now + self.limits.lifetime_of(fraction),
            generation: self.generation,
            fraction,
            address: stamp,
            ..Connection::FREE
        });
        self.counters.opened[why as usize] += 1;
        self.orders.push(Order::Connect { connection, upstream, address, key, why });
    }
}
