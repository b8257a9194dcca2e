//! What a pool asks of the loop around it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::pool::id::{ClientId, ConnectionId, Key, UpstreamId};
use crate::pool::reason::{CloseReason, Farewell, OpenReason, Refusal};

/// Something to carry out. Orders are carried out in the order in which they come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Open a connection and log in, then tell `connected` or `failed`.
    Connect {
        /// Its name from now on.
        connection: ConnectionId,
        /// Where to.
        upstream: UpstreamId,
        /// At which address, where the upstream is one that is looked up.
        address: Option<SocketAddr>,
        /// As whom.
        key: Key,
        /// Why.
        why: OpenReason,
    },
    /// Close a connection, whatever it is doing; its name is free afterwards. Comes once for every `Connect`.
    Close {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
    /// Ask an idle connection whether it is alive, then tell `pong` or `discard`.
    Ping {
        /// The connection.
        connection: ConnectionId,
    },
    /// A waiter got a connection.
    Serve {
        /// The waiter.
        client: ClientId,
        /// Now leased to it.
        connection: ConnectionId,
    },
    /// A waiter gets none.
    Refuse {
        /// The waiter.
        client: ClientId,
        /// Why.
        refusal: Refusal,
    },
    /// Say goodbye to a client that is between units of work, close it, then tell `detach`.
    Dismiss {
        /// The client.
        client: ClientId,
        /// Why.
        farewell: Farewell,
    },
    /// Look the name of an upstream up, then tell `resolved`.
    Resolve {
        /// The upstream.
        upstream: UpstreamId,
    },
}

/// Orders that wait to be carried out: between two drains at most a few for each connection and client.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders(VecDeque<Order>);

impl Orders {
    pub(super) fn push(&mut self, order: Order) {
        self.0.push_back(order);
    }

    pub(super) fn pop(&mut self) -> Option<Order> {
        self.0.pop_front()
    }
}
