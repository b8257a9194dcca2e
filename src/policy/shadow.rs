//! Where a shadow policy differs from the live ones: in the tier of a ladder that both have, and in what it
//! would have done in the same step. A difference is told when one of them moves, not in each tick.

use crate::model::decision::{Decision, DryRun, Evaluation, ShadowDifference, Transition, Verdict};
use crate::model::name::Name;
use crate::policy::definition::Policy;

/// The differences that this step shows.
pub(crate) fn differences(shadow: &Policy, out: &Evaluation) -> Vec<ShadowDifference> {
    let told = |how: String| ShadowDifference { policy: shadow.name.clone(), how };
    let moves = out.transitions.iter().filter_map(|own| lone_move(shadow, own, out));
    let wants = out.decisions.iter().filter(|own| is_told(own, shadow)).filter_map(|own| lone_wish(own, out));
    let misses =
        out.decisions.iter().filter(|live| is_wanted(live)).filter_map(|live| missed(shadow, live, out));
    moves.chain(wants).chain(misses).map(told).collect()
}

/// A move of a ladder that the other side did not make in the same step.
fn lone_move(shadow: &Policy, own: &Transition, out: &Evaluation) -> Option<String> {
    shadow.ladders.iter().find(|ladder| ladder.name == own.ladder)?;
    let is_shadow = own.policy == shadow.name;
    let twin = out.transitions.iter().any(|other| {
        other.ladder == own.ladder && (other.policy == shadow.name) != is_shadow && other.to == own.to
    });
    if twin {
        return None;
    }
    let who = if is_shadow { "the shadow goes" } else { "the live policy goes" };
    let tier = own.to.as_ref().map_or("normal", Name::as_str);
    let other = if is_shadow { "the live one does not" } else { "the shadow does not" };
    Some(format!("`{}`: {who} to {tier}, {other}", own.ladder))
}

fn is_told(decision: &Decision, shadow: &Policy) -> bool {
    decision.rule.policy == shadow.name && decision.verdict == Verdict::DryRun(DryRun::Shadow)
}

/// Whether a live policy starts it, or would but for a dry run.
fn is_wanted(decision: &Decision) -> bool {
    match decision.verdict {
        Verdict::Start => true,
        Verdict::DryRun(dry) => dry != DryRun::Shadow,
        Verdict::Refused(_) => false,
    }
}

fn lone_wish(own: &Decision, out: &Evaluation) -> Option<String> {
    let twin = out.decisions.iter().any(|other| is_wanted(other) && other.work == own.work);
    (!twin).then(|| format!("the shadow would start {} ({}), no live policy does", own.work.word(), own.rule))
}

fn missed(shadow: &Policy, live: &Decision, out: &Evaluation) -> Option<String> {
    let twin = out.decisions.iter().any(|other| is_told(other, shadow) && other.work == live.work);
    (!twin)
        .then(|| format!("the live policy starts {} ({}), the shadow does not", live.work.word(), live.rule))
}
