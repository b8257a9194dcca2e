//! Each action word, tried: on the child for real, on a given process as far as it does not notice.

use std::path::Path;
use std::time::Duration;

use crate::cli::doctor::finding::{Finding, Section, Verdict};
use crate::cli::doctor::patient::Patient;
use crate::model::action::Word;
use crate::model::chain::chain;
use crate::sys::ability::Ability;
use crate::sys::adopted::Adopted;
use crate::sys::limits::{LimitError, NoFile};
use crate::sys::pidfd::{PidFdError, Signal, Waited};

mod freeze;
mod sockets;

const HERE: Section = Section::Actions;
/// For the child to end by TERM.
const GRACE: Duration = Duration::from_secs(5);

/// Tries every word. `given` is the process the operator named; the child is ended at the end.
pub(super) fn tried(given: Option<&Adopted>, patient: &mut Patient, ability: &Ability) -> Vec<Finding> {
    // The last one ends the child.
    Word::ALL
        .iter()
        .filter(|word| **word != Word::Stop)
        .chain([&Word::Stop])
        .map(|word| one(*word, given, patient, ability))
        .collect()
}

fn one(word: Word, given: Option<&Adopted>, patient: &mut Patient, ability: &Ability) -> Finding {
    let subject = given.unwrap_or(patient.adopted());
    match word {
        Word::Notify => {
            Finding::works(HERE, word.name(), "the log takes it; receivers are those of the agent's file")
                .needed()
        }
        Word::Snapshot => snapshot(subject),
        Word::RaiseNofile => raise(subject),
        Word::DestroySockets => sockets::destroy(given, patient.adopted()),
        Word::ReapDescriptors => sockets::reap(given, patient.adopted(), ability),
        Word::Freeze => freeze::freeze(given, patient.adopted()),
        Word::Run => run(),
        Word::Stop => stop(given, patient),
        Word::ResetPool | Word::ThrottleConnects => Finding::works(
            HERE,
            word.name(),
            "the agent's own pools do it, those of `[proxy.NAME]`: no right is needed",
        ),
        Word::PollStream => Finding::works(
            HERE,
            word.name(),
            "the agent's own streams do it, those of `[proxy.NAME]` with `stream.poll`: no right is needed",
        ),
        Word::PauseTrading => Finding::works(
            HERE,
            word.name(),
            "the order gates of the agent's own proxies do it, and the bot's own hook: no right is needed",
        ),
    }
}

/// The folder of bundles must take a file, and the bundle wants the table of descriptors.
fn snapshot(subject: &Adopted) -> Finding {
    let name = Word::Snapshot.name();
    let folder = crate::cli::load::folders().state;
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let written = tempfile::Builder::new().prefix(".fdguard-doctor-").tempfile_in(there);
    match (written, subject.descriptors().is_listable()) {
        (Err(error), _) => Finding::fails(HERE, name, format!("tried to write in {}", there.display()))
            .because(error.kind().to_string())
            .remedy("`agent.evidence.dir` in the agent's file, or the right to write there")
            .needed(),
        (Ok(_), false) => Finding::partly(HERE, name, format!("wrote in {}", there.display()))
            .because("the bundle lacks the table of descriptors")
            .remedy("the same user as the process, or CAP_SYS_PTRACE")
            .needed(),
        (Ok(_), true) => {
            Finding::works(HERE, name, format!("wrote in {}, read the table", there.display())).needed()
        }
    }
}

/// Sets the limits to what they are.
fn raise(subject: &Adopted) -> Finding {
    let name = Word::RaiseNofile.name();
    let done = NoFile::of(subject.pidfd()).and_then(|limits| limits.set(subject.pidfd()).map(|_| limits));
    match done {
        Ok(limits) if limits.soft >= limits.hard => Finding::partly(
            HERE,
            name,
            format!("set the limits to the same {} and {}", limits.soft, limits.hard),
        )
        .because("soft and hard limit are equal: there is nothing to raise")
        .remedy("a higher hard limit at its start: `LimitNOFILE=1024:65536` in its unit")
        .needed(),
        Ok(limits) => Finding::works(
            HERE,
            name,
            format!("set the limits to the same {} and {}", limits.soft, limits.hard),
        )
        .needed(),
        Err(error @ LimitError::NotPermitted { .. }) => {
            Finding::fails(HERE, name, "tried to set the same limits")
                .because(chain(&error))
                .remedy("the same user as the process, or CAP_SYS_RESOURCE")
                .needed()
        }
        Err(error) => {
            Finding::fails(HERE, name, "tried to set the same limits").because(chain(&error)).needed()
        }
    }
}

/// A hook is a command: our own does.
fn run() -> Finding {
    let name = Word::Run.name();
    let ran = std::process::Command::new("/proc/self/exe").arg("--version").output();
    match ran {
        Ok(output) if output.status.success() => {
            Finding::works(HERE, name, "ran a command and read its output")
        }
        Ok(output) => Finding::fails(HERE, name, "ran a command").because(output.status.to_string()),
        Err(error) => Finding::fails(HERE, name, "tried to run a command").because(error.to_string()),
    }
}

/// Ends the child by TERM; a given process is only asked whether a signal may be sent.
fn stop(given: Option<&Adopted>, patient: &Patient) -> Finding {
    let name = Word::Stop.name();
    if let Some(given) = given
        && let Some(refused) = may_signal(given, name)
    {
        return refused;
    }
    let child = patient.adopted().pidfd();
    let ended = child.signal(Signal::TERM).and_then(|()| child.wait_exit(GRACE));
    let on = if given.is_some() { "may signal it; " } else { "" };
    match ended {
        Ok(Waited::Ended) => Finding::works(HERE, name, format!("{on}ended a child by TERM and saw its end")),
        Ok(Waited::StillRunning) => {
            Finding::fails(HERE, name, "sent TERM to a child").because("it did not end in time")
        }
        Err(error) => Finding::fails(HERE, name, "tried to end a child").because(chain(&error)),
    }
}

/// What stands against signals to a given process; none where they may be sent.
fn may_signal(given: &Adopted, name: &str) -> Option<Finding> {
    let error = given.pidfd().signal(Signal::PROBE).err()?;
    let finding = Finding::fails(HERE, name, "asked whether a signal may be sent").because(chain(&error));
    Some(match error {
        PidFdError::NotPermitted { .. } => finding.remedy("the same user as the process, or CAP_KILL"),
        PidFdError::Gone { .. } | PidFdError::NotOurChild { .. } | PidFdError::Failed { .. } => finding,
    })
}

/// The better half of what was found on the child and on the given process is not told: the worse is.
fn worse(child: Finding, given: Finding) -> Finding {
    let rank = |finding: &Finding| match finding.verdict {
        Verdict::Works => 0,
        Verdict::Partly => 1,
        Verdict::Fails => 2,
    };
    if rank(&child) > rank(&given) { child } else { given }
}
