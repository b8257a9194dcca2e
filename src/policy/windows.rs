//! All windows of all conditions of one process.

use crate::model::observation::Observation;
use crate::policy::condition::Condition;

/// The windows of one process: one for each distinct signal, function and span.
#[derive(Clone, Debug, Default)]
pub struct Windows {}

impl Windows {
    /// The windows that these conditions need.
    pub fn for_conditions<'a>(conditions: impl Iterator<Item = &'a Condition>) -> Self {
        drop(conditions);
        Self {}
    }

    /// Takes in one observation. Call once a tick, before evaluating.
    pub fn observe(&mut self, observation: &Observation) {
        let _ = observation;
    }

    /// Takes over from `old` the windows that both have: those of unchanged expressions live on.
    pub fn adopt(&mut self, old: &mut Self) {
        let _ = old;
    }
}
