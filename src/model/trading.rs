//! States of trading, as the order gate keeps them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::action::Gate;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_and_its_gate_are_two_words_for_one_thing() {
        for state in Trading::ALL {
            assert_eq!(Trading::under(state.gate()), state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
            assert_eq!(TRADING_STATES[state.figure() as usize], state.name());
        }
        assert!(Trading::under(Some(Gate::Halted)) > Trading::under(Some(Gate::Reducing)));
    }
}
