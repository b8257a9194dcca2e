//! With a real file, its own folder and its own thread each.

mod crash;
mod trouble;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::journal::query::{Blocking, EventFilter, Order, Range};
use crate::model::clock::{ManualClock, Timestamp, WallTime};
use crate::model::event::Fact;
use crate::model::reading::Gap;
use crate::model::signal::Signal;

const START: i64 = 1_700_000_000_000;
const WITHIN: Duration = Duration::from_secs(20);

fn keep() -> Keep {
    Keep { age: Duration::from_hours(24 * 30), size: 512 << 20 }
}

fn history(path: PathBuf) -> History {
    History { place: Place::Sqlite(path), keep: keep() }
}

/// A recorder and what it tells.
fn start(history: History) -> (Recorder, Receiver<Fact>) {
    let (told, hear) = channel();
    let clock = Arc::new(ManualClock::new(WallTime::from_millis(START)));
    let tell = Box::new(move |event: &Event| told.send(event.fact.clone()).unwrap_or(()));
    (Recorder::start(history, clock, tell).unwrap(), hear)
}

fn bot() -> Name {
    Name::parse("bot").unwrap()
}

fn process(pid: u32) -> ProcessId {
    ProcessId { pid, inode: u64::MAX - 3, started: 77, exe: (1, u64::MAX) }
}

fn event(number: i64) -> Event {
    Event {
        at: Timestamp::from_millis(number.unsigned_abs()),
        wall: WallTime::from_millis(START + number),
        target: Some(bot()),
        process: Some(process(7)),
        fact: Fact::BoundHit { bound: format!("number {number}") },
    }
}

fn sample(second: u64) -> Observation {
    let wall = WallTime::from_millis(START + i64::try_from(second).unwrap() * 1_000);
    let mut seen = Observation::blank(Timestamp::from_millis(1_000 * (second + 1)), wall, Gap::NotYet);
    seen.know(Signal::FdOpen, 85.0 + (second % 600) as f64);
    seen.know(Signal::FdRatio, (85.0 + (second % 600) as f64) / 1024.0);
    seen
}

fn all_events(path: &std::path::Path) -> Vec<Event> {
    let filter = EventFilter { order: Order::OldestFirst, ..EventFilter::default() };
    let found = Blocking::open(&Place::Sqlite(path.to_owned())).unwrap().events(&filter).unwrap();
    assert_eq!(found.unreadable, 0);
    found.events
}

fn all_samples(path: &std::path::Path) -> Vec<f64> {
    let mut reader = Blocking::open(&Place::Sqlite(path.to_owned())).unwrap();
    let recorded = reader.recorded().unwrap();
    let mut values = Vec::new();
    for process in recorded.iter().rev() {
        let samples = reader.samples(process, Range::default());
        values.extend(samples.map(|seen| seen.unwrap().plain(Signal::FdOpen).known().unwrap()));
    }
    values
}

#[test]
fn what_is_recorded_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (recorder, hear) = start(history(path.clone()));
    for number in 0..50 {
        recorder.event(event(number));
    }
    for second in 0..400 {
        recorder.sample(&bot(), process(7), &sample(second));
    }
    recorder.remember(&bot(), r#"{"budget":3}"#.to_owned());
    recorder.remember(&bot(), r#"{"budget":2}"#.to_owned());
    assert_eq!(recorder.flush(WITHIN), Written::All);
    assert_eq!(all_events(&path), (0..50).map(event).collect::<Vec<_>>(), "read while it is open");
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(all_samples(&path), (0..400).map(|s| 85.0 + f64::from(s)).collect::<Vec<_>>());
    let memory = Blocking::open(&Place::Sqlite(path.clone())).unwrap().memory(&bot()).unwrap().unwrap();
    assert_eq!(memory.json, r#"{"budget":2}"#);
    assert_eq!(recorder.lost(), 0);
    assert_eq!(hear.try_iter().count(), 0, "nothing went wrong");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o007, 0, "not for everybody");
}

#[test]
fn an_event_is_written_without_being_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (recorder, _hear) = start(history(path.clone()));
    assert_eq!(recorder.flush(WITHIN), Written::All);
    recorder.event(event(1));
    recorder.remember(&bot(), "{}".to_owned());
    eventually(|| all_events(&path).len() == 1, "the event");
    eventually(
        || Blocking::open(&Place::Sqlite(path.clone())).unwrap().memory(&bot()).unwrap().is_some(),
        "the memory",
    );
    drop(recorder);
}

#[test]
fn a_full_queue_is_counted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, hear) = start(history(folder.path().join("history.db")));
    // Far faster than any file.
    let sent = 200_000;
    for number in 0..sent {
        recorder.event(event(number));
    }
    assert_eq!(recorder.flush(WITHIN), Written::All);
    let lost = recorder.lost();
    assert!(lost > 0);
    let told: Vec<Fact> = hear.try_iter().collect();
    assert!(matches!(told.first(), Some(Fact::HistoryLost { .. })), "{told:?}");
    let counted =
        told.iter().map(|fact| if let Fact::HistoryBack { lost } = fact { *lost } else { 0 }).sum::<u64>();
    assert_eq!(counted, lost);
    recorder.close(WITHIN);
    let written = all_events_count(&folder.path().join("history.db"), "bound_hit");
    assert_eq!(written + lost, sent.unsigned_abs());
}

#[test]
fn after_the_close_records_are_lost_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, _hear) = start(history(folder.path().join("history.db")));
    assert_eq!(recorder.clone().close(WITHIN), Written::All);
    recorder.event(event(1));
    recorder.sample(&bot(), process(1), &sample(1));
    assert_eq!(recorder.lost(), 2);
    assert_eq!(recorder.flush(WITHIN), Written::NotAll);
}

fn all_events_count(path: &std::path::Path, kind: &str) -> u64 {
    let mut reader = Blocking::open(&Place::Sqlite(path.to_owned())).unwrap();
    let mut filter =
        EventFilter { order: Order::OldestFirst, kinds: vec![kind.to_owned()], ..EventFilter::default() };
    let mut count = 0;
    loop {
        let found = reader.events(&filter).unwrap().events;
        let Some(last) = found.last() else { return count };
        count += found.len() as u64;
        filter.range.since = Some(WallTime::from_millis(last.wall.as_millis() + 1));
    }
}

fn eventually(mut holds: impl FnMut() -> bool, what: &str) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("{what} did not come in time");
}
