//! What expressions are worth.

use std::sync::Arc;
use std::time::Duration;

use super::compiled;
use crate::model::ages::Ages;
use crate::model::clock::{Timestamp, WallTime};
use crate::model::kind::Kind;
use crate::model::name::{Name, Remote};
use crate::model::observation::{Observation, RemoteSurvey};
use crate::model::reading::{Gap, Reading};
use crate::model::signal::{PROCESS_STATES, Signal};
use crate::policy::condition::{Condition, Place};
use crate::policy::truth::Truth;
use crate::policy::windows::Windows;
use crate::policy::world::{TierFacts, World};

/// `attention` is active and was ineffective twice.
pub(super) struct Tiers;

impl TierFacts for Tiers {
    fn active(&self, tier: &Name) -> bool {
        tier.as_str() == "attention"
    }

    fn ineffective(&self, tier: &Name) -> u32 {
        if tier.as_str() == "attention" { 2 } else { 0 }
    }
}

/// What the expressions below are evaluated on; Wednesday 2026-01-14 15:00 UTC, 10:00 in New York.
pub(super) fn seen(at: u64) -> Observation {
    let wall = WallTime::from_millis(1_768_402_800_000);
    let mut seen = Observation::blank(Timestamp::from_millis(at), wall, Gap::NotPermitted);
    seen.know(Signal::FdOpen, 312.0);
    seen.know(Signal::FdLimit, 1_024.0);
    seen.know(Signal::FdRatio, 0.304_687_5);
    seen.know(Signal::FdTte, f64::INFINITY);
    seen.know(Signal::FdRate, 0.5);
    seen.know(Signal::FdFiles, 0.0);
    seen.know(Signal::ProcessRss, 67_108_864.0);
    seen.know(Signal::DeadmanArmed, 1.0);
    let disk = PROCESS_STATES.iter().position(|state| *state == "disk").unwrap();
    seen.know(Signal::ProcessState, f64::from(u32::try_from(disk).unwrap()));
    let mut kinds = [0; Kind::COUNT];
    kinds[Kind::Socket as usize] = 250;
    seen.kinds = Reading::Known(Arc::new(kinds));
    let mut ages = Ages::default();
    (0..60).for_each(|_| ages.add(Duration::from_secs(150)));
    seen.leaked = Reading::Known(Arc::new(ages));
    seen.remotes = Reading::Known(Arc::new(vec![RemoteSurvey {
        remote: Remote::parse("db:5432").unwrap(),
        count: 40,
        established: 3,
        close_wait: 37,
        syn_sent: 0,
        fin_wait: 0,
        connect_rate: 2.0,
    }]));
    let named = [(Signal::PoolWaiting, "orders-db", 4.0), (Signal::ProbeValue, "x", 7.5)];
    let reading = |(signal, name, value)| ((signal, Name::parse(name).unwrap()), Reading::Known(value));
    seen.named = Arc::new(named.into_iter().map(reading).collect());
    seen
}

pub(super) fn condition(text: &str, place: Place) -> Condition {
    let (condition, faults) = compiled(text, place);
    assert_eq!(faults, "", "{text}");
    condition.unwrap()
}

fn valued(text: &str, place: Place) -> Truth {
    let condition = condition(text, place);
    let mut windows = Windows::for_conditions([&condition].into_iter());
    let (now, mut before) = (seen(1_000), seen(0));
    before.know(Signal::FdOpen, 400.0);
    windows.observe(&now);
    condition.evaluate(&World {
        now: &now,
        windows: &windows,
        tiers: &Tiers,
        before: Some(&before),
        waited: Some(Duration::from_mins(3)),
    })
}

#[test]
fn signals_and_operators_say_what_they_say() {
    let holds = [
        "fd.open > 300",
        "fd.open >= 312 and fd.open <= 312 and fd.open == 312 and not fd.open != 312",
        "fd.tte > 60m and not fd.tte < 20m",
        "fd.ratio < 80%",
        "fd.open > fd.limit * 30%",
        "fd.rate > 29/min and fd.rate < 0.51/s",
        "fd.rate * 10m > 299",
        "process.rss >= 64MiB and process.rss < 68MB",
        "fd.by_kind(socket) == 250",
        "fd.by_kind(\"pipe\") == 0",
        "socket.leaked(2m) > 50 and socket.leaked(3m) == 0",
        "socket.by_remote(\"db:5432\").close_wait > 30 and socket.by_remote('x:1').count == 0",
        "socket.connect_rate(\"db:5432\") > 60/min",
        "pool[\"orders-db\"].waiting == 4 and pool['orders-db'].waiting < 5",
        "probe[\"x\"].value > 7",
        "process.state == disk and process.state == \"disk\" and process.state != sleeping",
        "disk == process.state",
        "deadman.armed and deadman.armed == true",
        "clock.session(\"09:30-16:00 America/New_York\")",
        "not clock.session(\"mon-tue 09:30-16:00 America/New_York\")",
        "clock.weekday == wed",
        "attention.active and not warning.active and not tier[\"drop-feed\"].active",
        "attention.ineffective(2) and not attention.ineffective(3)",
        "unknown(process.threads) and not unknown(fd.open) and unknown(fd.open / fd.files > 100%)",
        "max(fd.open, 500) == 500 and min(fd.open, 500) == 312",
        "max(20m, fd.tte) > 1h",
        "unknown(max(fd.open, 20m))",
        "1 + 2 * 3 == fd.open - 305",
        "(1 + 2) * 3 == fd.open - 303",
        "10 - 4 - 3 == fd.open - 309",
        "-fd.open < -300",
        "fd.open > 300 or process.threads > 3",
        "not (fd.open < 300 and process.threads > 3)",
        "fd.open / 2 > 155",
        "fd.open / fd.limit > 30%",
        "fd.open / 10m > 31/min",
    ];
    for text in holds {
        assert_eq!(valued(text, Place::Raise), Truth::True, "{text}");
    }
    assert_eq!(valued("waited(2m) and not waited(4m)", Place::Guard), Truth::True);
    assert_eq!(valued("fd.open <= before.fd.open * 85%", Place::Expect), Truth::True);
    assert_eq!(valued("fd.open <= before.fd.open * 70%", Place::Expect), Truth::False);
    assert_eq!(valued("before.pool['orders-db'].waiting == 4", Place::Expect), Truth::True);
}

