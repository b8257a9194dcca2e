//! `stop`: hooks, TERM, grace, KILL, confirmed by the pidfd; then what shall follow.
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
use crate::sys::pidfd::{PidFdError, Signal, Waited};

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

/// Ends the process; says how, or why it still runs.
async fn end(kit: &Kit, order: &Order, grace: Duration) -> Result<String, String> {
    let process = &order.subject.process;
    let clock = &kit.settings.clock;
    // A frozen process would take the signal only after the thaw; under a v1 freezer even KILL waits.
    kit.holds.let_go(order.process, &kit.tell, "the process is stopped").await;
    let begun = clock.now();
    if let Ended::Before = send(process, Signal::TERM)? {
        return Ok("it had ended by itself".to_owned());
    }
    // One stopped by job control does not hear TERM before it goes on.
    send(process, Signal::CONT)?;
    if ends_within(process, grace).await? {
        return Ok(format!("ended {} after TERM", format_span(clock.now().since(begun))));
    }
    kit.holds.let_go(order.process, &kit.tell, "the process is killed").await;
    send(process, Signal::KILL)?;
    if ends_within(process, deadline::KILL_TO_END).await? {
        return Ok(format!("ignored TERM for {}, ended by KILL", format_span(grace)));
    }
    Err(format!("still runs {} after KILL", format_span(deadline::KILL_TO_END)))
}

enum Ended {
    Before,
    NotYet,
}

fn send(process: &Adopted, signal: Signal) -> Result<Ended, String> {
    if !process.is_alive() {
        return Ok(Ended::Before);
    }
    match process.pidfd().signal(signal) {
        Ok(()) => Ok(Ended::NotYet),
        Err(PidFdError::Gone { .. }) => Ok(Ended::Before),
        Err(error) => Err(chain(&error)),
    }
}

/// Waits on a thread of its own, since a wait for a pidfd is one for the kernel. It ends by `limit` also where
/// nobody waits for the answer any more.
async fn ends_within(process: &Arc<Adopted>, limit: Duration) -> Result<bool, String> {
    let process = Arc::clone(process);
    let waited = tokio::task::spawn_blocking(move || process.pidfd().wait_exit(limit)).await;
    match waited {
        Ok(Ok(waited)) => Ok(waited == Waited::Ended),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err("could not wait for its end".to_owned()),
    }
}

/// What follows the end, by who starts the process.
async fn follow(kit: &Kit, tenancy: &Tenancy, then: Then) -> (Result<String, String>, Option<Then>) {
    match (tenancy, then) {
        (Tenancy::Child, then) => (Ok(String::new()), Some(then)),
        (Tenancy::Unit(unit), Then::Restart) => (systemctl(kit, "start", unit).await, None),
        // `Restart=` of the unit would bring it back.
        (Tenancy::Unit(unit), Then::Stay) => (systemctl(kit, "stop", unit).await, None),
        (Tenancy::Unit(_), Then::Systemd) => (Ok("systemd decides what follows".to_owned()), None),
        (Tenancy::Stranger, Then::Restart) => {
            (Err("but nobody knows how to start it again: it is neither a child nor a unit".to_owned()), None)
        }
        (Tenancy::Stranger, Then::Stay | Then::Systemd) => (Ok(String::new()), None),
    }
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
