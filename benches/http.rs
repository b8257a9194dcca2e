//! What does a request through fdguard's HTTP pool cost, against nginx and HAProxy in the same run?
//!
//! Budgets: CPU of the proxy for each request at most that of the better of the two; under 9.9 µs for a small answer of a plain
//! upstream to a hundred connections. How it is measured: `benches/README.md`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench tells what it measured")]

mod common;

mod http {
    pub(crate) mod cell;
    pub(crate) mod lab;
    pub(crate) mod load;
    pub(crate) mod origin;
    pub(crate) mod peers;
    pub(crate) mod session;
    pub(crate) mod subject;
}

use std::process::ExitCode;

use common::{Args, Report, victim};
use http::lab::Lab;
use http::session;

fn main() -> ExitCode {
    victim::lift_limit();
    let args = Args::read();
    let question = "what does a request through the pool cost the proxy, against nginx and HAProxy?";
    let mut report = Report::begin("http", question, args);
    let lab = match Lab::open() {
        Ok(lab) => lab,
        Err(error) => {
            report.lack("everything", &error.to_string());
            return report.end();
        }
    };
    match session::run(&lab, args, &mut report) {
        Ok(()) => report.end(),
        Err(error) => {
            eprintln!("http: {error}");
            ExitCode::FAILURE
        }
    }
}
