//! A replay in figures: time in tiers, leads, actions, budgets.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, RulePath, Transition, Verdict, Work};
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::policy::definition::{Ladder, Policy, Tier};
use crate::sim::course::{Course, is_wanted, seconds};

/// A replay in figures.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Summary {
    /// Each tier of each ladder.
    pub tiers: Vec<TierSummary>,
    /// How often each word was started, upkeep included; would-be starts of a dry run count.
    pub actions: BTreeMap<String, u64>,
    /// How often something was refused.
    pub refusals: u64,
    /// Actions that the bot may notice and that the record has, but this policy did not take.
    pub missed: u64,
}

/// One tier in figures.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TierSummary {
    /// The ladder.
    pub ladder: Name,
    /// The tier.
    pub tier: Name,
    /// How often it was entered from below.
    pub raises: u64,
    /// How long it was the active one.
    #[serde(serialize_with = "seconds")]
    pub active: Duration,
    /// How often its `do` started an action that the bot may notice.
    pub runs: u64,
    /// How much of its budget was used.
    pub budget: Option<BudgetUse>,
    /// The shortest time from its raise to the exhaustion or the end of the process; none where neither came.
    #[serde(serialize_with = "maybe_seconds")]
    pub lead: Option<Duration>,
}

/// How much of a budget was used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BudgetUse {
    /// Runs paid for.
    pub used: u64,
    /// The budget.
    pub of: String,
    /// How often a run was refused because it was spent.
    pub refused: u64,
}

/// Where each ladder of each process stands, and what has been summed so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    standing: BTreeMap<(ProcessId, Name), (Option<Name>, Timestamp)>,
    active: BTreeMap<(Name, Name), Duration>,
    /// The first raise of each tier for each process, by ladder.
    raised: BTreeMap<ProcessId, Vec<(Name, Transition)>>,
    ends: BTreeMap<ProcessId, Timestamp>,
}

impl Tally {
    /// A ladder moved.
    pub(super) fn moved(&mut self, process: ProcessId, at: Timestamp, moved: &Transition) {
        let key = (process, moved.ladder.clone());
        if let Some((Some(tier), since)) = self.standing.insert(key, (moved.to.clone(), at)) {
            *self.active.entry((moved.ladder.clone(), tier)).or_default() += at.since(since);
        }
        self.raised
            .entry(process)
            .or_default()
            .push((moved.ladder.clone(), Transition { at, ..moved.clone() }));
    }

    /// The descriptors of a process ran out, or it ended; the first counts.
    pub(super) fn end(&mut self, process: ProcessId, at: Timestamp) {
        self.ends.entry(process).or_insert(at);
    }

    /// A process is gone: its ladders stand nowhere.
    pub(super) fn leave(&mut self, process: ProcessId, at: Timestamp) {
        for ((of, ladder), (tier, since)) in &mut self.standing {
            if *of == process
                && let Some(tier) = tier.take()
            {
                *self.active.entry((ladder.clone(), tier)).or_default() += at.since(*since);
            }
        }
    }

    /// The figures at the end of the record.
    pub(super) fn sum(mut self, policy: &Policy, course: &Course, end: Timestamp, missed: u64) -> Summary {
        let processes: Vec<ProcessId> = self.standing.keys().map(|(process, _)| *process).collect();
        for process in processes {
            self.leave(process, end);
        }
        let mut actions: BTreeMap<String, u64> = BTreeMap::new();
        let mut refusals = 0;
        for (_, decision) in course.decisions() {
            match &decision.verdict {
                Verdict::Start | Verdict::DryRun(_) if !matches!(decision.work, Work::Release(_)) => {
                    *actions.entry(decision.work.word().to_string()).or_default() += 1;
                }
                Verdict::Start | Verdict::DryRun(_) => {}
                Verdict::Refused(_) => refusals += 1,
            }
        }
        let tiers =
            policy.ladders.iter().flat_map(|ladder| ladder.tiers.iter().map(move |tier| (ladder, tier)));
        let tiers = tiers.map(|(ladder, tier)| self.tier(ladder, tier, course)).collect();
        Summary { tiers, actions, refusals, missed }
    }

    fn tier(&self, ladder: &Ladder, tier: &Tier, course: &Course) -> TierSummary {
        let level = |name: Option<&Name>| name.and_then(|name| ladder.position(name)).map_or(0, |i| i + 1);
        let own = level(Some(&tier.name));
        let mut raises = 0;
        let mut lead: Option<Duration> = None;
        for (process, moves) in &self.raised {
            let mut ups = moves.iter().filter(|(of, moved)| {
                *of == ladder.name && level(moved.from.as_ref()) < own && level(moved.to.as_ref()) >= own
            });
            let first = ups.clone().next();
            raises += ups.by_ref().filter(|(_, moved)| moved.to.as_ref() == Some(&tier.name)).count();
            if let (Some((_, first)), Some(end)) = (first, self.ends.get(process)) {
                let left = end.since(first.at);
                lead = Some(lead.map_or(left, |least| least.min(left)));
            }
        }
        let of_tier = |rule: &RulePath| {
            rule.ladder.as_ref() == Some(&ladder.name) && rule.tier.as_ref() == Some(&tier.name)
        };
        let runs = runs(course, &of_tier, tier);
        let budget = tier.budget.map(|quota| BudgetUse {
            used: runs,
            of: quota.to_string(),
            refused: spent(course, &of_tier),
        });
        let active = self.active.get(&(ladder.name.clone(), tier.name.clone())).copied().unwrap_or_default();
        TierSummary {
            ladder: ladder.name.clone(),
            tier: tier.name.clone(),
            raises: u64::try_from(raises).unwrap_or(u64::MAX),
            active,
            runs,
            budget,
            lead,
        }
    }
}

/// Runs of `do`, counted as a budget counts them: by the main action, or the first where there is none.
fn runs(course: &Course, of_tier: &impl Fn(&RulePath) -> bool, tier: &Tier) -> u64 {
    let main = |word: crate::model::action::Word| {
        !matches!(word, crate::model::action::Word::Notify | crate::model::action::Word::Snapshot)
    };
    let item = tier.work.iter().find(|item| main(item.action.word())).or(tier.work.first());
    let Some(item) = item else { return 0 };
    let started = course.decisions().filter(|(_, decision)| {
        is_wanted(&decision.verdict)
            && of_tier(&decision.rule)
            && decision.work == Work::Do(item.action.clone())
            && decision.cause != Cause::Command
    });
    u64::try_from(started.count()).unwrap_or(u64::MAX)
}

fn spent(course: &Course, of_tier: &impl Fn(&RulePath) -> bool) -> u64 {
    let refused = course.decisions().filter(|(_, decision)| {
        let by_budget = matches!(
            decision.verdict,
            Verdict::Refused(
                crate::model::decision::Refusal::Budget { .. } | crate::model::decision::Refusal::Latched
            )
        );
        by_budget && of_tier(&decision.rule)
    });
    u64::try_from(refused.count()).unwrap_or(u64::MAX)
}

#[expect(clippy::ref_option, reason = "the shape that serde asks for")]
fn maybe_seconds<S: serde::Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.serialize_some(&span.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}
