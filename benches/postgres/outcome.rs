//! What was measured in a cell, round by round, and what is taken from it.

use crate::postgres::load::Load;

/// One subject's turn.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// What the clients saw; nothing where they only idled.
    pub(crate) load: Option<Load>,
    /// What is judged: the pooler's CPU for each piece of work in microseconds, or its memory for each client in bytes.
    pub(crate) cost: f64,
}

/// All turns of a subject in a cell.
#[derive(Clone, Default, Debug)]
pub(crate) struct Outcome {
    pub(crate) rounds: Vec<Round>,
    /// Why there are none, or no more.
    pub(crate) failed: Option<String>,
}

impl Outcome {
    /// The least cost of all rounds: what disturbs a measurement only adds to it. Not a number where a round failed.
    pub(crate) fn cost(&self) -> f64 {
        if self.failed.is_some() {
            return f64::NAN;
        }
        self.rounds.iter().map(|round| round.cost).fold(f64::NAN, f64::min)
    }

    /// How far the rounds are apart, as a share of the least.
    pub(crate) fn spread(&self) -> f64 {
        let most = self.rounds.iter().map(|round| round.cost).fold(f64::NAN, f64::max);
        most / self.cost() - 1.0
    }

    /// What the clients saw in the round in which they got most done.
    pub(crate) fn load(&self) -> Option<&Load> {
        let loads = self.rounds.iter().filter_map(|round| round.load.as_ref());
        loads.max_by(|one, other| one.per_second.total_cmp(&other.per_second))
    }
}
