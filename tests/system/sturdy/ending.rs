//! The end of the agent in order, and a stop of all the processes of a target.

use std::path::Path;
use std::time::{Duration, Instant};

use fdguard::agent::request::Command as Order;
use fdguard::model::action::Then;
use fdguard::model::event::Fact;

use super::agent::{PATIENCE, Setup, bot, folder};
use super::target::{HOLDING, Target, has_ended, python, state};
use crate::support::wait::wait_for;

/// Tells of TERM in a file, and ends.
const TELLING: &str = "\
import os, signal, sys, time
def heard(*_):
    with open(sys.argv[1] + '.heard', 'w') as out: out.write('TERM')
    sys.exit(0)
signal.signal(signal.SIGTERM, heard)
with open(sys.argv[1] + '.new', 'w') as out: out.write(str(os.getpid()))
os.rename(sys.argv[1] + '.new', sys.argv[1])
while True: time.sleep(600)
";

/// Does not hear TERM.
const DEAF: &str = "\
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1] + '.new', 'w') as out: out.write(str(os.getpid()))
os.rename(sys.argv[1] + '.new', sys.argv[1])
while True: time.sleep(600)
";

/// A target of that name: a child that runs this program and tells its number in a file of that name.
fn child(folder: &Path, name: &str, program: &str, rest: &str) -> String {
    let source = folder.join(format!("{name}.py"));
    std::fs::write(&source, program).expect("written");
    let argv = format!("\"{}\", \"{}\", \"{}\"", python(), source.display(), folder.join(name).display());
    format!("[target.{name}]\nmatch = {{ child = [{argv}] }}\npolicy = []\n{rest}")
}

fn pid_in(path: &Path) -> i32 {
    let number = || std::fs::read_to_string(path).ok()?.parse().ok();
    wait_for("it tells its number", PATIENCE, number, || path.display().to_string())
}

#[test]
fn a_frozen_child_hears_term_when_the_agent_ends() {
    let scratch = folder();
    let mut agent = Setup::new(&child(scratch.path(), "bot", TELLING, "allow = [\"freeze\"]\n")).start();
    let pid = pid_in(&scratch.path().join("bot"));
    agent.until_guarded(pid);
    agent.order(Order::Freeze { target: bot(), limit: Duration::from_mins(2) });
    wait_for("it is frozen", PATIENCE, || (state(pid) == Some('T')).then_some(()), || agent.log());
    assert!(agent.end().success());
    assert!(has_ended(pid));
    let heard = std::fs::read_to_string(scratch.path().join("bot.heard"));
    assert_eq!(heard.ok().as_deref(), Some("TERM"), "killed before it went on:\n{}", agent.log());
}

/// One after the other they would take three times the grace.
#[test]
fn children_that_do_not_hear_have_their_grace_at_the_same_time() {
    const GRACE: Duration = Duration::from_secs(5);
    let scratch = folder();
    let names = ["one", "two", "three"];
    let rest = |name: &str| format!("[target.{name}.stop]\ngrace = \"5s\"\n");
    let body: String = names.iter().map(|name| child(scratch.path(), name, DEAF, &rest(name))).collect();
    let mut agent = Setup::new(&body).start();
    let pids = names.map(|name| pid_in(&scratch.path().join(name)));
    let begun = Instant::now();
    assert!(agent.end().success());
    let took = begun.elapsed();
    assert!(took >= GRACE, "they were not given their grace: {took:?}");
    assert!(took < GRACE * 3, "one waited for the other: {took:?}");
    assert!(pids.iter().all(|pid| has_ended(*pid)));
}

#[test]
fn a_person_stops_all_the_processes_of_a_target_at_once() {
    const GRACE: Duration = Duration::from_secs(4);
    let scratch = folder();
    let program = |program: &str| format!("print('ready', flush=True)\n{program}");
    let mark = scratch.path().join("pid").display().to_string();
    let word = |number: usize| format!("{mark}-{number}");
    let mut targets: Vec<Target> = (0..5)
        .map(|number| {
            let source = if number < 3 { DEAF } else { TELLING };
            Target::start(&program(source), &[&word(number)])
        })
        .collect();
    let pids: Vec<i32> = (0..5).map(|number| pid_in(Path::new(&word(number)))).collect();
    let matches = format!("{{ command = \"{}-[0-9]\" }}", regex_lite::escape(&mark).replace('\\', "\\\\"));
    let agent = Setup::bot(&matches, "", "allow = [\"stop\"]\n").start();
    pids.iter().for_each(|pid| agent.until_guarded(*pid));
    agent.order(Order::Stop { target: bot(), grace: Some(GRACE), then: Then::Stay });
    let finished = || {
        let events = agent.events();
        let ends = events.iter().filter_map(|event| match &event.fact {
            Fact::Finished { result, took, .. } => Some((result.clone(), *took)),
            _ => None,
        });
        Some(ends.collect::<Vec<_>>()).filter(|ends| !ends.is_empty())
    };
    let ends = wait_for("the stop ends", PATIENCE, finished, || agent.log());
    let [(Ok(said), took)] = ends.as_slice() else { panic!("one answer for all: {ends:?}") };
    assert_eq!(said, "of 5 processes 2 ended after TERM, 3 ignored it for 4s and were ended by KILL");
    assert!(*took < GRACE * 2, "one after the other: {took:?}");
    for target in &mut targets {
        target.wait_end();
    }
}

#[test]
fn a_target_that_a_reload_drops_does_not_stay_frozen() {
    let target = Target::start(HOLDING, &["4"]);
    let matches = format!("{{ pid = {} }}", target.pid());
    let agent = Setup::bot(&matches, "", "allow = [\"freeze\"]\n").start();
    agent.until_guarded(target.pid());
    agent.order(Order::Freeze { target: bot(), limit: Duration::from_mins(10) });
    let pid = target.pid();
    let is = |wanted| move || (state(pid) == Some(wanted)).then_some(());
    wait_for("it is frozen", PATIENCE, is('T'), || agent.log());
    let path = agent.setup.path("agent.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, text.replace("[target.bot]", "[target.other]")).expect("written");
    let (code, said) = agent.cli(&["ctl", "reload"]);
    assert_eq!(code, 0, "{said}");
    wait_for("it goes on", PATIENCE, is('S'), || agent.log());
}

/// Two of a target; one is frozen, and `thaw` reaches it whichever comes first.
#[test]
fn a_process_that_is_not_frozen_keeps_no_other_frozen() {
    let scratch = folder();
    let mark = scratch.path().join("mark").display().to_string();
    let program = format!("{HOLDING}\n# {mark}\n");
    let first = Target::start(&program, &["4"]);
    let matches = format!("{{ command = \"{}\" }}", regex_lite::escape(&mark).replace('\\', "\\\\"));
    let agent = Setup::bot(&matches, "", "allow = [\"freeze\"]\n").start();
    agent.until_guarded(first.pid());
    agent.order(Order::Freeze { target: bot(), limit: Duration::from_mins(10) });
    wait_for("it is frozen", PATIENCE, || (state(first.pid()) == Some('T')).then_some(()), || agent.log());
    let others: Vec<Target> = (0..3).map(|_| Target::start(&program, &["4"])).collect();
    others.iter().for_each(|other| agent.until_guarded(other.pid()));
    agent.order(Order::Thaw { target: bot() });
    wait_for("it goes on", PATIENCE, || (state(first.pid()) == Some('S')).then_some(()), || agent.log());
}
