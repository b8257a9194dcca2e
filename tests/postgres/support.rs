//! A server, a proxy, and a client that says exactly what it is told to.

pub(crate) mod admin;
pub(crate) mod batch;
pub(crate) mod look;
pub(crate) mod message;
pub(crate) mod pair;
pub(crate) mod proxy;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod wait;
pub(crate) mod wire;
