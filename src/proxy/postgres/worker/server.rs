//! A server connection: its socket and what is known of it.

use std::net::SocketAddr;

use crate::model::clock::Timestamp;
use crate::proxy::postgres::cache::Recording;
use crate::proxy::postgres::side::ServerSide;
use crate::proxy::postgres::worker::inbox::Carried;
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

/// Whether more is taken from the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Asking {
    #[default]
    Goes,
    /// Its next request waits for an answer that the server still owes.
    HeldBack,
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
    /// Cancels under way: until they are over they may hit a later query.
    pub(super) cancels: u32,
    /// The worst end of a cancel so far. Where one may come at any time it serves its client to the end of its work, and
    /// nobody else.
    pub(super) threat: Carried,
    /// When it last began to owe something, or came to owe nothing.
    pub(super) active: Timestamp,
    /// The time limit that it is over; it was told to cancel.
    pub(super) overdue: bool,
    /// Answers that came since it was last told to cancel.
    pub(super) answers: u32,
    /// Whether its client's next request waits for an answer.
    pub(super) asking: Asking,
    /// Since when it goes on with what a client left behind, though it was told to cancel.
    pub(super) deaf: Option<Timestamp>,
    /// The answer to its client's question, which is going to be kept.
    pub(super) recording: Option<Box<Recording>>,
}

impl Server {
    /// What was cancelled has ended, and the cancel has not: PostgreSQL signals a session twice, and the second signal
    /// would end what is asked next.
    pub(super) fn is_settling(&self) -> bool {
        self.cancels > 0 && self.side.exchange.quiet()
    }

    /// Whether it can be given more just now.
    pub(super) fn takes_more(&self) -> bool {
        !self.transport.blocked()
            && self.asking == Asking::Goes
            && !self.side.exchange.full()
            && !self.is_settling()
    }
}
