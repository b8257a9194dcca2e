//! What a person can tell the agent, and who may.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fdguard::agent::request::{Answer, Command as Order, Request};
use fdguard::model::asker::Asker;
use fdguard::model::event::Fact;

use super::agent::{Agent, PATIENCE, Setup, bot, post, signal};
use super::target::{HOLDING, Target, python, state};
use crate::support::wait::wait_for;

/// Tells where there are more than 10,000 descriptors, once that has held for a minute.
fn policy(name: &str) -> String {
    format!(
        "schema = 1\nname = \"{name}\"\n[ladder.descriptors]\nstart_grace = \"0s\"\n\
         [[ladder.descriptors.tier]]\nname = \"warning\"\nraise = \"fd.open > 2\"\nfor = \"10m\"\n\
         do = [{{ notify = {{ to = \"journal\" }} }}]\n\
         [[ladder.descriptors.tier]]\nname = \"fatal\"\nraise = \"fd.open > 2 and fd.open > 10000\"\n\
         guard = \"orders.open == 0\"\ndo = [\"snapshot\"]\n"
    )
}

fn guarded(target: &Target, allow: &str) -> Agent {
    let matches = format!("{{ pid = {} }}", target.pid());
    let agent = Setup::bot(&matches, &policy("first"), &format!("allow = [{allow}]\n")).start();
    agent.until_guarded(target.pid());
    agent
}

fn policies(agent: &Agent) -> Vec<String> {
    agent.status().targets.swap_remove(0).policies
}

fn until_policy(agent: &Agent, name: &str) {
    wait_for(name, PATIENCE, || (policies(agent) == [name]).then_some(()), || agent.log());
}

fn refusals(agent: &Agent) -> usize {
    agent.events().iter().filter(|event| matches!(event.fact, Fact::ReloadRefused { .. })).count()
}

#[test]
fn settings_are_read_anew_by_command_by_signal_and_by_change() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    assert_eq!(policies(&agent), ["first"]);
    agent.setup.write("policy.toml", &policy("by-change"));
    until_policy(&agent, "by-change");
    agent.until("told", |fact| matches!(fact, Fact::Reloaded { .. }).then_some(()));

    agent.setup.write("policy.toml", &policy("by-command"));
    let (code, text) = agent.cli(&["ctl", "reload"]);
    assert_eq!(code, 0, "{text}");
    // Seen by the watch a moment before, perhaps.
    assert!(text.contains("target bot has changed") || text.contains("nothing has changed"), "{text}");
    assert_eq!(policies(&agent), ["by-command"]);

    let path = agent.setup.path("agent.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    agent.setup.write("other.toml", &policy("by-signal"));
    std::fs::write(&path, text.replace("policy.toml", "other.toml")).expect("written");
    signal(agent.pid(), "HUP");
    until_policy(&agent, "by-signal");
}

#[test]
fn a_faulty_file_is_refused_and_the_old_settings_stay() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    agent.setup.write("policy.toml", &policy("second").replace("fd.open > 2\"", "fd.opne > 2\""));
    let (code, text) = agent.cli(&["ctl", "reload"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("policy.toml:7:") && text.contains("fd.opne"), "{text}");
    let both = policy("second").replace("fd.open > 2\"", "fd.opne > 2\"").replace("snapshot", "snapshoot");
    agent.setup.write("policy.toml", &both);
    let (code, text) = agent.cli(&["ctl", "reload"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("fd.opne") && text.contains("snapshoot"), "only one fault is told: {text}");
    assert_eq!(policies(&agent), ["first"]);
    agent.until("told", |fact| matches!(fact, Fact::ReloadRefused { .. }).then_some(()));
    let before = refusals(&agent);
    signal(agent.pid(), "HUP");
    wait_for("told again", PATIENCE, || (refusals(&agent) > before).then_some(()), || agent.log());
    std::fs::remove_file(agent.setup.path("policy.toml")).expect("removed");
    let (code, text) = agent.cli(&["ctl", "reload"]);
    assert_eq!(code, 1, "{text}");
    assert_eq!(policies(&agent), ["first"]);
    agent.setup.write("policy.toml", &policy("third"));
    until_policy(&agent, "third");
}

#[test]
fn what_only_a_restart_takes_up_is_refused_by_its_key() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    let path = agent.setup.path("agent.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    agent.setup.write("agent.toml", &format!("{text}[hook.cancel]\nrun = [\"/bin/true\"]\n"));
    let (code, said) = agent.cli(&["ctl", "reload"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("needs a restart of the agent: hook.cancel"), "{said}");
    agent.until("told", |fact| matches!(fact, Fact::ReloadRefused { .. }).then_some(()));
}

#[test]
fn a_target_that_is_sought_elsewhere_keeps_the_hold_of_a_person_and_new_files_are_watched() {
    let (first, second) = (Target::start(HOLDING, &["4"]), Target::start(HOLDING, &["4"]));
    let agent = guarded(&first, "");
    assert_eq!(agent.cli(&["ctl", "hold", "bot"]).0, 0);
    let path = agent.setup.path("agent.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    agent.setup.write("other.toml", &policy("other"));
    let moved = text.replace(&format!("pid = {}", first.pid()), &format!("pid = {}", second.pid()));
    agent.setup.write("agent.toml", &moved.replace("policy.toml", "other.toml"));
    let (code, said) = agent.cli(&["ctl", "reload"]);
    assert_eq!(code, 0, "{said}");
    agent.until_guarded(second.pid());
    let status = agent.status().targets.swap_remove(0);
    assert!(status.human_hold);
    let guarded: Vec<u32> = status.processes.iter().map(|process| process.pid).collect();
    assert_eq!(guarded, [u32::try_from(second.pid()).expect("a number")]);
    // The watch takes the new list up at its next look: written again until it is seen.
    let again = || {
        agent.setup.write("other.toml", &policy("watched"));
        (policies(&agent) == ["watched"]).then_some(())
    };
    wait_for("the new file is watched", PATIENCE, again, || agent.log());
}

#[test]
fn a_second_agent_on_the_same_socket_does_not_start() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    let mut second = Command::new(env!("CARGO_BIN_EXE_fdguard"));
    let output = second.args(["run", "-c"]).arg(agent.setup.path("agent.toml")).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("another agent listens on"), "{said}");
    assert_eq!(policies(&agent), ["first"]);
}

