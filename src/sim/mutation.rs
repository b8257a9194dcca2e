//! How much a set of scenarios notices: each small change to the policy should make one of them fail.

use std::sync::Arc;

use serde::Serialize;

use crate::document::Faults;
use crate::model::diagnostic::Diagnostic;
use crate::policy::{Mutant, mutants};
use crate::sim::run::run;
use crate::sim::script::{self, Script};

/// What became of the mutants of a policy.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Score {
    /// How many a scenario noticed.
    pub killed: usize,
    /// How many there are, save those that are no valid policies.
    pub total: usize,
    /// Those that no scenario noticed.
    pub survivors: Vec<Survivor>,
}

/// A change that no scenario noticed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Survivor {
    /// The place: `descriptors/attention.raise`.
    pub place: String,
    /// Line of the policy, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What was changed.
    pub what: String,
    /// What would notice it.
    pub notice: String,
}

/// What became of one mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Killed,
    Survived,
    /// It is no valid policy, or the scenarios are not about it.
    Invalid,
}

impl Score {
    /// The share that was noticed; one where there is nothing to notice.
    pub fn share(&self) -> f64 {
        if self.total == 0 { 1.0 } else { self.killed as f64 / self.total as f64 }
    }
}

/// Tries every mutant of `policy` on the scenarios of `tests`. Both are texts; scenarios that fail on the
/// unchanged policy notice everything, so run them first.
pub fn score(policy: &str, tests: &str) -> Score {
    score_of(policy, tests, mutants(policy).into_iter())
}

/// Tries only these mutants of `policy`.
pub fn score_of(policy: &str, tests: &str, mutants: impl Iterator<Item = Mutant>) -> Score {
    let mut score = Score { killed: 0, total: 0, survivors: Vec::new() };
    let mut favourite = 0;
    for mutant in mutants {
        match fate(&mutant, tests, &mut favourite) {
            Fate::Invalid => continue,
            Fate::Killed => score.killed += 1,
            Fate::Survived => score.survivors.push(survivor(policy, mutant)),
        }
        score.total += 1;
    }
    score
}

/// `favourite` is the scenario that killed the mutant before: neighbours die of the same cause.
fn fate(mutant: &Mutant, tests: &str, favourite: &mut usize) -> Fate {
    let mut faults = Faults::default();
    let Some(policy) = crate::policy::load(&mutant.source, &mut faults) else { return Fate::Invalid };
    let Some(Script { scenarios }) = script::read(tests, &policy, &mut faults) else { return Fate::Invalid };
    let policy = Arc::new(policy);
    let order = (0..scenarios.len()).map(|index| (index + *favourite) % scenarios.len());
    for index in order {
        if !run(&policy, &scenarios[index]).failures.is_empty() {
            *favourite = index;
            return Fate::Killed;
        }
    }
    Fate::Survived
}

fn survivor(policy: &str, mutant: Mutant) -> Survivor {
    let (line, column) = Diagnostic::error("survivor", mutant.span, "").position(policy);
    Survivor { place: mutant.place, line, column, what: mutant.what, notice: mutant.notice }
}
