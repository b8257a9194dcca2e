//! WebSocket, version 13 (RFC 6455): frames found in place, messages put together where somebody must read them, and
//! the handshake.
//!
//! ```text
//!   bytes of one direction ─► Scanner ─► pieces of frames, by their place in the chunk ─► passed on as they are
//!                                                   └─► Gatherer ─► whole messages, for who reads them
//! ```
//!
//! The scanner holds each frame against the rules that its head can break; what only the payload can break (UTF-8,
//! close codes) is told by the gatherer, so that what is passed on costs nothing by the byte.

pub mod close;
pub mod gather;
pub mod handshake;
pub mod head;
pub mod mask;
pub mod opcode;
pub mod rules;
pub mod scan;
pub mod utf8;
