//! A compiled expression.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::document::{Faults, Text};
use crate::model::name::Name;
use crate::model::observation::SignalKey;
use crate::policy::truth::Truth;
use crate::policy::world::World;

/// What names an expression may use.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The tiers of this ladder.
    pub tiers: &'a [Name],
    /// Where the expression stands.
    pub place: Place,
}

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// `raise` of a tier.
    Raise,
    /// `clear` of a tier.
    Clear,
    /// `guard` of a tier: may use `waited(..)`.
    Guard,
    /// `that` of an expectation: may use `before.`, may not use tiers.
    Expect,
    /// An assertion of a policy test.
    Test,
}

/// A condition, typed and checked; cheap to clone.
#[derive(Clone, Debug)]
pub struct Condition {
    source: String,
}

/// Compiles the expression in `text`. Each fault goes to `faults` with its place in the file; `None` where
/// one of them is an error.
pub fn compile(text: &Text<'_>, scope: &Scope<'_>, faults: &mut Faults) -> Option<Condition> {
    let _ = (scope, faults);
    Some(Condition { source: text.value.to_string() })
}

impl Condition {
    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The expression in its one canonical spelling: equal where two expressions differ only in blanks,
    /// needless parentheses and the spelling of quantities.
    pub fn canonical(&self) -> &str {
        &self.source
    }

    /// Every signal it reads, also inside windows, `ago` and `before`; each once, in order.
    pub fn keys(&self) -> &[SignalKey] {
        &[]
    }

    /// Its longest window; zero where it has none.
    pub fn lookback(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether it holds.
    pub fn evaluate(&self, world: &World<'_>) -> Truth {
        let _ = world;
        Truth::False
    }

    /// The expression as a tree with live values.
    pub fn tree(&self, world: &World<'_>) -> Branch {
        Branch { text: self.source.clone(), value: self.evaluate(world), parts: Vec::new() }
    }
}

/// One flag of an expression with its value and the flags it is made of.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Branch {
    /// The expression, with live values in parentheses after each signal: `fd.open (312) > 300`.
    pub text: String,
    /// Its value.
    pub value: Truth,
    /// The flags it is made of.
    pub parts: Vec<Branch>,
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.text, self.value)
    }
}
