//! What a stop may end, and what it may not: nothing that could not be started again where that is wanted, nothing of
//! the life before, and no stranger's process.

use std::os::unix::fs::chown;
use std::path::Path;

use fdguard::agent::request::{Answer, Command as Order, Request};
use fdguard::model::action::Then;
use fdguard::model::event::Fact;

use super::agent::{Agent, PATIENCE, Setup, bot, folder};
use super::target::{HOLDING, Target, has_ended, python};
use crate::support::wait::wait_for;

/// A user that owns nothing.
const NOBODY: u32 = 65_534;

/// Starts a worker that does not hear TERM, writes both numbers, and waits.
const WITH_WORKER: &str = "\
import os, signal, sys, time
worker = os.fork()
if worker == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: time.sleep(600)
with open(sys.argv[1] + '.new', 'w') as out: out.write('%d %d' % (os.getpid(), worker))
os.rename(sys.argv[1] + '.new', sys.argv[1])
while True: time.sleep(600)
";

fn stop(agent: &Agent, then: Then) -> Result<String, String> {
    let grace = Some(std::time::Duration::from_secs(5));
    match agent.ask(&Request::Do(Order::Stop { target: bot(), grace, then })) {
        Answer::Taken(words) => Ok(words),
        Answer::Refused(why) => Err(why),
        other => panic!("{other:?}"),
    }
}

fn kill(pid: i32) {
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(status.expect("kill runs").success(), "it is ours");
}

fn pair(path: &Path, before: Option<i32>) -> Option<(i32, i32)> {
    let text = std::fs::read_to_string(path).ok()?;
    let (leader, worker) = text.split_once(' ')?;
    let pair: (i32, i32) = (leader.parse().ok()?, worker.parse().ok()?);
    (Some(pair.0) != before).then_some(pair)
}

fn child(scratch: &Path, rest: &str) -> String {
    let source = scratch.join("bot.py");
    std::fs::write(&source, WITH_WORKER).expect("written");
    let numbers = scratch.join("numbers");
    format!(
        "[target.bot]\nmatch = {{ child = [\"{}\", \"{}\", \"{}\"] }}\npolicy = []\nallow = [\"stop\"]\n{rest}",
        python(),
        source.display(),
        numbers.display()
    )
}

#[test]
fn the_workers_of_a_life_end_before_the_next_begins() {
    let scratch = folder();
    let numbers = scratch.path().join("numbers");
    let rest = "restart = { backoff = \"300ms\" }\n";
    let mut agent = Setup::new(&child(scratch.path(), rest)).start();
    let (leader, worker) = wait_for("it runs", PATIENCE, || pair(&numbers, None), || agent.log());
    agent.until_guarded(leader);
    stop(&agent, Then::Restart).expect("taken");
    let (second, other) =
        wait_for("it runs again", PATIENCE, || pair(&numbers, Some(leader)), || agent.log());
    assert!(has_ended(leader) && has_ended(worker), "beside the new life:\n{}", agent.log());
    assert!(!has_ended(second) && !has_ended(other));
    assert!(agent.end().success());
    wait_for("all end with the agent", PATIENCE * 2, || has_ended(other).then_some(()), || agent.log());
}

#[test]
fn a_target_that_nobody_could_start_again_is_not_stopped_for_a_restart() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = Setup::bot(&format!("{{ pid = {} }}", target.pid()), "", "allow = [\"stop\"]\n").start();
    agent.until_guarded(target.pid());
    let why = stop(&agent, Then::Restart).expect_err("it is neither a child nor a unit");
    assert!(why.contains("could not be started again"), "{why}");
    assert!(!has_ended(target.pid()));
    stop(&agent, Then::Stay).expect("taken");
    wait_for("it is stopped", PATIENCE, || has_ended(target.pid()).then_some(()), || agent.log());
}

