//! HTTP/1: each request borrows a kept server connection, and gives it back with the last byte of its answer.
//!
//! One thread with a current-thread runtime: a task for each client session, and everything that they share in `Rc` and
//! `RefCell`, so that neither a lock nor a channel lies on the path of a request. A session is a future written by hand
//! ([`session`]): it is woken by its two sockets, by the pool ([`seat`]) and by the sweep, and no timer is armed for it.

mod control;
mod dial;
mod entry;
mod forward;
mod gate;
mod reply;
mod requests;
mod room;
mod seat;
mod serving;
mod session;
mod side;
mod snapshot;
mod start;
mod sweep;
mod turns;
mod web;
mod websocket;

pub(in crate::proxy) use start::{begin, need};
