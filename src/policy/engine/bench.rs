//! Carries the runs of one tier of one process: gates each item, starts it, judges the run.

use std::time::Duration;

use crate::model::action::Effect;
use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, Failure, Outcome, RulePath, Verdict, Work};
use crate::model::signal::Signal;
use crate::policy::budget::Account;
use crate::policy::definition::{Item, Ladder, Latch, Mode, Policy, Tier};
use crate::policy::engine::HumanHold;
use crate::policy::engine::book::{Role, dry_run, path};
use crate::policy::engine::desk::Desk;
use crate::policy::engine::process::Eyes;
use crate::policy::expectation::Trial;
use crate::policy::explain::evidence;
use crate::policy::ladder::{Facts, LadderState};
use crate::policy::leave::needs_leave;
use crate::policy::run::{Bar, Kept, Particulars, Progress, Run, is_main, mode_of};
use crate::policy::truth::Truth;
use crate::policy::world::World;

/// One tier of one process, with all that its run looks at and changes.
pub(crate) struct Bench<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) role: Role,
    pub(crate) ladder: &'a Ladder,
    pub(crate) tier: usize,
    pub(crate) account: &'a mut Account,
    pub(crate) state: &'a mut LadderState,
    pub(crate) eyes: &'a Eyes,
}

/// Whether an item of a run still has a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pertinence {
    Goes,
    Waits,
    Over,
}