#[test]
fn what_is_missing_is_unknown_with_its_reason() {
    let unknown = [
        ("process.threads > 3", Gap::NotPermitted),
        ("not process.threads > 3", Gap::NotPermitted),
        ("process.threads > 3 and fd.open > 300", Gap::NotPermitted),
        ("process.threads + fd.open > 3", Gap::NotPermitted),
        ("fd.open / fd.files > 100%", Gap::Undefined),
        ("fd.tte - fd.tte > 1s", Gap::Undefined),
        ("avg(fd.open, 1m) > 3", Gap::TooYoung),
        ("ago(fd.open, 1m) > 3", Gap::TooYoung),
        ("trend(fd.open, 1m) > 3/min", Gap::TooYoung),
        ("pool[\"nowhere\"].waiting > 3", Gap::NotConfigured),
    ];
    for (text, gap) in unknown {
        assert_eq!(valued(text, Place::Raise), Truth::Unknown(gap), "{text}");
    }
}

#[test]
fn keys_and_lookback_cover_windows_and_before() {
    let text = "avg(fd.open, 5m) > 3 and ago(process.rss, 1h) > 1MiB and fd.open > 3 and fd.tte > 3m";
    let condition = condition(text, Place::Raise);
    let names: Vec<_> = condition.keys().iter().map(|key| key.signal().name()).collect();
    assert_eq!(names, ["fd.open", "fd.tte", "process.rss"]);
    assert_eq!(condition.lookback(), Duration::from_hours(1));
}

#[test]
fn equal_expressions_share_one_spelling() {
    let spelled = [
        ("fd.open>300", "fd.open > 300"),
        ("((fd.open > 300) or (fd.tte < 90s))", "fd.open > 300 or fd.tte < 1m30s"),
        ("a_b.active", "a_b.active"),
        ("pool['x'].waiting>1", "pool[\"x\"].waiting > 1"),
        ("process.rss > 65536KiB", "process.rss > 64MiB"),
        ("not (fd.open > 3 and fd.tte < 3m)", "not (fd.open > 3 and fd.tte < 3m)"),
        ("fd.open > (1 + 2) * 3", "fd.open > (1 + 2) * 3"),
        ("fd.rate > 25/m and fd.ratio > 80.5%", "fd.rate > 25/min and fd.ratio > 80.5%"),
    ];
    for (text, canonical) in spelled {
        let mut faults = crate::document::Faults::default();
        let source = format!("x = {}", toml::Value::String(text.to_owned()));
        crate::document::read(&source, &mut faults, |mut root, faults| {
            let text = root.text("x", faults).unwrap();
            let mut report = crate::policy::report::Report::new(&text, faults);
            assert_eq!(crate::policy::parse::parse(&mut report).to_string(), canonical);
        });
    }
}

#[test]
fn a_tree_shows_live_values() {
    let text = "fd.open > 300 and (fd.tte < 20m or process.threads > 3 or attention.ineffective(3)) \
                and not process.state == running and max(fd.open, 3) * 2 < fd.limit";
    let condition = condition(text, Place::Raise);
    let windows = Windows::for_conditions([&condition].into_iter());
    let now = seen(0);
    let world = World { now: &now, windows: &windows, tiers: &Tiers, before: None, waited: None };
    let tree = condition.tree(&world);
    let drawn = "\
fd.open > 300 and (fd.tte < 20m or process.threads > 3 or attention.ineffective(3)) and not process.state == running and max(fd.open, 3) * 2 < fd.limit -> unknown: not permitted
  fd.open (312) > 300 -> true
  fd.tte < 20m or process.threads > 3 or attention.ineffective(3) -> unknown: not permitted
    fd.tte (infinite) < 20m -> false
    process.threads (not permitted) > 3 -> unknown: not permitted
    attention.ineffective(3) (2) -> false
  not process.state == running -> true
    process.state (disk) == running -> false
  max(fd.open, 3) (312) * 2 < fd.limit (1024) -> true";
    assert_eq!(tree.to_string(), drawn);
    let json = serde_json::to_string(&tree.parts[0]).unwrap();
    assert_eq!(json, r#"{"text":"fd.open (312) > 300","value":true,"parts":[]}"#);
}
