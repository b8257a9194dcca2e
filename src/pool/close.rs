//! How connections end, and how waiters are turned away.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::breaker::{BreakerState, Verdict};
use crate::pool::check_out::{Parted, nanos};
use crate::pool::client::Standing;
use crate::pool::connection::{Connection, Loan, Serving, State};
use crate::pool::id::{ClientId, ConnectionId, UpstreamId};
use crate::pool::mode::Mode;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, OpenReason, Refusal};
use crate::pool::state::Pool;
use crate::pool::upstream::Blame;

/// A client that keeps its connection between two requests rests only after so long.
const BREATH: Duration = Duration::from_secs(1);

impl Pool {
    /// The loop has a reason not to use a connection any more, in whatever state it is. It is closed by the order
    /// that follows; a client that held it rests.
    pub fn discard(&mut self, id: ConnectionId, reason: CloseReason, now: Timestamp) {
        let Some((slot, connection)) = self.connections.find(id) else { return };
        let upstream = connection.upstream;
        self.close(slot, reason, now);
        if reason.counts_against_upstream() && self.blame == Blame::Upstream {
            let fraction = self.jitter.fraction();
            let breaker = &mut self.upstreams.get_mut(upstream).breaker;
            if breaker.failure(&self.limits.trip, now, fraction) == Verdict::Tripped {
                self.upstreams.hasten_others(upstream, &self.limits, now);
                self.fail_over(upstream, now);
            }
        }
        self.despair(now);
        self.pump(now);
    }

    /// The upstream has agreed to serve a client for good on a connection that is lent, as it does with a stream: a
    /// success, and from now on no failover takes it away. What serves is worth more than a guess about what would.
    pub fn settle(&mut self, id: ConnectionId, now: Timestamp) {
        let Some(slot) = self.connections.find_in(id, State::Leased) else { return };
        let connection = self.connections.get_mut(slot);
        connection.loan = Loan::ForGood;
        let upstream = connection.upstream;
        self.upstreams.get_mut(upstream).breaker.success(&self.limits.trip, now);
    }

    /// A client's work and its connection end together, as in a stream of bytes: one unit of work, and nothing that could
    /// be used again.
    pub fn spend(&mut self, id: ConnectionId, reason: CloseReason, now: Timestamp) {
        self.counters.units += u64::from(self.connections.find_in(id, State::Leased).is_some());
        self.discard(id, reason, now);
    }

    /// A unit of work ended well, and its connection is not to be used again.
    pub fn finish(&mut self, id: ConnectionId, reason: CloseReason, now: Timestamp) {
        if let Some(slot) = self.connections.find_in(id, State::Leased) {
            let upstream = self.connections.get(slot).upstream;
            self.upstreams.get_mut(upstream).breaker.success(&self.limits.trip, now);
        }
        self.spend(id, reason, now);
    }

    /// Whether a connection is in the hands of a client that rests, and not just between two requests.
    pub(super) fn rests_in_hand(&self, connection: &Connection, now: Timestamp) -> bool {
        let holder = connection.holder.filter(|_| connection.state == State::Leased);
        let rests = |client: ClientId| {
            let seen = self.clients.get(client);
            seen.standing.rests() && now.since(seen.since) >= BREATH
        };
        holder.is_some_and(rests)
    }

    /// Frees a connection's place and orders it closed.
    pub(super) fn close(&mut self, slot: u16, reason: CloseReason, now: Timestamp) {
        let untold = self.connections.get(slot).serving == Serving::Pending;
        if let Some(client) = self.connections.get(slot).holder
            && self.part(slot, now) == Parted::Worker
            && untold
        {
            // The loop never hears that this waiter was served.
            self.turn_away(client, Refusal::WaitOver, now);
        }
        let connection = self.connections.get(slot);
        match connection.state {
            State::Connecting | State::Checking => self.shaken = true,
            State::Leased => self.counters.leased += nanos(connection.since, now),
            State::Idle | State::Free => {}
        }
        let breaker = &mut self.upstreams.get_mut(connection.upstream).breaker;
        if connection.state == State::Connecting
            && connection.why == OpenReason::Probe
            && breaker.state() == BreakerState::HalfOpen
        {
            breaker.undecided(now);
        }
        let connection = connection.id(slot);
        self.connections.release(slot, now);
        self.counters.closed[reason as usize] += 1;
        self.orders.push(Order::Close { connection, reason });
    }

    /// Closes a connection that nobody uses, or marks it to be closed when it comes back, if the reason is urgent by
    /// force after the drain time. A second reason does not win time, but an urgent one may cut it short.
    pub(super) fn retire(&mut self, slot: u16, reason: CloseReason, now: Timestamp) {
        let connection = self.connections.get(slot);
        let unused = connection.state != State::Leased;
        if unused || (reason.is_urgent() && self.rests_in_hand(connection, now)) {
            return self.close(slot, reason, now);
        }
        let forced = reason.is_urgent().then(|| now + self.limits.drain);
        let connection = self.connections.get_mut(slot);
        if connection.retired.is_none() || (connection.forced.is_none() && forced.is_some()) {
            (connection.retired, connection.forced) = (Some(reason), forced);
        }
    }

    /// Retires all connections to an upstream that fails too often, but for those that serve for good.
    fn fail_over(&mut self, upstream: UpstreamId, now: Timestamp) {
        for slot in self.connections.slots() {
            let connection = self.connections.get(slot);
            let serves = connection.state == State::Leased && connection.loan == Loan::ForGood;
            if connection.state != State::Free && connection.upstream == upstream && !serves {
                self.retire(slot, CloseReason::Failover, now);
            }
        }
    }

    /// Turns a waiter away.
    pub(super) fn turn_away(&mut self, client: ClientId, refusal: Refusal, now: Timestamp) {
        self.clients.enter(client, Standing::Refused, now);
        self.counters.refused[refusal as usize] += 1;
        self.orders.push(Order::Refuse { client, refusal });
    }

    /// Turns all waiters away.
    pub(super) fn turn_all_away(&mut self, refusal: Refusal, now: Timestamp) {
        while let Some(client) = self.clients.oldest() {
            self.turn_away(client, refusal, now);
        }
    }

    /// Turns those away who wait in vain.
    pub(super) fn despair(&mut self, now: Timestamp) {
        while self.mode == Mode::Running
            && let Some(client) = self.clients.oldest()
            && self.is_vain(self.clients.deadline(client, self.limits.wait), now)
        {
            self.turn_away(client, Refusal::UpstreamDown, now);
        }
    }

    /// Whether it is vain to wait until then: no connection is left that could come free, and none can be made before,
    /// or all upstreams were away for as long as anybody would wait.
    pub(super) fn is_vain(&self, until: Timestamp, now: Timestamp) -> bool {
        let total = self.connections.total();
        if total.size() > total.connecting() {
            return false;
        }
        let long_away = self.upstreams.away_since().is_some_and(|since| now.since(since) >= self.limits.wait);
        let next = self.upstreams.next_attempt();
        long_away || (total.size() == 0 && next > now && next > until)
    }
}
