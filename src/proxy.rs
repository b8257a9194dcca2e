//! Local proxies: a listener, a pool behind it, and a protocol between them.

pub mod postgres;
pub mod transport;
