//! Whether what was expected came about, and what came instead.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::action::Word;
use crate::model::decision::{Judged, Outcome, Refusal, Verdict, Work};
use crate::model::name::Name;
use crate::model::observation::Observation;
use crate::model::process::ProcessId;
use crate::model::units::format_span;
use crate::policy::definition::Policy;
use crate::policy::engine::Engine;
use crate::policy::explain::LadderStanding;
use crate::policy::truth::Truth;
use crate::policy::windows::Windows;
use crate::policy::world::{TierFacts, World};
use crate::sim::course::{Course, Note, is_wanted};
use crate::sim::script::{Claim, Count, Filter, RefusedBy, TierRef, When};

/// The most moments that a failure names.
const NAMED: usize = 6;

/// What an assertion about one moment can look at.
pub struct Sight<'a> {
    /// The engine after its step.
    pub engine: &'a Engine,
    /// The process of that moment.
    pub process: ProcessId,
    /// What was seen; none where there is no process.
    pub latest: Option<&'a Observation>,
    /// The windows of the conditions that are asked.
    pub windows: &'a Windows,
    /// How the tiers stand.
    pub standing: &'a Standing,
}

/// How the tiers of a process stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    active: BTreeSet<Name>,
    ineffective: BTreeMap<Name, u32>,
}

impl Standing {
    /// Takes in where the ladders stand.
    pub fn level(&mut self, policy: &Policy, ladders: &[LadderStanding]) {
        self.active.clear();
        for standing in ladders {
            let ladder = policy.ladders.iter().find(|ladder| ladder.name == standing.ladder);
            let below = ladder.into_iter().flat_map(|ladder| ladder.tiers.iter().take(standing.level));
            self.active.extend(below.map(|tier| tier.name.clone()));
        }
    }

    /// Takes in an outcome.
    pub fn judge(&mut self, judged: &Judged) {
        let Some(tier) = &judged.rule.tier else { return };
        let count = self.ineffective.entry(tier.clone()).or_default();
        match judged.outcome {
            Outcome::Effective => *count = 0,
            Outcome::Ineffective => *count += 1,
            Outcome::Unknown => {}
        }
    }
}

impl TierFacts for Standing {
    fn active(&self, tier: &Name) -> bool {
        self.active.contains(tier)
    }

    fn ineffective(&self, tier: &Name) -> u32 {
        self.ineffective.get(tier).copied().unwrap_or(0)
    }
}

/// The moment that a claim is about, where it is about how things stand at one moment.
pub fn moment(claim: &Claim) -> Option<Duration> {
    match claim {
        Claim::Tier(_, When::At(at))
        | Claim::NeverTier(_, When::At(at))
        | Claim::That(_, at)
        | Claim::Kept(_, _, at) => Some(*at),
        Claim::Tier(_, When::Within(..))
        | Claim::NeverTier(_, When::Within(..))
        | Claim::Actions(..)
        | Claim::Refused(..)
        | Claim::Judged(..)
        | Claim::Latched(..)
        | Claim::Lead(..) => None,
    }
}

/// Checks a claim about one moment; else what was found.
pub fn at_moment(claim: &Claim, sight: &Sight<'_>) -> Result<(), String> {
    match claim {
        Claim::Tier(tier, _) => {
            let found = active(sight, tier);
            ok_or(found == tier.tier, || format!("the tier is {}", tier_name(found.as_ref())))
        }
        Claim::NeverTier(tier, _) => {
            let found = active(sight, tier);
            ok_or(found != tier.tier, || format!("the tier is {}", tier_name(found.as_ref())))
        }
        Claim::That(condition, _) => {
            let Some(now) = sight.latest else { return Err("there is no process".to_owned()) };
            let (windows, tiers) = (sight.windows, sight.standing);
            let world = World { now, windows, tiers, before: None, waited: None };
            let tree = condition.tree(&world);
            ok_or(tree.value == Truth::True, || format!("{}: {}", tree.value, tree.text))
        }
        Claim::Kept(word, wanted, _) => {
            let kept = sight.engine.holds(&sight.process);
            let is_kept = kept.iter().any(|hold| hold.word() == *word);
            ok_or(is_kept == *wanted, || match kept.as_slice() {
                [] => "nothing is held".to_owned(),
                kept => format!("held: {}", list(kept.iter().map(|hold| hold.word().to_string()))),
            })
        }
        Claim::Actions(..)
        | Claim::Refused(..)
        | Claim::Judged(..)
        | Claim::Latched(..)
        | Claim::Lead(..) => Ok(()),
    }
}

