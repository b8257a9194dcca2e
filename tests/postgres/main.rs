//! The proxy for PostgreSQL as clients meet it: the real program between clients and a real server. A case that can
//! be put to the server as well is put to both, and both must answer the same.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking and tells what it left out"
)]

mod cache;
mod cases;
mod chaos;
mod clients;
mod console;
mod history;
mod logins;
mod support;
mod tls;
mod truth;
mod wired;
