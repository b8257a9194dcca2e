//! One process of the target: what is seen of it, its ladders, its upkeep, its holds.

use crate::model::clock::Timestamp;
use crate::model::decision::{
    Cause, DecisionId, Failure, Lost, Outcome, Refusal, Report, ShadowDifference, Transition, Verdict, Work,
};
use crate::model::observation::Observation;
use crate::policy::condition::Condition;
use crate::policy::definition::{Jumped, Ladder, Policy};
use crate::policy::engine::bench::Bench;
use crate::policy::engine::book::{Book, Role, path};
use crate::policy::engine::desk::Desk;
use crate::policy::explain::evidence;
use crate::policy::holds::HoldLedger;
use crate::policy::ladder::{Facts, LadderState, Latched, Move};
use crate::policy::pace::{Gait, Pace};
use crate::policy::run::Run;
use crate::policy::truth::Truth;
use crate::policy::upkeep::UpkeepState;
use crate::policy::windows::Windows;

/// What is seen of a process.
#[derive(Clone, Debug)]
pub(crate) struct Eyes {
    /// When it was first seen.
    pub(crate) first: Timestamp,
    pub(crate) pace: Pace,
    /// The last observation.
    pub(crate) seen: Observation,
    pub(crate) windows: Windows,
}

/// Whether anything more is decided about a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It is guarded.
    Guarded,
    /// It has ended or has been stopped.
    Gone,
}

#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) eyes: Eyes,
    pub(crate) standing: Standing,
    /// By policy and ladder.
    pub(crate) ladders: Vec<Vec<LadderState>>,
    /// By policy and rule.
    pub(crate) upkeep: Vec<Vec<UpkeepState>>,
    pub(crate) holds: HoldLedger,
}

impl Process {
    pub(crate) fn new(books: &[Book], observation: &Observation) -> Self {
        let at = observation.at;
        let windows = Windows::for_conditions(conditions(books));
        let ladders = |book: &Book| book.policy.ladders.iter().map(|l| LadderState::new(l, at)).collect();
        let upkeep = |book: &Book| book.policy.upkeep.iter().map(|_| UpkeepState::new(at)).collect();
        Self {
            eyes: Eyes { first: at, pace: Pace::default(), seen: observation.clone(), windows },
            standing: Standing::Guarded,
            ladders: books.iter().map(ladders).collect(),
            upkeep: books.iter().map(upkeep).collect(),
            holds: HoldLedger::default(),
        }
    }

    /// One tick.
    pub(crate) fn step(&mut self, books: &mut [Book], observation: &Observation, desk: &mut Desk<'_>) {
        if self.standing == Standing::Gone {
            return;
        }
        let gait = self.eyes.pace.tick(observation.at);
        self.eyes.seen.clone_from(observation);
        self.eyes.windows.observe(observation);
        self.each_tier(books, |bench| bench.judge(desk));
        self.climb(books, gait, desk);
        self.work(books, desk);
    }

    /// Everything that can be begun now.
    fn work(&mut self, books: &mut [Book], desk: &mut Desk<'_>) {
        self.plan(books, desk.at);
        self.each_tier(books, |bench| bench.carry(desk));
        for (book, states) in books.iter_mut().zip(&mut self.upkeep) {
            let Book { policy, role, upkeep, .. } = book;
            for ((rule, state), shared) in policy.upkeep.iter().zip(states).zip(upkeep) {
                state.step((&*policy, *role), rule, shared, desk);
            }
        }
        self.holds.reconcile(books, &self.ladders, &self.eyes, desk);
        if !desk.out.is_empty() {
            compare(books, desk);
        }
    }

