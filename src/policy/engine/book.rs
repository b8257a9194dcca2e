//! A policy under rule, with what is kept of it for the whole target.

use std::sync::Arc;

use crate::model::action::Action;
use crate::model::clock::Timestamp;
use crate::model::decision::{DryRun, RulePath};
use crate::policy::budget::Account;
use crate::policy::definition::{Ladder, Mode, Policy, Tier, Upkeep};

/// Whether a policy acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It acts.
    Live,
    /// It runs beside the live ones and only tells where it would differ.
    Shadow,
}

/// A policy with its role.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Its role.
    pub role: Role,
}

#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) policy: Arc<Policy>,
    pub(crate) role: Role,
    /// By ladder and tier.
    pub(crate) accounts: Vec<Vec<Account>>,
    /// By upkeep rule: when a rule that serves the whole target was last begun.
    pub(crate) upkeep: Vec<Option<Timestamp>>,
}

impl Book {
    pub(crate) fn new(enrolled: Enrolled) -> Self {
        let Enrolled { policy, role } = enrolled;
        let account = |ladder: &Ladder| ladder.tiers.iter().map(|_| Account::default()).collect();
        let accounts = policy.ladders.iter().map(account).collect();
        let upkeep = policy.upkeep.iter().map(|_| None).collect();
        Self { policy, role, accounts, upkeep }
    }

    /// The place of a tier.
    pub(crate) fn path(&self, ladder: &Ladder, tier: &Tier) -> RulePath {
        path(&self.policy, ladder, tier)
    }
}

/// The place of a tier.
pub(crate) fn path(policy: &Policy, ladder: &Ladder, tier: &Tier) -> RulePath {
    RulePath { policy: policy.name.clone(), ladder: Some(ladder.name.clone()), tier: Some(tier.name.clone()) }
}

/// The place of an upkeep rule.
pub(crate) fn upkeep_path(policy: &Policy) -> RulePath {
    RulePath { policy: policy.name.clone(), ladder: None, tier: None }
}

/// Which scope, if any, makes an item of a policy a dry run; the widest is named.
pub(crate) fn dry_run(role: Role, policy: &Policy, item: Mode, agent_dry: AgentDry) -> Option<DryRun> {
    match (role, agent_dry, policy.mode, item) {
        (Role::Shadow, _, _, _) => Some(DryRun::Shadow),
        (Role::Live, AgentDry(true), _, _) => Some(DryRun::Agent),
        (Role::Live, AgentDry(false), Mode::Dry, _) => Some(DryRun::Policy),
        (Role::Live, AgentDry(false), Mode::Real, Mode::Dry) => Some(DryRun::Action),
        (Role::Live, AgentDry(false), Mode::Real, Mode::Real) => None,
    }
}

/// Whether the whole agent only tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AgentDry(pub(crate) bool);

/// Whether an upkeep rule serves the whole target, so that several processes share one clock.
pub(crate) fn is_shared(rule: &Upkeep) -> bool {
    rule.work.iter().all(|item| match item.action {
        Action::Notify { .. } | Action::ResetPool { .. } | Action::Run { .. } => true,
        Action::Snapshot
        | Action::RaiseNofile { .. }
        | Action::DestroySockets { .. }
        | Action::ReapDescriptors { .. }
        | Action::Stop { .. } => false,
    })
}
