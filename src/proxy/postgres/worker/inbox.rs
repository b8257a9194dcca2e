//! What the worker hears from the threads around it, and what it asks of them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::pool::id::{ConnectionId, UpstreamId};
use crate::pool::reason::ConnectFailure;
use crate::proxy::guests::Origin;
use crate::proxy::postgres::login::entrance::Wish;
use crate::proxy::postgres::worker::hall::Hall;
use crate::proxy::postgres::worker::{Newcomer, RoomSettings};
use crate::proxy::proxies::Question;
use crate::proxy::transport::Transport;
use crate::wire::postgres::backend::Reported;
use crate::wire::postgres::frame::HEADER_LEN;

/// To the worker.
#[derive(Debug)]
pub(crate) enum Message {
    /// A proxy begins.
    Open(u16, Box<RoomSettings>),
    /// Clients may come, after all proxies were opened.
    Listen(Box<Hall>),
    /// A client has logged in.
    Arrived(Box<Newcomer>),
    /// A server connection is ready.
    Connected(u16, ConnectionId, Box<Ready>),
    /// A server connection could not be had.
    Failed(u16, ConnectionId, Box<Failed>),
    /// A client asks to cancel what another session of its user is doing.
    Cancel(u16, u32, Vec<u8>),
    /// A cancel is over, or is waited for no longer.
    Cancelled(u16, ConnectionId, Carried),
    /// The addresses behind the name of an upstream; none where the look-up failed.
    Resolved(u16, UpstreamId, Vec<SocketAddr>),
    /// Somebody asks about a proxy, or has it do something.
    Asked(u16, Question),
    /// Ends when everything is drained.
    End,
}

/// How a cancel ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carried {
    /// It hits nothing any more: the server has taken it, or never got it.
    Over,
    /// The server did not say that it took it: it may come at any time.
    Unsure,
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
    /// The address that was connected to, where the pool chose one.
    pub(crate) address: Option<SocketAddr>,
}

/// A client that needs TLS or has something to show.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Its socket.
    pub(crate) transport: Transport,
    /// Which proxy it came to.
    pub(crate) room: u16,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// What was read of it and not dealt with.
    pub(crate) read: Vec<u8>,
    /// What it wants, where it has said so.
    pub(crate) wish: Option<Wish>,
    /// What is left of the time for its login.
    pub(crate) left: Duration,
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

impl Failed {
    /// Whether it was refused who wants in, and not what was asked for. Where the server had no word, we refused to go on.
    pub(crate) fn is_about_password(&self) -> bool {
        if self.said.is_empty() {
            return self.failure == ConnectFailure::Login;
        }
        let report = self.said.get(HEADER_LEN..).and_then(|body| Reported::parse(body).ok());
        report.and_then(|report| report.code()).is_some_and(|code| code.starts_with(INVALID_AUTHORIZATION))
    }
}

/// The class of errors of logins.
const INVALID_AUTHORIZATION: &[u8] = b"28";

/// From the worker to the threads that may wait.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Let a client in, and send it back.
    Welcome(Box<Caller>),
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
    },
    /// Forget a connect: the pool has given the connection up.
    Abandon {
        /// The proxy.
        room: u16,
        /// The connection's name.
        connection: ConnectionId,
    },
    /// Carry a cancel to the server.
    Cancel {
        /// The proxy.
        room: u16,
        /// The connection whose query it is.
        connection: ConnectionId,
        /// Where the connection goes to.
        upstream: UpstreamId,
        /// The address it was connected to, where the pool chose one.
        address: Option<SocketAddr>,
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
