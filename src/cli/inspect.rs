//! `fdguard inspect`: one report of a live process, without any agent and without touching the process.

mod blind;
mod draw;
mod look;
mod report;
mod suspects;

use std::sync::Arc;

use crate::cli::args::InspectArgs;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::model::chain::chain;
use crate::sys::ability::Ability;
use crate::sys::adopted::{AdoptError, Adopted};
use crate::sys::proc_root::ProcRoot;

use report::Report;

/// Looks and reports. [`Exit::Finding`] where something is suspicious.
pub(super) fn run(args: &InspectArgs) -> Exit {
    let root = ProcRoot::default();
    let process = match Adopted::open(&root, args.pid) {
        Ok(process) => Arc::new(process),
        Err(error) => {
            print::complain(&refusal(args.pid, &error));
            return Exit::Usage;
        }
    };
    let seen = look::look(&process, args.length);
    let report = Report::of(&seen, &Ability::read(&root));
    if args.json {
        print::json(&report);
    } else {
        draw::page(&report).print();
    }
    if report.suspects.is_empty() { Exit::Good } else { Exit::Finding }
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
