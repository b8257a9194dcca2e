//! A host with thousands of processes: looking for the target's delays no fast tick.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::agent::{PATIENCE, Setup, folder};
use super::target::{HOLDING, Target};
use crate::support::wait::wait_for;

/// Enough that a walk over them takes longer than a tick may be late.
const CROWD: &str = "6000";

/// Thousands of sleeping processes; they end with it.
struct Crowd(Child);

impl Crowd {
    fn gather() -> Self {
        let scratch = folder();
        let program = scratch.path().join("crowd");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/system/victims/crowd.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let built = Command::new(compiler).args(["-O1", source, "-o"]).arg(&program).status();
        assert!(built.expect("a C compiler").success(), "the crowd does not compile");
        let mut child = Command::new(program).arg(CROWD).stdout(Stdio::piped()).spawn().expect("starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.0.kill().expect("ours");
        self.0.wait().expect("reaped");
    }
}

/// The machine is shared, so the best of some tries counts: a walk in the way of the ticks would spoil each.
#[test]
fn a_crowd_of_processes_does_not_delay_the_fast_ticks() {
    const LATE: Duration = Duration::from_millis(40);
    const TRIES: usize = 6;
    let target = Target::start(HOLDING, &["10"]);
    let _crowd = Crowd::gather();
    // One target is there, by its number; the other is looked for each second among all command lines.
    let body = format!(
        "[target.bot]\nmatch = {{ pid = {} }}\npolicy = []\n\
         [target.absent]\nmatch = {{ command = \"^no such program$\" }}\npolicy = []\n",
        target.pid()
    );
    let lateness = || {
        let agent = Setup::new(&body).start();
        let begun = agent.status().agent.ticks;
        let ticks = || (agent.status().agent.ticks > begun + 6).then_some(());
        wait_for("some seconds of ticks", PATIENCE, ticks, || agent.log());
        agent.status().agent.lateness_max
    };
    let mut seen = Vec::new();
    while seen.len() < TRIES && seen.last().is_none_or(|late| *late >= LATE) {
        seen.push(lateness());
    }
    println!("lateness among {CROWD} processes at most {seen:?}");
    assert!(seen.iter().any(|late| *late < LATE), "fast ticks were late each time: {seen:?}");
}
