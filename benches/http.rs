//! What does a request through fdguard's HTTP pool cost, against nginx and HAProxy in the same run?
//!
//! Budgets: CPU of the proxy for each request at most that of the better of the two; under 9.9 µs for a small answer of a plain
//! upstream to a hundred connections. How it is measured: `benches/README.md`.

#![allow(clippy::print_stdout, reason = "a bench tells what it measured")]

mod common;

mod http {
    pub(crate) mod cell;
    pub(crate) mod load;
    pub(crate) mod origin;
    pub(crate) mod session;
    pub(crate) mod work;
}

use std::process::ExitCode;

use common::contest::hold;
use http::session;

fn main() -> ExitCode {
    let question = "what does a request through the pool cost the proxy, against nginx and HAProxy?";
    hold("http", question, session::run)
}
