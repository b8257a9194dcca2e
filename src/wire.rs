//! Protocols as bytes in and messages out: no sockets, no clock, no randomness. Whatever a proxy does on the
//! network is decided by state machines of this room, so that tests can drive them by any split of a stream.

pub mod http;
pub mod postgres;
pub mod websocket;
