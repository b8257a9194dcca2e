//! The proxy for streams of bytes as its clients meet it: the real program between real sockets, with a server that does as
//! it is told and with a Redis.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking and tells what it left out"
)]

mod bulk;
mod ends;
mod limits;
mod redis;
mod resets;
mod scarce;
mod strangers;
mod support;
mod upstreams;
