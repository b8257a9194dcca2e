//! The history in a database, beside the one in a file: the same is written to both, and both must answer the same.

mod fleet;
mod program;
mod same;
mod tables;
mod trouble;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use fdguard::config::Database;
use fdguard::journal::place::{Password, Place, Shared};
use fdguard::journal::query::{Blocking, EventFilter, Order, QueryError, Recorded};
use fdguard::journal::recorder::{History, Recorder, Written};
use fdguard::journal::retention::Keep;
use fdguard::model::clock::{ManualClock, Timestamp, WallTime};
use fdguard::model::event::{Event, Fact};
use fdguard::model::name::Name;
use fdguard::model::observation::Observation;
use fdguard::model::process::ProcessId;
use fdguard::model::reading::Gap;
use fdguard::model::signal::Signal;

use crate::support::server::{Server, USER, server};
use crate::support::wait::wait_for;

const START: i64 = 1_700_000_000_000;
/// How long a flush may take.
const WITHIN: Duration = Duration::from_secs(60);
/// Samples that fit into the queue with room to spare.
const AT_ONCE: u32 = 250;

fn wall(second: i64) -> WallTime {
    WallTime::from_millis(START + second * 1_000)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn process(pid: u32) -> ProcessId {
    ProcessId { pid, inode: u64::MAX - 3, started: 77, exe: (1, u64::MAX) }
}

/// What this agent has in this database of this server.
fn shared(server: &Server, database: &str, agent: &str) -> Shared {
    shared_as(server, database, agent, USER)
}

/// The same, as another user of the server.
fn shared_as(server: &Server, database: &str, agent: &str, user: &str) -> Shared {
    let address = format!("postgres://{user}@{}/{database}?sslmode=disable", server.address);
    Shared { database: Database::parse(&address).unwrap(), password: Password::None, agent: name(agent) }
}

fn in_database(shared: &Shared) -> Place {
    Place::Postgres(Box::new(shared.clone()))
}

/// An empty place of each kind.
struct Places {
    _folder: tempfile::TempDir,
    file: Place,
    shared: Shared,
    database: String,
}

impl Places {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file: PathBuf = folder.path().join("history.db");
        let database = server().database();
        let shared = shared(server(), &database, "host-1");
        Self { _folder: folder, file: Place::Sqlite(file), shared, database }
    }

    fn both(&self) -> [Place; 2] {
        [self.file.clone(), in_database(&self.shared)]
    }
}

fn keep() -> Keep {
    Keep { age: Duration::from_hours(24 * 365), size: 512 << 20 }
}

/// A recorder, and what it tells.
fn start(place: &Place) -> (Recorder, Receiver<Fact>) {
    start_with(place, keep(), START)
}

fn start_with(place: &Place, keep: Keep, now: i64) -> (Recorder, Receiver<Fact>) {
    let (told, hear) = channel();
    let clock = Arc::new(ManualClock::new(WallTime::from_millis(now)));
    let tell = Box::new(move |event: &Event| told.send(event.fact.clone()).unwrap_or(()));
    (Recorder::start(History { place: place.clone(), keep }, clock, tell).unwrap(), hear)
}

fn event(number: i64) -> Event {
    Event {
        at: Timestamp::from_millis(number.unsigned_abs()),
        wall: WallTime::from_millis(START + number),
        target: Some(name("bot")),
        process: Some(process(7)),
        fact: Fact::BoundHit { bound: format!("number {number} → \u{0} ünd") },
    }
}

fn sample(second: u32) -> Observation {
    let at = Timestamp::from_millis(1_000 * (u64::from(second) + 1));
    let mut seen = Observation::blank(at, wall(second.into()), Gap::NotYet);
    if second >= 100 {
        seen.know(Signal::FdOpen, f64::from(second));
    }
    seen
}

/// Records samples of these seconds, as fast as they can be taken.
fn sample_all(recorder: &Recorder, target: &Name, seconds: std::ops::Range<u32>) {
    for second in seconds {
        recorder.sample(target, process(1 + second / 700), &sample(second));
        if second % AT_ONCE == AT_ONCE - 1 {
            assert_eq!(recorder.flush(WITHIN), Written::All);
        }
    }
}

/// The numbers of the events that are there, in their order.
fn numbers(place: &Place) -> Vec<String> {
    let mut reader = Blocking::open(place).unwrap();
    let filter = EventFilter {
        order: Order::OldestFirst,
        kinds: vec!["bound_hit".to_owned()],
        ..EventFilter::default()
    };
    let found = reader.events(&filter).unwrap();
    assert_eq!(found.unreadable, 0);
    let bound = |event: Event| match event.fact {
        Fact::BoundHit { bound } => bound.split(' ').nth(1).unwrap().to_owned(),
        other => panic!("another kind: {other:?}"),
    };
    found.events.into_iter().map(bound).collect()
}

fn recorded(place: &Place) -> Vec<Recorded> {
    Blocking::open(place).unwrap().recorded().unwrap()
}

/// Whether nothing can be read because nothing is there.
fn is_absent(place: &Place) -> bool {
    matches!(Blocking::open(place), Err(QueryError::Absent(_)))
}

/// The next fact of this kind that a recorder tells.
fn hear_lost(hear: &Receiver<Fact>) -> String {
    wait_for("the history is lost", || match hear.try_recv().ok()? {
        Fact::HistoryLost { why } => Some(why),
        _ => None,
    })
}

fn hear_back(hear: &Receiver<Fact>) -> u64 {
    wait_for("the history is back", || match hear.try_recv().ok()? {
        Fact::HistoryBack { lost } => Some(lost),
        _ => None,
    })
}
