//! The inside of every proxied pool: who may have which upstream connection, and when.
//!
//! Synchronous, pure and owned by one event loop: no I/O, no clock, no lock. The loop owns the sockets; it tells
//! the [`Pool`] what happened and when (`check_out`, `check_in`, `connected`, `failed`, `tick`, ...), and carries
//! out the [`order::Order`]s that come back, in order, before it takes up the next event.
//!
//! ```text
//!   client begins a unit of work ── check_out ──► Lease ───────────────► work ── check_in ──► idle, or the oldest waiter
//!                                       │                                  └──── discard ──► Close
//!                                       ├──► Wait ──► Serve, or Refuse
//!                                       └──► Refused
//! ```
//!
//! What holds at any time, and is asserted in `audit.rs`:
//! - connecting + idle + checking + leased = size, and a connection is opened only where size is below `max`;
//! - a connection has one owner: the pool, one client, or the loop that cleans up after a client that left;
//! - a waiter is served or refused exactly once, unless it leaves;
//! - for each `Connect` there is exactly one `Close`, and no order for that connection after it;
//! - while clients of a key wait, none of the key's connections lies idle without being looked at.
//!
//! Connections belong to a [`id::Key`]: in PostgreSQL a user and a database. `max` holds over all keys; among keys
//! the oldest waiter goes first once it has waited for [`limits::Limits::patience`].

pub mod address;
mod admit;
mod audit;
pub mod backoff;
pub mod breaker;
pub mod check_out;
mod client;
mod clients;
mod close;
mod connection;
mod connections;
pub mod counters;
pub mod gate;
mod grow;
pub mod histogram;
pub mod id;
pub mod limits;
mod list;
mod logins;
pub mod mode;
pub mod order;
mod queue;
pub mod reason;
pub mod reset;
pub mod snapshot;
pub mod state;
mod sweep;
pub mod upstream;
mod upstreams;

#[cfg(test)]
mod tests;

pub use state::Pool;