impl Bench<'_> {
    fn definition(&self) -> &Tier {
        &self.ladder.tiers[self.tier]
    }

    fn path(&self) -> RulePath {
        path(self.policy, self.ladder, self.definition())
    }

    /// Carries the run, if there is one, as far as it goes now.
    pub(crate) fn carry(&mut self, desk: &mut Desk<'_>) {
        let Some(mut run) = self.state.rungs[self.tier].run.take() else { return };
        if self.advance(&mut run, desk) {
            self.finish(run, desk);
        } else {
            self.state.rungs[self.tier].run = Some(run);
        }
    }

    /// Whether the run has come to its end.
    fn advance(&mut self, run: &mut Run, desk: &mut Desk<'_>) -> bool {
        let tiers = self.ladder;
        let work = &tiers.tiers[self.tier].work;
        loop {
            if run.waiting.is_some() {
                return false;
            }
            let Some(item) = work.get(run.next).filter(|_| !run.abandoned) else { return true };
            match self.pertinence(run, item, desk) {
                Pertinence::Goes => {}
                Pertinence::Waits => return false,
                Pertinence::Over => return true,
            }
            match self.gate(run, item, desk) {
                Ok(()) => self.begin(run, item, desk),
                Err(bar) => {
                    self.tell(run, item, &bar, desk);
                    if !matches!(bar, Bar::Lack(_)) {
                        run.blocked = Some(bar);
                        return false;
                    }
                    run.advance();
                }
            }
        }
    }

    /// Whether the next item still has a point. Nothing that the bot can notice is begun while the tier is
    /// not known to be needed; a run that has begun and sees the tier clear is over. Nor is a main action begun on
    /// a look from before the end of the last one: it may no longer be needed, and would be told effective for
    /// what the other did.
    fn pertinence(&self, run: &Run, item: &Item, desk: &Desk<'_>) -> Pertinence {
        let word = item.action.word();
        let noticed = word.effect() != Effect::None;
        if is_main(word) && run.main.is_none() && desk.is_outdated(self.eyes.seen.at) {
            Pertinence::Waits
        } else if self.state.needed() || (run.has_begun() && !noticed) {
            Pertinence::Goes
        } else if run.has_begun() && self.state.clear.holds() {
            Pertinence::Over
        } else {
            Pertinence::Waits
        }
    }

    fn gate(&mut self, run: &mut Run, item: &Item, desk: &mut Desk<'_>) -> Result<(), Bar> {
        desk.means.permit(&item.action).map_err(Bar::Lack)?;
        let word = item.action.word();
        let noticed = word.effect() != Effect::None;
        if noticed && desk.human_hold() == HumanHold::On {
            return Err(Bar::HumanHold);
        }
        if !run.has_begun() || run.is_charged_by(item, &self.definition().work) {
            self.gate_account(run, desk)?;
        }
        if noticed {
            self.gate_age(desk)?;
            self.gate_guard(run)?;
        }
        let real = dry_run(self.role, self.policy, item.mode, desk.agent_dry()).is_none();
        match desk.flight() {
            Some(flight) if real && is_main(word) => Err(Bar::InFlight(flight.word)),
            None if real && needs_leave(word) && desk.lacks_leave() => Err(Bar::Fleet),
            Some(_) | None => Ok(()),
        }
    }

    fn gate_account(&mut self, run: &Run, desk: &mut Desk<'_>) -> Result<(), Bar> {
        if self.account.latched {
            return Err(Bar::Latched);
        }
        let tier = self.definition();
        if let Some(last) = self.state.rungs[self.tier].last_run.filter(|_| !run.has_begun()) {
            let left = tier.cooldown.saturating_sub(desk.at.since(last));
            if !left.is_zero() {
                return Err(Bar::Cooldown { left });
            }
        }
        let (mode, latch) = (self.mode(desk), tier.latch);
        match tier.budget {
            Some(quota) if self.account.used(quota, mode, desk.at) >= quota.count => {
                if latch == Some(Latch::Human) && mode == Mode::Real {
                    self.account.latched = true;
                    let path = self.path();
                    desk.out.latched.push(path);
                    return Err(Bar::Latched);
                }
                Err(Bar::Budget)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn gate_age(&self, desk: &Desk<'_>) -> Result<(), Bar> {
        let left = self.ladder.start_grace.saturating_sub(self.eyes.age(desk.at));
        if left.is_zero() { Ok(()) } else { Err(Bar::StartGrace { left }) }
    }

    fn gate_guard(&self, run: &mut Run) -> Result<(), Bar> {
        let Some(guard) = &self.definition().guard else { return Ok(()) };
        let watched = self.eyes.pace.watched();
        run.held_since.get_or_insert(watched);
        let held = run.held(watched);
        let facts = Facts { ladder: self.ladder, state: self.state };
        match guard.condition.evaluate(&World { waited: Some(held), ..self.eyes.world(&facts) }) {
            Truth::True => Ok(()),
            Truth::False => Err(Bar::Guard { unknown: None, held }),
            Truth::Unknown(gap) => Err(Bar::Guard { unknown: Some(gap), held }),
        }
    }

    /// Whether a run of this tier is done or told, as its budget sees it.
    fn mode(&self, desk: &Desk<'_>) -> Mode {
        let item = mode_of(&self.definition().work);
        match dry_run(self.role, self.policy, item, desk.agent_dry()) {
            Some(_) => Mode::Dry,
            None => Mode::Real,
        }
    }

    fn begin(&mut self, run: &mut Run, item: &Item, desk: &mut Desk<'_>) {
        let dry = dry_run(self.role, self.policy, item.mode, desk.agent_dry());
        let verdict = dry.map_or(Verdict::Start, Verdict::DryRun);
        let first = !run.has_begun();
        let id = desk.decide(self.path(), run.cause, Work::Do(item.action.clone()), verdict);
        let word = item.action.word();
        if run.is_charged_by(item, &self.definition().work) {
            run.progress = Progress::Paid;
            let (budget, mode) = (self.definition().budget, self.mode(desk));
            self.account.charge(budget, mode, (desk.at, desk.wall));
        }
        if first || is_main(word) {
            self.state.rungs[self.tier].last_run = Some(desk.at);
        }
        if run.progress == Progress::Wanted {
            run.progress = Progress::Begun;
        }
        if is_main(word) && dry.is_none() {
            self.supersede(desk);
            let before = || Box::new(self.eyes.seen.clone());
            let cause = run.cause;
            run.main.get_or_insert_with(|| Kept { decision: id, word, cause, before: before() });
            run.waiting = Some(id);
            desk.take_off(id, &item.action);
        }
        run.advance();
    }

    fn tell(&self, run: &mut Run, item: &Item, bar: &Bar, desk: &mut Desk<'_>) {
        if !run.says(bar) {
            return;
        }
        let particulars = particulars(self.definition(), self.account, self.mode(desk), desk.at);
        let refusal = bar.clone().refusal(&particulars);
        desk.decide(self.path(), run.cause, Work::Do(item.action.clone()), Verdict::Refused(refusal));
    }

    /// A new action begins while others are still on trial, of this tier or of another: nobody can tell any more
    /// which of them helped. Least of all may the milder one be told effective for what the harder one does.
    fn supersede(&mut self, desk: &mut Desk<'_>) {
        for (tier, rung) in self.ladder.tiers.iter().zip(&mut self.state.rungs) {
            if let Some((_, kept)) = rung.trial.take() {
                let because = "another run began before it could be told".to_owned();
                desk.judge(path(self.policy, self.ladder, tier), &kept, Outcome::Unknown, because);
            }
        }
    }

    fn finish(&mut self, run: Run, desk: &mut Desk<'_>) {
        if run.progress == Progress::Begun {
            let (budget, mode) = (self.definition().budget, self.mode(desk));
            self.account.charge(budget, mode, (desk.at, desk.wall));
        }
        let Some(kept) = run.main else { return };
        match run.failed {
            Some(Failure::Failed(why)) => {
                self.settle(&kept, Outcome::Ineffective, format!("the action failed: {why}"), desk);
            }
            Some(Failure::GivenUp(why)) => {
                self.settle(&kept, Outcome::Unknown, why, desk);
                // Nobody has seen that it does not help: it is wanted as before.
                self.state.rungs[self.tier].again = self.state.active == Some(self.tier);
            }
            None => {
                if let Some(expect) = &self.definition().expect {
                    let trial = Trial::new(&expect.that.condition, expect.within, desk.at);
                    self.state.rungs[self.tier].trial = Some((trial, kept));
                }
            }
        }
    }

    /// Ends a run of which nothing more is begun, where nothing of it is under way.
    pub(crate) fn conclude(&mut self, desk: &mut Desk<'_>) {
        let ended = |run: &mut Run| run.abandoned && run.waiting.is_none();
        if let Some(run) = self.state.rungs[self.tier].run.take_if(ended) {
            self.finish(run, desk);
        }
    }

    /// Judges the run on trial, if there is one, on what is seen now.
    pub(crate) fn judge(&mut self, desk: &mut Desk<'_>) {
        let Some((mut trial, kept)) = self.state.rungs[self.tier].trial.take() else { return };
        let ladder = self.ladder;
        let Some(expect) = &ladder.tiers[self.tier].expect else { return };
        let facts = Facts { ladder, state: self.state };
        let world = World { before: Some(&kept.before), ..self.eyes.world(&facts) };
        let truth = expect.that.condition.evaluate(&world);
        let Some(outcome) = trial.look(&self.eyes.seen, truth) else {
            self.state.rungs[self.tier].trial = Some((trial, kept));
            return;
        };
        let because = evidence(&expect.that.condition.tree(&world));
        self.settle(&kept, outcome, because, desk);
    }

    fn settle(&mut self, kept: &Kept, outcome: Outcome, because: String, desk: &mut Desk<'_>) {
        let active = self.state.active;
        let rung = &mut self.state.rungs[self.tier];
        match outcome {
            Outcome::Effective => (rung.ineffective, rung.again) = (0, false),
            // A repeat that finds nothing more to give back is no failure while nobody would raise the tier now.
            Outcome::Ineffective if kept.cause == Cause::Every && !rung.raise.is_some_and(Truth::holds) => {
                rung.again = false;
            }
            Outcome::Ineffective => {
                rung.again = active == Some(self.tier);
                if active.is_some_and(|active| active >= self.tier) {
                    rung.ineffective = rung.ineffective.saturating_add(1);
                }
            }
            Outcome::Unknown => rung.again = false,
        }
        desk.judge(self.path(), kept, outcome, because);
    }
}

/// What a refusal of this tier says beyond its bar.
pub(crate) fn particulars<'t>(
    tier: &'t Tier,
    account: &Account,
    mode: Mode,
    at: Timestamp,
) -> Particulars<'t> {
    let spent = tier.budget.and_then(|quota| account.check(quota, mode, at).err());
    Particulars {
        guard: tier.guard.as_ref().map_or("", |guard| guard.condition.source()),
        quota: tier.budget,
        budget_left: spent.unwrap_or(Duration::ZERO),
    }
}

impl Eyes {
    /// The age of the process; from first sight where the kernel does not tell.
    pub(crate) fn age(&self, at: Timestamp) -> Duration {
        match self.seen.plain(Signal::ProcessUptime).known() {
            Some(seconds) if seconds.is_finite() && seconds >= 0.0 => {
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
            Some(_) | None => at.since(self.first),
        }
    }

    /// What conditions look at, without `before` and `waited`.
    pub(crate) fn world<'a>(&'a self, tiers: &'a dyn crate::policy::world::TierFacts) -> World<'a> {
        World { now: &self.seen, windows: &self.windows, tiers, before: None, waited: None }
    }
}