#[test]
fn evidence_is_written_for_nobody_else() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    let (code, text) = agent.cli(&["ctl", "snapshot", "bot"]);
    assert_eq!(code, 0, "{text}");
    agent.until("written", |fact| matches!(fact, Fact::Finished { result: Ok(_), .. }).then_some(()));
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let dir = agent.setup.path("evidence");
    assert_eq!(mode(&dir), 0o700);
    let mut folders = vec![dir];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                assert_eq!(mode(&path), 0o700, "{}", path.display());
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 0);
}

#[test]
fn a_person_freezes_thaws_and_stops() {
    let mut target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "\"freeze\", \"stop\"");
    let pid = target.pid();
    let until = |wanted| {
        wait_for("its state", PATIENCE, || (state(pid) == Some(wanted)).then_some(()), || agent.log());
    };
    let told = |words: &[&str], told: &str| {
        let (code, text) = agent.cli(words);
        assert_eq!((code, text.contains(told)), (0, true), "{words:?}: {text}");
    };
    told(&["ctl", "freeze", "bot", "--for", "1m"], &format!("bot (pid {pid}) is being frozen for 1m"));
    until('T');
    told(&["ctl", "thaw", "bot"], &format!("bot (pid {pid}) is being thawed"));
    until('S');
    assert_eq!(agent.cli(&["ctl", "freeze", "bot", "--for", "300ms"]).0, 0);
    agent.until("the limit", |fact| match fact {
        Fact::HoldReleased { why, .. } => why.contains("limit").then_some(()),
        _ => None,
    });
    until('S');
    assert!(target.is_running());
    told(
        &["ctl", "stop", "bot", "--grace", "5s"],
        &format!("bot (pid {pid}) is told to end: TERM now, KILL after 5s; it stays stopped"),
    );
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&target.wait_end()), Some(15));
    let thaws = |event: &&fdguard::model::event::Event| matches!(event.fact, Fact::HoldReleased { .. });
    assert_eq!(agent.events().iter().filter(thaws).count(), 2, "each thaw is told once:\n{}", agent.log());
    let (code, text) = agent.cli(&["ctl", "stop", "bot"]);
    assert_eq!(code, 1, "{text}");
}

#[test]
fn what_the_file_does_not_allow_a_person_may_not_do_and_is_told() {
    let mut target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    for words in [&["ctl", "stop", "bot"][..], &["ctl", "freeze", "bot"]] {
        let (code, text) = agent.cli(words);
        assert_eq!(code, 1, "{words:?}: {text}");
        assert!(text.contains("not in the target's `allow`"), "{words:?}: {text}");
        let key = format!("add \"{}\" to `allow` under [target.bot]", words[1]);
        assert!(text.contains(&key), "{words:?}: {text}");
    }
    for words in [&["ctl", "thaw", "bot"][..], &["ctl", "release", "bot"], &["ctl", "hold", "nobody"]] {
        assert_eq!(agent.cli(words).0, 1, "{words:?}");
    }
    assert!(target.is_running() && state(target.pid()) == Some('S'));
}

