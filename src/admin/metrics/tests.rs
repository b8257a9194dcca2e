use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::agent::status::{
    ActionCount, AgentStatus, Counts, HeldClient, PoolCache, PoolStatus, PoolStream, PoolTrading,
    PoolTraffic, ProcessStatus, TargetStatus,
};
use crate::model::action::{Gate, Hold};
use crate::model::clock::WallTime;
use crate::model::name::Name;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::{Argument, CATALOGUE, Unit};
use crate::model::trading::Trading;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// Every signal that takes no argument or belongs to a pool, known.
fn signals(prefix: &str) -> BTreeMap<String, Reading<f64>> {
    let rows = CATALOGUE.iter().filter(|row| match prefix {
        "" => row.argument == Argument::None,
        prefix => row.name.starts_with(prefix),
    });
    rows.map(|row| (row.name.to_owned(), Reading::Known(1.0))).collect()
}

fn process() -> ProcessStatus {
    let client = HeldClient {
        descriptor: 9,
        pool: name("db"),
        application: String::new(),
        opened: None,
        unused: Duration::from_secs(3),
        abandoned: true,
    };
    ProcessStatus {
        pid: 7,
        command: "python <script>alert(1)</script>".to_owned(),
        since: WallTime::from_millis(0),
        signals: signals(""),
        kinds: BTreeMap::from([("socket".to_owned(), 40)]),
        remotes: vec![("db\"\\\n:5432".to_owned(), 30, 12)],
        tiers: BTreeMap::from([("longport/descriptors".to_owned(), Some(name("warning")))]),
        levels: BTreeMap::from([("longport/descriptors".to_owned(), 2)]),
        holds: vec![Hold::Freeze { limit: Duration::from_secs(5) }],
        period: Duration::from_millis(100),
        clients: vec![client],
    }
}

fn pool() -> PoolStatus {
    PoolStatus {
        asked: Some(Duration::from_secs(1)),
        signals: signals("pool[]."),
        throttle: Some(5.0),
        scarce: false,
        counters: BTreeMap::from([("closed.reset".to_owned(), 3)]),
        traffic: Some(PoolTraffic { up: 10, down: 20 }),
        cache: Some(PoolCache { entries: 1, bytes: 2, hits: 3, misses: 4, dropped: 5 }),
        trading: Some(PoolTrading {
            state: Trading::Reducing,
            policy: Some(Gate::Reducing),
            hand: None,
            left: None,
            orders: 6,
            reducing: 7,
            cancels: 8,
            unread: 9,
            refused: 10,
        }),
        name: name("db"),
        mode: "running".to_owned(),
        ..PoolStatus::blank()
    }
}

/// A pool that carries WebSockets.
fn streaming() -> PoolStatus {
    let stream = PoolStream {
        state: "connected".to_owned(),
        silence: Some(Duration::from_secs(1)),
        messages: 1,
        reconnects: 1,
        dropped: 1,
        gaps: 1,
    };
    PoolStatus {
        asked: Some(Duration::from_secs(1)),
        signals: signals("stream[]."),
        stream: Some(stream),
        name: name("quotes"),
        mode: "running".to_owned(),
        ..PoolStatus::blank()
    }
}

/// A status in which nothing is missing.
fn full() -> Status {
    let agent = AgentStatus {
        version: "1.2.3".to_owned(),
        pid: 1,
        since: WallTime::from_millis(1_500),
        dry_run: false,
        cpu: Duration::from_millis(2_500),
        rss: Some(1 << 20),
        descriptors: Some(30),
        ticks: 100,
        lateness_max: Duration::from_millis(3),
        history_lost: None,
    };
    let target = TargetStatus {
        name: name("bot"),
        sought: "pid 7".to_owned(),
        policies: Vec::new(),
        human_hold: true,
        latched: vec!["longport/descriptors/fatal".to_owned()],
        processes: vec![process()],
    };
    let action = ActionCount {
        target: name("bot"),
        action: "reset_pool".to_owned(),
        outcome: "ineffective".to_owned(),
        count: 4,
    };
    let one = || BTreeMap::from([(name("bot"), 1)]);
    let counts = Counts {
        actions: vec![action],
        transitions: one(),
        starts: one(),
        signal_losses: one(),
        notices_failed: BTreeMap::from([(name("slack"), 2)]),
    };
    Status { agent, targets: vec![target], pools: vec![pool(), streaming()], counts }
}

