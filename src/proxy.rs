//! Local proxies: a listener, a pool behind it, and a protocol between them.

pub mod command;
pub mod console;
pub mod postgres;
mod proxies;
pub mod transport;
pub mod view;

pub use command::{Command, Done};
pub use proxies::{Proxies, QUESTIONS_MAX, Unasked};
