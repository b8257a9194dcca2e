//! The upstreams: which are up, and to which the next connection goes.
//!
//! Two things keep an upstream from being connected to: the pause after a failed connect, which grows with every
//! failure in a row, and its breaker, which trips after [`DOWN_AFTER`] of them, or when too many units of work
//! fail. While it is tripped, single trials in the background find out when it is back; while none is up they come at
//! least every [`TRY_EVERY`]. Where there are others, an upstream that is back gets load again over [`RAMP`], not all
//! at once.
//!
//! Who waits does so until its time is over, for a host that restarts is soon back. Once all were away for as long as a
//! client would wait, nobody who comes has to: it is told at once, and a trial finds them when they are back.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::address::{AddressBook, Lookup};
use crate::pool::backoff::Backoff;
use crate::pool::breaker::{Breaker, BreakerState, Verdict};
use crate::pool::connections::Connections;
use crate::pool::id::{Key, UpstreamId};
use crate::pool::limits::Limits;
use crate::pool::reason::{ConnectFailure, OpenReason};
use crate::pool::upstream::{Balance, UpstreamSettings};

/// So many failed connects in a row trip the breaker.
pub(super) const DOWN_AFTER: u32 = 3;
/// Over so long an upstream that came back grows to its full share.
pub(super) const RAMP: Duration = Duration::from_secs(10);
/// An upstream that is preferred gets back what others took over once it was up for so long.
pub(super) const FAILBACK_AFTER: Duration = Duration::from_secs(30);
/// While none is up, each is tried so often: a connect that fails costs little, and clients wait for one that does not.
/// A server that goes up and down by itself must not meet the trials only while it is down, so the pause is spread.
const TRY_EVERY: Backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_millis(500) };

/// A connect that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) upstream: UpstreamId,
    pub(super) why: OpenReason,
    pub(super) failure: ConnectFailure,
}

/// One upstream.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    pub(super) breaker: Breaker,
    pub(super) book: AddressBook,
    /// Failed connects in a row, for the pause.
    pub(super) failures: u32,
    /// Those of them that speak against it.
    streak: u32,
    /// No connect before this.
    retry_at: Timestamp,
    /// Since its first failed connect in a row.
    failing_since: Option<Timestamp>,
    /// As whom to try it in the background.
    pub(super) key: Key,
}

impl Upstream {
    fn new(settings: UpstreamSettings, now: Timestamp) -> Self {
        Self {
            breaker: Breaker::new(now),
            book: AddressBook::new(settings.lookup, now),
            failures: 0,
            streak: 0,
            retry_at: now,
            failing_since: None,
            key: Key::HOME,
        }
    }

    fn is_ready(&self, now: Timestamp) -> bool {
        self.breaker.state() == BreakerState::Closed && self.retry_at <= now && self.book.is_ready()
    }

    /// When it may be tried next. While a trial is under way, its outcome comes first.
    fn next_attempt(&self) -> Timestamp {
        self.breaker.trial_at().unwrap_or(self.retry_at)
    }
}

/// All upstreams of a pool, at least one.
#[derive(Clone, Debug)]
pub(super) struct Upstreams {
    all: Vec<Upstream>,
    pub(super) balance: Balance,
}

impl Upstreams {
    pub(super) fn new(settings: &[UpstreamSettings], balance: Balance, now: Timestamp) -> Self {
        let mut all: Vec<_> = settings.iter().map(|one| Upstream::new(*one, now)).collect();
        if all.is_empty() {
            all.push(Upstream::new(UpstreamSettings { lookup: Lookup::Never }, now));
        }
        all.truncate(usize::from(u16::MAX));
        Self { all, balance }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = UpstreamId> + use<> {
        (0..u16::MAX).map(UpstreamId).take(self.all.len())
    }

    pub(super) fn get(&self, id: UpstreamId) -> &Upstream {
        &self.all[id.index()]
    }

    pub(super) fn get_mut(&mut self, id: UpstreamId) -> &mut Upstream {
        &mut self.all[id.index()]
    }

    /// Whether any could be connected to now, room or not.
    pub(super) fn any_ready(&self, now: Timestamp) -> bool {
        self.all.iter().any(|upstream| upstream.is_ready(now))
    }

    /// The earliest time at which any may be tried.
    pub(super) fn next_attempt(&self) -> Timestamp {
        let times = self.all.iter().map(Upstream::next_attempt);
        times.min().expect("there is at least one upstream")
    }

    /// Since when all of them fail, where all are tried in the background; none while any does not fail, or is tried only
    /// for those that wait: who is sent away could not have it tried.
    pub(super) fn away_since(&self) -> Option<Timestamp> {
        if self.state() == BreakerState::Closed {
            return None;
        }
        let each: Option<Vec<_>> = self.all.iter().map(|upstream| upstream.failing_since).collect();
        each?.into_iter().max()
    }

    /// The best state of all: closed while any is.
    pub(super) fn state(&self) -> BreakerState {
        let states = self.all.iter().map(|upstream| upstream.breaker.state());
        states.min().expect("there is at least one upstream")
    }

    /// Where the next connection goes; none where no upstream has room and may be connected to now.
    pub(super) fn pick(
        &self,
        connections: &Connections,
        limits: &Limits,
        now: Timestamp,
    ) -> Option<UpstreamId> {
        let has_room = |id: &UpstreamId| {
            let census = connections.of_upstream(*id);
            census.size() < limits.per_upstream || census.idle() > 0
        };
        let fits = |id: &UpstreamId| self.get(*id).is_ready(now) && has_room(id);
        match self.balance {
            Balance::Priority => {
                // A better one that is only full, or pauses after one failure, is waited for.
                let up = |id: &UpstreamId| self.get(*id).breaker.state() == BreakerState::Closed;
                self.ids().find(up).filter(fits)
            }
            Balance::Equal => {
                let size = |id: &UpstreamId| connections.of_upstream(*id).size();
                let eased = |id: &UpstreamId| size(id) < self.allowance(*id, limits, now);
                let eased = self.ids().filter(|id| fits(id) && eased(id)).min_by_key(size);
                eased.or_else(|| self.ids().filter(fits).min_by_key(size))
            }
        }
    }

    /// How many connections an upstream may have by now, after it came back.
    fn allowance(&self, id: UpstreamId, limits: &Limits, now: Timestamp) -> u32 {
        let breaker = &self.get(id).breaker;
        let up = match breaker.closed_since() {
            Some(since) if breaker.trips() > 0 => now.since(since),
            Some(_) | None => RAMP,
        };
        let share = (up.as_secs_f64() / RAMP.as_secs_f64()).min(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small positive number"
        )]
        let grown = (f64::from(limits.max) * share) as u32;
        if share < 1.0 { grown.max(1) } else { u32::MAX }
    }

