//! A budget that agents of several machines share in etcd: who waits, for whom, for how long, and what is done where etcd is away.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use fdguard::model::action::Word;
use fdguard::model::decision::{Refusal, Verdict};
use fdguard::model::event::Fact;

use super::agent::{Agent, PATIENCE, Setup, signal};
use super::target::python;
use crate::support::port::free_port;
use crate::support::wait::wait_for;

/// An etcd of the test's own; ended with it.
struct Etcd {
    child: Option<Child>,
    folder: tempfile::TempDir,
    ports: (u16, u16),
}

impl Etcd {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut etcd = Self { child: None, folder, ports: (free_port(), free_port()) };
        etcd.start_again();
        etcd
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    fn start_again(&mut self) {
        let (clients, peers) = (self.url(), format!("http://127.0.0.1:{}", self.ports.1));
        let child = Command::new("etcd")
            .arg("--data-dir")
            .arg(self.folder.path().join("data"))
            .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("default={peers}"), "--unsafe-no-fsync"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd: tests/setup installs it");
        self.child = Some(child);
        let health = || {
            let url = format!("{clients}/health");
            let asked = Command::new("curl").args(["-fs", "--max-time", "2", &url]).output().expect("curl");
            String::from_utf8_lossy(&asked.stdout).contains("true").then_some(())
        };
        wait_for("etcd answers", PATIENCE, health, String::new);
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().expect("it runs").id()).expect("fits")
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("ours");
            child.wait().expect("reaped");
        }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Stops and starts anew whatever has more than 30 descriptors, once a day.
