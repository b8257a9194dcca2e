//! One upstream connection as the pool sees it.
//!
//! ```text
//!              Connect          connected, no waiter            Ping
//!   (free) ──────────► connecting ─────────────────► idle ──────────────► checking
//!      ▲                   │   │                     ▲  │                  │  │
//!      │                   │   └── with a waiter ──┐ │  │ check_out        │  │ pong: idle again,
//!      │                   │                       ▼ │  ▼                  │  │ or to a waiter
//!      │                   │              check_in leased ◄────────────────┼──┘
//!      └───── Close ◄──────┴─────────────────────────┴─────────────────────┘
//! ```

use crate::model::clock::Timestamp;
use crate::pool::id::{ClientId, ConnectionId, Generation, Key, UpstreamId};
use crate::pool::reason::{CloseReason, OpenReason};

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// The slot is not in use.
    Free,
    /// Being opened and logged in.
    Connecting,
    /// Ready for anybody.
    Idle,
    /// Asked whether it is alive.
    Checking,
    /// In the hands of a client, or of the loop that cleans it.
    Leased,
}

impl State {
    /// How many there are.
    pub(super) const COUNT: usize = 5;
}

/// A connection, or a slot for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) state: State,
    /// Whether a `Serve` for the present lease is still among the orders.
    pub(super) serving: Serving,
    /// Why it is closed as soon as it comes back.
    pub(super) retired: Option<CloseReason>,
    pub(super) why: OpenReason,
    pub(super) turn: u16,
    pub(super) key: Key,
    pub(super) upstream: UpstreamId,
    pub(super) uses: u32,
    pub(super) holder: Option<ClientId>,
    pub(super) opened: Timestamp,
    /// When it came into its state; while idle or checking, when it was last given back.
    pub(super) since: Timestamp,
    /// When it was last seen alive; none where there is reason for doubt.
    pub(super) proven: Option<Timestamp>,
    /// When its lifetime is over.
    pub(super) expires: Timestamp,
    /// While checking: when it was asked.
    pub(super) asked: Timestamp,
    /// While leased by nobody: when its client left.
    pub(super) orphaned: Timestamp,
    /// While retired and leased: when it is closed by force, if it is.
    pub(super) forced: Option<Timestamp>,
    pub(super) generation: Generation,
    /// Its own number from 0 to 1, which shortens its lifetime.
    pub(super) fraction: f64,
    /// For how long it is lent.
    pub(super) loan: Loan,
    /// Which entry of the upstream's addresses it was opened to.
    pub(super) address: u32,
}

/// For how long a connection is lent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loan {
    /// For a unit of work.
    Unit,
    /// For good, and it serves: nothing but its own end takes it from its client, or an order that means just that.
    ForGood,
}

/// Whether a `Serve` is under way to the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Serving {
    /// The loop knows.
    Told,
    /// The order is not yet taken up.
    Pending,
}

impl Connection {
    pub(super) const FREE: Self = Self {
        state: State::Free,
        serving: Serving::Told,
        retired: None,
        why: OpenReason::Demand,
        turn: 0,
        key: Key::HOME,
        upstream: UpstreamId(0),
        uses: 0,
        holder: None,
        opened: Timestamp::ZERO,
        since: Timestamp::ZERO,
        proven: None,
        expires: Timestamp::ZERO,
        asked: Timestamp::ZERO,
        orphaned: Timestamp::ZERO,
        forced: None,
        generation: Generation(0),
        fraction: 0.0,
        loan: Loan::Unit,
        address: 0,
    };

    pub(super) fn id(&self, slot: u16) -> ConnectionId {
        ConnectionId::new(slot, self.turn)
    }
}
