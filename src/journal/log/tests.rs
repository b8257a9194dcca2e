use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::Context;

use super::*;
use crate::journal::facts::examples::events;

type Record = (Level, BTreeMap<String, String>);

/// Keeps what is told.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<Record>>>);

#[derive(Default)]
struct Text(BTreeMap<String, String>);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber> tracing_subscriber::Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }
}

fn told() -> Vec<Record> {
    let listener = Listener::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(listener.clone()), || {
        events().iter().for_each(log);
    });
    std::mem::take(&mut *listener.0.lock().unwrap())
}

#[test]
fn each_event_has_its_headline_its_level_and_its_fields() {
    let records = told();
    assert_eq!(records.len(), events().len());
    for (event, (level, fields)) in events().iter().zip(&records) {
        let (loudness, message) = event.fact.headline();
        assert_eq!(fields["message"], message);
        let expected = match loudness {
            Loudness::Info => Level::INFO,
            Loudness::Warn => Level::WARN,
            Loudness::Error => Level::ERROR,
        };
        assert_eq!(*level, expected);
        assert_eq!((fields["target"].as_str(), fields["process"].as_str()), ("bot", "4321"));
    }
}

#[test]
fn the_fields_stay_as_documented() {
    let lines: Vec<String> = told()
        .into_iter()
        .map(|(_, mut fields)| {
            for common in ["message", "target", "process"] {
                fields.remove(common);
            }
            let fact = fields.remove("fact").unwrap();
            let rest: Vec<_> = fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{fact}: {}", rest.join(" | "))
        })
        .collect();
    let rule = "rule=longport/descriptors/warning";
    for expected in [
        "agent_started: settings=ab12 | version=0.1.0".to_owned(),
        "exited: code=137".to_owned(),
        "exited: ".to_owned(),
        format!("transition: because=fd.open 612 > 600 | {rule} | to=warning"),
        format!("decision: action=run | cause=entry | decision=1 | {rule} | work=do"),
        format!("decision: action=run | cause=entry | decision=2 | dry_run=agent | {rule} | work=do"),
        format!(
            "decision: action=run | cause=entry | decision=3 | refusal=budget 3/day is spent, 30s left | {rule} | work=do"
        ),
        "finished: decision=1 | result=ran | took_seconds=1.5".to_owned(),
        "finished: decision=9 | error=timed out | took_seconds=9.0".to_owned(),
        format!(
            "judged: action=run | because=fd.open 611 <= 520 | decision=1 | outcome=ineffective | {rule}"
        ),
        "hold_released: action=pause_trading | why=tier cleared".to_owned(),
        format!("latched: {rule}"),
        "commanded: command=release bot | uid=1000".to_owned(),
        "commanded: command=hold bot | peer=127.0.0.1:40000 | token=write".to_owned(),
        "signal_lost: gap=not permitted | signal=fd.open".to_owned(),
        "history_back: lost=7".to_owned(),
        "notice_failed: receiver=slack | why=500".to_owned(),
    ] {
        assert!(lines.contains(&expected), "{expected} is not among\n{}", lines.join("\n"));
    }
}

const CHILD: &str = "FDGUARD_TEST_LOG_CHILD";

#[test]
fn the_stream_is_ours_only_where_device_and_inode_fit() {
    assert_eq!(stream_of("8:1234"), Some((8, 1234)));
    assert_eq!(stream_of("8"), None);
    assert_eq!(stream_of(""), None);
    // In a process of its own, whose standard error is known and whose environment can be set.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let file = std::fs::File::create(&path).unwrap();
    let own = file.metadata().unwrap();
    let fits = format!("{}:{}", own.dev(), own.ino());
    for (stream, expected) in [(fits.as_str(), "Journald"), ("0:0", "Terminal"), ("", "Terminal")] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::log::tests::tells_where_it_would_log", "--nocapture"])
            .env(CHILD, "1")
            .env("JOURNAL_STREAM", stream)
            .stderr(file.try_clone().unwrap())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(&format!("logs to {expected}")), "{stream}: {text}");
    }
    // The child also logged one line there, without colours, since it is no terminal.
    let log = std::fs::read_to_string(path).unwrap();
    assert!(log.contains("WARN action refused fact=\"decision\" target=\"bot\""), "{log}");
    assert!(!log.contains('\x1b'));
}

/// The child of the test above; alone it has nothing to do.
#[test]
fn tells_where_it_would_log() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    println!("logs to {:?}", LogTo::detect());
    init_logging(LogTo::Terminal, LogLevel::Info).unwrap();
    assert!(matches!(init_logging(LogTo::Terminal, LogLevel::Info), Err(LogError::Again)));
    events().iter().for_each(log);
}
