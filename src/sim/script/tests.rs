use super::*;

fn policy() -> Policy {
    let source = "schema = 1\nname = \"p\"\n[[ladder.fd.tier]]\nname = \"high\"\nraise = \"fd.open > 300\"\n";
    crate::policy::load(source, &mut Faults::default()).unwrap()
}

fn faults(scenario: &str) -> Vec<(&'static str, String)> {
    let source = format!("schema = 1\npolicy = \"p.toml\"\n[[scenario]]\n{scenario}");
    let mut faults = Faults::default();
    let script = read(&source, &policy(), &mut faults);
    let found = faults.into_sorted();
    assert_eq!(script.is_none(), !found.is_empty());
    found.into_iter().map(|fault| (fault.code, source[fault.span].to_owned())).collect()
}

fn one(scenario: &str) -> Scenario {
    let source = format!("schema = 1\npolicy = \"p.toml\"\n[[scenario]]\n{scenario}");
    let mut faults = Faults::default();
    let script = read(&source, &policy(), &mut faults);
    script.unwrap_or_else(|| panic!("{:?}", faults.into_sorted())).scenarios.remove(0)
}

#[test]
fn every_form_of_a_signal_and_every_generator_is_read() {
    let read = one(r#"
name = "all"
length = "1h"
start = { "fd.open" = 85, "process.rss" = "64MiB", "deadman.armed" = true, "trading.state" = "reducing" }
events = [{ at = "2m", restart = "5s" }, { at = "1m", clock = "-1h" }, { at = "3m", hold = true }]
means = { allow = ["stop"], pools = ["a"], impossible = { freeze = "no cgroup" } }
expect = [
    { at = "12m", tier = "fd/high" },
    { within = ["1m", "2m"], action = "stop", cause = "entry" },
    { never = "tier high" },
    { count = "snapshot", max = 2 },
    { refused = "stop", by = "guard" },
    { outcome = "ineffective", tier = "high" },
    { at = "5m", that = "fd.tte < 20m and high.active" },
    { at = "5m", holds = "freeze" },
    { lead = "10m", tier = "high" },
]
[scenario.series]
"fd.by_kind(socket)" = { constant = 3 }
"socket.leaked(2m)" = [{ ramp = { rate = "+1/min", to = 5 } }, { from = "5m", until = "6m", gap = "late" }]
'pool["orders-db"].waiting' = { steps = [{ at = "1m", value = 1 }, { at = "2m", value = 4 }] }
'socket.by_remote("db:5432").close_wait' = { points = { every = "1m", values = "1, 2\n3" } }
'socket.connect_rate("db:5432")' = { sawtooth = { low = "1/s", high = "5/s", period = "1m" } }
"process.cpu" = { noise = { amplitude = "5%" } }
[scenario.effects]
reset_pool = { change = { "fd.open" = "-30%", "process.rss" = "-1MiB" }, after = "5s" }
stop = { fails = "no pidfd" }
"#);
    assert_eq!((read.series.len(), read.events.len(), read.expect.len()), (6, 3, 9));
    assert_eq!(read.events[0].happening, Happening::Clock(-3_600_000));
    let change = &read.effects[&Word::ResetPool].change;
    assert_eq!(change.values().copied().collect::<Vec<_>>(), [Change::Times(0.7), Change::By(-1_048_576.0)]);
    let trading = read.start[&SignalKey::Plain(crate::model::signal::Signal::TradingState)];
    assert!((trading - 1.0).abs() < 1e-9);
}

#[test]
fn all_faults_come_at_once_each_in_its_place() {
    let found = faults(
        r#"
name = "bad"
length = "1h"
tick = "1"
colour = "red"
start = { "fd.opne" = 85, "process.rss" = 64 }
expect = [{ at = "2h", tier = "hihg" }, { count = "snapshot" }, { refused = "stop", by = "gurad" }, {}]
[scenario.series]
"fd.open" = { rmap = { rate = "+1/min" } }
"fd.limit" = { ramp = { rate = "25/min" } }
[scenario.effects]
reset_pol = { }
"#,
    );
    let found: Vec<(&str, &str)> = found.iter().map(|(code, text)| (*code, text.as_str())).collect();
    assert_eq!(
        found,
        [
            ("bad-value", "\"1\""),
            ("unknown-key", "colour"),
            ("unknown-signal", "fd.opne"),
            ("wrong-type", "64"),
            ("out-of-range", "\"2h\""),
            ("no-tier", "\"hihg\""),
            ("missing-key", "{ count = \"snapshot\" }"),
            ("unknown-word", "\"gurad\""),
            ("missing-key", "{}"),
            ("unknown-key", "rmap"),
            ("bad-value", "\"25/min\""),
            ("unknown-word", "reset_pol"),
        ]
    );
}

#[test]
fn the_policy_is_found_in_the_text_alone() {
    assert_eq!(policy_of("schema = 1\npolicy = \"a/b.toml\"\n").as_deref(), Some("a/b.toml"));
    assert_eq!(policy_of("schema = 1\n"), None);
}
