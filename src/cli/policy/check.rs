//! `policy check`: all faults and doubts of policy and scenario files.

use std::path::PathBuf;

use serde::Serialize;

use super::Form;
use super::files::{self, Source};
use super::test;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::document::Faults;
use crate::model::diagnostic::{Diagnostic, Severity};
use crate::policy::definition::Policy;

/// What a file must not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// Faults.
    NoFaults,
    /// Faults and doubts.
    NoDoubts,
}

#[derive(Serialize)]
struct Checked {
    file: String,
    faults: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    line: usize,
    column: usize,
    #[serde(flatten)]
    diagnostic: Diagnostic,
}

pub(super) fn run(paths: &[PathBuf], wanted: Wanted, form: Form) -> Exit {
    let mut checked = Vec::new();
    let mut exit = Exit::Good;
    for path in paths {
        let Some(source) = Source::read(path) else {
            exit = Exit::Usage;
            continue;
        };
        let (what, faults) = if files::is_tests(path) { scenarios(&source) } else { policy(&source) };
        exit = worse(exit, verdict(&faults, wanted));
        if form == Form::Text {
            source.tell(&faults);
            if verdict(&faults, wanted) == Exit::Good {
                print::out(&format!("{}: {what}\n", source.name()));
            }
        }
        checked.push(of(&source, faults));
    }
    if form == Form::Json {
        print::json(&checked);
    }
    exit
}

fn policy(source: &Source) -> (String, Vec<Diagnostic>) {
    let mut faults = Faults::default();
    let Some(policy) = crate::policy::load(&source.text, &mut faults) else {
        return (String::new(), faults.into_sorted());
    };
    for doubt in crate::policy::lint(&policy, None) {
        faults.push(doubt);
    }
    (described(&policy), faults.into_sorted())
}

fn scenarios(source: &Source) -> (String, Vec<Diagnostic>) {
    match test::script(source) {
        Ok((_, _, script)) => (format!("good: {} scenarios", script.scenarios.len()), Vec::new()),
        Err(faults) => (String::new(), faults),
    }
}

fn described(policy: &Policy) -> String {
    let tiers = policy.ladders.iter().map(|ladder| ladder.tiers.len()).sum();
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        number => format!("{number} {word}s"),
    };
    let (ladders, tiers) = (count(policy.ladders.len(), "ladder"), count(tiers, "tier"));
    format!("good: {ladders}, {tiers}, {}", count(policy.upkeep.len(), "upkeep rule"))
}

fn verdict(faults: &[Diagnostic], wanted: Wanted) -> Exit {
    if faults.iter().any(|fault| fault.severity == Severity::Error) {
        return Exit::Usage;
    }
    match wanted {
        Wanted::NoDoubts if faults.iter().any(|fault| fault.severity == Severity::Warning) => Exit::Finding,
        Wanted::NoDoubts | Wanted::NoFaults => Exit::Good,
    }
}

/// A faulty file outweighs a finding.
pub(super) fn worse(one: Exit, other: Exit) -> Exit {
    if one == Exit::Usage || other == Exit::Usage {
        Exit::Usage
    } else if one == Exit::Good {
        other
    } else {
        one
    }
}

fn of(source: &Source, faults: Vec<Diagnostic>) -> Checked {
    let fault = |diagnostic: Diagnostic| {
        let (line, column) = diagnostic.position(&source.text);
        Fault { line, column, diagnostic }
    };
    Checked { file: source.name(), faults: faults.into_iter().map(fault).collect() }
}
