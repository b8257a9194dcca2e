//! What holds between any two calls, checked in debug builds at every `tick` and in tests after every call.

#![cfg(any(test, debug_assertions))]

use crate::pool::breaker::BreakerState;
use crate::pool::client::Standing;
use crate::pool::connection::{Connection, State};
use crate::pool::id::{ClientId, Key};
use crate::pool::mode::Mode;
use crate::pool::reason::OpenReason;
use crate::pool::state::Pool;

impl Pool {
    /// Panics where something does not hold.
    pub(super) fn audit(&self) {
        self.audit_counts();
        self.audit_owners();
        self.audit_waiters();
        self.audit_trials();
    }

    fn count(&self, fits: impl Fn(&Connection) -> bool) -> u32 {
        let fitting = self.connections.iter().filter(|(_, connection)| fits(connection)).count();
        u32::try_from(fitting).expect("CONNECTIONS_MAX is small")
    }

    fn audit_counts(&self) {
        let total = self.connections.total();
        assert_eq!(total.connecting(), self.count(|seen| seen.state == State::Connecting));
        assert_eq!(total.idle(), self.count(|seen| seen.state == State::Idle));
        assert_eq!(total.checking(), self.count(|seen| seen.state == State::Checking));
        assert_eq!(total.leased(), self.count(|seen| seen.state == State::Leased));
        let by_key: u32 = self.connections.keys().map(|key| self.connections.of_key(key).size()).sum();
        let by_upstream: u32 = self.upstreams.ids().map(|id| self.connections.of_upstream(id).size()).sum();
        assert_eq!((by_key, by_upstream), (total.size(), total.size()));
        let mut stacked = 0;
        for stack in self.connections.stacks() {
            assert!(stack.is_sorted_by_key(|seen| seen.since), "the last given back is on top");
            assert!(stack.iter().all(|seen| seen.state == State::Idle));
            stacked += stack.len();
        }
        assert_eq!(stacked, total.idle() as usize);
    }

    fn audit_owners(&self) {
        for (slot, connection) in self.connections.iter() {
            let owner = connection.holder.map(|client| self.clients.get(client).lease);
            assert!(owner.is_none() || connection.state == State::Leased, "only what is leased has an owner");
            assert!(owner.is_none_or(|lease| lease == Some(connection.id(slot))), "and it has one");
        }
        for (client, seen) in self.clients.iter() {
            let holder = seen.lease.map(|id| self.holder(id));
            assert!(holder.is_none_or(|holder| holder == Some(client)), "a lease is on both sides");
            match seen.standing {
                Standing::Working => assert!(seen.lease.is_some(), "who works has a connection"),
                Standing::Waiting | Standing::Refused | Standing::Absent => assert!(seen.lease.is_none()),
                Standing::Resting | Standing::Leaving => {}
            }
        }
    }

    fn audit_waiters(&self) {
        let standings = self.clients.iter().map(|(_, seen)| seen.standing);
        let mut counts = [0; Standing::COUNT];
        standings.for_each(|standing| counts[standing as usize] += 1);
        assert_eq!(counts, self.clients.counts());
        let queue: Vec<ClientId> = self.clients.waiting().collect();
        let waiting = self.clients.iter().filter(|(_, seen)| seen.standing == Standing::Waiting).count();
        assert_eq!(queue.len(), waiting);
        assert!(queue.is_sorted_by_key(|client| self.clients.get(*client).since), "oldest first");
        let deadline = |client: &ClientId| self.clients.deadline(*client, self.limits.wait);
        assert!(queue.is_sorted_by_key(deadline), "and their waits end in that order");
        let forgotten = |key: &Key| self.is_short(*key) && self.connections.of_key(*key).idle() > 0;
        if self.mode == Mode::Running {
            assert_eq!(self.connections.keys().find(forgotten), None, "nothing idles while its key waits");
        }
    }

    fn audit_trials(&self) {
        for upstream in self.upstreams.ids() {
            let half_open = self.upstreams.get(upstream).breaker.state() == BreakerState::HalfOpen;
            let trials = self.count(|seen| {
                seen.upstream == upstream && seen.state == State::Connecting && seen.why == OpenReason::Probe
            });
            assert!(trials > 0 || !half_open, "in half-open a trial is under way");
        }
    }
}
