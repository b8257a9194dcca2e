//! What a child does not share with its guard: limits, OOM score, control group.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::agent::{Agent, PATIENCE, Setup, folder};
use super::target::python;
use crate::support::wait::wait_for;

/// Tells its limits, its OOM score and its control group of version 2 in a file.
const TELLING: &str = "\
import os, resource, sys, time
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
oom = open('/proc/self/oom_score_adj').read().strip()
group = [line.strip()[3:] for line in open('/proc/self/cgroup') if line.startswith('0::')][0]
with open(sys.argv[1] + '.new', 'w') as out: out.write(f'{soft} {hard} {oom} {group}')
os.rename(sys.argv[1] + '.new', sys.argv[1])
time.sleep(600)
";

/// An agent whose child tells what it has; started by this shell text.
fn agent(scratch: &Path, before: &str) -> (Agent, String) {
    let source = scratch.join("bot.py");
    std::fs::write(&source, TELLING).expect("written");
    let told = scratch.join("told");
    let argv = format!("\"{}\", \"{}\", \"{}\"", python(), source.display(), told.display());
    let script = format!("{before}\nexec \"$@\"");
    let setup = Setup::bot(&format!("{{ child = [{argv}] }}"), "", "").under(&["sh", "-c", &script, "sh"]);
    let agent = setup.start();
    let text = || std::fs::read_to_string(&told).ok();
    let told = wait_for("the child tells", PATIENCE, text, || agent.log());
    (agent, told)
}

fn of(pid: i32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("it lives")
}

/// Only with CAP_SYS_RESOURCE can the agent be spared here; without it `sys::spawn` has the test of that.
#[test]
fn a_child_has_the_limits_from_before_the_agent_and_the_usual_oom_score() {
    let scratch = folder();
    let before = "ulimit -Sn 500; ulimit -Hn 10000; echo -400 > /proc/self/oom_score_adj || true";
    let (mut agent, told) = agent(scratch.path(), before);
    assert!(told.starts_with("500 10000 0 "), "{told}");
    let own = agent.pid();
    let limits = of(own, "limits");
    let row = limits.lines().find(|line| line.starts_with("Max open files")).expect("a row");
    assert_eq!(row.split_whitespace().nth(3), Some("4096"), "the agent has more");
    assert!(agent.end().success());
}

#[test]
fn a_child_of_an_agent_that_is_easily_killed_is_so_too() {
    let scratch = folder();
    let (_agent, told) = agent(scratch.path(), "echo 300 > /proc/self/oom_score_adj");
    assert_eq!(told.split(' ').nth(2), Some("300"), "{told}");
}

/// A group of version 2, removed with this.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> Self {
        let path = Path::new("/sys/fs/cgroup/unified").join(format!("fdguard-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a cgroup");
        Self(path)
    }

    /// As systemd marks what it hands over.
    fn delegate(&self) {
        let script = "import os, sys; os.setxattr(sys.argv[1], 'trusted.delegate', b'1')";
        let done = Command::new(python()).args(["-c", script]).arg(&self.0).status().expect("python runs");
        assert!(done.success());
    }

    fn name(&self) -> &str {
        self.0.file_name().and_then(|name| name.to_str()).expect("a name")
    }

    fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Not before the keeper has left it.
        let gone = || std::fs::remove_dir(&self.0).ok();
        wait_for("the group is empty, and has none below", PATIENCE, gone, || self.0.display().to_string());
    }
}

#[test]
fn in_a_delegated_group_a_child_has_one_of_its_own() {
    let (scratch, group) = (folder(), Group::new("delegated"));
    group.delegate();
    let (mut agent, told) = agent(scratch.path(), &group.enter());
    assert!(told.ends_with(&format!(" /{}/child-bot", group.name())), "{told}");
    let own = of(agent.pid(), "cgroup");
    assert!(own.lines().any(|line| line == format!("0::/{}", group.name())), "{own}");
    assert!(agent.end().success());
    assert!(!group.0.join("child-bot").exists(), "it goes with the child");
}

#[test]
fn a_group_that_nobody_handed_over_is_not_divided() {
    let (scratch, group) = (folder(), Group::new("not-delegated"));
    let (mut agent, told) = agent(scratch.path(), &group.enter());
    assert!(told.ends_with(&format!(" /{}", group.name())), "{told}");
    assert!(agent.end().success());
}