    /// Calls `visit` for each tier of each ladder, the most severe tier of a ladder first.
    fn each_tier(&mut self, books: &mut [Book], mut visit: impl FnMut(&mut Bench<'_>)) {
        for (book, states) in books.iter_mut().zip(&mut self.ladders) {
            let Book { policy, role, accounts, .. } = book;
            for ((ladder, state), accounts) in policy.ladders.iter().zip(states).zip(accounts) {
                for (tier, account) in accounts.iter_mut().enumerate().rev() {
                    let rung = &state.rungs[tier];
                    if rung.run.is_none() && rung.trial.is_none() {
                        continue;
                    }
                    let (policy, role, eyes) = (&**policy, *role, &self.eyes);
                    visit(&mut Bench { policy, role, ladder, tier, account, state: &mut *state, eyes });
                }
            }
        }
    }

    fn climb(&mut self, books: &[Book], gait: Gait, desk: &mut Desk<'_>) {
        for (book, states) in books.iter().zip(&mut self.ladders) {
            for (index, (ladder, state)) in book.policy.ladders.iter().zip(states).enumerate() {
                look(ladder, state, &self.eyes, gait);
                let latched = state.active.is_some_and(|active| book.accounts[index][active].latched);
                let Some(moved) = state.climb(ladder, Latched::from(latched), desk.at) else { continue };
                announce(&book.policy, (ladder, state), moved, &self.eyes, desk);
                look_at_clear(ladder, state, &self.eyes);
                enter(&book.policy, (ladder, state), moved, desk);
                self.holds.recheck();
            }
        }
    }

    /// Plans the runs that are due.
    fn plan(&mut self, books: &[Book], at: Timestamp) {
        for (book, states) in books.iter().zip(&mut self.ladders) {
            for (ladder, state) in book.policy.ladders.iter().zip(states) {
                repeat(ladder, state, at);
                for rung in &mut state.rungs {
                    if rung.run.is_none()
                        && let Some(cause) = rung.due.take()
                    {
                        rung.run = Some(Run::new(cause));
                    }
                }
            }
        }
    }

    /// The actuator says how an action or the taking of a hold went.
    pub(crate) fn report(&mut self, books: &mut [Book], report: &Report, desk: &mut Desk<'_>) {
        self.holds.report(report, desk.at);
        let Some(run) = self.run_of(report.decision) else { return };
        run.take_report(&report.result);
        if self.standing == Standing::Gone {
            return;
        }
        match &report.result {
            Ok(_) | Err(Failure::Failed(_)) => self.work(books, desk),
            // The agent is short of something, or ends: nothing is begun on top of that.
            Err(Failure::GivenUp(_)) => self.each_tier(books, |bench| bench.conclude(desk)),
        }
    }

    /// An action is no longer waited for; what follows is decided in the next step.
    pub(crate) fn give_up(&mut self, lost: &Lost) {
        if let Some(run) = self.run_of(lost.decision) {
            run.take_report(&Err(Failure::GivenUp(lost.to_string())));
        }
    }

    fn run_of(&mut self, decision: DecisionId) -> Option<&mut Run> {
        let ladders = self.ladders.iter_mut().flatten().flat_map(|state| &mut state.rungs);
        let runs = ladders.filter_map(|rung| rung.run.as_mut());
        let upkeep = self.upkeep.iter_mut().flatten().filter_map(|state| state.run.as_mut());
        runs.chain(upkeep).find(|run| run.waiting == Some(decision))
    }

    /// The process has ended: all that is pending ends with it.
    pub(crate) fn end(&mut self, books: &[Book], desk: &mut Desk<'_>) {
        if self.standing == Standing::Gone {
            return;
        }
        self.standing = Standing::Gone;
        for (book, states) in books.iter().zip(&mut self.ladders) {
            for (ladder, state) in book.policy.ladders.iter().zip(states) {
                end_ladder(&book.policy, (ladder, state), desk);
            }
        }
        for state in self.upkeep.iter_mut().flatten() {
            state.run = None;
        }
        self.holds.release_all(desk);
    }
}

/// Tells where shadow policies differ in what was decided just now.
fn compare(books: &[Book], desk: &mut Desk<'_>) {
    let shadows = books.iter().filter(|book| book.role == Role::Shadow);
    let found: Vec<_> =
        shadows.flat_map(|book| crate::policy::shadow::differences(&book.policy, &desk.out)).collect();
    desk.out.shadow.extend::<Vec<ShadowDifference>>(found);
}

/// Every condition of every policy.
pub(crate) fn conditions(books: &[Book]) -> impl Iterator<Item = &Condition> {
    books.iter().flat_map(|book| book.policy.conditions())
}

fn look(ladder: &Ladder, state: &mut LadderState, eyes: &Eyes, gait: Gait) {
    for (index, tier) in ladder.tiers.iter().enumerate() {
        let truth = tier.raise.condition.evaluate(&eyes.world(&Facts { ladder, state }));
        state.note_raise(index, truth, gait);
    }
    look_at_clear(ladder, state, eyes);
}

fn look_at_clear(ladder: &Ladder, state: &mut LadderState, eyes: &Eyes) {
    let Some(active) = state.active else {
        state.clear = Truth::True;
        return;
    };
    let tier = &ladder.tiers[active];
    state.clear = match &tier.clear {
        Some(clear) => clear.condition.evaluate(&eyes.world(&Facts { ladder, state })),
        None => !tier.raise.condition.evaluate(&eyes.world(&Facts { ladder, state })),
    };
}

fn announce(
    policy: &Policy,
    (ladder, state): (&Ladder, &LadderState),
    moved: Move,
    eyes: &Eyes,
    desk: &mut Desk<'_>,
) {
    let facts = Facts { ladder, state };
    let condition = match (moved.from, moved.to) {
        (Some(from), to) if to.is_none_or(|to| to < from) => {
            let tier = &ladder.tiers[from];
            &tier.clear.as_ref().unwrap_or(&tier.raise).condition
        }
        (_, Some(to)) => &ladder.tiers[to].raise.condition,
        (_, None) => return,
    };
    let because = evidence(&condition.tree(&eyes.world(&facts)));
    desk.out.transitions.push(transition(policy, ladder, moved, because, desk));
}

pub(crate) fn transition(
    policy: &Policy,
    ladder: &Ladder,
    moved: Move,
    because: String,
    desk: &Desk<'_>,
) -> Transition {
    let name = |tier: Option<usize>| tier.map(|tier| ladder.tiers[tier].name.clone());
    Transition {
        at: desk.at,
        wall: desk.wall,
        policy: policy.name.clone(),
        ladder: ladder.name.clone(),
        from: name(moved.from),
        to: name(moved.to),
        because,
    }
}

/// On the way up: the entered tier wants its run, tiers jumped over are refused theirs.
fn enter(policy: &Policy, (ladder, state): (&Ladder, &mut LadderState), moved: Move, desk: &mut Desk<'_>) {
    let (Some(to), from) = (moved.to, moved.from) else { return };
    if from.is_some_and(|from| from > to) {
        return;
    }
    for jumped in from.map_or(0, |from| from + 1)..to {
        let tier = &ladder.tiers[jumped];
        match tier.jumped {
            Jumped::Run if !tier.work.is_empty() => state.rungs[jumped].due = Some(Cause::Entry),
            Jumped::Run => {}
            Jumped::Skip => {
                for item in &tier.work {
                    let work = Work::Do(item.action.clone());
                    let verdict = Verdict::Refused(Refusal::JumpedOver);
                    desk.decide(path(policy, ladder, tier), Cause::Entry, work, verdict);
                }
            }
        }
    }
    if !ladder.tiers[to].work.is_empty() {
        state.rungs[to].due = Some(Cause::Entry);
    }
}

/// The active tier wants another run where the last one failed, or where `every` is due.
fn repeat(ladder: &Ladder, state: &mut LadderState, at: Timestamp) {
    let Some(active) = state.active else { return };
    let (needed, since) = (state.needed(), state.since);
    let (tier, rung) = (&ladder.tiers[active], &mut state.rungs[active]);
    if !needed || rung.due.is_some() || rung.run.is_some() || rung.trial.is_some() || tier.work.is_empty() {
        return;
    }
    let passed = at.since(rung.last_run.unwrap_or(since));
    if rung.again && passed >= tier.cooldown {
        rung.again = false;
        rung.due = Some(Cause::Again);
    } else if tier.every.is_some_and(|every| passed >= every.max(tier.cooldown)) {
        rung.due = Some(Cause::Every);
    }
}

fn end_ladder(policy: &Policy, (ladder, state): (&Ladder, &mut LadderState), desk: &mut Desk<'_>) {
    const GONE: &str = "the process has ended";
    for (tier, rung) in ladder.tiers.iter().zip(&mut state.rungs) {
        if let Some((_, kept)) = rung.trial.take() {
            desk.judge(path(policy, ladder, tier), &kept, Outcome::Unknown, GONE.to_owned());
        }
        (rung.run, rung.due, rung.again) = (None, None, false);
    }
    if state.active.is_some() {
        let moved = Move { from: state.active, to: None };
        desk.out.transitions.push(transition(policy, ladder, moved, GONE.to_owned(), desk));
        (state.active, state.since) = (None, desk.at);
    }
}