#[test]
fn the_page_is_this() {
    let page = write(full()).unwrap();
    let golden = include_str!("tests/page.txt");
    assert!(page == golden, "{page}");
}

#[test]
fn what_is_not_known_has_no_sample_and_is_named() {
    let mut status = full();
    let process = &mut status.targets[0].processes[0];
    process.signals.insert("fd.open".to_owned(), Reading::Unavailable(Gap::NotPermitted));
    process.signals.insert("fd.tte".to_owned(), Reading::Known(f64::INFINITY));
    let page = write(status).unwrap();
    assert!(!page.contains("fdguard_target_fd_open{"), "{page}");
    assert!(
        page.contains("fdguard_target_unavailable{target=\"bot\",pid=\"7\",signal=\"fd.open\"} 1.0"),
        "{page}"
    );
    assert!(page.contains("fdguard_target_fd_tte_seconds{target=\"bot\",pid=\"7\"} inf\n"), "{page}");
}

#[test]
fn of_a_pool_that_has_not_answered_lately_nothing_is_said() {
    for asked in [None, Some(Duration::from_secs(6))] {
        let mut status = full();
        status.pools.iter_mut().for_each(|pool| pool.asked = asked);
        let page = write(status).unwrap();
        let said = |line: &str| {
            let is_theirs = line.starts_with("fdguard_pool_") || line.starts_with("fdguard_stream_");
            is_theirs && line.contains('{')
        };
        assert!(!page.lines().any(said), "{page}");
    }
}

#[test]
fn what_a_probe_or_a_proxy_does_not_say_is_named_where_it_is_declared() {
    let mut status = full();
    let signals = &mut status.targets[0].processes[0].signals;
    signals.insert("orders.open".to_owned(), Reading::Unavailable(Gap::Late));
    signals.insert("trading.state".to_owned(), Reading::Unavailable(Gap::Late));
    signals.insert("deadman.armed".to_owned(), Reading::Unavailable(Gap::NotConfigured));
    let page = write(status).unwrap();
    let names = |signal: &str| {
        page.contains(&format!("fdguard_target_unavailable{{target=\"bot\",pid=\"7\",signal=\"{signal}\"}}"))
    };
    assert_eq!([names("orders.open"), names("trading.state"), names("deadman.armed")], [true, true, false]);
}

#[test]
fn what_a_remote_is_called_breaks_no_line() {
    let page = write(full()).unwrap();
    assert!(page.contains("remote=\"db\\\"\\\\\\n:5432\"} 30.0\n"), "{page}");
    assert!(!page.contains("<script>"), "a command line is nobody's business here");
}

#[test]
fn an_agent_with_nothing_to_guard_has_a_page_too() {
    let page = write(Status { targets: Vec::new(), pools: Vec::new(), ..full() }).unwrap();
    assert!(
        page.contains("fdguard_build_info{version=\"1.2.3\"} 1.0\n") && page.ends_with("# EOF\n"),
        "{page}"
    );
}

#[test]
fn counts_since_the_start_are_counters() {
    for row in CATALOGUE.iter().filter(|row| row.unit == Unit::Count && row.argument == Argument::Named) {
        let is_counter = reading::COUNTERS.contains(&row.signal);
        assert_eq!(is_counter, row.meaning.ends_with("so far."), "{}", row.name);
    }
}

/// Names of families and of their samples in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|byte: char| !byte.is_ascii_alphanumeric() && byte != '_');
    words.filter(|word| word.starts_with("fdguard_") || word.starts_with("process_")).collect()
}

#[test]
fn alerts_and_dashboard_speak_only_of_what_is_on_the_page() {
    let page = write(full()).unwrap();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let known: BTreeSet<&str> = samples.filter_map(|line| line.split(['{', ' ']).next()).collect();
    let rules = include_str!("../../../deploy/prometheus/fdguard.rules.yml");
    let board = include_str!("../../../deploy/grafana/fdguard.json");
    // A signal that can be told has no sample for that it can't.
    let unknown = |name: &&&str| !known.contains(**name) && **name != "fdguard_target_unavailable";
    for text in [rules, board] {
        let names = names(text);
        assert!(names.len() > 10, "{names:?}");
        let strange: Vec<_> = names.iter().filter(unknown).collect();
        assert!(strange.is_empty(), "{strange:?}");
    }
}
