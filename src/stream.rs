//! The inside of every proxied stream: when to connect, what to say again after it, what may pass to the client, and
//! how a stream falls back to polls and returns from them without a duplicate, a message out of order, or a gap that
//! nobody was told of.
//!
//! Synchronous and pure: time is handed in, chance comes from a seed, no I/O. The loop around it owns sockets and
//! requests; it tells the [`Feed`] what happened and when, and carries out the [`order::Order`]s that come back.
//!
//! ```text
//!                 ┌──────────── tries used up ───────────► failed ── slow probe, by hand ──┐
//!                 │                                                                        │
//!  disconnected ─► connecting ─► connected ─── lost, silent ───► reconnecting ◄────────────┘
//!                                  ▲  │                                │  (10, 30, 60, 120 s)
//!                                  │  └── hold: poll first, then close │
//!                       primed ────┤                  │                │ polls take over, where they are meant to
//!                                  │                  ▼                │
//!                               priming ◄─ dwell ── polling ◄──────────┘
//! ```
//!
//! What holds at any time:
//! - each socket and each poll has a [`generation::Generation`]; what comes of an old one changes nothing;
//! - at most one socket is open or being opened, beside one that is being closed; at most one poll is under way;
//! - to a client goes what a socket says, or what polls say, never both;
//! - with a declared cursor nothing at or below the last one delivered is delivered;
//! - what is known or feared to be missing is told as a [`cursor::Gap`] before what comes after it.

pub mod backoff;
pub mod chain;
pub mod cursor;
pub mod feed;
pub mod generation;
pub mod health;
pub mod ledger;
pub mod machine;
pub mod order;
pub mod outbox;
pub mod pattern;
pub mod template;

pub use feed::Feed;

#[cfg(test)]
mod tests;