fn active(sight: &Sight<'_>, tier: &TierRef) -> Option<Name> {
    let standings = sight.engine.tiers(&sight.process);
    standings.into_iter().find(|standing| standing.ladder == tier.ladder).and_then(|standing| standing.active)
}

/// Checks a claim about a stretch of time; else what was found. `tick` is the time between two looks.
pub fn over(claim: &Claim, course: &Course, policy: &Policy, tick: Duration) -> Result<(), String> {
    match claim {
        Claim::Tier(tier, when) => {
            let found = entered(course, tier, *when, tick);
            ok_or(!found.0.is_empty(), || at_other_times("entered", &found.1))
        }
        Claim::NeverTier(tier, when) => {
            let found = entered(course, tier, *when, tick);
            ok_or(found.0.is_empty(), || format!("entered at {}", times(&found.0)))
        }
        Claim::Actions(filter, count, when) => actions(course, filter, *count, (*when, tick)),
        Claim::Refused(filter, by, when) => refused(course, filter, *by, (*when, tick)),
        Claim::Judged(outcome, tier, when) => {
            let fits = |judged: &Judged| {
                judged.outcome == *outcome && tier.as_ref().is_none_or(|tier| of_tier(&judged.rule, tier))
            };
            let all = course.judgements().filter(|(_, judged)| fits(judged)).map(|(at, _)| at);
            let found = split(all, *when, tick);
            ok_or(!found.0.is_empty(), || at_other_times("judged so", &found.1))
        }
        Claim::Latched(tier, when) => {
            let all = course.entries.iter().filter_map(|entry| match &entry.note {
                Note::Latched(rule) => of_tier(rule, tier).then_some(entry.at),
                Note::Moved(_)
                | Note::Decided(_)
                | Note::Ended { .. }
                | Note::Judged(_)
                | Note::World(_)
                | Note::Exhausted => None,
            });
            let found = split(all, *when, tick);
            ok_or(!found.0.is_empty(), || at_other_times("latched", &found.1))
        }
        Claim::Lead(tier, least) => lead(course, policy, tier, *least),
        Claim::That(..) | Claim::Kept(..) => Ok(()),
    }
}

fn actions(course: &Course, filter: &Filter, count: Count, when: (When, Duration)) -> Result<(), String> {
    let wanted = course.decisions().filter(|(_, decision)| {
        is_wanted(&decision.verdict)
            && !matches!(decision.work, Work::Release(_))
            && fits(filter, decision.work.word(), &decision.rule)
            && filter.cause.is_none_or(|cause| cause == decision.cause)
    });
    let (inside, outside) = split(wanted.map(|(at, _)| at), when.0, when.1);
    let number = u64::try_from(inside.len()).unwrap_or(u64::MAX);
    ok_or(number >= count.min && number <= count.max, || match inside.as_slice() {
        [] => at_other_times("started", &outside),
        [once] => format!("started once, at {}", format_span(*once)),
        inside => format!("started {number} times, at {}", times(inside)),
    })
}

