//! The order gate of one proxy: how it stands, and what it has seen. What is an order says [`crate::gate`].

use std::time::Duration;

use crate::gate::{Hand, Kind, Standing};
use crate::model::action::Gate;
use crate::model::clock::Timestamp;
use crate::model::trading::Trading;
use crate::proxy::command::By;
use crate::proxy::view::{GateCounts, GateView};

/// How the gate of a room stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct RoomGate {
    standing: Standing,
    counts: GateCounts,
}

impl RoomGate {
    /// As a person had left it.
    pub(super) fn begin(closed: Option<(Gate, Option<Duration>)>, now: Timestamp) -> Self {
        let mut gate = Self::default();
        if let Some((closed, left)) = closed {
            gate.close(By::Hand(left), Some(closed), now);
        }
        gate
    }

    /// What passes now.
    pub(super) fn state(&self, now: Timestamp) -> Trading {
        self.standing.state(now)
    }

    /// Closes it so far, or opens what the same one has closed.
    pub(super) fn close(&mut self, by: By, gate: Option<Gate>, now: Timestamp) -> GateView {
        match by {
            By::Policies => self.standing.policy = gate,
            By::Hand(limit) => {
                self.standing.hand = gate.map(|gate| Hand { gate, until: limit.map(|limit| now + limit) });
            }
        }
        self.view(now)
    }

    /// Something was passed on; none where only its body would have told what it is.
    pub(super) fn passed(&mut self, kind: Option<Kind>) {
        let count = match kind {
            Some(Kind::Data) => return,
            Some(Kind::Cancel) => &mut self.counts.cancels,
            Some(Kind::Reduces) => &mut self.counts.reducing,
            Some(Kind::Order) => &mut self.counts.orders,
            None => &mut self.counts.unread,
        };
        *count += 1;
    }

    /// An order was refused.
    pub(super) fn refused(&mut self) {
        self.counts.refused += 1;
    }

    /// As others see it.
    pub(super) fn view(&self, now: Timestamp) -> GateView {
        let hand = self.standing.hand(now);
        GateView {
            state: self.state(now),
            policy: self.standing.policy,
            hand: hand.map(|hand| hand.gate),
            left: hand.and_then(|hand| hand.until).map(|until| until.since(now)),
            counts: self.counts,
        }
    }
}
