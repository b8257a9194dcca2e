//! Do bots that leak stay whole over five hours, where they would otherwise run out of descriptors?
//!
//! Real bots on real libraries against real servers, each unguarded and guarded side by side, with time made short. Budgets: the guarded
//! one stays at 50 to 150 descriptors, or says why not; it never meets EMFILE; its feed and its orders go on. What is told is counted
//! by the bench in /proc and not by fdguard. How it is measured: `benches/README.md`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench tells what it measured")]

mod common;

mod fd_stability {
    pub(crate) mod case;
    pub(crate) mod compression;
    pub(crate) mod guard;
    pub(crate) mod pair;
    pub(crate) mod picture;
    pub(crate) mod session;
    pub(crate) mod side;
    pub(crate) mod table;
    pub(crate) mod tape;
    pub(crate) mod venue;
    pub(crate) mod verdict;
}

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use common::{Args, Attempt, Report, Strictness, victim};
use fd_stability::compression::{Compression, STORY};
use fd_stability::{picture, session, table, verdict};
use fdguard::model::units::format_span;

fn main() -> ExitCode {
    victim::lift_limit();
    // A bot that is lost is never only told.
    let args = Args { strictness: Strictness::Fail, ..Args::read() };
    let question = "do leaking bots stay whole over five hours?";
    let mut report = Report::begin("fd_stability", question, args);
    match run(args, &mut report) {
        Ok(()) => report.end(),
        Err(error) => {
            eprintln!("fd_stability: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args, report: &mut Report) -> Attempt<()> {
    let length = args.pick(Duration::from_secs(100), Duration::from_secs(15 * 60));
    let compression = Compression::to(length);
    println!(
        "  {} in {}: {:.0} times as fast\n",
        format_span(STORY),
        format_span(length),
        compression.factor()
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let [csv, svg, log] =
        ["csv", "svg", "log"].map(|ending| folder.join("fd_stability").with_extension(ending));
    let pairs = session::run(compression, length, &log)?;
    println!("{}{}", table::table(&pairs, compression), table::course(&pairs, compression));
    table::csv(&csv, &pairs, compression)?;
    picture::draw(&svg, &pairs, compression)?;
    println!(
        "  each look: {}\n  the picture: {}\n  the agent's log: {}\n",
        csv.display(),
        svg.display(),
        log.display()
    );
    report.tell("times as fast", compression.factor(), "");
    verdict::judge(&pairs, compression, report);
    Ok(())
}
