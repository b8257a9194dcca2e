//! Calls to the outside: HTTP requests and commands, each bounded in time and in what is kept of the answer.
//!
//! Nothing here tells a secret: endpoints show scheme and host only, and what a command said is an excerpt that
//! the caller redacts.

pub mod capture;
pub mod endpoint;
pub mod etcd;
pub mod excerpt;
pub mod probe;
pub mod web;