fn refused(
    course: &Course,
    filter: &Filter,
    by: Option<RefusedBy>,
    (when, tick): (When, Duration),
) -> Result<(), String> {
    let (mut all, mut others) = (Vec::new(), Vec::new());
    for (at, decision) in course.decisions() {
        let Verdict::Refused(refusal) = &decision.verdict else { continue };
        if !fits(filter, decision.work.word(), &decision.rule)
            || filter.cause.is_some_and(|cause| cause != decision.cause)
        {
            continue;
        }
        if by.is_none_or(|by| by == reason(refusal)) {
            all.push(at);
        } else {
            others.push(format!("{} at {}", refusal, format_span(at)));
        }
    }
    let (inside, outside) = split(all.into_iter(), when, tick);
    ok_or(!inside.is_empty(), || match others.as_slice() {
        [] => at_other_times("refused so", &outside),
        others => format!("refused otherwise: {}", list(others.iter().take(NAMED).cloned())),
    })
}

fn lead(course: &Course, policy: &Policy, tier: &TierRef, least: Duration) -> Result<(), String> {
    let Some(end) = course.exhausted() else {
        return Err("the descriptors never run out in this scenario".to_owned());
    };
    let ladder = policy.ladders.iter().find(|ladder| ladder.name == tier.ladder);
    let order = ladder.map(crate::policy::definition::Ladder::tier_names).unwrap_or_default();
    let Some(name) = &tier.tier else { return Err("normal has no lead".to_owned()) };
    match course.first_raise(&tier.ladder, name, &order) {
        None => Err("it is never entered".to_owned()),
        Some(raise) => match end.checked_sub(raise) {
            None => Err("it is entered only after the end".to_owned()),
            Some(lead) => ok_or(lead >= least, || {
                format!("entered at {}, {} before the end", format_span(raise), format_span(lead))
            }),
        },
    }
}

fn entered(course: &Course, tier: &TierRef, when: When, tick: Duration) -> (Vec<Duration>, Vec<Duration>) {
    let moves = course.moves().filter(|(_, moved)| moved.ladder == tier.ladder && moved.to == tier.tier);
    split(moves.map(|(at, _)| at), when, tick)
}

/// The moments inside a stretch and those outside. A single moment is as wide as a tick.
fn split(all: impl Iterator<Item = Duration>, when: When, tick: Duration) -> (Vec<Duration>, Vec<Duration>) {
    all.partition(|at| match when {
        When::At(moment) => *at >= moment && *at < moment + tick,
        When::Within(from, until) => (from..=until).contains(at),
    })
}

fn fits(filter: &Filter, word: Word, rule: &crate::model::decision::RulePath) -> bool {
    filter.word == word && filter.tier.as_ref().is_none_or(|tier| of_tier(rule, tier))
}

fn of_tier(rule: &crate::model::decision::RulePath, tier: &TierRef) -> bool {
    rule.ladder.as_ref() == Some(&tier.ladder) && rule.tier == tier.tier
}

fn reason(refusal: &Refusal) -> RefusedBy {
    match refusal {
        Refusal::StartGrace { .. } => RefusedBy::StartGrace,
        Refusal::Guard { .. } => RefusedBy::Guard,
        Refusal::Budget { .. } => RefusedBy::Budget,
        Refusal::Latched => RefusedBy::Latched,
        Refusal::Cooldown { .. } => RefusedBy::Cooldown,
        Refusal::InFlight { .. } => RefusedBy::InFlight,
        Refusal::Fleet => RefusedBy::Fleet,
        Refusal::JumpedOver => RefusedBy::JumpedOver,
        Refusal::NotAllowed => RefusedBy::NotAllowed,
        Refusal::Unavailable { .. } => RefusedBy::Unavailable,
        Refusal::HumanHold => RefusedBy::HumanHold,
        Refusal::Gone => RefusedBy::Gone,
    }
}

fn ok_or(holds: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found()) }
}

fn at_other_times(what: &str, outside: &[Duration]) -> String {
    match outside {
        [] => format!("never {what}"),
        outside => format!("{what} at {}", times(outside)),
    }
}

fn times(moments: &[Duration]) -> String {
    let mut text = list(moments.iter().take(NAMED).map(|at| format_span(*at)));
    if moments.len() > NAMED {
        text.push_str(" …");
    }
    text
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn tier_name(tier: Option<&Name>) -> &str {
    tier.map_or("normal", Name::as_str)
}
