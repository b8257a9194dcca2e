//! `stop`: hooks, TERM, grace, KILL, confirmed by the pidfd; then what shall follow. Where a person stops a target of
//! several processes, hooks and what follows come once, and all processes end side by side.
//!
//! ```text
//! hooks (a failure is noted, no more) ─► thaw ─► TERM ─► ends within grace ─────────► after
//!                                                  └► grace over ─► KILL ─► ends ──► after
//!                                                                     └► still runs: failed
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::model::action::Then;
use crate::model::decision::Done;
use crate::model::name::Name;
use crate::model::units::format_span;
use crate::sys::adopted::Adopted;
use crate::sys::pidfd::{PidFdError, Signal, Waited, wait_all};

use super::dispatch::Carried;
use super::kit::Kit;
use super::order::{Order, Tenancy};
use super::run;
use crate::call::capture::{self, Command};
use crate::model::chain::chain;
use crate::model::deadline;

/// Stops the process; see the module. Evidence is an action of its own.
pub(super) async fn stop(
    kit: &Kit,
    order: &Order,
    (before, grace, then): (&[Name], Duration, Then),
) -> Carried {
    let mut said = Vec::new();
    for hook in before {
        match run::run(kit, order, hook).await {
            Ok(done) => said.push(done.summary),
            Err(why) => said.push(format!("failed: {why}")),
        }
    }
    match end(kit, order, grace).await {
        Ok(how) => said.push(how),
        Err(why) => {
            said.push(why);
            return Err(said.join("; ")).into();
        }
    }
    let (followed, restart) = follow(kit, &order.subject.tenancy, then).await;
    let ended_well = followed.is_ok();
    said.extend(Some(followed.unwrap_or_else(|why| why)).filter(|line| !line.is_empty()));
    let summary = said.join("; ");
    Carried { result: if ended_well { Ok(Done { summary }) } else { Err(summary) }, restart }
}

/// Ends the process, and its fellows side by side; says how, or why one still runs.
async fn end(kit: &Kit, order: &Order, grace: Duration) -> Result<String, String> {
    let clock = &kit.settings.clock;
    let mut running: Vec<Arc<Adopted>> =
        [&order.subject.process].into_iter().chain(&order.fellows).cloned().collect();
    let mut tally = Tally { all: running.len(), ..Tally::default() };
    // A frozen process would take the signal only after the thaw; under a v1 freezer even KILL waits.
    let_go(kit, &running, "the process is stopped").await;
    let begun = clock.now();
    tally.before = send(&mut running, Signal::TERM, &mut tally.refused);
    for process in &running {
        // One stopped by job control does not hear TERM before it goes on; one that has heard it may be gone.
        let _gone = process.pidfd().signal(Signal::CONT);
    }
    tally.by_term = wait(&mut running, grace).await?;
    tally.took = clock.now().since(begun);
    if !running.is_empty() {
        let_go(kit, &running, "the process is killed").await;
        tally.by_term += send(&mut running, Signal::KILL, &mut tally.refused);
        tally.by_kill = wait(&mut running, deadline::KILL_TO_END).await?;
    }
    tally.left = running.len();
    tally.said(grace)
}

/// How many ended, and by what.
#[derive(Debug, Default)]
struct Tally {
    all: usize,
    before: usize,
    by_term: usize,
    by_kill: usize,
    left: usize,
    /// Why signals were not sent, where the kernel said so.
    refused: Vec<String>,
    /// Until the last of those ended that heard TERM, or until the grace was over.
    took: Duration,
}

