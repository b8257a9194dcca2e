use std::sync::Arc;

use crate::document::Faults;
use crate::policy::definition::Policy;
use crate::sim::run::{Performance, run};
use crate::sim::script::{self, Scenario};
use crate::sim::transcript;

const POLICY: &str = r#"
schema = 1
name = "p"
[ladder.fd]
start_grace = "2m"
[[ladder.fd.tier]]
name = "high"
raise = "fd.open > 300"
clear = "fd.open < 250"
for = "5s"
dwell = "1m"
cooldown = "3m"
budget = "2/day"
latch = "human"
guard = "orders.open == 0 or waited(2m)"
hold = [{ poll_stream = { stream = "quotes" } }]
do = ["snapshot", { reset_pool = { pool = "db" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "30s" }
[[ladder.fd.tier]]
name = "fatal"
raise = "fd.open > 900 or high.ineffective(2)"
do = [{ stop = { then = "restart" } }]
"#;

fn policy() -> Arc<Policy> {
    Arc::new(crate::policy::load(POLICY, &mut Faults::default()).unwrap())
}

fn scenario(text: &str) -> Scenario {
    let source = format!("schema = 1\npolicy = \"p.toml\"\n[[scenario]]\nname = \"x\"\n{text}");
    let mut faults = Faults::default();
    let script = script::read(&source, &policy(), &mut faults);
    script.unwrap_or_else(|| panic!("{:?}", faults.into_sorted())).scenarios.remove(0)
}

fn performed(text: &str) -> Performance {
    run(&policy(), &scenario(text))
}

fn holds(text: &str) {
    let scenario = scenario(text);
    let performance = run(&policy(), &scenario);
    let told = transcript::of_course(&performance.course);
    assert!(performance.failures.is_empty(), "{:#?}\n{told}", performance.failures);
}

#[test]
fn an_effective_reset_ends_the_rise() {
    holds(
        r#"
length = "20m"
start = { "fd.open" = 250, "orders.open" = 0 }
expect = [
    { at = "5m11s", tier = "high" }, { at = "5m11s", action = "reset_pool" }, { at = "5m11s", holds = "poll_stream" },
    { outcome = "effective", tier = "high", within = ["5m15s", "5m40s"] }, { never = "stop" },
    { within = ["6m", "7m"], tier = "normal" }, { at = "8m", free = "poll_stream" },
    { at = "5m", that = "fd.tte < 2h and fd.ratio < 30%" },
]
series = { "fd.open" = { ramp = { rate = "+10/min" }, until = "6m" } }
effects = { reset_pool = { change = { "fd.open" = "-50%" }, after = "3s" } }
"#,
    );
}

#[test]
fn two_resets_without_effect_lead_up_and_the_new_process_starts_again() {
    holds(
        r#"
length = "20m"
start = { "fd.open" = 85, "orders.open" = 0 }
expect = [
    { outcome = "ineffective", tier = "high" }, { count = "reset_pool", min = 2, max = 2 },
    { action = "stop", tier = "fatal", within = ["8m", "11m"] }, { at = "15m", tier = "normal" },
    { at = "15m", that = "process.uptime < 10m" },
]
series = { "fd.open" = { steps = [{ at = "5m", value = 400 }] } }
"#,
    );
}

#[test]
fn what_does_not_hold_is_told_with_what_was_found() {
    let performance = performed(
        r#"
length = "10m"
start = { "fd.open" = 85, "orders.open" = 0 }
expect = [
    { at = "6m", tier = "normal" }, { never = "snapshot" }, { within = ["1m", "2m"], action = "reset_pool" },
    { count = "reset_pool", max = 9 }, { at = "4m", that = "fd.open > 100" }, { lead = "1m", tier = "high" },
]
series = { "fd.open" = { steps = [{ at = "5m", value = 400 }] } }
"#,
    );
    let found: Vec<&str> = performance.failures.iter().map(|failure| failure.found.as_str()).collect();
    assert_eq!(
        found,
        [
            "the tier is high",
            "started 2 times, at 5m5s, 8m5s",
            "started at 5m5s, 8m5s",
            "false: fd.open (85) > 100",
            "the descriptors never run out in this scenario",
        ]
    );
}

#[test]
fn a_restart_of_the_agent_keeps_the_budget_and_a_person_opens_the_latch() {
    holds(
        r#"
length = "40m"
start = { "fd.open" = 85, "orders.open" = 0 }
events = [{ at = "12m", agent_restart = "10s" }, { at = "30m", release = true }]
means = { impossible = { stop = "not here" } }
expect = [
    { count = "reset_pool", min = 2, max = 2, within = ["0s", "29m"] }, { latched = "high", within = ["20m", "30m"] },
    { count = "reset_pool", min = 1, within = ["30m", "40m"] }, { never = "stop" },
]
effects = { reset_pool = { change = { "fd.open" = "-50%" } } }
[scenario.series]
"fd.open" = { steps = [
    { at = "5m", value = 400 }, { at = "15m", value = 400 }, { at = "25m", value = 400 }, { at = "35m", value = 400 },
] }
"#,
    );
}

#[test]
fn grace_guard_gap_sleep_and_a_person_hold_back() {
    holds(
        r#"
length = "30m"
start = { "fd.open" = 400, "orders.open" = 2, "process.uptime" = "0s" }
events = [{ at = "1m", hold = true }, { at = "3m", resume = true }, { at = "10m", suspend = "5m" }]
expect = [
    { refused = "reset_pool", by = "start_grace", within = ["0s", "10s"] },
    { refused = "reset_pool", by = "guard", within = ["2m", "4m"] },
    { action = "reset_pool", within = ["3m", "6m"] },
    { count = "reset_pool", max = 0, within = ["10m1s", "14m59s"] },
]
"#,
    );
    holds(
        r#"
length = "10m"
start = { "fd.open" = 400 }
expect = [{ at = "5m", tier = "normal" }, { at = "5m", that = "unknown(fd.tte)" }, { at = "9m", tier = "high" }]
series = { "fd.open" = { gap = "not_permitted", until = "8m" } }
"#,
    );
}

#[test]
fn a_reused_number_is_another_process() {
    holds(
        r#"
length = "20m"
start = { "fd.open" = 400, "orders.open" = 0 }
events = [{ at = "1m", reuse = "1s" }]
expect = [
    { count = "reset_pool", min = 1, max = 1, within = ["0s", "1m"] }, { at = "1m", tier = "normal" },
    { at = "1m10s", tier = "high" }, { refused = "reset_pool", by = "start_grace", within = ["1m", "2m"] },
]
"#,
    );
}

#[test]
fn the_same_scenario_gives_the_same_bytes() {
    let text = r#"
length = "1h"
start = { "fd.open" = 100, "orders.open" = 0 }
expect = [{ at = "1s", tier = "normal" }]
series = { "fd.open" = [{ ramp = { rate = "+25/min" } }, { noise = { amplitude = 40, seed = 3 } }] }
"#;
    let told = || transcript::of_course(&performed(text).course);
    assert_eq!(told(), told());
    assert!(told().contains("attention") || told().contains("high"), "{}", told());
}
