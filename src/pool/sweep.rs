//! What time brings: called a few times a second, it ends what has gone on for too long.

use std::net::SocketAddr;

use crate::model::clock::Timestamp;
use crate::pool::address::Change;
use crate::pool::breaker::Trial;
use crate::pool::connection::{Connection, State};
use crate::pool::grow::Grown;
use crate::pool::id::{Key, UpstreamId};
use crate::pool::mode::Mode;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, ConnectFailure, Farewell, OpenReason, Refusal};
use crate::pool::state::Pool;
use crate::pool::upstreams::Attempt;

/// Connections closed for their age, or asked whether they are alive, in one sweep.
pub(super) const UPKEEP_MAX: u32 = 8;
/// Clients dismissed for their idleness in one sweep.
pub(super) const DISMISSALS_MAX: usize = 64;

impl Pool {
    /// Ends what is over, begins what is due.
    pub fn tick(&mut self, now: Timestamp) {
        self.drain(now);
        self.end_waits(now);
        self.end_overdue(now);
        self.tend_idle(now);
        self.dismiss_idle(now);
        if self.mode == Mode::Running {
            self.look_up(now);
            self.try_upstreams(now);
            self.fail_back(now);
            self.pump(now);
            self.warm(now);
        }
        #[cfg(debug_assertions)]
        self.audit();
    }

    /// The answer to [`Order::Resolve`]; an empty one where the look-up failed.
    pub fn resolved(&mut self, upstream: UpstreamId, addresses: &[SocketAddr], now: Timestamp) {
        let book = &mut self.upstreams.get_mut(upstream).book;
        let change = book.answered(addresses, now);
        if !book.is_ready() {
            // A name without addresses is as good as a host that does not answer.
            let at = (now, self.jitter.fraction());
            let (why, failure) = (OpenReason::Demand, ConnectFailure::Unreachable);
            self.upstreams.failed(Attempt { upstream, why, failure }, &self.limits, at);
            self.despair(now);
        }
        if change == Change::Gone {
            for slot in self.connections.slots() {
                let connection = self.connections.get(slot);
                let gone = !self.upstreams.get(upstream).book.holds(connection.address);
                if connection.state != State::Free && connection.upstream == upstream && gone {
                    self.retire(slot, CloseReason::AddressGone, now);
                }
            }
        }
        self.pump(now);
    }

    fn end_waits(&mut self, now: Timestamp) {
        if matches!(self.mode, Mode::Paused { .. }) {
            return;
        }
        while let Some(client) = self.clients.oldest()
            && self.clients.deadline(client, self.limits.wait) <= now
        {
            self.turn_away(client, Refusal::WaitOver, now);
        }
    }

    /// Connects and checks that take too long; connections that were to come back and did not.
    fn end_overdue(&mut self, now: Timestamp) {
        for slot in self.connections.slots() {
            let connection = self.connections.get(slot);
            let limits = &self.limits;
            match connection.state {
                State::Connecting if now.since(connection.opened) >= limits.connect_timeout => {
                    self.fail(slot, ConnectFailure::Late, now);
                }
                State::Checking if now.since(connection.asked) >= limits.ping_timeout => {
                    self.discard(self.connections.id(slot), CloseReason::PingLate, now);
                }
                State::Leased if connection.forced.is_some_and(|forced| forced <= now) => {
                    self.close(slot, CloseReason::ResetForced, now);
                }
                State::Leased if connection.forced.is_some() && self.rests_in_hand(connection, now) => {
                    self.close(slot, connection.retired.unwrap_or(CloseReason::ResetForced), now);
                }
                State::Leased
                    if connection.holder.is_none() && now.since(connection.orphaned) >= limits.drain =>
                {
                    self.close(slot, CloseReason::CleaningLate, now);
                }
                State::Free | State::Connecting | State::Checking | State::Leased | State::Idle => {}
            }
        }
    }

