//! The pool itself: what it is made of, and the small questions about it.

use crate::model::clock::Timestamp;
use crate::model::jitter::Jitter;
use crate::pool::client::Standing;
use crate::pool::clients::Clients;
use crate::pool::connection::{Connection, Serving};
use crate::pool::connections::Connections;
use crate::pool::counters::Counters;
use crate::pool::gate::Gatekeeper;
use crate::pool::id::{ClientId, ConnectionId, Generation, Key};
use crate::pool::limits::Limits;
use crate::pool::logins::Logins;
use crate::pool::mode::Mode;
use crate::pool::order::{Order, Orders};
use crate::pool::upstream::{Balance, Blame, UpstreamSettings};
use crate::pool::upstreams::Upstreams;

/// What a pool is made from.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Limits; they may change later.
    pub limits: Limits,
    /// What is behind it, preferred ones first. To change these, make another pool and shut this one down.
    pub upstreams: Vec<UpstreamSettings>,
    /// How connections are spread.
    pub balance: Balance,
    /// What a connect that fails speaks against.
    pub blame: Blame,
}

/// A pool. See [`crate::pool`].
#[derive(Clone, Debug)]
pub struct Pool {
    pub(super) limits: Limits,
    pub(super) blame: Blame,
    pub(super) mode: Mode,
    pub(super) generation: Generation,
    pub(super) connections: Connections,
    pub(super) clients: Clients,
    pub(super) upstreams: Upstreams,
    pub(super) logins: Logins,
    pub(super) gate: Gatekeeper,
    pub(super) orders: Orders,
    pub(super) counters: Counters,
    pub(super) jitter: Jitter,
    /// No client has been idle for too long before this.
    pub(super) clients_due: Timestamp,
    /// Something on its way to a waiter may have come to nothing: `rouse` all keys before the call ends.
    pub(super) shaken: bool,
}

impl Pool {
    /// An empty pool; the first `tick` fills it up to `min`. Pauses and lifetimes vary with the seed.
    pub fn new(settings: &Settings, seed: u64, now: Timestamp) -> Self {
        let upstreams = Upstreams::new(&settings.upstreams, settings.balance, now);
        let mut connections = Connections::new(upstreams.len());
        connections.cover(Key::HOME);
        Self {
            limits: settings.limits.settled(),
            blame: settings.blame,
            mode: Mode::Running,
            generation: Generation::default(),
            connections,
            clients: Clients::default(),
            upstreams,
            logins: Logins::default(),
            gate: Gatekeeper::new(now),
            orders: Orders::default(),
            counters: Counters::default(),
            jitter: Jitter::new(seed),
            clients_due: now,
            shaken: false,
        }
    }

    /// The next thing to carry out. Drained after every call that may leave some, and before the next event.
    pub fn next_order(&mut self) -> Option<Order> {
        loop {
            let order = self.orders.pop()?;
            if self.is_due(&order) {
                return Some(order);
            }
        }
    }

    /// Whether an order still means what it meant when it was given; one to a client that left meanwhile does not.
    fn is_due(&mut self, order: &Order) -> bool {
        match order {
            Order::Refuse { client, .. } => self.clients.refusal_told(*client),
            Order::Dismiss { client, .. } => self.clients.get(*client).standing == Standing::Leaving,
            Order::Serve { client, connection } => self.serve_told(*client, *connection),
            Order::Connect { .. } | Order::Close { .. } | Order::Ping { .. } | Order::Resolve { .. } => true,
        }
    }

    fn serve_told(&mut self, client: ClientId, id: ConnectionId) -> bool {
        let Some((slot, connection)) = self.connections.find(id) else { return false };
        let pending = connection.serving == Serving::Pending && connection.holder == Some(client);
        if pending {
            self.connections.get_mut(slot).serving = Serving::Told;
        }
        pending
    }

    /// What the pool has done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The limits as they stand.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Which client holds a connection.
    pub fn holder(&self, id: ConnectionId) -> Option<ClientId> {
        self.connections.find(id).and_then(|(_, connection)| connection.holder)
    }

    /// Which connection a client holds.
    pub fn lease(&self, client: ClientId) -> Option<ConnectionId> {
        self.clients.get(client).lease
    }

    /// Whether a key is nobody's: then its number may stand for another from now on, and what was held against it is
    /// forgotten.
    pub fn give_up(&mut self, key: Key) -> bool {
        let unused = self.connections.of_key(key).size() == 0 && self.clients.waiting_for(key) == 0;
        if unused {
            self.logins.forget(key);
        }
        unused
    }

    /// Whether a key may have one more connection.
    pub(super) fn has_place(&self, key: Key) -> bool {
        self.connections.of_key(key).size() < self.limits.per_key
    }

    /// Whether a connection can be handed out as it is, or is to be asked first.
    pub(super) fn is_fresh(&self, connection: &Connection, now: Timestamp) -> bool {
        connection.proven.is_some_and(|proven| now.since(proven) < self.limits.ping_after)
    }
}
