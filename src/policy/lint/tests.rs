use std::collections::BTreeSet;

use super::lint;
use crate::document::Faults;
use crate::model::action::Word;
use crate::policy::load;
use crate::policy::means::Means;

const GOOD: &str = r#"
schema = 1
name = "p"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 300"
clear = "fd.open < 250"
for = "5s"
dwell = "1m"
cooldown = "3m"
every = "10m"
do = [{ reset_pool = { pool = "db" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "30s" }
[[ladder.d.tier]]
name = "z"
raise = "fd.open > 900"
clear = "fd.open < 600"
guard = "orders.open == 0 or waited(2m)"
cooldown = "3m"
budget = "3/day"
do = [{ stop = { then = "restart" } }]
hold = [{ freeze = { limit = "20s" } }]
"#;

/// The codes of the doubts about `GOOD` after a change, with the text each stands on.
fn codes(from: &str, to: &str) -> Vec<&'static str> {
    let source = GOOD.replacen(from, to, 1);
    assert!(from.is_empty() || source != GOOD, "`{from}` is not in the policy");
    let mut faults = Faults::default();
    let policy = load(&source, &mut faults).unwrap_or_else(|| panic!("{:#?}", faults.into_sorted()));
    let found = lint(&policy, None);
    assert!(found.iter().all(|doubt| doubt.span.end <= source.len() && doubt.help.is_some()), "{found:?}");
    found.into_iter().map(|doubt| doubt.code).collect()
}

#[test]
fn a_good_policy_raises_no_doubt() {
    assert_eq!(codes("", ""), Vec::<&str>::new());
}

#[test]
fn each_doubt_is_told_once() {
    let cases = [
        ("\"fd.open > 300\"", "\"fd.open > 300 or avg(socket.close_wait, 1m) > 50\"", "bare-close-wait"),
        ("\"fd.open > 300\"", "'socket.by_remote(\"db:1\").close_wait > 5'", "bare-close-wait"),
        ("clear = \"fd.open < 250\"\n", "", "missing-clear"),
        ("fd.open < 250", "fd.open < 350", "overlap"),
        ("fd.open < 250", "fd.open <= 300", "no-dead-band"),
        (
            "\"fd.open > 300\"\nclear = \"fd.open < 250\"",
            "\"fd.open > 900\"\nclear = \"fd.open < 850\"\n",
            "unreachable-tier",
        ),
        (
            "\"fd.open > 300\"\nclear = \"fd.open < 250\"\nfor = \"5s\"",
            "\"fd.sockets > 300\"\nclear = \"fd.sockets < 250\"\nfor = \"500ms\"",
            "short-for",
        ),
        ("dwell = \"1m\"", "dwell = \"20s\"", "short-dwell"),
        ("for = \"5s\"", "for = \"90s\"", "short-dwell"),
        ("expect = { that = \"fd.open <= before.fd.open * 85%\", within = \"30s\" }", "", "no-expect"),
        ("fd.open <= before.fd.open * 85%", "socket.close_wait < 5", "expect-on-sockets"),
        ("fd.open <= before.fd.open * 85%", "avg(fd.open, 2m) < 250", "expect-window"),
        ("do = [{ reset_pool = { pool = \"db\" } }]", "do = [\"snapshot\"]", "idle-expect"),
        ("before.fd.open * 85%", "before.fd.open * 85", "expect-growth"),
        ("fd.open <= before.fd.open * 85%", "85 * before.fd.open >= fd.open", "expect-growth"),
        ("budget = \"3/day\"\n", "", "stop-without-budget"),
        ("guard = \"orders.open == 0 or waited(2m)\"\n", "", "stop-without-guard"),
        ("{ stop = { then = \"restart\" } }", "\"snapshot\"", "idle-guard"),
        ("cooldown = \"3m\"\nevery", "every", "no-cooldown"),
        ("every = \"10m\"", "every = \"1m\"", "every-in-cooldown"),
        ("every = \"10m\"\n", "", "no-every"),
        ("fd.open > 900", "fd.open > 5000", "above-limit"),
        ("limit = \"20s\"", "limit = \"30s\"", "long-freeze"),
        (
            "hold = [{ freeze = { limit = \"20s\" } }]",
            "[[ladder.d.tier]]\nname = \"y\"\nraise = \"fd.open > 950\"",
            "tier-order",
        ),
    ];
    for (from, to, code) in cases {
        assert_eq!(codes(from, to), [code], "{from} -> {to}");
    }
}

#[test]
fn a_tier_that_clears_wherever_its_run_helps_needs_no_every() {
    let expect = "every = \"10m\"\ndo = [{ reset_pool = { pool = \"db\" } }]\nexpect = { that = \"fd.open <= before.fd.open * 85%\"";
    let enough = "do = [{ reset_pool = { pool = \"db\" } }]\nexpect = { that = \"fd.open < 250\"";
    assert_eq!(codes(expect, enough), [""; 0]);
    assert_eq!(codes(expect, &enough.replace("< 250", "<= 250")), ["no-every"]);
}

#[test]
fn what_can_not_work_on_a_target_is_told() {
    let mut faults = Faults::default();
    let policy = load(GOOD, &mut faults).unwrap();
    let allowed = BTreeSet::from([Word::Stop]);
    let found = lint(&policy, Some(&Means { allowed, ..Means::default() }));
    let told: Vec<_> = found.iter().map(|doubt| (doubt.code, doubt.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("unavailable", "`reset_pool` can't work on this target: no pool `db` here"),
            ("not-allowed", "`freeze` is not in the target's `allow`: it will be refused"),
        ]
    );
}

#[test]
fn a_reap_that_is_allowed_is_doubted_at_the_word() {
    let source = GOOD.replace("{ reset_pool = { pool = \"db\" } }", "\"reap_descriptors\"");
    let policy = load(&source, &mut Faults::default()).unwrap();
    let means = |words: &[Word]| Means { allowed: words.iter().copied().collect(), ..Means::default() };
    let told = |words: &[Word]| -> Vec<(&str, &str)> {
        let found = lint(&policy, Some(&means(words)));
        found
            .iter()
            .filter(|doubt| doubt.code != "not-allowed")
            .map(|doubt| (doubt.code, &source[doubt.span.clone()]))
            .collect()
    };
    assert_eq!(told(&[Word::ReapDescriptors]), [("breaks-loops", "\"reap_descriptors\"")]);
    assert_eq!(told(&[]), []);
}
