//! The cache against a toy of a server whose every step is one by itself.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::proxy::postgres::settle::newcomer;
use crate::wire::postgres::backend::{Transaction, write_command_complete, write_ready_for_query};
use crate::wire::postgres::fields::message;
use crate::wire::postgres::frontend::write_query;

/// After a lost write nothing is kept for so long.
const DOUBT_SECONDS: u64 = 10;
const TTL: Duration = Duration::from_secs(5);
/// Reads, and the table of each; the last may read any.
const READS: [(&str, Option<usize>); 3] = [
    ("select v from a where id = $1", Some(0)),
    ("select v from b where id = $1", Some(1)),
    ("select risk()", None),
];
const TABLES: [&str; 2] = ["a", "b"];

fn cache() -> Cache {
    let wanted = |(query, _): &(&str, Option<usize>)| Wanted {
        query: (*query).to_owned(),
        ttl: TTL,
        size: 1 << 10,
        tables: Vec::new(),
    };
    Cache::of(&CacheSettings { wanted: READS.iter().map(wanted).collect(), size: 1 << 20 })
}

fn question(read: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_query(&mut bytes, READS[read].0.replace("$1", "7").as_bytes());
    bytes
}

fn ask(cache: &mut Cache, read: usize, waiter: Waiter, patience: Patience, now: Timestamp) -> Answer {
    let mut side = newcomer(Vec::new());
    let mut asker = Asker { side: &mut side, door: Key(0), waiter, patience };
    cache.ask(&mut asker, &mut Statements::default(), &question(read), now)
}

/// What a server says: a row with the state of its tables, and the end.
fn said(state: [u64; 2]) -> Vec<u8> {
    let mut bytes = Vec::new();
    message(&mut bytes, b'D', |out| {
        out.extend_from_slice(&state[0].to_be_bytes());
        out.extend_from_slice(&state[1].to_be_bytes());
    });
    write_command_complete(&mut bytes, "SELECT 1");
    write_ready_for_query(&mut bytes, Transaction::Idle);
    bytes
}

