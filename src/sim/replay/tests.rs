use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::document::Faults;
use crate::model::action::{Action, ResetHow};
use crate::model::clock::Timestamp;
use crate::model::reading::Gap;
use crate::sim::difference::differences;
use crate::sim::means;

const POLICY: &str = r#"
schema = 1
name = "p"
[ladder.fd]
[[ladder.fd.tier]]
name = "high"
raise = "fd.open > 300"
clear = "fd.open < 250"
dwell = "1m"
cooldown = "3m"
budget = "3/day"
do = [{ reset_pool = { pool = "db" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "30s" }
[[ladder.fd.tier]]
name = "worse"
raise = "fd.open > 600"
do = ["snapshot"]
"#;

fn policy(source: &str) -> Arc<Policy> {
    Arc::new(crate::policy::load(source, &mut Faults::default()).unwrap())
}

fn process(inode: u64) -> ProcessId {
    ProcessId { pid: 1, inode, started: 1, exe: (1, 1) }
}

fn seen(at: u64, wall: u64, open: f64) -> Observation {
    let wall = WallTime::from_millis(1_700_000_000_000 + i64::try_from(wall).unwrap() * 1_000);
    let mut seen = Observation::blank(Timestamp::from_millis(at * 1_000), wall, Gap::NotRecorded);
    seen.know(Signal::FdOpen, open);
    seen.know(Signal::FdLimit, 1_024.0);
    seen.know(Signal::ProcessUptime, 3_600.0 + at as f64);
    seen
}

/// A leak of ten a minute from 100 that nobody heals, to its end.
fn leak(seconds: u64) -> impl Iterator<Item = (ProcessId, Observation)> {
    (0..seconds).map(|second| {
        let open = (100.0 + second as f64 / 6.0).floor().min(1_024.0);
        (process(1), seen(second, second, open))
    })
}

fn replayed(
    source: &str,
    samples: impl Iterator<Item = (ProcessId, Observation)>,
    record: &Record,
) -> Replay {
    let policy = policy(source);
    replay(&policy, means::needed(&policy), samples, record)
}

fn reset(second: i64) -> Actual {
    let pool = Name::parse("db").unwrap();
    Actual {
        wall: WallTime::from_millis(1_700_000_000_000 + second * 1_000),
        work: Work::Do(Action::ResetPool { pool, how: ResetHow::Idle, share: 1.0 }),
        ended: Some((Ok("closed 3".to_owned()), Duration::from_secs(2))),
    }
}

#[test]
fn leads_count_from_the_first_raise_to_the_end_of_descriptors() {
    let replay = replayed(POLICY, leak(6_000), &Record::default());
    let [high, worse] = replay.summary.tiers.as_slice() else { panic!("{replay:?}") };
    assert_eq!(replay.course.exhausted(), Some(Duration::from_secs(5_544)));
    assert_eq!(high.lead, Some(Duration::from_secs(5_544 - 1_206)));
    assert_eq!(worse.lead, Some(Duration::from_secs(5_544 - 3_006)));
    assert_eq!((high.raises, worse.raises), (1, 1));
    assert_eq!(high.active, Duration::from_mins(30));
    assert_eq!(worse.active, Duration::from_secs(5_999 - 3_006));
    let budget = high.budget.as_ref().unwrap();
    assert_eq!((high.runs, budget.used), (3, 3));
    assert!(budget.refused > 0, "{replay:?}");
}

#[test]
fn an_action_of_the_record_ends_as_it_did_and_the_first_other_one_is_counterfactual() {
    let record = Record::new(vec![reset(1_209), reset(9_999)]);
    let replay = replayed(POLICY, leak(2_000), &record);
    let ended: Vec<&Note> =
        replay.course.entries.iter().map(|e| &e.note).filter(|n| matches!(n, Note::Ended { .. })).collect();
    assert!(matches!(ended[0], Note::Ended { result: Ok(done), .. } if done == "closed 3"), "{ended:?}");
    let place = replay.counterfactual.unwrap();
    let Note::Decided(decision) = &replay.course.entries[place].note else { panic!("{replay:?}") };
    assert_eq!(decision.cause, crate::model::decision::Cause::Again);
    assert_eq!(replay.summary.missed, 1);
}

#[test]
fn without_an_action_nothing_is_counterfactual() {
    let flat = (0..600).map(|second| (process(1), seen(second, second, 100.0)));
    let replay = replayed(POLICY, flat, &Record::default());
    assert_eq!((replay.counterfactual, replay.course.entries.len(), replay.samples), (None, 0, 600));
}

#[test]
fn budgets_count_over_processes_and_boots() {
    // Four processes in a row, each over the threshold at once; the third begins after a boot.
    let samples = (1..=4_u64).flat_map(|inode| {
        (0..60).map(move |second| {
            let wall = inode * 100 + second;
            let at = if inode < 3 { 50_000 + wall } else { wall };
            (process(inode), seen(at, wall, 400.0))
        })
    });
    let replay = replayed(POLICY, samples, &Record::default());
    assert_eq!(replay.summary.tiers[0].runs, 3);
    assert_eq!(replay.summary.tiers[0].raises, 4);
    assert_eq!(replay.length, Duration::from_secs(359));
}

#[test]
fn a_death_in_the_record_is_an_end() {
    let death = {
        let mut last = Observation::blank(
            Timestamp::from_millis(1_500_000),
            WallTime::from_millis(1_700_001_500_000),
            Gap::Gone,
        );
        last.life = Life::Exited;
        (process(1), last)
    };
    let replay = replayed(POLICY, leak(1_500).chain([death]), &Record::default());
    assert_eq!(replay.summary.tiers[0].lead, Some(Duration::from_secs(294)));
    assert_eq!(replay.summary.tiers[0].active, Duration::from_secs(1_500 - 1_206));
    assert_eq!(replay.summary.tiers[1].lead, None);
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let told = || serde_json::to_string(&replayed(POLICY, leak(6_000), &Record::default())).unwrap();
    assert_eq!(told(), told());
}

#[test]
fn two_versions_differ_only_where_they_differ() {
    let course = |source: &str| replayed(source, leak(6_000), &Record::default()).course;
    let (old, same) = (course(POLICY), course(&POLICY.replace("name = \"p\"", "name = \"q\"")));
    assert_eq!(differences(&old, &same), []);
    let new = course(&POLICY.replace("> 600", "> 700"));
    let told: Vec<String> = differences(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "- 50m6s     fd goes to worse",
            "- 50m6s     snapshot (worse)",
            "+ 1h6s      fd goes to worse",
            "+ 1h6s      snapshot (worse)",
        ]
    );
}
