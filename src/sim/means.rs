//! The means that a policy needs: everything it names exists and is allowed.

use std::time::Duration;

use crate::model::action::{Action, Effect, Hold, Word};
use crate::policy::definition::Policy;
use crate::policy::means::Means;
use crate::sim::script::MeansPatch;

/// The time-out of a hook where nobody says otherwise, as in the agent's file.
const HOOK_TIMEOUT: Duration = Duration::from_secs(10);

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
            Action::Run { hook } => drop(means.hooks.insert(hook.clone(), HOOK_TIMEOUT)),
            Action::Stop { before, .. } => {
                means.hooks.extend(before.iter().map(|hook| (hook.clone(), HOOK_TIMEOUT)));
            }
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
    let hooks = patch.hooks.as_ref();
    Means {
        allowed: patch.allow.clone().unwrap_or(needed.allowed),
        impossible: patch.impossible.clone(),
        no_restart: None,
        pools: patch.pools.clone().unwrap_or(needed.pools),
        streams: patch.streams.clone().unwrap_or(needed.streams),
        hooks: hooks
            .map_or(needed.hooks, |hooks| hooks.iter().map(|hook| (hook.clone(), HOOK_TIMEOUT)).collect()),
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
