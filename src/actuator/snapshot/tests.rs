//! Bundles of real processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::action::Action;
use crate::model::decision::Work;

use super::super::aged::tests::aged;
use super::super::tests::support::{Bench, Bot, order};
use crate::model::aged::{AgedSocket, AgedSockets};

/// Keeps ten connections whose other end has closed, one that lives, and a file; then waits.
const LEAKY: &str = "
import socket, sys, threading, time
server = socket.create_server(('127.0.0.1', 0))
held = []
for _ in range(10):
    held.append(socket.create_connection(server.getsockname()))
    server.accept()[0].close()
held.append(socket.create_connection(server.getsockname()))
alive = server.accept()[0]
log = open('/proc/self/status')
threading.Thread(target=lambda: threading.Event().wait(), daemon=True, name='feed').start()
while sum(1 for line in open('/proc/self/net/tcp') if line.split()[3] == '08') < 10: time.sleep(0.01)
print(server.getsockname()[1], flush=True)
sys.stdin.read()
";

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
    };
    fs::read_dir(folder).unwrap().map(entry).collect()
}

fn path_in(said: &str) -> PathBuf {
    said.strip_prefix("evidence in ").and_then(|rest| rest.split(": ").next()).expect("it says where").into()
}

#[test]
fn a_bundle_tells_descriptors_sockets_threads_and_no_secret() {
    let room = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("/usr/bin/python3");
    command.args(["-c", LEAKY, "--api-key", "hunter2"]).env("BOT_PASSWORD", "hunter2");
    let mut bot = Bot::start(&mut command);
    let port = bot.line();
    let subject = Arc::new(bot.subject());
    let number = 4;
    let inode = subject.process.descriptors().look(number).unwrap().unwrap().inode().unwrap();
    let bench = Bench::start(&room.path().join("evidence"), |_| ());
    let mut order = order(&subject, 7, Work::Do(Action::Snapshot));
    let socket = AgedSocket { inode, ..aged(number, "127.0.0.1:1", 90) };
    order.aged = Some(Arc::new(AgedSockets { sockets: vec![socket] }));
    let said = bench.carry(order).result.unwrap().summary;
    let files = files(&path_in(&said));
    for (name, text) in &files {
        assert!(!text.contains("hunter2"), "{name} holds a secret");
    }
    let descriptors = &files["descriptors.tsv"];
    assert_eq!(descriptors.matches("\tCLOSE_WAIT\t").count(), 10, "{descriptors}");
    assert!(descriptors.lines().any(|line| line.starts_with("4\tsocket\t") && line.contains("\t1m30s\t")));
    assert_eq!(
        files["sockets.tsv"].matches(&format!("127.0.0.1:{port}")).count(),
        13,
        "11 out, 1 in, 1 listens"
    );
    assert_eq!(files["threads.tsv"].lines().count(), 3, "{}", files["threads.tsv"]);
    assert!(files["maps.tsv"].contains("[stack]") && files["limits.txt"].contains("Max open files"));
    assert!(
        files["report.txt"].contains(&format!("    10  127.0.0.1:{port} CLOSE_WAIT")),
        "{}",
        files["report.txt"]
    );
    assert!(files["report.txt"].contains("command   /usr/bin/python3 -c  import socket, sys"), "in one line");
    let summary: serde_json::Value = serde_json::from_str(&files["summary.json"]).unwrap();
    assert_eq!((&summary["decision"], &summary["tier"]), (&7.into(), &"fatal".into()));
    assert_eq!(summary["files"].as_array().unwrap().len(), files.len() - 1);
}

#[test]
fn of_a_dead_target_what_is_left_is_written_and_the_rest_is_named() {
    let room = tempfile::tempdir().unwrap();
    let mut bot = Bot::start(&mut std::process::Command::new("cat"));
    let subject = Arc::new(bot.subject());
    subject.process.pidfd().signal(crate::sys::pidfd::Signal::KILL).unwrap();
    assert_eq!(bot.line(), "", "its output ends with it");
    let bench = Bench::start(room.path(), |_| ());
    let said = bench.act(&subject, Action::Snapshot).unwrap();
    let files = files(&path_in(&said));
    let summary: serde_json::Value = serde_json::from_str(&files["summary.json"]).unwrap();
    let missing = summary["missing"].as_object().unwrap();
    assert!(missing.contains_key("descriptors.tsv"), "{missing:?}");
    assert!(files["report.txt"].contains("fd.open = 912") && files["report.txt"].contains("Missing"));
    assert!(files["history.txt"].contains("tier changed"));
}

#[test]
fn where_evidence_cannot_be_written_the_action_fails_and_says_why() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let bench = Bench::start(Path::new("/proc/nowhere"), |_| ());
    let said = bench.act(&Arc::new(bot.subject()), Action::Snapshot).unwrap_err();
    assert!(said.starts_with("could not make /proc/nowhere: "), "{said}");
}
