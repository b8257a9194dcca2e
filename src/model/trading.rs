//! States of trading, as the order gate keeps them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::action::Gate;
use crate::model::clock::WallTime;
use crate::model::signal::TRADING_STATES;

/// How far trading goes on. Ordered: the later one lets less through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trading {
    /// Everything passes.
    #[default]
    Active,
    /// What adds risk is refused.
    Reducing,
    /// Of orders only cancels pass.
    Halted,
}

impl Trading {
    /// Every state, the one that lets most through first.
    pub const ALL: [Self; 3] = [Self::Active, Self::Reducing, Self::Halted];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        TRADING_STATES[self as usize]
    }

    /// The state under a gate that is closed so far, if at all.
    pub const fn under(gate: Option<Gate>) -> Self {
        match gate {
            None => Self::Active,
            Some(Gate::Reducing) => Self::Reducing,
            Some(Gate::Halted) => Self::Halted,
        }
    }

    /// How far the gate is closed in it.
    pub const fn gate(self) -> Option<Gate> {
        match self {
            Self::Active => None,
            Self::Reducing => Some(Gate::Reducing),
            Self::Halted => Some(Gate::Halted),
        }
    }

    /// The value of the signal `trading.state`.
    pub const fn figure(self) -> f64 {
        self as u8 as f64
    }
}

impl fmt::Display for Trading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a person has closed by hand, as it is remembered over a restart of the agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ByHand {
    /// How far it is closed.
    pub gate: Gate,
    /// Until then; until a person opens it again where absent.
    pub until: Option<WallTime>,
}

impl ByHand {
    /// For how long it still counts, if it does; for ever where the inner one is absent.
    pub fn left(&self, now: WallTime) -> Option<Option<Duration>> {
        match self.until.map(|until| until.since(now)) {
            None => Some(None),
            Some(Duration::ZERO) => None,
            left => Some(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_and_its_gate_are_two_words_for_one_thing() {
        for state in Trading::ALL {
            assert_eq!(Trading::under(state.gate()), state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
            assert!(
                (state.figure() - Trading::ALL.iter().position(|other| *other == state).unwrap() as f64)
                    .abs()
                    < 1e-9
            );
        }
        assert!(Trading::under(Some(Gate::Halted)) > Trading::under(Some(Gate::Reducing)));
    }

    #[test]
    fn what_is_remembered_of_a_hand_ends_in_its_time() {
        let at = WallTime::from_millis;
        let hand = |until| ByHand { gate: Gate::Halted, until };
        assert_eq!(hand(None).left(at(5)), Some(None));
        assert_eq!(hand(Some(at(2_000))).left(at(500)), Some(Some(Duration::from_millis(1_500))));
        assert_eq!(hand(Some(at(2_000))).left(at(2_000)), None);
        assert_eq!(hand(Some(at(2_000))).left(at(9_000)), None);
    }
}
