//! Every query against a real file.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::journal::facts::examples;
use crate::journal::recorder::{History, Recorder, Written};
use crate::journal::retention::Keep;
use crate::model::clock::{ManualClock, Timestamp};
use crate::model::column::Column;
use crate::model::event::{Event, Loudness};
use crate::model::observation::Observation;
use crate::model::reading::Gap;
use crate::model::signal::Signal;

const START: i64 = 1_700_000_000_000;
const WITHIN: Duration = Duration::from_secs(20);

fn wall(second: i64) -> WallTime {
    WallTime::from_millis(START + second * 1_000)
}

fn process(pid: u32) -> ProcessId {
    ProcessId { pid, inode: 5, started: 9, exe: (1, 2) }
}

fn bot() -> Name {
    Name::parse("bot").unwrap()
}

fn recorded_history(folder: &Path) -> Blocking {
    let path = folder.join("history.db");
    let clock = std::sync::Arc::new(ManualClock::new(wall(0)));
    let keep = Keep { age: Duration::from_hours(24), size: 64 << 20 };
    let recorder =
        Recorder::start(History { place: Place::Sqlite(path.clone()), keep }, clock, Box::new(|_| ()))
            .unwrap();
    for event in examples::events() {
        recorder.event(event);
    }
    let mut agent = examples::events().remove(0);
    (agent.target, agent.process) = (None, None);
    recorder.event(agent);
    for second in 0..1_000u32 {
        let at = Timestamp::from_millis(u64::from(second) * 1_000 + 1);
        let mut seen = Observation::blank(at, wall(i64::from(second)), Gap::NotYet);
        if second >= 100 {
            seen.know(Signal::FdOpen, f64::from(second));
        }
        recorder.sample(&bot(), process(1 + second / 700), &seen);
        if second % 300 == 0 {
            assert_eq!(recorder.flush(WITHIN), Written::All);
        }
    }
    assert_eq!(recorder.close(WITHIN), Written::All);
    Blocking::open(&Place::Sqlite(path.clone())).unwrap()
}

#[test]
fn events_are_found_by_each_of_their_marks() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = recorded_history(folder.path());
    let mut find = |filter: EventFilter| reader.events(&filter).unwrap().events;
    let all = examples::events();

    let oldest =
        find(EventFilter { order: Order::OldestFirst, target: Some(bot()), ..EventFilter::default() });
    assert_eq!(oldest, all);
    let newest = find(EventFilter { limit: Some(3), target: Some(bot()), ..EventFilter::default() });
    assert_eq!(newest, all.iter().rev().take(3).cloned().collect::<Vec<_>>());
    let everyones = find(EventFilter::default());
    assert_eq!(everyones.len(), all.len() + 1);
    assert_eq!(everyones[0].target, None);

    let range = Range { since: Some(wall(5)), until: Some(wall(9)) };
    let some = find(EventFilter { range, order: Order::OldestFirst, ..EventFilter::default() });
    assert_eq!(some, all[5..=9]);
    let kinds = vec!["decision".to_owned(), "judged".to_owned()];
    assert_eq!(find(EventFilter { kinds, ..EventFilter::default() }).len(), 4);
    let loud = find(EventFilter { loudness: Some(Loudness::Error), ..EventFilter::default() });
    let expected = all.iter().filter(|event| event.fact.headline().0 == Loudness::Error).count();
    assert!(expected > 0);
    assert_eq!(loud.len(), expected);
}

#[test]
fn actions_are_joined_with_their_end_and_their_judgement() {
    let events: Vec<Event> = examples::events();
    let actions = actions(&events);
    assert_eq!(actions.len(), 1, "a refusal and a dry run are none");
    assert_eq!(actions[0].decision.id.0, 1);
    assert_eq!(actions[0].finished, Some((Ok("ran".to_owned()), Duration::from_millis(1_500))));
    assert!(actions[0].judged.is_some());
}

#[test]
fn processes_and_their_samples_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = recorded_history(folder.path());
    let recorded = reader.recorded().unwrap();
    let summary: Vec<_> =
        recorded.iter().map(|one| (one.process, one.from, one.until, one.samples)).collect();
    assert_eq!(summary, [(process(2), wall(700), wall(999), 300), (process(1), wall(0), wall(699), 700)]);

    let range = Range { since: Some(wall(95)), until: Some(wall(404)) };
    let seen: Vec<_> = reader.samples(&recorded[1], range).map(|seen| seen.unwrap()).collect();
    assert_eq!(
        seen.iter().map(|seen| seen.wall).collect::<Vec<_>>(),
        (95..=404).map(wall).collect::<Vec<_>>()
    );
    assert_eq!(seen[4].plain(Signal::FdOpen).gap(), Some(Gap::NotYet));
    assert_eq!(seen[5].plain(Signal::FdOpen).known(), Some(100.0));
}

#[test]
fn a_series_is_down_sampled_and_shows_its_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = recorded_history(folder.path());
    let recorded = reader.recorded().unwrap().remove(1);
    let column = Column::parse("fd.open").unwrap();
    let range = Range { since: Some(wall(0)), until: Some(wall(399)) };
    let buckets = reader.series(&recorded, &column, range, 4).unwrap();
    let known: Vec<_> = buckets.iter().map(|bucket| (bucket.known, bucket.gaps)).collect();
    assert_eq!(known, [(0, 100), (100, 0), (100, 0), (100, 0)]);
    assert!(buckets[0].avg.is_nan());
    assert_eq!((buckets[1].min, buckets[1].max), (100.0, 199.0));
    assert!((buckets[1].avg - 149.5).abs() < 1e-9);
    assert_eq!(buckets[3].from, wall(300).min(buckets[3].from));
    let later = Range { since: Some(wall(2_000)), until: None };
    assert_eq!(reader.series(&recorded, &column, later, 4).unwrap(), []);
    let whole = reader.series(&recorded, &column, Range::default(), 10).unwrap();
    assert_eq!(whole.iter().map(|bucket| bucket.known + bucket.gaps).sum::<u32>(), 700);
}

#[test]
fn what_is_absent_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    assert!(matches!(Blocking::open(&Place::Sqlite(path.clone())), Err(QueryError::Absent(_))));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(Blocking::open(&Place::Sqlite(path.clone())), Err(QueryError::Absent(_))));
    std::fs::write(&path, vec![7; 5_000]).unwrap();
    assert!(matches!(Blocking::open(&Place::Sqlite(path.clone())), Err(QueryError::Database(_))));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(recorded_history(folder.path()).memory(&bot()).unwrap(), None);
}
