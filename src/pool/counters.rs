//! What a pool has done since it began: plain counters, by reason where there is one.

use std::time::Duration;

use crate::pool::histogram::Histogram;
use crate::pool::reason::{CloseReason, ConnectFailure, Farewell, OpenReason, Refusal};

/// The counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counters {
    pub(super) opened: [u64; OpenReason::COUNT],
    pub(super) closed: [u64; CloseReason::COUNT],
    pub(super) failures: [u64; ConnectFailure::COUNT],
    pub(super) refused: [u64; Refusal::COUNT],
    pub(super) farewells: [u64; Farewell::COUNT],
    /// Upstream connections made and logged in.
    pub connects: u64,
    /// Clients let in.
    pub clients: u64,
    /// Units of work ended with a connection that came back clean.
    pub units: u64,
    /// In nanoseconds.
    pub(super) leased: u64,
    /// Waits that were served.
    pub served: u64,
    /// In nanoseconds.
    pub(super) waited: u64,
    /// How long those took, one by one.
    pub waits: Histogram,
    /// Checks after a long idle time.
    pub pings: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            opened: [0; OpenReason::COUNT],
            closed: [0; CloseReason::COUNT],
            failures: [0; ConnectFailure::COUNT],
            refused: [0; Refusal::COUNT],
            farewells: [0; Farewell::COUNT],
            connects: 0,
            clients: 0,
            units: 0,
            leased: 0,
            served: 0,
            waited: 0,
            waits: Histogram::default(),
            pings: 0,
        }
    }
}

impl Counters {
    /// Connections begun for that reason.
    pub fn opened(&self, reason: OpenReason) -> u64 {
        self.opened[reason as usize]
    }

    /// Connections closed for that reason.
    pub fn closed(&self, reason: CloseReason) -> u64 {
        self.closed[reason as usize]
    }

    /// Connects that failed for that reason.
    pub fn failures(&self, failure: ConnectFailure) -> u64 {
        self.failures[failure as usize]
    }

    /// Clients, and units of work, refused for that reason.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refused[refusal as usize]
    }

    /// Clients that ended that way.
    pub fn farewells(&self, farewell: Farewell) -> u64 {
        self.farewells[farewell as usize]
    }

    /// Time that connections were leased, summed up.
    pub fn leased(&self) -> Duration {
        Duration::from_nanos(self.leased)
    }

    /// How long waits that were served took, summed up.
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited)
    }

    /// Upstream errors.
    pub fn errors(&self) -> u64 {
        CloseReason::ALL.iter().filter(|reason| reason.is_error()).map(|reason| self.closed(*reason)).sum()
    }
}
