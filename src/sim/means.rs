//! The means that a policy needs: everything it names exists and is allowed.

use crate::model::action::{Action, Effect, Hold, Word};
use crate::policy::definition::Policy;
use crate::policy::means::Means;
use crate::sim::script::MeansPatch;

/// All that the policy names.
pub fn needed(policy: &Policy) -> Means {
    let mut means = Means::default();
    let tiers = || policy.ladders.iter().flat_map(|ladder| &ladder.tiers);
    let work = tiers().flat_map(|tier| &tier.work).chain(policy.upkeep.iter().flat_map(|rule| &rule.work));
    for item in work {
        allow(item.action.word(), &mut means);
        match &item.action {
            Action::Notify { to, .. } => drop(means.receivers.insert(to.clone())),
            Action::ResetPool { pool, .. } => drop(means.pools.insert(pool.clone())),
            Action::Run { hook } => drop(means.hooks.insert(hook.clone())),
            Action::Stop { before, .. } => means.hooks.extend(before.iter().cloned()),
            Action::Snapshot
            | Action::RaiseNofile { .. }
            | Action::DestroySockets { .. }
            | Action::ReapDescriptors { .. } => {}
        }
    }
    for item in tiers().flat_map(|tier| &tier.hold) {
        allow(item.hold.word(), &mut means);
        match &item.hold {
            Hold::ThrottleConnects { pool, .. } => drop(means.pools.insert(pool.clone())),
            Hold::PollStream { stream, .. } => drop(means.streams.insert(stream.clone())),
            Hold::PauseTrading { .. } | Hold::Freeze { .. } => {}
        }
    }
    means
}

/// The means of a scenario: what it says, else what the policy needs.
pub fn of_scenario(policy: &Policy, patch: &MeansPatch) -> Means {
    let needed = needed(policy);
    Means {
        allowed: patch.allow.clone().unwrap_or(needed.allowed),
        impossible: patch.impossible.clone(),
        pools: patch.pools.clone().unwrap_or(needed.pools),
        streams: patch.streams.clone().unwrap_or(needed.streams),
        hooks: patch.hooks.clone().unwrap_or(needed.hooks),
        receivers: patch.receivers.clone().unwrap_or(needed.receivers),
        protect: patch.protect.clone(),
        dry_run: patch.dry_run,
    }
}

fn allow(word: Word, means: &mut Means) {
    match word.effect() {
        Effect::Dangerous => drop(means.allowed.insert(word)),
        Effect::None | Effect::Disruptive => {}
    }
}
