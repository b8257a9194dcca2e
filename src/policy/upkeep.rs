//! What is done by the clock: each rule every so often, first after one full period under watch.
//!
//! A rule whose actions serve the whole target (a pool, a hook, a notice) has one clock for all processes of
//! it; any other has one for each process. Neither start grace nor guards apply; `allow`, a person's hold and
//! the one action in flight do. A run that has to wait takes the place of the next one: they never pile up.

use std::time::Duration;

use crate::model::action::Effect;
use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, Verdict, Work};
use crate::policy::definition::{Item, Policy, Upkeep};
use crate::policy::engine::HumanHold;
use crate::policy::engine::Role;
use crate::policy::engine::book::{dry_run, is_shared, upkeep_path};
use crate::policy::engine::desk::Desk;
use crate::policy::leave::needs_leave;
use crate::policy::run::{Bar, Particulars, Run, is_main};

/// One upkeep rule of one process.
#[derive(Clone, Debug)]
pub(crate) struct UpkeepState {
    pub(crate) last: Timestamp,
    pub(crate) run: Option<Run>,
}

impl UpkeepState {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { last: at, run: None }
    }

    /// Begins a run where one is due, and carries on the one there is. `shared` is the clock of the target.
    pub(crate) fn step(
        &mut self,
        policy: (&Policy, Role),
        rule: &Upkeep,
        shared: &mut Option<Timestamp>,
        desk: &mut Desk<'_>,
    ) {
        if self.run.is_none() {
            let last = if is_shared(rule) { *shared.get_or_insert(self.last) } else { self.last };
            if desk.at.since(last) < rule.every {
                return;
            }
            self.last = desk.at;
            *shared = Some(desk.at);
            self.run = Some(Run::new(Cause::Upkeep));
        }
        if let Some(mut run) = self.run.take()
            && !carry(&mut run, policy, rule, desk)
        {
            self.run = Some(run);
        }
    }
}

/// Whether the run has come to its end.
fn carry(run: &mut Run, policy: (&Policy, Role), rule: &Upkeep, desk: &mut Desk<'_>) -> bool {
    while run.waiting.is_none() {
        let Some(item) = rule.work.get(run.next).filter(|_| !run.abandoned) else { return true };
        match gate(policy, item, desk) {
            Ok(()) => begin(run, policy, item, desk),
            Err(bar) => {
                let for_good = matches!(bar, Bar::Lack(_));
                if run.says(&bar) {
                    let nothing = Particulars { guard: "", quota: None, budget_left: Duration::ZERO };
                    let verdict = Verdict::Refused(bar.refusal(&nothing));
                    let work = Work::Do(item.action.clone());
                    desk.decide(upkeep_path(policy.0), run.cause, work, verdict);
                }
                if !for_good {
                    return false;
                }
                run.advance();
            }
        }
    }
    false
}

fn gate((policy, role): (&Policy, Role), item: &Item, desk: &mut Desk<'_>) -> Result<(), Bar> {
    desk.means.permit(&item.action).map_err(Bar::Lack)?;
    let word = item.action.word();
    if word.effect() != Effect::None && desk.human_hold() == HumanHold::On {
        return Err(Bar::HumanHold);
    }
    let real = dry_run(role, policy, item.mode, desk.agent_dry()).is_none();
    match desk.flight() {
        Some(flight) if real && is_main(word) => Err(Bar::InFlight(flight.word)),
        None if real && needs_leave(word) && desk.lacks_leave() => Err(Bar::Fleet),
        Some(_) | None => Ok(()),
    }
}

fn begin(run: &mut Run, (policy, role): (&Policy, Role), item: &Item, desk: &mut Desk<'_>) {
    let dry = dry_run(role, policy, item.mode, desk.agent_dry());
    let verdict = dry.map_or(Verdict::Start, Verdict::DryRun);
    let id = desk.decide(upkeep_path(policy), run.cause, Work::Do(item.action.clone()), verdict);
    let word = item.action.word();
    if is_main(word) && dry.is_none() {
        run.waiting = Some(id);
        desk.take_off(id, &item.action);
    }
    run.advance();
}
