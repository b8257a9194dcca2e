//! A server connection: its socket and what is known of it.

use std::net::SocketAddr;

use crate::model::clock::Timestamp;
use crate::proxy::postgres::side::ServerSide;
use crate::proxy::transport::Transport;

/// In whose hands a server connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    /// The pool's.
    Pool,
    /// A client's, by its place.
    Client(usize),
    /// Ours, to clean up after a client that left.
    Cleaner(Timestamp),
}

/// A server connection.
#[derive(Debug)]
pub(crate) struct Server {
    pub(super) transport: Transport,
    pub(super) side: ServerSide,
    pub(super) holder: Holder,
    /// Nothing can be read until the poll says so.
    pub(super) drained: bool,
    /// The start of a message whose end has not come.
    pub(super) pending: Vec<u8>,
    /// Number and secret by which the server cancels what it is doing.
    pub(super) cancel: (u32, Vec<u8>),
    /// The address it was connected to, where the pool chose one: cancels go there.
    pub(super) address: Option<SocketAddr>,
    /// Cancels under way: until they are over it may hit a later query.
    pub(super) cancels: u32,
    /// When it last began to owe something, or came to owe nothing.
    pub(super) active: Timestamp,
    /// The time limit that it is over; it was told to cancel.
    pub(super) overdue: bool,
    /// Answers that came since it was last told to cancel.
    pub(super) answers: u32,
}
