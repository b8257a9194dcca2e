//! `run`: hooks as commands and as HTTP calls.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::action::Action;

use super::super::*;
use super::support::*;
use crate::call::endpoint::Endpoint;

fn run(hook: &str) -> Action {
    Action::Run { hook: name(hook) }
}

#[test]
fn a_hook_knows_why_it_runs_and_what_it_said_is_kept_without_secrets() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let script =
        "echo $FDGUARD_TARGET $FDGUARD_PID $FDGUARD_TIER $FDGUARD_RULE $FDGUARD_DECISION token=hunter2";
    let bench = Bench::with_hooks(&[("tell", &["sh", "-c", script], 10_000)]);
    let said = bench.act(&Arc::new(bot.subject()), run("tell")).unwrap();
    let expected = format!("bot {} fatal longport/descriptors/fatal 1 token=***", bot.pid());
    assert_eq!(said, format!("hook tell: exit code 0; it said: {expected}"));
}

#[test]
fn what_fails_is_a_failure_with_its_reason() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let subject = Arc::new(bot.subject());
    let bench = Bench::with_hooks(&[
        ("bad", &["sh", "-c", "echo no venue; exit 3"], 10_000),
        ("slow", &["sleep", "60"], 200),
        ("gone", &["/nonexistent/x"], 1_000),
    ]);
    assert_eq!(bench.act(&subject, run("bad")).unwrap_err(), "hook bad: exit code 3; it said: no venue");
    let slow = bench.act(&subject, run("slow")).unwrap_err();
    assert_eq!(slow, "hook slow: killed at its time limit of 200ms");
    assert!(bench.act(&subject, run("gone")).unwrap_err().contains("could not start /nonexistent/x"));
    assert_eq!(bench.act(&subject, run("nobody")).unwrap_err(), "there is no hook `nobody`");
}

#[test]
fn an_http_hook_posts_the_facts_and_takes_only_2xx() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/s3cret", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        ["200 OK", "409 Conflict"].map(|status| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let mut length = 0;
            while !request[..length].ends_with(b"}") {
                length += stream.read(&mut request[length..]).unwrap();
            }
            write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 4\r\n\r\ndone")
                .unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        })
    });
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let subject = Arc::new(bot.subject());
    let bench = Bench::start(Path::new("/nonexistent"), |settings| {
        let Ok(endpoint) = Endpoint::parse(&url) else { panic!("a URL") };
        let call = HookCall::Http(HookRequest { endpoint, method: crate::config::Method::Post, body: None });
        settings.hooks.insert(name("pause"), Hook { call, timeout: Duration::from_secs(10), until: None });
    });
    assert!(bench.act(&subject, run("pause")).unwrap().ends_with("answered 200; it said: done"));
    let refused = bench.act(&subject, run("pause")).unwrap_err();
    assert!(refused.contains("answered 409") && !refused.contains("s3cret"), "{refused}");
    let [request, _] = server.join().unwrap();
    assert!(request.contains("\"target\":\"bot\"") && request.contains("\"tier\":\"fatal\""), "{request}");
}

/// A hook that does nothing but end so, and a probe that reads a file.
fn confirmed(ends: &str, file: &Path, within: Duration) -> Bench {
    let argv = ["sh", "-c", ends].map(str::to_owned).to_vec();
    let asked = crate::config::Command {
        argv: vec!["cat".to_owned(), file.display().to_string()],
        env: [].into(),
        user: None,
    };
    let probe = crate::config::Probe {
        name: name("open-orders"),
        feeds: None,
        targets: Vec::new(),
        ask: crate::config::Ask::Run(asked),
        value: None,
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
    };
    Bench::start(Path::new("/nonexistent"), |settings| {
        let call = HookCall::Command(HookCommand { argv: argv.clone(), ..HookCommand::default() });
        let hook = Hook { call, timeout: Duration::from_secs(10), until: Some((probe.clone(), within)) };
        settings.hooks.insert(name("cancel-all"), hook);
    })
}

#[test]
fn a_hook_is_done_when_its_probe_says_so_and_not_when_the_call_does() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let subject = Arc::new(bot.subject());
    let folder = tempfile::tempdir().unwrap();
    let orders = folder.path().join("orders");
    std::fs::write(&orders, "3").unwrap();
    let bench = confirmed("exit 0", &orders, Duration::from_secs(30));
    let filled = orders.clone();
    let venue = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        std::fs::write(filled, "0").unwrap();
    });
    let said = bench.act(&subject, run("cancel-all")).unwrap();
    venue.join().unwrap();
    assert!(said.starts_with("hook cancel-all: exit code 0; open-orders says 0 after "), "{said}");
    // What was wanted is so, though the call itself was late or wrong.
    let bench = confirmed("exit 4", &orders, Duration::from_secs(30));
    let said = bench.act(&subject, run("cancel-all")).unwrap();
    assert!(said.starts_with("hook cancel-all: failed: exit code 4; open-orders says 0 after "), "{said}");
}

#[test]
fn a_hook_whose_probe_never_says_so_has_failed_at_its_deadline() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let subject = Arc::new(bot.subject());
    let folder = tempfile::tempdir().unwrap();
    let orders = folder.path().join("orders");
    std::fs::write(&orders, "2").unwrap();
    let bench = confirmed("exit 0", &orders, Duration::from_millis(900));
    let why = bench.act(&subject, run("cancel-all")).unwrap_err();
    assert!(why.contains("exit code 0; open-orders still says 2 after "), "{why}");
    std::fs::remove_file(&orders).unwrap();
    let why = bench.act(&subject, run("cancel-all")).unwrap_err();
    assert!(why.contains("open-orders is not known: "), "{why}");
}