    /// Idle connections, longest idle first: those too old go, those not heard of for long are asked.
    fn tend_idle(&mut self, now: Timestamp) {
        let idle = self.connections.iter().filter(|(_, seen)| seen.state == State::Idle);
        let due = idle.filter(|(_, seen)| !self.is_fresh(seen, now) || self.has_aged(seen, now).is_some());
        let mut due: Vec<_> = due.map(|(slot, seen)| (seen.since, slot)).collect();
        due.sort_unstable();
        let (mut closed, mut asked) = (0, 0);
        for (_, slot) in due {
            let seen = self.connections.get(slot);
            match self.has_aged(seen, now) {
                Some(reason) if closed < UPKEEP_MAX => {
                    self.close(slot, reason, now);
                    closed += 1;
                }
                None if asked < UPKEEP_MAX && !self.is_fresh(seen, now) => {
                    self.ping(slot, now);
                    asked += 1;
                }
                Some(_) | None => {}
            }
        }
    }

    /// Whether an idle connection is due to be closed, as things stand.
    fn has_aged(&self, connection: &Connection, now: Timestamp) -> Option<CloseReason> {
        let spare = self.connections.total().size() > self.limits.min;
        if spare && now.since(connection.since) >= self.limits.idle {
            return Some(CloseReason::IdleOver);
        }
        (now >= connection.expires).then_some(CloseReason::LifetimeOver)
    }

    /// Looks through all clients, but only when one may be due: idle ones go that have been so for too long.
    fn dismiss_idle(&mut self, now: Timestamp) {
        if now < self.clients_due {
            return;
        }
        let idle = self.limits.clients.idle;
        let due = self.clients.resting().filter(|(_, since)| *since + idle <= now);
        let due: Vec<_> = due.map(|(client, _)| client).take(DISMISSALS_MAX).collect();
        due.into_iter().for_each(|client| self.send_off(client, Farewell::IdleOver, now));
        // Whoever comes to rest later is due later.
        let next = self.clients.resting().map(|(_, since)| since + idle).min();
        self.clients_due = next.unwrap_or(now + idle);
    }

    fn look_up(&mut self, now: Timestamp) {
        for upstream in self.upstreams.ids() {
            if self.upstreams.get_mut(upstream).book.ask(now) {
                self.orders.push(Order::Resolve { upstream });
            }
        }
    }

    /// One connect in the background to each upstream that is down, when its pause is over.
    fn try_upstreams(&mut self, now: Timestamp) {
        for upstream in self.upstreams.ids() {
            let seen = self.upstreams.get(upstream);
            let due = seen.breaker.trial_at().is_some_and(|at| at <= now);
            let busy = self.connections.total().connecting() >= self.limits.connects;
            if !due || busy || !seen.book.is_ready() {
                continue;
            }
            let key = self.clients.oldest().map_or(seen.key, |client| self.clients.get(client).key);
            if !self.make_room(upstream, now) {
                // All are in use: the one in use for longest makes room when it comes back.
                self.claim_place(now);
            } else if self.upstreams.get_mut(upstream).breaker.begin_trial(now) == Trial::Begun {
                self.open((key, upstream), OpenReason::Probe, now);
            }
        }
    }

    /// Retires one connection in use, unless one is already on its way out.
    fn claim_place(&mut self, now: Timestamp) {
        let leased = || self.connections.iter().filter(|(_, seen)| seen.state == State::Leased);
        let leaving = leased().any(|(_, seen)| seen.retired.is_some());
        let longest = leased().min_by_key(|(_, seen)| seen.since).map(|(slot, _)| slot);
        if let (Some(slot), false) = (longest, leaving) {
            self.retire(slot, CloseReason::MadeRoom, now);
        }
    }

    /// One connection in a sweep goes back to the upstream that is preferred.
    fn fail_back(&mut self, now: Timestamp) {
        let Some(best) = self.upstreams.failback(now) else { return };
        let behind = |upstream: UpstreamId| upstream > best;
        let movable = self.connections.iter().find(|(_, connection)| {
            behind(connection.upstream)
                && connection.retired.is_none()
                && matches!(connection.state, State::Idle | State::Leased)
        });
        if let Some((slot, _)) = movable {
            self.retire(slot, CloseReason::Failback, now);
        }
    }

    /// Opens connections ahead of demand.
    fn warm(&mut self, now: Timestamp) {
        while self.connections.total().size() < self.limits.min && !self.logins.pauses(Key::HOME, now) {
            if self.connect(Key::HOME, OpenReason::Warm, now) == Grown::No {
                return;
            }
        }
    }
}
