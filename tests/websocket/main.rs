//! The proxy for WebSockets as its clients meet it: the real program between real sockets, with tungstenite and Python's
//! `websockets` on both sides, and servers that are killed, that lie, and that say nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking and tells what it left out"
)]

mod breaker;
mod browser;
mod clients;
mod hostile;
mod node;
mod polling;
mod python;
mod reconnect;
mod relay;
mod said_again;
mod slow;
mod support;
mod upstreams;
