//! Clients that go away in the middle of what they do, and never commit.

use fdguard::wire::postgres::frontend::{write_copy_data, write_flush, write_query, write_sync};

use super::scene::Scene;
use super::talk::{Faults, Gone, Talk};
use crate::support::batch;

/// Ids of what they write, above those of all tellers.
const IDS: u64 = 1_000_000_000_000;

/// What a client does before it goes; it writes this statement where it writes.
type Stage = fn(&mut Talk<'_>, &str) -> Result<(), Gone>;

const STAGES: [Stage; 9] = [
    |talk, insert| talk.ask(&format!("begin; {insert}"), ("CCZ", &[], 'T')),
    |talk, insert| {
        talk.ask(&format!("begin; {insert}"), ("CCZ", &[], 'T'))?;
        query(talk, "select pg_sleep(600)");
        Ok(())
    },
    |talk, insert| {
        query(talk, &format!("{insert}; select pg_sleep(600)"));
        Ok(())
    },
    |talk, insert| {
        talk.ask(&format!("begin; {insert}"), ("CCZ", &[], 'T'))?;
        query(talk, "copy journal from stdin");
        talk.hear_to(b'G')?;
        talk.say(|out| write_copy_data(out, format!("{IDS}\t0\t0\t0\n").as_bytes()));
        Ok(())
    },
    |talk, _| {
        query(talk, "copy (select repeat('c', 1000) from generate_series(1, 20000)) to stdout");
        talk.hear_to(b'H').map(drop)
    },
    |talk, insert| {
        talk.say(|out| {
            batch::run(out, "", insert, &[]);
            write_flush(out);
        });
        talk.hear_to(b'C').map(drop)
    },
    |talk, insert| {
        talk.say(|out| {
            batch::run(out, "", "begin", &[]);
            write_sync(out);
            for _ in 0..5 {
                batch::run(out, "", insert, &[]);
                write_sync(out);
            }
            batch::run(out, "", "select pg_sleep(600)", &[]);
        });
        talk.hear().map(drop)
    },
    |talk, _| {
        query(talk, "select repeat('r', 20000000)");
        talk.hear_to(b'T').map(drop)
    },
    |talk, insert| {
        talk.ask(&format!("begin; {insert}"), ("CCZ", &[], 'T'))?;
        talk.say(|out| batch::lying(out, b'Q', 100, b"commit; select "));
        Ok(())
    },
];

fn query(talk: &mut Talk<'_>, text: &str) {
    talk.say(|out| write_query(out, text.as_bytes()));
}

/// One after the other comes, begins, and goes.
pub(super) fn leave(scene: &Scene<'_>) -> usize {
    let mut gone = 0;
    // What ends them early may be another upset.
    let own = Faults::default();
    for id in IDS + 1.. {
        if scene.time_up.is_down() {
            break;
        }
        let Ok(mut talk) = Talk::open(scene.proxy.address, &scene.proxy.database, &own) else { continue };
        scene.left.lock().unwrap().extend([IDS, id]);
        let stage = STAGES[usize::try_from(id % STAGES.len() as u64).unwrap()];
        let insert = format!("insert into journal values ({id}, 0, 0, 0)");
        gone += usize::from(stage(&mut talk, &insert).is_ok());
    }
    own.assert_none();
    gone
}
