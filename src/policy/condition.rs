//! A compiled expression.

use std::sync::Arc;
use std::time::Duration;

use super::ast::Expr;
use super::node::Flag;
use super::session::Session;
use super::tree::{Branch, Leaf, branch};
use super::truth::Truth;
use super::windows::WindowKey;
use super::world::World;
use crate::model::name::Name;
use crate::model::observation::SignalKey;

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

/// A condition, typed and checked; cheap to clone. Made by [`compile`](super::compile::compile).
#[derive(Clone, Debug)]
pub struct Condition(Arc<Compiled>);

/// What a compiler found in one expression.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) source: String,
    pub(super) canonical: String,
    pub(super) written: Expr,
    pub(super) root: Flag,
    pub(super) keys: Vec<SignalKey>,
    pub(super) windows: Vec<WindowKey>,
    pub(super) sessions: Vec<Session>,
    pub(super) leaves: Vec<Leaf>,
}

impl Condition {
    pub(super) fn new(compiled: Compiled) -> Self {
        Self(Arc::new(compiled))
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The expression in its one canonical spelling: equal where two expressions differ only in blanks,
    /// needless parentheses and the spelling of quantities.
    pub fn canonical(&self) -> &str {
        &self.0.canonical
    }

    /// Every signal it reads, also inside windows, `ago` and `before`; each once, in order. The clock's are
    /// not among them: every observation has them.
    pub fn keys(&self) -> &[SignalKey] {
        &self.0.keys
    }

    /// Its longest window; zero where it has none.
    pub fn lookback(&self) -> Duration {
        self.0.windows.iter().map(WindowKey::span).max().unwrap_or_default()
    }

    /// Whether it holds.
    pub fn evaluate(&self, world: &World<'_>) -> Truth {
        self.0.root.evaluate(world)
    }

    /// The expression as a tree with live values.
    pub fn tree(&self, world: &World<'_>) -> Branch {
        branch(&self.0.written, &self.0.root, &self.0.leaves, world)
    }

    /// The expression as it was read.
    pub(super) fn written(&self) -> &Expr {
        &self.0.written
    }

    pub(super) fn window_keys(&self) -> &[WindowKey] {
        &self.0.windows
    }

    pub(super) fn sessions(&self) -> &[Session] {
        &self.0.sessions
    }
}
