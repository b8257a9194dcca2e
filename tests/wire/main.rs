//! The PostgreSQL protocol against the real thing: our client's side against a server that each run makes for
//! itself, our server's side against psql.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod extended;
mod login;
mod psql;
mod server;
mod simple;