#[test]
fn a_hold_by_a_person_is_shown_and_ended() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    assert_eq!(agent.cli(&["ctl", "hold", "bot"]).0, 0);
    assert!(agent.status().targets[0].human_hold);
    assert!(agent.cli(&["status"]).1.contains("HELD by a person"));
    assert_eq!(agent.cli(&["ctl", "resume", "bot"]).0, 0);
    assert!(!agent.status().targets[0].human_hold);
    let by = agent.until("told", |fact| match fact {
        Fact::Commanded { command, by } if command == "resume bot" => Some(*by),
        _ => None,
    });
    assert_eq!(by, Asker::User { uid: 0 });
}

#[test]
fn explain_tells_timers_and_why_not() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    let timer = || {
        let text = agent.cli(&["explain", "bot"]).1;
        (text.contains("of 10min") || text.contains("of 10m")).then_some(text)
    };
    let text = wait_for("a timer", PATIENCE, timer, || agent.cli(&["explain", "bot"]).1);
    println!("{text}");
    for wanted in ["fd.open > 2", "10000", "orders.open (not sampled yet) == 0", "warning", "fatal"] {
        assert!(text.contains(wanted), "{wanted} is missing:\n{text}");
    }
}

/// Asks over the agent's socket as another user; prints the status of the answer.
const STRANGER: &str = "\
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
body = sys.argv[2]
peer.sendall(f'POST /v1/request HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: {len(body)}\\r\\n\\r\\n{body}'.encode())
print(peer.recv(4096).split()[1].decode())
";

#[test]
fn a_stranger_is_refused() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    for body in ["\"status\"", "{\"do\":{\"hold\":{\"target\":\"bot\"}}}", "nonsense"] {
        let output = Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", python(), "-c", STRANGER])
            .arg(agent.socket())
            .arg(body)
            .output()
            .expect("setpriv runs");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.trim(), "403", "{body}");
    }
    assert!(!agent.status().targets[0].human_hold);
}

/// Connects very often, says nothing, and waits until it was cut off everywhere.
const SILENT: &str = "\
import socket, sys
peers = [socket.socket(socket.AF_UNIX) for _ in range(60)]
for peer in peers: peer.connect(sys.argv[1])
print('ready', flush=True)
for peer in peers: peer.recv(1)
print('cut off', flush=True)
";

#[test]
fn strangers_who_say_nothing_shut_nobody_out() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    let mut silent = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", python(), "-c", SILENT])
        .arg(agent.socket())
        .stdout(Stdio::piped())
        .spawn()
        .expect("setpriv runs");
    let mut lines = BufReader::new(silent.stdout.take().expect("piped")).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "ready");
    let before = Instant::now();
    // More often than there are places for silent ones.
    for _ in 0..60 {
        assert_eq!(agent.status().targets.len(), 1);
    }
    assert_eq!(lines.next().expect("a line").expect("text"), "cut off");
    assert!(before.elapsed() < Duration::from_secs(15), "{:?}", before.elapsed());
    assert!(silent.wait().expect("it ends").success());
}

#[test]
fn a_file_in_the_place_of_the_socket_is_left_alone() {
    let setup = Setup::bot("{ pid = 1 }", "", "");
    let file = setup.path("agent.sock");
    std::fs::write(&file, "somebody's").expect("written");
    let mut agent = Command::new(super::agent::FDGUARD)
        .args(["run", "-c"])
        .arg(setup.path("agent.toml"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut lines = BufReader::new(agent.stderr.take().expect("piped")).lines();
    let told: Vec<String> = lines
        .by_ref()
        .map(|line| line.expect("text"))
        .take_while(|line| !line.contains("process adopted") && !line.contains("no process"))
        .collect();
    assert!(told.iter().any(|line| line.contains("no socket")), "{told:?}");
    signal(i32::try_from(agent.id()).expect("fits"), "TERM");
    let rest: Vec<String> = lines.map(|line| line.expect("text")).collect();
    assert!(agent.wait().expect("it ends").success(), "{rest:?}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "somebody's");
}

#[test]
fn nonsense_on_the_socket_is_answered_and_harms_nothing() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    let long = format!("\"{}\"", "x".repeat(100_000));
    assert_eq!(post(&agent.socket(), "{").expect("an answer").0, 400);
    assert_eq!(post(&agent.socket(), "\"no_such_question\"").expect("an answer").0, 400);
    // Cut off while it still sends, or answered.
    assert!(post(&agent.socket(), &long).is_none_or(|(status, _)| status == 413));
    assert!(matches!(agent.ask(&Request::Do(Order::Resume { target: bot() })), Answer::Taken(_)));
}

#[test]
fn a_second_agent_on_the_same_socket_says_so() {
    let target = Target::start(HOLDING, &["4"]);
    let agent = guarded(&target, "");
    let path = agent.setup.path("agent.toml");
    let output = Command::new("timeout")
        .args(["20", super::agent::FDGUARD, "run", "-c"])
        .arg(path)
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("another agent listens"), "{text}");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(policies(&agent), ["first"]);
}
