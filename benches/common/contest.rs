//! A proxy against others that do the same work: who they are, how they are set and started, and what comes of a cell.

#![allow(clippy::print_stderr, reason = "a bench tells what went wrong")]

pub(crate) mod lab;
pub(crate) mod peers;
pub(crate) mod subject;
pub(crate) mod table;

use std::process::ExitCode;

use crate::common::contest::lab::Lab;
use crate::common::{Args, Attempt, Report, victim};

/// Opens the place of measuring, has it run there, and tells what came out.
pub(crate) fn hold(
    name: &'static str,
    question: &str,
    run: fn(&Lab, Args, &mut Report) -> Attempt<()>,
) -> ExitCode {
    victim::lift_limit();
    let args = Args::read();
    let mut report = Report::begin(name, question, args);
    let lab = match Lab::open() {
        Ok(lab) => lab,
        Err(error) => {
            report.lack("everything", &error.to_string());
            return report.end();
        }
    };
    match run(&lab, args, &mut report) {
        Ok(()) => report.end(),
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether a cell is to be measured: all are unless a part of the names is given (`-- --only=PART`).
pub(crate) fn chosen(cell: &str) -> bool {
    let words = std::env::args();
    let mut parts = words.filter_map(|word| word.strip_prefix("--only=").map(str::to_owned)).peekable();
    parts.peek().is_none() || parts.any(|part| cell.contains(&part))
}
