//! A history that is corrupt, full, read-only or nowhere never stops the guard.

use std::path::PathBuf;
use std::process::Command;

use fdguard::agent::request::Command as Order;
use fdguard::journal::place::Place;
use fdguard::journal::query::Blocking;
use fdguard::model::event::Fact;

use super::agent::{Agent, PATIENCE, Setup, bot};
use super::target::{LEAKING, Target};
use crate::support::wait::wait_for;

/// Stops a leak at 40 descriptors.
pub(crate) const STOPPING: &str = "\
schema = 1
name = \"stopping\"
[ladder.descriptors]
start_grace = \"0s\"
[[ladder.descriptors.tier]]
name = \"fatal\"
raise = \"fd.open > 40\"
do = [{ stop = { grace = \"2s\", then = \"stay\" } }]
";

/// An agent on a pidfile that is not there yet.
fn setup(store: &str) -> Setup {
    let history =
        format!("allow = [\"stop\"]\n[history]\nstore = \"sqlite:{store}\"\nkeep = {{ size = \"64MiB\" }}\n");
    Setup::bot("{ pidfile = \"DIR/pid\" }", STOPPING, &history)
}

/// The proof that the guard goes on: a leaking target appears and is stopped.
fn still_guards(agent: &Agent) {
    let mut target = Target::start(LEAKING, &[]);
    agent.setup.write("pid", &target.pid().to_string());
    let ended = || (!target.is_running()).then_some(());
    wait_for("the leak is stopped", PATIENCE, ended, || agent.log());
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&target.wait_end()), Some(15));
}

fn until_lost(agent: &Agent) -> String {
    let told = agent.until("the history is lost", |fact| match fact {
        Fact::HistoryLost { why } => Some(why.clone()),
        _ => None,
    });
    assert!(agent.status().agent.history_lost.is_some(), "status hides the loss: {told}");
    let (_, text) = agent.cli(&["status"]);
    assert!(text.contains("history lost: "), "{text}");
    told
}

fn until_back(agent: &Agent) {
    agent.until("the history is back", |fact| matches!(fact, Fact::HistoryBack { .. }).then_some(()));
    let back = || agent.status().agent.history_lost.is_none().then_some(());
    wait_for("status says so", PATIENCE, back, || agent.log());
}

#[test]
fn a_history_that_is_corrupt_at_the_start() {
    let setup = setup("DIR/history.db");
    setup.write("history.db", &"this is no database, but it is long enough to be read as one\n".repeat(200));
    let agent = setup.start();
    until_set_aside(&agent);
    still_guards(&agent);
}

/// Waits until the corrupt file was told of, moved out of the way, and a fresh one begun.
fn until_set_aside(agent: &Agent) {
    let names = || {
        let entries = std::fs::read_dir(agent.setup.path("")).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    let aside = || {
        let names = names();
        let kept = names.iter().any(|name| name.starts_with("history.db.corrupt-"));
        (kept && names.iter().any(|name| name == "history.db")).then_some(())
    };
    wait_for("the file is set aside", PATIENCE, aside, || format!("{:?}\n{}", names(), agent.log()));
    let told = || agent.log().contains("the file was corrupt").then_some(());
    wait_for("that is told", PATIENCE, told, || agent.log());
}

#[test]
fn a_history_that_is_corrupted_while_the_agent_runs() {
    let mut agent = setup("DIR/history.db").start();
    still_guards(&agent);
    let path = agent.setup.path("history.db");
    let written = || Blocking::open(&Place::Sqlite(path.clone())).ok()?.memory(&bot()).ok()?;
    wait_for("the history is written", PATIENCE, written, || agent.log());
    for name in ["history.db", "history.db-wal"] {
        let path = agent.setup.path(name);
        let length = std::fs::metadata(&path).map_or(0, |file| file.len());
        std::fs::write(&path, vec![0x5a; usize::try_from(length).expect("fits")]).expect("spoilt");
    }
    still_guards(&agent);
    // SQLite may notice only when it opens the file anew.
    agent.kill();
    agent.start_again();
    until_set_aside(&agent);
    still_guards(&agent);
}

/// A disk of the agent's own, in a mount namespace that ends with it.
struct Disk(Agent);

impl Disk {
    fn start(options: &str) -> Self {
        let setup = setup("DIR/disk/history.db");
        std::fs::create_dir(setup.path("disk")).expect("a folder");
        let at = setup.path("disk").display().to_string();
        let script = format!("mount -t tmpfs -o {options} fdguard-test \"$0\" && exec \"$@\"");
        Self(setup.under(&["unshare", "--mount", "sh", "-c", &script, &at]).start())
    }

    /// A file on it, as seen from here.
    fn path(&self, name: &str) -> PathBuf {
        let inside = self.0.setup.path("disk").join(name);
        let inside = inside.strip_prefix("/").expect("absolute").to_owned();
        PathBuf::from(format!("/proc/{}/root", self.0.pid())).join(inside)
    }

    fn remount(&self, options: &str) {
        let (pid, at) = (self.0.pid().to_string(), self.0.setup.path("disk"));
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &pid, "mount", "-o", &format!("remount,{options}")]).arg(at);
        assert!(command.status().expect("nsenter runs").success());
    }
}

#[test]
fn a_history_on_a_full_disk_and_room_again() {
    let disk = Disk::start("size=256k");
    let ballast = disk.path("ballast");
    let mut file = std::fs::File::create(&ballast).expect("made");
    while std::io::Write::write(&mut file, &[1; 4096]).is_ok_and(|written| written > 0) {}
    drop(file);
    still_guards(&disk.0);
    until_lost(&disk.0);
    still_guards(&disk.0);
    std::fs::remove_file(ballast).expect("removed");
    disk.remount("size=64m");
    until_back(&disk.0);
    still_guards(&disk.0);
}

#[test]
fn a_history_on_a_mount_that_is_read_only_and_then_writable() {
    let disk = Disk::start("size=64m,ro");
    until_lost(&disk.0);
    still_guards(&disk.0);
    disk.remount("rw");
    until_back(&disk.0);
    still_guards(&disk.0);
}

#[test]
fn a_history_in_a_folder_that_can_not_be_made_and_then_can() {
    let setup = setup("DIR/in/the/way/history.db");
    setup.write("in", "a file where a folder should be\n");
    let agent = setup.start();
    until_lost(&agent);
    still_guards(&agent);
    std::fs::remove_file(agent.setup.path("in")).expect("removed");
    std::fs::create_dir_all(agent.setup.path("in/the/way")).expect("made");
    until_back(&agent);
    // What is remembered from now on outlives the agent.
    agent.order(Order::Hold { target: bot() });
}
