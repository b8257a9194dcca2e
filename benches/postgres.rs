//! What does a transaction through fdguard's pool cost, against PgBouncer in the same run?
//!
//! Budgets: CPU of the pooler per transaction at most 0.90 of PgBouncer's as long as there are no more clients than
//! server connections, 0.75 beyond; large results and COPY at most 1.0 of it; 50 µs of CPU per login; 2 kB of memory
//! per idle client. How it is measured, and how to get a newer PgBouncer than Debian's: `benches/README.md`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench tells what it measured")]

mod common;

mod postgres {
    pub(crate) mod cell;
    pub(crate) mod client;
    pub(crate) mod fdguard;
    pub(crate) mod lab;
    pub(crate) mod load;
    pub(crate) mod options;
    pub(crate) mod outcome;
    pub(crate) mod pgbouncer;
    pub(crate) mod server;
    pub(crate) mod session;
    pub(crate) mod subject;
    pub(crate) mod verdict;
}

use std::process::ExitCode;

use common::{Args, Report, victim};
use postgres::lab::{Lab, Missing};
use postgres::options::Options;
use postgres::session::Session;

/// As a shell reports a program that ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    victim::lift_limit();
    let args = Args::read();
    let options = match Options::read(args) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("postgres: {error}");
            return ExitCode::from(2);
        }
    };
    let question = "what does a transaction through the pool cost the pooler, against PgBouncer?";
    let mut report = Report::begin("postgres", question, args);
    let lab = match Lab::find(&options) {
        Ok(lab) => lab,
        Err(Missing(why)) => {
            report.lack("everything", &why);
            return report.end();
        }
    };
    let code = match Session::new(&lab, &options).run(&mut report) {
        Ok(()) => report.end(),
        Err(error) => {
            eprintln!("postgres: {error}");
            ExitCode::FAILURE
        }
    };
    if lab.interrupted() { ExitCode::from(INTERRUPTED) } else { code }
}
