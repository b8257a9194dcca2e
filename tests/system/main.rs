//! The whole agent on real processes: started as an operator starts it, watched through its socket, judged by
//! what its targets say of themselves.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking and tells what it measured"
)]

mod bots;
mod sturdy;
mod support;
