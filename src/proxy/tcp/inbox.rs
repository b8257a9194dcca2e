//! What the worker hears from the threads around it, and what it asks of the desk.

use std::net::SocketAddr;

use crate::pool::id::{ConnectionId, UpstreamId};
use crate::pool::reason::ConnectFailure;
use crate::proxy::ear::Ear;
use crate::proxy::proxies::Question;
use crate::proxy::tcp::room::RoomSettings;
use crate::proxy::transport::Stream;

/// To the worker.
#[derive(Debug)]
pub(super) enum Message {
    /// A proxy begins.
    Open(Box<RoomSettings>),
    /// Clients may come, after all proxies were opened: the listeners, and the room that each leads to.
    Listen(Vec<(u16, Ear)>),
    /// A server connection is open.
    Connected(u16, ConnectionId, Stream),
    /// A server connection could not be had: in the pool's words, and in words for people.
    Failed(u16, ConnectionId, ConnectFailure, String),
    /// The addresses behind the name of an upstream; none where the look-up failed.
    Resolved(u16, UpstreamId, Vec<SocketAddr>),
    /// Somebody asks about a proxy, or has it do something.
    Asked(u16, Question),
    /// Ends when everything is drained.
    End,
}

/// From the worker to the desk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Errand {
    /// Connect.
    Connect {
        /// The proxy.
        room: u16,
        /// The connection's name.
        connection: ConnectionId,
        /// Where to.
        upstream: UpstreamId,
        /// The address to use, where the pool chose one.
        address: Option<SocketAddr>,
    },
    /// Forget a connect: the pool has given the connection up.
    Abandon {
        /// The proxy.
        room: u16,
        /// The connection's name.
        connection: ConnectionId,
    },
    /// Look a name up.
    Resolve {
        /// The proxy.
        room: u16,
        /// Whose name.
        upstream: UpstreamId,
    },
}
