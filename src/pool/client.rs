//! One client as the pool sees it.
//!
//! ```text
//!             attach            check_out                        check_in
//!   (absent) ───────► resting ─────────────► working ─────────────────────► resting
//!                      ▲   │ check_out          ▲
//!                      │   └──────► waiting ────┘ a connection came free
//!                      │               │
//!                      └── refused ◄───┘ waited too long               resting ── Dismiss ──► leaving
//! ```
//!
//! From each of them `detach` leads back to absent. Resting is between units of work; a client whose mode ties it
//! to a connection for longer rests with the lease in its hand. What became of the bot's descriptor after that is seen
//! from outside: `proxy/parted.rs`.

use crate::model::clock::Timestamp;
use crate::pool::id::{ConnectionId, Key};

/// What a client is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The place is not in use.
    Absent,
    /// Between units of work.
    Resting,
    /// Resting, and a `Refuse` for it is still among the orders.
    Refused,
    /// In a unit of work.
    Working,
    /// In the queue.
    Waiting,
    /// Told to go.
    Leaving,
}

impl Standing {
    /// How many there are.
    pub(super) const COUNT: usize = 6;

    /// Between units of work.
    pub(super) fn rests(self) -> bool {
        matches!(self, Self::Resting | Self::Refused)
    }

    /// One of `pool[].clients`.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Resting | Self::Refused | Self::Working | Self::Waiting)
    }
}

/// A client, or a place for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) standing: Standing,
    /// What it waits for, while it waits.
    pub(super) key: Key,
    pub(super) lease: Option<ConnectionId>,
    /// When it came into its standing.
    pub(super) since: Timestamp,
    /// While it waits: for how long its wait did not count, in nanoseconds.
    pub(super) held: u64,
}

impl Client {
    pub(super) const ABSENT: Self =
        Self { standing: Standing::Absent, key: Key::HOME, lease: None, since: Timestamp::ZERO, held: 0 };
}