    /// With priorities: the upstream that those behind it should give their load back to.
    pub(super) fn failback(&self, now: Timestamp) -> Option<UpstreamId> {
        let (best, since) = self.ids().find_map(|id| Some((id, self.get(id).breaker.closed_since()?)))?;
        (self.balance == Balance::Priority && now.since(since) >= FAILBACK_AFTER).then_some(best)
    }

    /// An upstream has just tripped. Where it was the last one, the pauses of the others end soon, however long they were
    /// left alone for: they may be back, and there is nothing better.
    pub(super) fn hasten_others(&mut self, tripped: UpstreamId, limits: &Limits, now: Timestamp) {
        if self.state() == BreakerState::Closed {
            return;
        }
        for id in self.ids().filter(|id| *id != tripped) {
            self.get_mut(id).breaker.hasten(now + limits.retry.first);
        }
        // Where connects succeed and work fails, another connect proves nothing: it has its rest, but no longer one.
        self.get_mut(tripped).breaker.hasten(now + limits.trip.pause.first);
    }

    /// While none is up, each is tried soon.
    fn try_all(&mut self, now: Timestamp, fraction: f64) {
        if self.state() == BreakerState::Closed {
            return;
        }
        let at = now + TRY_EVERY.pause(1, fraction);
        self.all.iter_mut().for_each(|upstream| upstream.breaker.hasten(at));
    }

    /// A connect succeeded.
    pub(super) fn connected(&mut self, id: UpstreamId, now: Timestamp) {
        let upstream = self.get_mut(id);
        (upstream.failures, upstream.streak, upstream.retry_at) = (0, 0, now);
        upstream.failing_since = None;
        if upstream.breaker.state() == BreakerState::HalfOpen {
            upstream.breaker.restored(now);
        }
    }

    /// A connect failed.
    pub(super) fn failed(
        &mut self,
        Attempt { upstream: id, why, failure }: Attempt,
        limits: &Limits,
        (now, fraction): (Timestamp, f64),
    ) -> Verdict {
        let alone = self.len() == 1;
        let upstream = self.get_mut(id);
        // What was under way before the breaker tripped is no trial.
        let trial = why == OpenReason::Probe && upstream.breaker.state() == BreakerState::HalfOpen;
        upstream.streak += match failure {
            // A host that does not answer holds clients up for the whole time-out: with others at hand, once is enough.
            ConnectFailure::Late if !alone => DOWN_AFTER,
            ConnectFailure::Late | ConnectFailure::Unreachable | ConnectFailure::Protocol => 1,
            // It is there, but has nothing to give yet.
            ConnectFailure::Crowded | ConnectFailure::Starting => 0,
            ConnectFailure::NoDescriptors => {
                upstream.retry_at = now + limits.retry.first;
                if trial {
                    upstream.breaker.undecided(now + limits.retry.first);
                }
                return Verdict::Unchanged;
            }
            // The upstream is there.
            ConnectFailure::Login => return Verdict::Unchanged,
        };
        upstream.failures = upstream.failures.saturating_add(1);
        upstream.retry_at = now + limits.retry.pause(upstream.failures, fraction);
        upstream.failing_since.get_or_insert(now);
        let closed = upstream.breaker.state() == BreakerState::Closed;
        if trial || (closed && upstream.streak >= DOWN_AFTER) {
            upstream.streak = 0;
            upstream.breaker.trip(&limits.trip, now, fraction);
            if closed {
                self.hasten_others(id, limits, now);
            }
            self.try_all(now, fraction);
            return if closed { Verdict::Tripped } else { Verdict::Unchanged };
        }
        Verdict::Unchanged
    }
}
