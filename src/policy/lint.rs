//! Doubts about a policy that holds: what will surprise its author at three in the morning.
//!
//! Every doubt has a stable code, a place and what to do about it. A policy with doubts can be used;
//! `policy check --strict` refuses it.

mod shape;
#[cfg(test)]
mod tests;
mod tier;
mod words;

use crate::model::action::{Action, Effect};
use crate::model::diagnostic::Diagnostic;
use crate::model::signal::Signal;
use crate::policy::definition::{Ladder, Policy, Tier};
use crate::policy::lint::shape::{Bound, Direction, alternatives, bounds};
use crate::policy::means::Means;

/// The limit on descriptors that a process has where nobody raised it.
const USUAL_LIMIT: f64 = 1_024.0;

/// The doubts about a policy, in the order of the file; with `means`, also what can't work on that target.
pub fn lint(policy: &Policy, means: Option<&Means>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for ladder in &policy.ladders {
        for tier in &ladder.tiers {
            tier::check(tier, &mut found);
        }
        order(ladder, &mut found);
        unreachable(ladder, &mut found);
    }
    limit(policy, &mut found);
    if let Some(means) = means {
        words::check(policy, means, &mut found);
    }
    found.sort_by(|a, b| (a.span.start, a.code, &a.message).cmp(&(b.span.start, b.code, &b.message)));
    found
}

/// Whether the bot may notice anything that the tier does or holds.
fn is_disruptive(tier: &Tier) -> bool {
    tier.work.iter().any(|item| item.action.word().effect() != Effect::None)
        || tier.hold.iter().any(|item| item.hold.word().effect() != Effect::None)
}

fn stops(tier: &Tier) -> bool {
    tier.work.iter().any(|item| matches!(item.action, Action::Stop { .. }))
}

/// A tier above one that stops the process has nothing left to do.
fn order(ladder: &Ladder, found: &mut Vec<Diagnostic>) {
    let Some(first) = ladder.tiers.iter().position(stops) else { return };
    for above in &ladder.tiers[first + 1..] {
        if !stops(above) {
            let name = &ladder.tiers[first].name;
            let message = format!("`{}` stands above `{name}`, which stops the process", above.name);
            let help = "put the tiers in the order of severity, the mildest first";
            found.push(Diagnostic::warning("tier-order", above.spans.name.clone(), message).help(help));
        }
    }
}

/// A tier that a higher one always overtakes is never entered.
fn unreachable(ladder: &Ladder, found: &mut Vec<Diagnostic>) {
    for (index, lower) in ladder.tiers.iter().enumerate() {
        let overtakes = |higher: &&Tier| always_overtakes(higher, lower);
        if let Some(higher) = ladder.tiers[index + 1..].iter().find(overtakes) {
            let message = format!(
                "`{}` is raised wherever the milder `{}` is: the milder one is always jumped over",
                higher.name, lower.name
            );
            let help = "give the higher tier the further threshold";
            found
                .push(Diagnostic::warning("unreachable-tier", higher.raise.span.clone(), message).help(help));
        }
    }
}

/// Whether every way to raise `lower` raises `higher` as well, and as soon.
fn always_overtakes(higher: &Tier, lower: &Tier) -> bool {
    use crate::policy::sustain::Sustain;
    let sooner = match (higher.sustain, lower.sustain) {
        (Sustain::Time(higher), Sustain::Time(lower)) => higher <= lower,
        (higher, lower) => higher == lower,
    };
    let ways = |tier: &Tier| -> Vec<Option<Bound>> {
        alternatives(tier.raise.condition.written()).into_iter().map(Bound::of).collect()
    };
    let higher = ways(higher);
    let covered = |way: &Option<Bound>| {
        way.as_ref().is_some_and(|way| higher.iter().flatten().any(|wide| wide.covers(way)))
    };
    sooner && ways(lower).iter().all(covered)
}

/// A threshold above the usual limit is never reached where nobody raises the limit.
fn limit(policy: &Policy, found: &mut Vec<Diagnostic>) {
    let actions = policy.ladders.iter().flat_map(|ladder| &ladder.tiers).flat_map(|tier| &tier.work);
    let upkeep = policy.upkeep.iter().flat_map(|rule| &rule.work);
    if actions.chain(upkeep).any(|item| matches!(item.action, Action::RaiseNofile { .. })) {
        return;
    }
    for tier in policy.ladders.iter().flat_map(|ladder| &ladder.tiers) {
        let beyond = |bound: &Bound| {
            bound.signal == Signal::FdOpen.name()
                && bound.direction == Direction::Above
                && bound.value >= USUAL_LIMIT
        };
        if bounds(tier.raise.condition.written()).iter().any(beyond) {
            let message =
                "the threshold lies above the usual limit of 1024 descriptors, and nothing here raises it";
            let help = "use `fd.ratio` or `fd.tte`, or add `raise_nofile` to a milder tier";
            let span = tier.raise.span.clone();
            found.push(Diagnostic::warning("above-limit", span, message).help(help));
        }
    }
}
