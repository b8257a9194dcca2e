//! `fdguard inspect`: one report of a live process, without any agent and without touching the process.

mod blind;
mod draw;
mod look;
mod report;
mod suspects;

use std::sync::Arc;
use std::time::Duration;

use crate::cli::args::InspectArgs;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::model::chain::chain;
use crate::sys::ability::Ability;
use crate::sys::adopted::{AdoptError, Adopted};
use crate::sys::proc_root::ProcRoot;

pub(super) use report::{RemoteRow, Report};

/// Looks and reports. [`Exit::Finding`] where something is suspicious.
pub(super) fn run(args: &InspectArgs) -> Exit {
    let process = match adopt(&ProcRoot::default(), args.pid) {
        Ok(process) => process,
        Err(why) => {
            print::complain(&why);
            return Exit::Usage;
        }
    };
    let report = report(&process, args.length);
    if args.json {
        print::json(&report);
    } else {
        draw::page(&report).print();
    }
    if report.suspects.is_empty() { Exit::Good } else { Exit::Finding }
}

/// Takes hold of a process, or tells why that can't be.
pub(super) fn adopt(root: &ProcRoot, pid: u32) -> Result<Arc<Adopted>, String> {
    Adopted::open(root, pid).map(Arc::new).map_err(|error| refusal(pid, &error))
}

/// Looks for so long and draws up the report.
pub(super) fn report(process: &Arc<Adopted>, length: Duration) -> Report {
    Report::of(&look::look(process, length), &Ability::read(&ProcRoot::default()))
}

fn refusal(pid: u32, error: &AdoptError) -> String {
    match error {
        AdoptError::Gone { .. } => {
            let hint = if crate::cli::doctor::hides_others() {
                "; /proc is mounted with hidepid, which hides other users' processes"
            } else {
                ""
            };
            format!("no process {pid}{hint}")
        }
        AdoptError::Thread { .. } => {
            format!("{}; `Tgid:` in /proc/{pid}/status names its process", chain(error))
        }
        AdoptError::ForeignProc { .. } | AdoptError::Hold { .. } | AdoptError::Read { .. } => chain(error),
    }
}
