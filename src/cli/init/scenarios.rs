//! The text of the scenarios: what the policy should make of this bot as it was seen, and of leaks.

use super::Known;
use super::policy_file::{ATTENTION, CRITICAL, WARNING};

/// The slow leak: from the base line to the ceiling in so many minutes.
const LEAK: u64 = 120;
/// How far around its moment a tier may begin, in minutes; conditions hold for a while, and ends are rounded.
const AROUND: u64 = 6;
/// What stands for no limit: `fs.nr_open` as kernels come with it.
const UNLIMITED: u64 = 1_048_576;

/// The file, ready to be written.
pub(super) fn text(known: &Known) -> String {
    let name = &known.name;
    let mut text = format!(
        "# What `{name}.toml` makes of the bot as it was seen, and of leaks. `fdguard policy test` runs them;\n\
         # `--transcript` shows each as it went. How to write more: policies/TESTS.md.\n\
         \n\
         schema = 1\n\
         policy = \"{name}.toml\"\n"
    );
    text.push_str(&as_seen(known));
    if known.base.is_roomy() {
        text.push_str(&slow_leak(known));
        text.push_str(&fast_leak(known));
    }
    text
}

/// `start` of each scenario: where it stood, under its limits.
fn start(known: &Known) -> String {
    let base = &known.base;
    let limit = |limit: Option<u64>| limit.unwrap_or(UNLIMITED);
    format!(
        "{{ \"fd.open\" = {}, \"fd.limit\" = {}, \"fd.hard_limit\" = {} }}",
        base.peak,
        limit(base.limit),
        limit(base.hard)
    )
}

fn as_seen(known: &Known) -> String {
    let base = &known.base;
    let middle = base.low.midpoint(base.peak);
    let series = if base.low == base.peak {
        format!("{{ constant = {} }}", base.peak)
    } else {
        let amplitude = (base.peak - base.low).div_ceil(2);
        format!("[{{ constant = {middle} }}, {{ noise = {{ amplitude = {amplitude}, seed = 1 }} }}]")
    };
    format!(
        "\n[[scenario]]\n\
         name   = \"as it was seen: nothing happens\"\n\
         length = \"6h\"\n\
         tick   = \"10s\"\n\
         start  = {}\n\
         expect = [{{ never = \"tier attention\" }}, {{ never = \"notify\" }}]\n\
         series = {{ \"fd.open\" = {series} }}\n",
        start(known)
    )
}

/// Each tier has its moment: so much of the room takes so much of the time.
fn slow_leak(known: &Known) -> String {
    let base = &known.base;
    let moment = |(raise, _): (u64, u64), tier: &str| {
        let at = LEAK * raise / 100;
        format!("    {{ within = [\"{}m\", \"{}m\"], tier = \"{tier}\" }},\n", at - AROUND, at + AROUND)
    };
    let tiers =
        [moment(ATTENTION, "attention"), moment(WARNING, "warning"), moment(CRITICAL, "critical")].concat();
    let rate = base.room() as f64 / LEAK as f64;
    format!(
        "\n[[scenario]]\n\
         name   = \"a leak that would be at {} in two hours\"\n\
         length = \"{}m\"\n\
         tick   = \"5s\"\n\
         start  = {}\n\
         means  = {{ impossible = {{ raise_nofile = \"taken away, to see the lead\" }} }}\n\
         expect = [\n{tiers}    {{ never = \"stop\" }}, {{ never = \"freeze\" }},\n]\n\
         series = {{ \"fd.open\" = {{ ramp = {{ rate = \"+{rate:.3}/min\" }} }} }}\n",
        base.ceiling(),
        LEAK * 9 / 10,
        start(known)
    )
}

/// To the limit itself in twenty minutes: what counts is the time that is left.
fn fast_leak(known: &Known) -> String {
    let base = &known.base;
    let limit = base.limit.unwrap_or(UNLIMITED);
    let rate = limit.saturating_sub(base.peak) as f64 / 20.0;
    format!(
        "\n[[scenario]]\n\
         name   = \"a leak that would be at the limit in twenty minutes\"\n\
         length = \"20m\"\n\
         start  = {}\n\
         means  = {{ impossible = {{ raise_nofile = \"taken away, to see the lead\" }} }}\n\
         expect = [{{ lead = \"10m\", tier = \"warning\" }}, {{ lead = \"3m\", tier = \"critical\" }}]\n\
         series = {{ \"fd.open\" = {{ ramp = {{ rate = \"+{rate:.3}/min\" }} }} }}\n",
        start(known)
    )
}
