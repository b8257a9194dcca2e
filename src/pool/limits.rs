//! What a pool may hold, and for how long. All of it can be changed while the pool runs.

use std::time::Duration;

use crate::pool::backoff::Backoff;
use crate::pool::breaker::Trip;

/// The most connections one pool may have: their slots are numbered in 16 bits.
pub const CONNECTIONS_MAX: u32 = u16::MAX as u32;
/// The highest place a client may have in the loop's slab, and one more.
pub const CLIENTS_MAX: u32 = 1 << 20;
/// A lifetime is shortened by up to this share, so that connections opened together do not end together.
pub const LIFETIME_JITTER: f64 = 0.1;

/// The limits of a pool. `u32::MAX` and `Duration::MAX` mean none.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limits {
    /// Connections, over all keys and upstreams.
    pub max: u32,
    /// Connections that are opened ahead of demand, and kept when idle.
    pub min: u32,
    /// Connections to one upstream.
    pub per_upstream: u32,
    /// Connections of one key.
    pub per_key: u32,
    /// Clients that wait at a time.
    pub waiters: u32,
    /// How long a client waits.
    pub wait: Duration,
    /// How long a waiter lets connections pass to younger waiters of another key. Lower is fairer between keys,
    /// higher saves connects.
    pub patience: Duration,
    /// How long a connection stays idle.
    pub idle: Duration,
    /// How long a connection stays open, less up to a tenth.
    pub lifetime: Duration,
    /// Units of work for one connection.
    pub uses: u32,
    /// Connects under way at a time.
    pub connects: u32,
    /// How long a connect with its login may take.
    pub connect_timeout: Duration,
    /// The pause after a failed connect to an upstream.
    pub retry: Backoff,
    /// A connection longer idle than this is asked before it is handed out.
    pub ping_after: Duration,
    /// How long the answer may take.
    pub ping_timeout: Duration,
    /// How long what is in use may go on after a reset, and how long cleaning up after a client may take.
    pub drain: Duration,
    /// When an upstream counts as down.
    pub trip: Trip,
    /// Limits of the other side.
    pub clients: ClientLimits,
}

/// The limits on clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientLimits {
    /// Clients at a time.
    pub max: u32,
    /// So many are let in however the gate stands.
    pub reserve: u32,
    /// Descriptors are nearly gone where a process that has clients here has no more left; 0 means that nobody looks.
    pub scarce: u32,
    /// How long a client stays without a unit of work.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max: 10,
            min: 0,
            per_upstream: u32::MAX,
            per_key: u32::MAX,
            waiters: 1_000,
            wait: Duration::from_secs(5),
            patience: Duration::from_millis(100),
            idle: Duration::from_mins(10),
            lifetime: Duration::from_hours(1),
            uses: u32::MAX,
            connects: 4,
            connect_timeout: Duration::from_secs(5),
            retry: Backoff { first: Duration::from_millis(100), most: Duration::from_secs(15) },
            ping_after: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(2),
            drain: Duration::from_secs(30),
            trip: Trip::default(),
            clients: ClientLimits { max: 200, reserve: 4, scarce: 0, idle: Duration::MAX },
        }
    }
}

impl Limits {
    /// The same, within what can be kept: one connection at least, [`CONNECTIONS_MAX`] at most, no more warm than
    /// allowed, one connect under way and one waiter at least (who waits for it), patience that ends before a wait does.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.max = self.max.clamp(1, CONNECTIONS_MAX);
        self.min = self.min.min(self.max);
        self.per_upstream = self.per_upstream.max(1);
        self.per_key = self.per_key.max(1);
        self.connects = self.connects.max(1);
        self.waiters = self.waiters.max(1);
        self.patience = self.patience.min(self.wait / 2);
        self
    }

    /// How long one connection lives, by a number from 0 to 1 that is its own.
    pub(super) fn lifetime_of(&self, fraction: f64) -> Duration {
        self.lifetime.saturating_sub(self.lifetime.mul_f64(LIFETIME_JITTER * fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_never_longer_than_set_and_at_most_a_tenth_shorter() {
        let limits = Limits { lifetime: Duration::from_secs(100), ..Limits::default() };
        assert_eq!(limits.lifetime_of(0.0), Duration::from_secs(100));
        assert_eq!(limits.lifetime_of(1.0), Duration::from_secs(90));
        let endless = Limits { lifetime: Duration::MAX, ..limits };
        assert!(endless.lifetime_of(1.0) > Duration::from_hours(1_000_000));
    }

    #[test]
    fn limits_that_can_not_be_kept_are_drawn_in() {
        let limits = Limits { max: 0, min: 7, connects: 0, ..Limits::default() }.settled();
        assert_eq!((limits.max, limits.min, limits.connects), (1, 1, 1));
        assert!(Limits { patience: Duration::MAX, ..limits }.settled().patience < limits.wait);
    }
}