#[test]
fn a_child_whose_restarts_are_spent_is_not_stopped_for_another() {
    let scratch = folder();
    let numbers = scratch.path().join("numbers");
    let rest = "restart = { backoff = \"50ms\", max = \"1/hour\" }\n";
    let agent = Setup::new(&child(scratch.path(), rest)).start();
    let (first, _) = wait_for("it runs", PATIENCE, || pair(&numbers, None), || agent.log());
    agent.until_guarded(first);
    stop(&agent, Then::Restart).expect("taken");
    let (second, _) = wait_for("it runs again", PATIENCE, || pair(&numbers, Some(first)), || agent.log());
    agent.until_guarded(second);
    let why = stop(&agent, Then::Restart).expect_err("its one restart is spent");
    assert!(why.contains("1/hour"), "{why}");
    assert!(!has_ended(second));
}

#[test]
fn a_child_that_is_down_is_started_by_a_person() {
    let scratch = folder();
    let numbers = scratch.path().join("numbers");
    let rest = "restart = { when = \"always\", backoff = \"50ms\", max = \"1/hour\" }\n";
    let agent = Setup::new(&child(scratch.path(), rest)).start();
    let start = || agent.ask(&Request::Do(Order::Start { target: bot() }));
    let mut last = None;
    // It ends by itself, is started again once, and then no more.
    for _ in 0..2 {
        let (leader, _) = wait_for("it runs", PATIENCE, || pair(&numbers, last), || agent.log());
        agent.until_guarded(leader);
        assert!(matches!(start(), Answer::Refused(why) if why.contains(&leader.to_string())), "it runs");
        kill(leader);
        last = Some(leader);
    }
    let why = agent.until("it stays down", |fact| match fact {
        Fact::StaysDown { why } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("1/hour"), "{why}");
    assert!(matches!(start(), Answer::Taken(_)));
    let (third, _) = wait_for("a person started it", PATIENCE, || pair(&numbers, last), || agent.log());
    agent.until_guarded(third);
    // Its restarts are counted anew.
    kill(third);
    let again = wait_for("it is started again", PATIENCE, || pair(&numbers, Some(third)), || agent.log());
    agent.until_guarded(again.0);
}

#[test]
fn what_the_agent_did_not_start_it_does_not_start_again() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = Setup::bot(&format!("{{ pid = {} }}", target.pid()), "", "").start();
    agent.until_guarded(target.pid());
    let Answer::Refused(why) = agent.ask(&Request::Do(Order::Start { target: bot() })) else {
        panic!("it is no child of the agent")
    };
    assert!(why.contains("no child"), "{why}");
}

#[test]
fn a_pidfile_of_another_user_names_only_processes_of_that_user() {
    let target = Target::start(HOLDING, &["4"]);
    let scratch = folder();
    let file = scratch.path().join("bot.pid");
    std::fs::write(&file, target.pid().to_string()).expect("written");
    chown(&file, Some(NOBODY), None).expect("root may");
    let matches = format!("{{ pidfile = \"{}\" }}", file.display());
    let agent = Setup::bot(&matches, "", "").start();
    let why = agent.until("refused", |fact| match fact {
        Fact::BoundHit { bound } => Some(bound.clone()),
        _ => None,
    });
    assert!(why.contains("could name any process"), "{why}");
    assert!(agent.processes().is_empty());
}

#[test]
fn a_number_that_changed_hands_while_no_agent_ran_is_not_guarded() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/victims/rebirth.py");
    let setup = Setup::new("[target.bot]\nmatch = { pid = 300 }\npolicy = []\nallow = [\"stop\"]\n");
    let output = std::process::Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "--kill-child", python()])
        .arg(script)
        .arg(super::agent::FDGUARD)
        .arg(setup.path(""))
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let log = std::fs::read_to_string(setup.path("log")).unwrap_or_default();
    assert!(output.status.success(), "{said}{}\n{log}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("stranger lives"), "{said}\n{log}");
    assert!(log.contains("another process than the one guarded before"), "{log}");
}
