//! Runs a scenario on the engine that runs live, in virtual time.
//!
//! ```text
//!  each tick:  what is due (reports, changes, new processes) ─► incidents ─► world goes on ─► look ─► step
//!                        ▲                                                                        │
//!                        └──────────────────── actions under way ◄────────────────────────────────┘
//! ```

mod agenda;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use crate::policy::definition::Policy;
use crate::sim::check;
use crate::sim::course::Course;
use crate::sim::script::{Assertion, Scenario};
use stage::Stage;

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Performance {
    /// What happened.
    pub course: Course,
    /// The assertions that do not hold.
    pub failures: Vec<Failure>,
}

/// An assertion that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Where it stands.
    pub span: std::ops::Range<usize>,
    /// As written.
    pub claimed: String,
    /// What was found instead.
    pub found: String,
}

/// Runs a scenario.
pub fn run(policy: &Arc<Policy>, scenario: &Scenario) -> Performance {
    let mut stage = Stage::new(policy, scenario);
    let mut moments: Vec<&Assertion> =
        scenario.expect.iter().filter(|assertion| check::moment(&assertion.claim).is_some()).collect();
    moments.sort_by_key(|assertion| check::moment(&assertion.claim));
    let mut moments = moments.into_iter().peekable();
    let mut failures = Vec::new();
    let mut now = Duration::ZERO;
    while now <= scenario.length {
        now = stage.tick(now);
        while let Some(assertion) =
            moments.next_if(|assertion| check::moment(&assertion.claim).is_some_and(|at| at <= now))
        {
            failures.extend(failed(assertion, check::at_moment(&assertion.claim, &stage.sight())));
        }
        now += scenario.tick;
    }
    let course = stage.into_course();
    let after: Vec<Failure> = scenario
        .expect
        .iter()
        .filter(|assertion| check::moment(&assertion.claim).is_none())
        .filter_map(|assertion| {
            failed(assertion, check::over(&assertion.claim, &course, policy, scenario.tick))
        })
        .collect();
    failures.extend(after);
    failures.sort_by_key(|failure: &Failure| failure.span.start);
    Performance { course, failures }
}

fn failed(assertion: &Assertion, result: Result<(), String>) -> Option<Failure> {
    let found = result.err()?;
    Some(Failure { span: assertion.span.clone(), claimed: assertion.text.clone(), found })
}

#[cfg(test)]
mod tests;
