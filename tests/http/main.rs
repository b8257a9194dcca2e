//! The proxy for HTTP as its clients meet it: the real program between real sockets, with a server that does as it is told,
//! with curl and with Python's own clients and servers.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking and tells what it left out"
)]

mod bodies;
mod clients;
mod ends;
mod figures;
mod forward;
mod forward_clients;
mod gate;
mod pooling;
mod refusals;
mod requests;
mod secure;
mod strangers;
mod support;
mod tools;
mod upgrades;
