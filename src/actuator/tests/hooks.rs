//! `run`: hooks as commands and as HTTP calls.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
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
    let bench = Bench::start(std::path::Path::new("/nonexistent"), |settings| {
        let Ok(endpoint) = Endpoint::parse(&url) else { panic!("a URL") };
        let call = HookCall::Http(HookRequest { endpoint, method: crate::config::Method::Post, body: None });
        settings.hooks.insert(name("pause"), Hook { call, timeout: Duration::from_secs(10) });
    });
    assert!(bench.act(&subject, run("pause")).unwrap().ends_with("answered 200; it said: done"));
    let refused = bench.act(&subject, run("pause")).unwrap_err();
    assert!(refused.contains("answered 409") && !refused.contains("s3cret"), "{refused}");
    let [request, _] = server.join().unwrap();
    assert!(request.contains("\"target\":\"bot\"") && request.contains("\"tier\":\"fatal\""), "{request}");
}