impl Tally {
    fn said(self, grace: Duration) -> Result<String, String> {
        let (took, grace, last) =
            (format_span(self.took), format_span(grace), format_span(deadline::KILL_TO_END));
        if let Some(why) = self.refused.into_iter().next() {
            return Err(why);
        }
        if self.all == 1 {
            return match (self.before, self.by_term, self.by_kill) {
                (1.., _, _) => Ok("it had ended by itself".to_owned()),
                (_, 1.., _) => Ok(format!("ended {took} after TERM")),
                (_, _, 1..) => Ok(format!("ignored TERM for {grace}, ended by KILL")),
                (0, 0, 0) => Err(format!("still runs {last} after KILL")),
            };
        }
        let parts = [
            (self.before, "had ended by themselves".to_owned()),
            (self.by_term, "ended after TERM".to_owned()),
            (self.by_kill, format!("ignored it for {grace} and were ended by KILL")),
            (self.left, format!("still run {last} after KILL")),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let said: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        let said = format!("of {} processes {}", self.all, said.join(", "));
        if self.left == 0 { Ok(said) } else { Err(said) }
    }
}

async fn let_go(kit: &Kit, processes: &[Arc<Adopted>], why: &str) {
    for process in processes {
        kit.holds.let_go(process.id(), &kit.tell, why).await;
    }
}

/// Sends a signal to each, and keeps those that got it; how many had ended before. Why the kernel refuses one is
/// noted, and keeps the signal from no other.
fn send(running: &mut Vec<Arc<Adopted>>, signal: Signal, refused: &mut Vec<String>) -> usize {
    let (before, refused_before) = (running.len(), refused.len());
    running.retain(|process| {
        process.is_alive()
            && match process.pidfd().signal(signal) {
                Ok(()) => true,
                Err(PidFdError::Gone { .. }) => false,
                Err(error) => {
                    refused.push(chain(&error));
                    false
                }
            }
    });
    before - running.len() - (refused.len() - refused_before)
}

/// Waits until all have ended, at most so long; keeps those that have not, and says how many have.
///
/// On a thread of its own, since a wait for a pidfd is one for the kernel. It ends by `limit` also where nobody
/// waits for the answer any more.
async fn wait(running: &mut Vec<Arc<Adopted>>, limit: Duration) -> Result<usize, String> {
    let before = running.len();
    let processes = std::mem::take(running);
    let waited = tokio::task::spawn_blocking(move || {
        let pidfds: Vec<_> = processes.iter().map(|process| process.pidfd()).collect();
        let waited = wait_all(&pidfds, limit);
        let both = processes.iter().zip(waited);
        both.filter(|(_, waited)| *waited == Waited::StillRunning)
            .map(|(process, _)| Arc::clone(process))
            .collect::<Vec<_>>()
    });
    *running = waited.await.map_err(|_| "could not wait for its end".to_owned())?;
    Ok(before - running.len())
}

/// What follows the end, by who starts the process.
async fn follow(kit: &Kit, tenancy: &Tenancy, then: Then) -> (Result<String, String>, Option<Then>) {
    match (tenancy, then) {
        (Tenancy::Child, then) => (Ok(String::new()), Some(then)),
        (Tenancy::Unit(unit), Then::Restart) => (start(kit, unit).await, None),
        // `Restart=` of the unit would bring it back.
        (Tenancy::Unit(unit), Then::Stay) => (systemctl(kit, "stop", unit).await, None),
        (Tenancy::Unit(_), Then::Systemd) => (Ok("systemd decides what follows".to_owned()), None),
        (Tenancy::Stranger, Then::Restart) => {
            (Err("but nobody knows how to start it again: it is neither a child nor a unit".to_owned()), None)
        }
        (Tenancy::Stranger, Then::Stay | Then::Systemd) => (Ok(String::new()), None),
    }
}

/// A start of a unit that is active does nothing, and that is said. It is asked for all the same: systemd may not have
/// seen yet that the unit is not.
async fn start(kit: &Kit, unit: &str) -> Result<String, String> {
    let was_active = systemctl(kit, "is-active", unit).await.is_ok();
    let done = systemctl(kit, "start", unit).await?;
    let note = "; it was active: systemd had started it again, or other processes of it go on";
    Ok(done + if was_active { note } else { "" })
}

async fn systemctl(kit: &Kit, verb: &str, unit: &str) -> Result<String, String> {
    let program = kit.settings.systemctl.to_string_lossy().into_owned();
    let argv = [program, verb.to_owned(), "--".to_owned(), unit.to_owned()];
    let command = Command {
        argv: &argv,
        environment: &[],
        user: None,
        input: Vec::new(),
        timeout: deadline::SYSTEMCTL,
    };
    let ran =
        capture::run(command).await.map_err(|error| format!("systemctl {verb} {unit}: {}", chain(&error)))?;
    if ran.ended.success() {
        return Ok(format!("systemctl {verb} {unit} done"));
    }
    let said = kit.redactor.text(&ran.output.text());
    Err(format!("systemctl {verb} {unit}: {}; it said: {said}", ran.ended))
}
