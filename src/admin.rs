//! Operators over a socket: an HTTP server on a unix socket, open to those whom the kernel says they are.

mod server;

pub use server::{AdminError, Rights, listen, serve};
