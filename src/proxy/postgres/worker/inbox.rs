//! What the worker hears from the threads around it, and what it asks of them.

use std::net::SocketAddr;

use crate::pool::id::{ConnectionId, Key, UpstreamId};
use crate::pool::reason::ConnectFailure;
use crate::proxy::postgres::worker::{Newcomer, RoomSettings};
use crate::proxy::proxies::Question;
use crate::proxy::transport::Transport;

/// To the worker.
#[derive(Debug)]
pub(crate) enum Message {
    /// A proxy begins.
    Open(u16, Box<RoomSettings>),
    /// A client has logged in.
    Arrived(Box<Newcomer>),
    /// A server connection is ready.
    Connected(u16, ConnectionId, Box<Ready>),
    /// A server connection could not be had.
    Failed(u16, ConnectionId, Box<Failed>),
    /// A client asks to cancel what another session of its user is doing.
    Cancel(u16, u32, Vec<u8>),
    /// A cancel has reached the server, or can't any more.
    Cancelled(u16, ConnectionId),
    /// Somebody asks about a proxy, or has it do something.
    Asked(u16, Question),
    /// Ends when everything is drained.
    End,
}

/// A server connection that has logged in.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its socket.
    pub(crate) transport: Transport,
    /// What the server reported of itself, in order.
    pub(crate) parameters: Vec<(Vec<u8>, Vec<u8>)>,
    /// Number and secret for cancels.
    pub(crate) cancel: (u32, Vec<u8>),
}

/// Why there is no server connection.
#[derive(Debug)]
pub(crate) struct Failed {
    /// In the pool's words.
    pub(crate) failure: ConnectFailure,
    /// What the server said, as it said it: an ErrorResponse.
    pub(crate) said: Vec<u8>,
    /// For people.
    pub(crate) why: String,
}

/// From the worker to the threads that may wait.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Connect and log in.
    Connect {
        /// The proxy.
        room: u16,
        /// The connection's name.
        connection: ConnectionId,
        /// Where to.
        upstream: UpstreamId,
        /// The address to use, where the pool chose one.
        address: Option<SocketAddr>,
        /// As whom.
        user: Vec<u8>,
        /// To which database.
        database: Vec<u8>,
        /// For the record.
        key: Key,
    },
    /// Carry a cancel to the server.
    Cancel {
        /// The proxy.
        room: u16,
        /// The connection whose query it is.
        connection: ConnectionId,
        /// Where the connection goes to.
        upstream: UpstreamId,
        /// Number and secret.
        cancel: (u32, Vec<u8>),
    },
    /// Look a name up.
    Resolve {
        /// The proxy.
        room: u16,
        /// Whose name.
        upstream: UpstreamId,
    },
}
