//! What a person asks for.

use super::desk::Desk;
use super::process::Standing;
use super::{Engine, HumanHold};
use crate::model::action::{Action, Hold};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{Cause, DryRun, Evaluation, Refusal, Verdict, Work};
use crate::model::process::ProcessId;
use crate::policy::holds::{Taken, by_hand};
use crate::policy::means::Lack;
use crate::policy::run::is_main;

/// What a person asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Open a latch and give its budget back.
    Release {
        /// The tier, `policy/ladder/tier`; none is every latched tier of the target.
        rule: Option<String>,
    },
    /// Begin nothing that the bot can notice.
    HumanHold,
    /// Let the policies rule again.
    HumanResume,
    /// Do this once.
    Do(Action),
    /// Keep this up until it is undone by [`Command::Undo`].
    Take(Hold),
    /// Undo what a person has taken on the same object. What a policy wants stays.
    Undo(Hold),
}

/// Why a command can't be followed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandError {
    /// The command is about one process, and there is no such process.
    #[error("no such process is guarded")]
    NoProcess,
    /// No tier of that path.
    #[error("no tier `{0}` in the live policies; a tier is written policy/ladder/tier")]
    NoRule(String),
    /// Nothing waits for a release.
    #[error("nothing is latched")]
    NotLatched,
    /// A person has not taken such a hold.
    #[error("no such hold was taken by hand")]
    NotTaken,
}

impl Engine {
    /// Follows a command. Actions and holds by hand go through the same gates as those of policies, save
    /// the guards, graces and budgets of tiers: a person has decided; a refusal is a decision too.
    pub fn command(
        &mut self,
        process: Option<&ProcessId>,
        command: Command,
        at: Timestamp,
        wall: WallTime,
    ) -> Result<Evaluation, CommandError> {
        match command {
            Command::Release { rule: Some(rule) } => {
                self.account_mut(&rule).ok_or(CommandError::NoRule(rule))?.release();
                Ok(Evaluation::default())
            }
            Command::Release { rule: None } => self.release_all(),
            Command::HumanHold => Ok(self.hold(HumanHold::On)),
            Command::HumanResume => Ok(self.hold(HumanHold::Off)),
            Command::Do(action) => self.by_hand(process, (at, wall), |desk, _| begin(&action, desk)),
            Command::Take(hold) => self.by_hand(process, (at, wall), |desk, taken| take(hold, taken, desk)),
            Command::Undo(hold) => {
                let process = process.ok_or(CommandError::NoProcess)?;
                let state = self.processes.get_mut(process).ok_or(CommandError::NoProcess)?;
                let before = state.holds.by_hand.len();
                state.holds.by_hand.retain(|taken| taken.hold.object() != hold.object());
                if state.holds.by_hand.len() == before {
                    return Err(CommandError::NotTaken);
                }
                self.by_hand(Some(process), (at, wall), |_, _| ())
            }
        }
    }

    fn release_all(&mut self) -> Result<Evaluation, CommandError> {
        let accounts = self.books.iter_mut().flat_map(|book| &mut book.accounts).flatten();
        let mut found = Err(CommandError::NotLatched);
        for account in accounts.filter(|account| account.latched) {
            account.release();
            found = Ok(Evaluation::default());
        }
        found
    }

    fn hold(&mut self, hold: HumanHold) -> Evaluation {
        self.target.hold = hold;
        for state in self.processes.values_mut() {
            state.holds.recheck();
        }
        Evaluation::default()
    }

    fn by_hand(
        &mut self,
        process: Option<&ProcessId>,
        now: (Timestamp, WallTime),
        act: impl FnOnce(&mut Desk<'_>, &mut Vec<Taken>),
    ) -> Result<Evaluation, CommandError> {
        let Self { books, means, target, processes, .. } = self;
        let process = process.ok_or(CommandError::NoProcess)?;
        let state = processes.get_mut(process).ok_or(CommandError::NoProcess)?;
        if state.standing == Standing::Gone {
            return Err(CommandError::NoProcess);
        }
        let mut desk = Desk::new(means, target, *process, now);
        // What is over by now ends first, so that the same freeze can be taken anew.
        state.holds.reconcile(books, &state.ladders, &state.eyes, &mut desk);
        act(&mut desk, &mut state.holds.by_hand);
        state.holds.recheck();
        state.holds.reconcile(books, &state.ladders, &state.eyes, &mut desk);
        Ok(desk.out)
    }
}

fn refusal(lack: Lack) -> Refusal {
    match lack {
        Lack::NotAllowed => Refusal::NotAllowed,
        Lack::Unavailable(why) => Refusal::Unavailable { why },
    }
}

fn begin(action: &Action, desk: &mut Desk<'_>) {
    let word = action.word();
    let flight = desk.flight().filter(|_| is_main(word));
    let verdict = match (desk.means.permit(action), flight) {
        (Err(lack), _) => Verdict::Refused(refusal(lack)),
        (Ok(()), Some(flight)) => Verdict::Refused(Refusal::InFlight { action: flight.word }),
        (Ok(()), None) if desk.agent_dry().0 => Verdict::DryRun(DryRun::Agent),
        (Ok(()), None) => Verdict::Start,
    };
    let starts = verdict == Verdict::Start;
    let id = desk.decide(by_hand(), Cause::Command, Work::Do(action.clone()), verdict);
    if starts && is_main(word) {
        desk.take_off(id, action);
    }
}

fn take(hold: Hold, taken: &mut Vec<Taken>, desk: &mut Desk<'_>) {
    let verdict = match desk.means.permit_hold(&hold) {
        Err(lack) => Verdict::Refused(refusal(lack)),
        Ok(()) if desk.agent_dry().0 => Verdict::DryRun(DryRun::Agent),
        Ok(()) => {
            // Taking again what is kept does not make it longer.
            if taken.iter().all(|other| other.hold != hold) {
                taken.retain(|other| other.hold.object() != hold.object());
                taken.push(Taken { hold, since: desk.at });
            }
            return;
        }
    };
    desk.decide(by_hand(), Cause::Command, Work::Take(hold), verdict);
}