fn state_in(answer: &[u8]) -> [u64; 2] {
    let word = |at: usize| u64::from_be_bytes(answer[at..at + 8].try_into().unwrap());
    [word(5), word(13)]
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn marked(answer: Answer) -> Mark {
    match answer {
        Answer::Asked(mark) => mark,
        other => panic!("{other:?}"),
    }
}

/// The first read is on its way to the server.
fn begun(cache: &mut Cache) -> Recording {
    let mark = marked(ask(cache, 0, (0, 0), Patience::Fresh, at(0)));
    cache.sent(mark)
}

#[test]
fn an_answer_is_kept_for_its_time_and_given_whole() {
    let mut cache = cache();
    let mut slot = Some(Box::new(begun(&mut cache)));
    let whole = said([1, 2]);
    for (place, byte) in whole.iter().enumerate() {
        assert!(slot.is_some(), "it ended at byte {place}");
        assert_eq!(cache.hear(&mut slot, &[*byte], at(0)), []);
    }
    assert!(slot.is_none());
    match ask(&mut cache, 0, (0, 0), Patience::Fresh, at(4)) {
        Answer::Known(answer, len) => assert_eq!((&*answer, len), (&*whole, question(0).len())),
        other => panic!("{other:?}"),
    }
    assert!(matches!(ask(&mut cache, 0, (0, 0), Patience::Fresh, at(5)), Answer::Asked(_)));
    assert!(matches!(ask(&mut cache, 1, (0, 0), Patience::Fresh, at(4)), Answer::Asked(_)));
}

#[test]
fn errors_notices_and_large_answers_are_not_kept() {
    let mut bad = said([1, 1]);
    bad.splice(0..0, [b'N', 0, 0, 0, 5, 0]);
    let mut large = Vec::new();
    message(&mut large, b'D', |out| out.extend_from_slice(&[0; 2_000]));
    let mut open = said([1, 1]);
    *open.last_mut().unwrap() = b'T';
    let mut two = said([1, 1]);
    two.extend(said([1, 1]));
    for (what, heard) in [("notice", bad), ("large", large), ("in a transaction", open)] {
        let mut cache = cache();
        let mut slot = Some(Box::new(begun(&mut cache)));
        cache.hear(&mut slot, &heard, at(0));
        assert!(slot.is_none() && cache.view().entries == 0, "{what}");
    }
    // What comes behind the answer belongs to the next question.
    let mut cache = cache();
    let mut slot = Some(Box::new(begun(&mut cache)));
    cache.hear(&mut slot, &two, at(0));
    match ask(&mut cache, 0, (0, 0), Patience::Fresh, at(0)) {
        Answer::Known(answer, _) => assert_eq!(*answer, *said([1, 1])),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_asks_for_all_and_nobody_waits_twice() {
    let mut cache = cache();
    let mark = marked(ask(&mut cache, 0, (1, 0), Patience::Fresh, at(0)));
    assert!(matches!(ask(&mut cache, 0, (2, 0), Patience::Fresh, at(0)), Answer::Awaited));
    assert!(matches!(ask(&mut cache, 0, (3, 0), Patience::Spent, at(0)), Answer::Asked(_)));
    assert_eq!(cache.abandon(&mark), [(2, 0)]);
    assert_eq!(cache.abandon(&mark), []);
    let mark = marked(ask(&mut cache, 0, (1, 0), Patience::Fresh, at(0)));
    assert!(matches!(ask(&mut cache, 0, (2, 0), Patience::Fresh, at(0)), Answer::Awaited));
    assert_eq!(cache.overdue(at(0)), []);
    assert_eq!(cache.overdue(at(1)), [(2, 0)]);
    assert_eq!(cache.abandon(&mark), []);
    // After a write nobody joins what began before it.
    let mark = marked(ask(&mut cache, 0, (1, 0), Patience::Fresh, at(1)));
    let mut writes = Writes::default();
    cache.note_text(b"update a set v = 1", Strings::Standard, &mut writes);
    cache.settle(&mut writes);
    assert!(matches!(ask(&mut cache, 0, (2, 0), Patience::Fresh, at(1)), Answer::Asked(_)));
    assert_eq!(cache.abandon(&mark), []);
}

#[test]
fn after_a_write_that_was_lost_the_server_answers_for_a_while() {
    let mut cache = cache();
    let mut writes = Writes::default();
    cache.note_text(b"insert into a values (1)", Strings::Standard, &mut writes);
    assert!(matches!(ask(&mut cache, 0, (0, 0), Patience::Fresh, at(0)), Answer::Foreign));
    assert!(matches!(ask(&mut cache, 1, (0, 0), Patience::Fresh, at(0)), Answer::Asked(_)));
    cache.lose(&mut writes, at(0));
    assert!(writes.is_empty());
    assert!(matches!(ask(&mut cache, 0, (0, 0), Patience::Fresh, at(9)), Answer::Foreign));
    assert!(matches!(ask(&mut cache, 0, (0, 0), Patience::Fresh, at(10)), Answer::Asked(_)));
}

/// A step of somebody.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A client asks for a read.
    Ask(usize),
    /// The server looks at its tables for the oldest question that it has not looked for.
    Look,
    /// The oldest answer comes by.
    Answer,
    /// A text that writes is sent by one of three connections.
    Write(usize, usize),
    /// Its transaction ends on the server.
    Commit(usize),
    /// The news of that comes by.
    Settle(usize),
    /// The connection is lost.
    Lose(usize),
    /// What it was at work on ends all the same.
    LateCommit,
    /// A client asks the server past the cache.
    Past,
    /// Time goes by.
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_usize).prop_map(Step::Ask),
        4 => Just(Step::Look),
        4 => Just(Step::Answer),
        2 => (0..3_usize, 0..3_usize).prop_map(|(connection, table)| Step::Write(connection, table)),
        2 => (0..3_usize).prop_map(Step::Commit),
        2 => (0..3_usize).prop_map(Step::Settle),
        1 => (0..3_usize).prop_map(Step::Lose),
        1 => Just(Step::LateCommit),
        2 => Just(Step::Past),
        1 => (0..3_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..120)
}

/// A question at the server.
struct Sent {
    read: usize,
    slot: Option<Box<Recording>>,
    /// What it has to give at least.
    least: [u64; 2],
    looked: Option<[u64; 2]>,
}

/// A connection that writes.
#[derive(Default)]
struct Writer {
    writes: Writes,
    /// The table, where it has not ended yet.
    open: Option<usize>,
}

#[derive(Default)]
struct Toy {
    tables: [u64; 2],
    /// What any client has seen, or was told of a commit.
    seen: [u64; 2],
    sent: Vec<Sent>,
    writers: [Writer; 3],
    /// Writes whose connection is gone, and until when they may still end.
    lost: Vec<(usize, u64)>,
    now: u64,
    hits: usize,
}

impl Toy {
    fn see(&mut self, read: usize, state: [u64; 2], least: [u64; 2]) {
        let tables = READS[read].1.map_or(vec![0, 1], |table| vec![table]);
        for table in tables {
            assert!(state[table] >= least[table], "{}: {state:?} after {least:?}", READS[read].0);
            self.seen[table] = self.seen[table].max(state[table]);
        }
    }

    fn step(&mut self, cache: &mut Cache, step: Step) {
        let now = at(self.now);
        match step {
            Step::Ask(read) => {
                let least = self.seen;
                match ask(cache, read, (0, 0), Patience::Spent, now) {
                    Answer::Known(answer, _) => {
                        self.hits += 1;
                        self.see(read, state_in(&answer), least);
                    }
                    Answer::Asked(mark) => {
                        let slot = Some(Box::new(cache.sent(mark)));
                        self.sent.push(Sent { read, slot, least, looked: None });
                    }
                    Answer::Foreign => self.see(read, self.tables, least),
                    Answer::Awaited => panic!("who has waited waits again"),
                }
            }
            Step::Look => {
                if let Some(sent) = self.sent.iter_mut().find(|sent| sent.looked.is_none()) {
                    sent.looked = Some(self.tables);
                }
            }
            Step::Answer => {
                let Some(place) = self.sent.iter().position(|sent| sent.looked.is_some()) else { return };
                let mut sent = self.sent.remove(place);
                let state = sent.looked.unwrap();
                cache.hear(&mut sent.slot, &said(state), now);
                self.see(sent.read, state, sent.least);
            }
            Step::Write(connection, table) => {
                let writer = &mut self.writers[connection];
                if writer.open.is_none() && writer.writes.is_empty() {
                    let text = TABLES.get(table).map_or("select raise_risk()".to_owned(), |name| {
                        format!("update {name} set v = v + 1")
                    });
                    cache.note_text(text.as_bytes(), Strings::Standard, &mut writer.writes);
                    writer.open = Some(table);
                }
            }
            Step::Commit(connection) => {
                if let Some(table) = self.writers[connection].open.take() {
                    self.tables[table % 2] += 1;
                }
            }
            Step::Settle(connection) => {
                let writer = &mut self.writers[connection];
                if writer.open.is_none() {
                    cache.settle(&mut writer.writes);
                    self.seen = self.tables;
                }
            }
            Step::Lose(connection) => {
                let writer = &mut self.writers[connection];
                self.lost.extend(writer.open.take().map(|table| (table, self.now + DOUBT_SECONDS)));
                cache.lose(&mut writer.writes, now);
            }
            Step::LateCommit => {
                if let Some((table, until)) = self.lost.pop()
                    && self.now < until
                {
                    self.tables[table % 2] += 1;
                }
            }
            Step::Past => self.seen = self.tables,
            Step::Pass(seconds) => self.now += seconds,
        }
    }
}

proptest! {
    /// No answer is older than what anybody had seen, or been told of, before it was asked for.
    #[test]
    fn nobody_sees_the_old_after_the_new(steps in steps()) {
        let mut cache = cache();
        let mut toy = Toy::default();
        for step in steps {
            toy.step(&mut cache, step);
        }
        for writer in &mut toy.writers {
            cache.settle(&mut writer.writes);
        }
        prop_assert!(cache.is_settled(), "writers are counted that have ended");
    }
}
