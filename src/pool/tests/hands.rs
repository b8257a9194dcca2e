//! Hands for tests: a pool with a clock that is turned by hand, and the orders it gave.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::address::Lookup;
use crate::pool::check_out::{CheckOut, Released};
use crate::pool::id::{ClientId, ConnectionId, Key, UpstreamId};
use crate::pool::limits::Limits;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, ConnectFailure, Farewell, Refusal};
use crate::pool::state::{Pool, Settings};
use crate::pool::upstream::{Balance, Blame, UpstreamSettings};

pub(super) const HOME: Key = Key::HOME;
pub(super) const OTHER: Key = Key(1);

/// A pool under test.
pub(super) struct Hands {
    pub(super) pool: Pool,
    pub(super) now: Timestamp,
}

impl Hands {
    pub(super) fn new(limits: &Limits) -> Self {
        Self::with(limits, 1, Balance::Priority)
    }

    pub(super) fn with(limits: &Limits, upstreams: usize, balance: Balance) -> Self {
        let upstreams = vec![UpstreamSettings { lookup: Lookup::Never }; upstreams];
        Self::of(&Settings { limits: *limits, upstreams, balance, blame: Blame::Upstream })
    }

    /// One whose keys are places of their own.
    pub(super) fn of_places(limits: &Limits) -> Self {
        let (upstreams, balance) = (Vec::new(), Balance::Equal);
        Self::of(&Settings { limits: *limits, upstreams, balance, blame: Blame::Key })
    }

    fn of(settings: &Settings) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        Self { pool: Pool::new(settings, 1, now), now }
    }

    /// Lets time pass, in sweeps a quarter of a second apart; all orders that came.
    pub(super) fn pass(&mut self, span: Duration) -> Vec<Order> {
        let end = self.now + span;
        let mut orders = Vec::new();
        while self.now < end {
            self.now = (self.now + Duration::from_millis(250)).min(end);
            self.pool.tick(self.now);
            orders.extend(self.orders());
        }
        orders
    }

    pub(super) fn tick(&mut self) -> Vec<Order> {
        self.pool.tick(self.now);
        self.orders()
    }

    pub(super) fn orders(&mut self) -> Vec<Order> {
        self.pool.audit();
        std::iter::from_fn(|| self.pool.next_order()).collect()
    }

    pub(super) fn attach(&mut self, clients: std::ops::Range<u32>) {
        for client in clients {
            self.pool.attach(ClientId(client), self.now).unwrap();
        }
    }

    pub(super) fn check_out(&mut self, client: u32, key: Key) -> CheckOut {
        self.pool.check_out(ClientId(client), key, self.now)
    }

    pub(super) fn check_in(&mut self, connection: ConnectionId) -> Released {
        self.pool.check_in(connection, self.now)
    }

    pub(super) fn fail(&mut self, connection: ConnectionId, failure: ConnectFailure) {
        self.pool.failed(connection, failure, self.now);
    }

    /// A client takes a connection where there may be none yet: all connects that this orders succeed.
    pub(super) fn lease(&mut self, client: u32, key: Key) -> ConnectionId {
        match self.check_out(client, key) {
            CheckOut::Lease(connection) => return connection,
            CheckOut::Wait => {}
            CheckOut::Refused(refusal) => panic!("refused: {refusal}"),
        }
        for connection in connects(&self.orders()) {
            self.pool.connected(connection, self.now);
        }
        self.pool.lease(ClientId(client)).expect("it was served")
    }

    /// So many idle connections, the first the longest idle.
    pub(super) fn idle(&mut self, clients: std::ops::Range<u32>, key: Key) -> Vec<ConnectionId> {
        let leased: Vec<_> = clients.map(|client| self.lease(client, key)).collect();
        for connection in &leased {
            assert_eq!(self.check_in(*connection), Released::Idle);
            self.now = self.now + Duration::from_millis(1);
        }
        leased
    }
}

/// The connections that orders open.
pub(super) fn connects(orders: &[Order]) -> Vec<ConnectionId> {
    let connect = |order: &Order| match order {
        Order::Connect { connection, .. } => Some(*connection),
        _ => None,
    };
    orders.iter().filter_map(connect).collect()
}

/// Where the connections that orders open lead.
pub(super) fn targets(orders: &[Order]) -> Vec<UpstreamId> {
    let connect = |order: &Order| match order {
        Order::Connect { upstream, .. } => Some(*upstream),
        _ => None,
    };
    orders.iter().filter_map(connect).collect()
}

/// The connections that orders close, and why.
pub(super) fn closes(orders: &[Order]) -> Vec<(ConnectionId, CloseReason)> {
    let close = |order: &Order| match order {
        Order::Close { connection, reason } => Some((*connection, *reason)),
        _ => None,
    };
    orders.iter().filter_map(close).collect()
}

/// The waiters that orders refuse, and why.
pub(super) fn refusals(orders: &[Order]) -> Vec<(u32, Refusal)> {
    let refuse = |order: &Order| match order {
        Order::Refuse { client, refusal } => Some((client.0, *refusal)),
        _ => None,
    };
    orders.iter().filter_map(refuse).collect()
}

/// The clients that orders tell to go, and why.
pub(super) fn dismissed(orders: &[Order]) -> Vec<(u32, Farewell)> {
    let dismiss = |order: &Order| match order {
        Order::Dismiss { client, farewell } => Some((client.0, *farewell)),
        _ => None,
    };
    orders.iter().filter_map(dismiss).collect()
}

/// The connections that orders ask.
pub(super) fn pings(orders: &[Order]) -> Vec<ConnectionId> {
    let ping = |order: &Order| match order {
        Order::Ping { connection } => Some(*connection),
        _ => None,
    };
    orders.iter().filter_map(ping).collect()
}
