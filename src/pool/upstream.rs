//! What is behind the pool.

use crate::pool::address::Lookup;
use crate::pool::breaker::BreakerState;

/// One upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpstreamSettings {
    /// How its address is found.
    pub lookup: Lookup,
}

/// How connections are spread over several upstreams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Balance {
    /// To the first that is up: a later one is used only while those before it are down.
    Priority,
    /// To the one with the fewest.
    Equal,
}

/// What a connect that fails speaks against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Blame {
    /// The upstream, for all keys: they lead to the same place.
    #[default]
    Upstream,
    /// The key alone: each leads to a place of its own. It pauses, those that wait for it are refused, others go on.
    Key,
}

/// How an upstream does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpstreamView {
    /// Whether it is asked at all.
    pub breaker: BreakerState,
    /// Connects to it that failed in a row.
    pub failures: u32,
    /// Connections to it.
    pub size: u32,
    /// Those in use.
    pub leased: u32,
}