const STOPPING: &str = "\
schema = 1
name = \"stopping\"
[ladder.descriptors]
start_grace = \"0s\"
[[ladder.descriptors.tier]]
name = \"fatal\"
raise = \"fd.open > 30\"
for = \"200ms\"
budget = \"1/day\"
do = [{ stop = { grace = \"2s\", then = \"restart\" } }]
";

/// Holds 60 descriptors where its folder says `sick`, and is healed by its first stop where it says `curable` as well.
const BOT: &str = "\
import os, sys, time
folder = sys.argv[1]
sick = os.path.exists(folder + '/sick')
if sick and os.path.exists(folder + '/curable'): os.unlink(folder + '/sick')
held = [os.open('/dev/null', os.O_RDONLY) for _ in range(60 if sick else 0)]
while not os.path.exists(folder + '/sick') or sick: time.sleep(0.1)
os.execv(sys.executable, [sys.executable] + sys.orig_argv[1:])
";

/// An agent of a group in which one may be stopped at once, with a bot that falls ill when it is told to.
fn member(etcd: &Etcd, lease: &str, words: &[&str]) -> Agent {
    let setup = Setup::new(&format!(
        "[target.bot]\nmatch = {{ child = [\"{}\", \"DIR/bot.py\", \"DIR\"] }}\npolicy = [\"DIR/policy.toml\"]\n\
         allow = [\"stop\"]\nrestart = {{ when = \"always\", backoff = \"100ms\" }}\n\
         [fleet]\netcd = \"{}\"\ngroup = \"bots\"\nlease = \"{lease}\"\n",
        python(),
        etcd.url(),
    ));
    setup.write("policy.toml", STOPPING);
    setup.write("bot.py", BOT);
    for word in words {
        setup.write(word, "");
    }
    setup.with("FDGUARD__agent__tick__full", "200ms").with("FDGUARD__agent__tick__cpu", "50%").start()
}

fn is_stop(fact: &Fact, fits: impl Fn(&Verdict) -> bool) -> Option<()> {
    match fact {
        Fact::Decision(decision) if decision.work.word() == Word::Stop => {
            fits(&decision.verdict).then_some(())
        }
        _ => None,
    }
}

fn started(fact: &Fact) -> Option<()> {
    is_stop(fact, |verdict| *verdict == Verdict::Start)
}

fn waits(fact: &Fact) -> Option<()> {
    is_stop(fact, |verdict| *verdict == Verdict::Refused(Refusal::Fleet))
}

fn has(agent: &Agent, fits: impl Fn(&Fact) -> Option<()>) -> bool {
    agent.events().iter().any(|event| fits(&event.fact).is_some())
}

fn falls_ill(agent: &Agent) {
    agent.setup.write("sick", "");
}

#[test]
fn the_second_waits_and_goes_when_the_lease_of_the_first_that_was_killed_runs_out() {
    let etcd = Etcd::start();
    let mut first = member(&etcd, "8s", &["sick"]);
    first.until("the first is stopped", started);
    let second = member(&etcd, "8s", &["sick"]);
    second.until("the second waits", waits);
    first.kill();
    let explained = second.cli(&["explain"]).1;
    assert!(explained.contains("leave of the fleet"), "{explained}");
    assert!(!has(&second, started), "both at once");
    second.until("the second is stopped", started);
    assert!(!has(&second, |fact| matches!(fact, Fact::FleetAway { .. }).then_some(())), "etcd was there");
}

#[test]
fn a_bot_that_serves_again_gives_its_place_back_long_before_its_time() {
    let etcd = Etcd::start();
    let first = member(&etcd, "1h", &["sick", "curable"]);
    first.until("the first is stopped", started);
    let second = member(&etcd, "1h", &["sick"]);
    second.until("the second waits", waits);
    second.until("the second is stopped", started);
    let back = first.processes();
    assert!(!back.is_empty(), "the first serves");
    let third = member(&etcd, "1h", &["sick"]);
    third.until("the third waits", waits);
    assert!(!has(&third, started), "the second is sick still, and has its place");
}

#[test]
fn where_etcd_is_away_the_agents_own_budget_rules_and_that_is_told_once() {
    let mut etcd = Etcd::start();
    let agent = member(&etcd, "5s", &["curable"]);
    etcd.kill();
    falls_ill(&agent);
    agent.until("told", |fact| matches!(fact, Fact::FleetAway { .. }).then_some(()));
    agent.until("stopped all the same", started);
    let away = |agent: &Agent| {
        agent.events().iter().filter(|event| matches!(event.fact, Fact::FleetAway { .. })).count()
    };
    assert_eq!(away(&agent), 1);
    // It is the agent's own budget that holds the second stop back, once etcd is there again.
    etcd.start_again();
    let other = member(&etcd, "5s", &["sick"]);
    other.until("stopped by leave", started);
    assert_eq!(away(&other), 0);
}

#[test]
fn where_etcd_hangs_no_bot_waits_for_it_longer_than_for_one_answer() {
    let etcd = Etcd::start();
    let agent = member(&etcd, "5s", &["curable"]);
    signal(etcd.pid(), "STOP");
    falls_ill(&agent);
    let why = agent.until("told", |fact| match fact {
        Fact::FleetAway { why } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("no answer in 2s"), "{why}");
    agent.until("stopped all the same", started);
    signal(etcd.pid(), "CONT");
}

#[test]
fn what_is_written_of_a_fleet_is_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |fleet: &str| {
        let path: &Path = &folder.path().join("agent.toml");
        std::fs::write(path, format!("schema = 1\n[fleet]\n{fleet}\n")).expect("written");
        let ran =
            Command::new(super::agent::FDGUARD).args(["config", "check"]).arg(path).output().expect("runs");
        (
            ran.status.success(),
            String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout),
        )
    };
    assert!(check("etcd = \"http://127.0.0.1:2379\"\ngroup = \"bots\"").0);
    for (fleet, said) in [
        ("group = \"bots\"", "`etcd` is missing"),
        ("etcd = \"127.0.0.1:2379\"\ngroup = \"bots\"", "`http://`"),
        ("etcd = \"http://a:b@c\"\ngroup = \"bots\"", "user and password"),
        ("etcd = \"http://c\"\ngroup = \"bots\"\nat_most = 0", "at_most"),
        ("etcd = \"http://c\"\ngroup = \"bots\"\nlease = \"1s\"", "lease"),
    ] {
        let (good, told) = check(fleet);
        assert!(!good && told.contains(said), "{fleet}: {told}");
    }
}
