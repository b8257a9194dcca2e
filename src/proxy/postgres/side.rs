//! What is known of the two ends of a session, apart from their sockets.

use crate::proxy::postgres::names::Names;
use crate::proxy::postgres::prepared::Prepared;
use crate::wire::postgres::exchange::Exchange;

/// For how long a client keeps a server connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Until it leaves.
    Session,
    /// Until its transaction ends.
    Transaction,
    /// For one statement; transactions of several are refused.
    Statement,
}

/// The rest of a message whose start has been dealt with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Rest {
    /// Bytes still to come.
    pub(super) left: u64,
    /// They are kept back.
    pub(super) dropped: bool,
}

/// A client, as its messages made it.
#[derive(Debug, Default)]
pub(super) struct ClientSide {
    /// Of the message it is in the middle of sending.
    pub(super) rest: Rest,
    /// Its prepared statements; none for most of its life where it prepares none.
    names: Option<Box<Names>>,
    /// It asked for the answers so far.
    pub(super) flushed: bool,
    /// Why it keeps its server connection between transactions.
    pub(super) pinned: Option<Pin>,
}

/// State of a session that can't be shared, and so pins it to its server connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pin {
    /// A setting that the server does not report.
    Setting,
    /// LISTEN.
    Listen,
    /// PREPARE as SQL.
    Prepare,
    /// A cursor WITH HOLD.
    Cursor,
    /// A temporary table.
    Temporary,
    /// An advisory lock of the session.
    Lock,
    /// LOAD.
    Load,
}

impl ClientSide {
    pub(super) fn names(&mut self) -> &mut Names {
        self.names.get_or_insert_default()
    }

    pub(super) fn known_names(&mut self) -> Option<&mut Names> {
        self.names.as_deref_mut()
    }
}

/// A server connection, as its messages made it.
#[derive(Debug, Default)]
pub(super) struct ServerSide {
    /// What it owes.
    pub(super) exchange: Exchange,
    /// Of the message it is in the middle of sending.
    pub(super) rest: Rest,
    /// The shared statements it has.
    pub(super) prepared: Prepared,
    /// Its unnamed statement is of the client that has it now.
    pub(super) unnamed_is_ours: bool,
}
