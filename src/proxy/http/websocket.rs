//! WebSocket: a client on this machine, its stream on the other side, and between them a feed that decides
//! ([`crate::stream`]).
//!
//! ```text
//!            whole messages, as they came           decides what passes, when to connect, when to poll
//!   client ◄──────────────────────────────► Session ─────────────────► Feed
//!                                             │  ▲                      │ orders
//!                                   wire ◄────┘  └──────────────────────┘
//!               (queued in the pool, in its handshake, open)        polls, tasks of their own
//! ```
//!
//! Control frames are a matter of one connection: pings are answered here on both sides, so that a client's connection
//! does not depend on the upstream's. Messages pass whole and byte for byte, with the mask that their sender put on them;
//! of one that has come in part nothing is passed on, so an upstream that breaks off leaves no half of one behind. Only
//! where the settings say what is to be read is a message looked into. What one read brings leaves in one write.
//!
//! It is a session of the web thread because it begins as a request of HTTP, and shares its listeners, its pool and its
//! sweep.

mod channel;
mod down;
mod ending;
mod gauge;
mod node;
mod opening;
mod orders;
mod page;
mod poll;
mod refusal;
mod replay;
mod session;
mod settings;
mod up;
mod wire;

pub(super) use gauge::{Gauge, Tally};
pub(super) use session::Session;
pub(super) use settings::{StreamSettings, settings};
