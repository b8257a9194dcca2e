//! What does a message through fdguard's WebSocket proxy cost, against nginx and HAProxy in the same run?
//!
//! Budgets: CPU of the proxy for each message, what it adds to the median and to the 99th percentile of their time, and the
//! memory of a connection at most those of the better of the two; under 7.3 µs for a message of a paced feed to a hundred
//! connections, under 20 KiB a connection. How it is measured: `benches/README.md`.

#![allow(clippy::print_stdout, reason = "a bench tells what it measured")]

mod common;

mod websocket {
    pub(crate) mod cell;
    pub(crate) mod frames;
    pub(crate) mod guest;
    pub(crate) mod load;
    pub(crate) mod opening;
    pub(crate) mod origin;
    pub(crate) mod session;
    pub(crate) mod work;
}

use std::process::ExitCode;

use common::contest::hold;
use websocket::session;

fn main() -> ExitCode {
    let question = "what does a message through the proxy cost it, against nginx and HAProxy?";
    hold("websocket", question, session::run)
}
