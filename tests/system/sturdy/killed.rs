//! `kill -9` of the agent: nothing stays frozen, no child is orphaned.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fdguard::agent::request::Command as Order;
use fdguard::model::event::Fact;

use super::agent::{Agent, FDGUARD, PATIENCE, Setup, bot, folder, signal};
use super::target::{HOLDING, TICKING, Target, has_ended, state};
use crate::support::wait::wait_for;

const LONG: Duration = Duration::from_mins(2);

/// Freezes whatever has eight descriptors.
const FREEZING: &str = "\
schema = 1
name = \"freezing\"
[ladder.descriptors]
start_grace = \"0s\"
[[ladder.descriptors.tier]]
name = \"frozen\"
raise = \"fd.open > 2\"
hold = [{ freeze = { limit = \"2m\" } }]
";

/// A cgroup of the test's own, removed with it.
struct Group(PathBuf);

impl Group {
    fn new(hierarchy: &str, name: &str) -> Self {
        let path = Path::new("/sys/fs/cgroup")
            .join(hierarchy)
            .join(format!("fdguard-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a cgroup");
        Self(path)
    }

    fn take(&self, pid: i32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("moved");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let gone = || std::fs::remove_dir(&self.0).ok();
        wait_for("the cgroup is empty", PATIENCE, gone, || self.0.display().to_string());
    }
}

/// How the freeze comes about.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Person,
    Policy,
}

/// Freezes, kills the agent, and sees the target go on.
fn goes_on_after_the_kill(by: By, group: Option<&Group>) {
    let scratch = folder();
    let counter = scratch.path().join("count");
    let mut target = Target::start(TICKING, &[counter.to_str().expect("a path")]);
    if let Some(group) = group {
        group.take(target.pid());
    }
    let policy = if by == By::Policy { FREEZING } else { "" };
    let matches = format!("{{ pid = {} }}", target.pid());
    let mut agent = Setup::bot(&matches, policy, "allow = [\"freeze\"]\n").start();
    agent.until_guarded(target.pid());
    if by == By::Person {
        agent.order(Order::Freeze { target: bot(), limit: LONG });
    }
    let frozen = agent.until("frozen", |fact| match fact {
        Fact::Finished { result: Ok(summary), .. } if summary.starts_with("frozen") => Some(summary.clone()),
        _ => None,
    });
    let means = match group {
        None => "SIGSTOP",
        Some(group) if group.0.starts_with("/sys/fs/cgroup/unified") => "(v2)",
        Some(_) => "(v1)",
    };
    assert!(frozen.contains(means), "{frozen}");
    let count = || std::fs::read_to_string(&counter).unwrap_or_default();
    let before = count();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(count(), before, "it is not frozen");
    agent.kill();
    wait_for("the target goes on", PATIENCE, || (count() != before).then_some(()), || frozen.clone());
    assert!(target.is_running() && state(target.pid()) != Some('T'));
}

#[test]
fn a_stopped_target_goes_on_when_the_agent_is_killed() {
    goes_on_after_the_kill(By::Person, None);
    goes_on_after_the_kill(By::Policy, None);
}

#[test]
fn a_target_frozen_by_its_cgroup_v2_goes_on_when_the_agent_is_killed() {
    for (by, name) in [(By::Person, "v2-person"), (By::Policy, "v2-policy")] {
        let group = Group::new("unified", name);
        goes_on_after_the_kill(by, Some(&group));
    }
}

#[test]
fn a_target_frozen_by_its_cgroup_v1_goes_on_when_the_agent_is_killed() {
    for (by, name) in [(By::Person, "v1-person"), (By::Policy, "v1-policy")] {
        let group = Group::new("freezer", name);
        goes_on_after_the_kill(by, Some(&group));
    }
}

#[test]
fn an_orderly_end_thaws_as_well_and_a_target_that_is_no_child_runs_on() {
    let mut target = Target::start(HOLDING, &["4"]);
    let matches = format!("{{ pid = {} }}", target.pid());
    let mut agent = Setup::bot(&matches, FREEZING, "allow = [\"freeze\"]\n").start();
    let stopped = || (state(target.pid()) == Some('T')).then_some(());
    wait_for("the target is stopped", PATIENCE, stopped, || agent.log());
    assert!(agent.end().success());
    assert_eq!(state(target.pid()), Some('S'));
    assert!(target.is_running());
}

/// A child that ignores TERM, with a grandchild in its group that does too, and one that has ended its parent.
const FAMILY: &str = "\
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    with open(sys.argv[1] + '/grandchild', 'w') as out: out.write(str(os.getpid()))
    time.sleep(600)
if os.fork() == 0:
    if os.fork() == 0:
        with open(sys.argv[1] + '/orphan', 'w') as out: out.write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
with open(sys.argv[1] + '/child', 'w') as out: out.write(str(os.getpid()))
time.sleep(600)
";

fn family(folder: &Path) -> Vec<i32> {
    let number = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.parse::<i32>().ok();
    ["child", "grandchild", "orphan"]
        .iter()
        .map(|name| wait_for(name, PATIENCE, || number(name), String::new))
        .collect()
}

fn all_end(family: &[i32]) {
    for pid in family {
        let ended = || has_ended(*pid).then_some(());
        // TERM, a grace of 10 seconds, KILL.
        wait_for("a child of a killed agent ends", PATIENCE, ended, || format!("{pid}: {:?}", state(*pid)));
    }
}

#[test]
fn the_child_of_a_killed_run_is_ended_with_all_it_started() {
    let scratch = folder();
    let program = scratch.path().join("family.py");
    std::fs::write(&program, FAMILY).expect("written");
    let child = format!(
        "{{ child = [\"{}\", \"{}\", \"{}\"] }}",
        super::target::python(),
        program.display(),
        scratch.path().display()
    );
    let mut agent: Agent = Setup::bot(&child, "", "").start();
    let family = family(scratch.path());
    agent.kill();
    all_end(&family);
}

#[test]
fn the_child_of_a_killed_exec_is_ended_with_all_it_started() {
    let scratch = folder();
    let mut exec = Command::new(FDGUARD)
        .args(["exec", "--set"])
        .arg(format!("admin.socket={}", scratch.path().join("socket").display()))
        .args(["--", super::target::python(), "-c", FAMILY])
        .arg(scratch.path())
        .spawn()
        .expect("starts");
    let family = family(scratch.path());
    signal(i32::try_from(exec.id()).expect("fits"), "KILL");
    exec.wait().expect("reaped");
    all_end(&family);
}

/// The agent's keepers: its children that are the same program.
fn keepers_of(agent: i32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{agent}/task")).expect("it lives");
    let children =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let all = children.collect::<Vec<_>>().join(" ");
    let is_keeper = |pid: &i32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("__keeper")
    };
    all.split_whitespace().filter_map(|word| word.parse().ok()).filter(is_keeper).collect()
}

#[test]
fn a_killed_keeper_is_replaced_and_knows_of_the_child() {
    let scratch = folder();
    let program = scratch.path().join("family.py");
    std::fs::write(&program, FAMILY).expect("written");
    let words = [
        super::target::python(),
        program.to_str().expect("a path"),
        scratch.path().to_str().expect("a path"),
    ];
    let child = format!("{{ child = [\"{}\"] }}", words.join("\", \""));
    let mut agent: Agent = Setup::bot(&child, "", "allow = [\"freeze\"]\n").start();
    let family = family(scratch.path());
    agent.order(Order::Freeze { target: bot(), limit: LONG });
    wait_for("frozen", PATIENCE, || (state(family[0]) == Some('T')).then_some(()), || agent.log());
    // The thread that started it has it among its children, whichever that is.
    let found = || keepers_of(agent.pid()).first().copied();
    let first = wait_for("a keeper", PATIENCE, found, || agent.log());
    signal(first, "KILL");
    let another = || keepers_of(agent.pid()).into_iter().find(|pid| *pid != first && !has_ended(*pid));
    wait_for("another keeper", PATIENCE, another, || agent.log());
    wait_for("the child goes on", PATIENCE, || (state(family[0]) == Some('S')).then_some(()), || agent.log());
    agent.kill();
    all_end(&family);
}
