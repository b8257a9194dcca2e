//! Any stream of bytes: one server connection for each session, carried both ways until both sides have ended it.
//!
//! What passes is not read. So a server connection is never used again, nobody is told in words why it is refused, and
//! whether a session is at work can only be guessed: see [`session`].

mod desk;
mod inbox;
mod relay;
mod room;
mod session;
mod start;
mod token;
mod worker;

pub(in crate::proxy) use start::{begin, need};
