//! A healthy bot that looks sick, under every shipped policy: nothing happens to it.
//!
//! Each policy is tried as shipped and with every duration a sixtieth, so that half a minute here is half an hour
//! there; the bot's pool, which sits two seconds in CLOSE_WAIT, then sits two minutes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fdguard::model::action::Effect;
use fdguard::model::decision::Verdict;
use fdguard::model::event::{Event, Fact};

use super::bot::{self, Bot};
use super::servers::Servers;
use super::tape::Tape;
use crate::support::agent::{Agent, toml_text};
use crate::support::wait::wait_for;

const POLICIES: [&str; 3] = ["longport", "default", "aggressive"];
/// How long each is watched, in the bot's own time.
const WATCHED: f64 = 25.0;
/// How long that may take.
const WITHIN: Duration = Duration::from_secs(90);
/// CLOSE_WAIT sockets of the idle pool that the agent must have seen, or nothing was shown.
const CLOSE_WAIT: f64 = 15.0;
/// Everything dangerous: what holds the agent back here is its policy alone.
const ALLOW: &str = r#"["destroy_sockets", "reap_descriptors", "freeze", "stop"]"#;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Time {
    AsShipped,
    Compressed,
}

#[test]
fn an_idle_pool_in_close_wait_is_left_alone_by_every_shipped_policy() {
    let venue = Servers::venue();
    let ports = venue.json();
    std::thread::scope(|scope| {
        for policy in POLICIES {
            for time in [Time::AsShipped, Time::Compressed] {
                let ports = &ports;
                scope.spawn(move || watch(policy, time, ports));
            }
        }
    });
}

fn watch(policy: &str, time: Time, ports: &str) {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("bot.log");
    write_settings(folder.path(), policy, time, ports);
    let mut agent = Agent::start(folder.path());
    let (mut tape, mut events, mut close_wait) = (Tape::of(&lines), Vec::new(), 0.0_f64);
    let log = agent.log_reader();
    wait_for(
        "the bot has traded long enough",
        WITHIN,
        || {
            events.extend(agent.new_events());
            close_wait = close_wait.max(seen_in_close_wait(&agent));
            tape.wind();
            let (first, last) = (tape.lines.first()?, tape.lines.last()?);
            (last.boot - first.boot >= WATCHED).then_some(())
        },
        log,
    );
    let what = format!("{policy}, {time:?}");
    assert!(close_wait >= CLOSE_WAIT, "{what}: at most {close_wait} in CLOSE_WAIT were seen");
    assert_left_alone(&what, &events, &agent.log());
    assert_eq!(tape.processes().len(), 1, "{what}: restarted");
    assert!(tape.lines.iter().all(|line| line.orders_failed == 0), "{what}: an order failed");
    assert!(agent.end().success(), "{what}");
}

fn assert_left_alone(what: &str, events: &[Event], log: &str) {
    for event in events {
        match &event.fact {
            Fact::Transition(step) if step.to.is_some() => panic!("{what}: {step:?}\n{log}"),
            Fact::HoldTaken { hold } => panic!("{what}: {hold:?}\n{log}"),
            Fact::Decision(decision) if decision.verdict == Verdict::Start => {
                assert_eq!(decision.work.word().effect(), Effect::None, "{what}: {decision:?}\n{log}");
            }
            _ => {}
        }
    }
}

fn seen_in_close_wait(agent: &Agent) -> f64 {
    let status = agent.status();
    let processes = status.targets.iter().flat_map(|target| &target.processes);
    let counts = processes.filter_map(|process| process.signals.get("socket.close_wait")?.known());
    counts.fold(0.0, f64::max)
}

fn write_settings(folder: &Path, policy: &str, time: Time, ports: &str) {
    let (file, window) = match time {
        Time::AsShipped => (shipped(policy), ""),
        Time::Compressed => {
            let file = folder.join("policy.toml");
            fs::write(&file, compressed(&fs::read_to_string(shipped(policy)).unwrap())).unwrap();
            (file, "window = { short = \"5s\", long = \"10s\" }\n")
        }
    };
    let bot = Bot { rate: 0, ..Bot::new("healthy_keepalive.py", &[]) };
    let argv: Vec<String> = bot.command(&folder.join("bot.log")).iter().map(|word| toml_text(word)).collect();
    let sections = format!(
        "[target.bot]\nmatch = {{ child = {{ argv = [{}], env = {{ BOT_SERVERS = {} }} }} }}\npolicy = [{}]\n\
         allow = {ALLOW}\n{window}\n\
         [notify.slack]\ncommand = [\"/bin/true\"]\n\n[hook.cancel-all]\nrun = [\"/bin/true\"]\n\n\
         [probe.open-orders]\nfeeds = \"orders.open\"\nrun = {{ argv = [\"/bin/echo\", \"0\"], value = \"\", every = \"5s\" }}\n",
        argv.join(", "),
        toml_text(ports),
        toml_text(&file.to_string_lossy()),
    );
    Agent::write_settings(folder, &sections);
}

fn shipped(policy: &str) -> PathBuf {
    bot::folder().join("../../policies").join(format!("{policy}.toml"))
}

/// The policy with every duration a sixtieth. Budgets (`6/day`) stay: none is ever spent.
fn compressed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let code = line.split('#').next().unwrap_or_default();
        out.push_str(&sixtieth(code));
        out.push_str(&line[code.len()..]);
    }
    out
}

fn sixtieth(code: &str) -> String {
    let duration = regex_lite::Regex::new(r"\b(\d+)(ms|s|m|h|d)\b").unwrap();
    let shrink = |found: &regex_lite::Captures<'_>| {
        let factor = match &found[2] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => 86_400_000,
        };
        let millis: u64 = found[1].parse::<u64>().unwrap() * factor / 60;
        format!("{}ms", millis.max(1))
    };
    duration.replace_all(code, shrink).into_owned()
}

#[test]
fn compressing_shrinks_durations_and_nothing_else() {
    let line = "raise = \"fd.open > 300 or socket.leaked(2m) > 50 or fd.tte < 4h\" # not 2m\n";
    let shrunk = "raise = \"fd.open > 300 or socket.leaked(2000ms) > 50 or fd.tte < 240000ms\" # not 2m\n";
    assert_eq!(compressed(line), shrunk);
    assert_eq!(compressed("budget = \"12/day\"\nfor = \"5s\"\n"), "budget = \"12/day\"\nfor = \"83ms\"\n");
}
