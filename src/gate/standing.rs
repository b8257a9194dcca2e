//! How far a gate is closed, and by whom.
//!
//! ```text
//!   policies ── closed, open ──────────┐
//!                                      ├─► the further of the two ──► active, reducing, halted
//!   a person ── closed, for a time ────┘
//! ```

use crate::model::action::Gate;
use crate::model::clock::Timestamp;
use crate::model::trading::Trading;

/// What a person has said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hand {
    /// How far it is closed.
    pub gate: Gate,
    /// Until then; until a person opens it again where absent.
    pub until: Option<Timestamp>,
}

/// How far a gate is closed, and by whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// By policies.
    pub policy: Option<Gate>,
    /// By a person.
    pub hand: Option<Hand>,
}

impl Standing {
    /// What a person has said and what still counts.
    pub fn hand(&self, now: Timestamp) -> Option<Hand> {
        self.hand.filter(|hand| hand.until.is_none_or(|until| now < until))
    }

    /// The state at that time.
    pub fn state(&self, now: Timestamp) -> Trading {
        Trading::under(self.policy).max(Trading::under(self.hand(now).map(|hand| hand.gate)))
    }
}
