use std::path::Path;

use super::*;
use crate::journal::facts::examples;
use crate::journal::place::Place;
use crate::journal::store::{Batch, BlockRow, Run, Store, with_suffix};
use crate::model::clock::Timestamp;
use crate::model::name::Name;
use crate::model::process::ProcessId;

const MIB: u64 = 1 << 20;
const START: i64 = 1_700_000_000_000;

fn wall(second: i64) -> WallTime {
    WallTime::from_millis(START + second * 1_000)
}

/// A block as long as those of a busy bot, five minutes after the one before. What is in it does not matter here.
fn row(number: i64) -> BlockRow {
    let from = number * 300;
    BlockRow {
        target: Name::parse("bot").unwrap(),
        // A new process each day.
        process: ProcessId { pid: u32::try_from(number / 288).unwrap(), inode: 1, started: 1, exe: (1, 1) },
        from: Timestamp::from_millis(from.unsigned_abs() * 1_000 + 1),
        from_wall: wall(from),
        until_wall: wall(from + 299),
        samples: 300,
        bytes: vec![number.to_le_bytes()[0]; 9_000 + usize::try_from(number % 7_000).unwrap()],
    }
}

fn file_size(path: &Path) -> u64 {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    size(path) + size(&with_suffix(path, "-wal"))
}

async fn open(path: &Path) -> Store {
    Store::open(&Place::Sqlite(path.to_owned()), wall(0), &mut Run::default()).await.unwrap().store
}

fn connection(store: &mut Store) -> &mut sqlx::sqlite::SqliteConnection {
    match store {
        Store::Sqlite(file) => file.connection(),
        Store::Postgres(_) => panic!("a file was opened"),
    }
}

async fn count(store: &mut Store, table: &'static str) -> i64 {
    let sql = match table {
        "events" => "SELECT count(*) FROM events",
        "processes" => "SELECT count(*) FROM processes",
        _ => "SELECT count(*) FROM blocks",
    };
    let (count,): (i64,) = sqlx::query_as(sql).fetch_one(connection(store)).await.unwrap();
    count
}

#[tokio::test(flavor = "current_thread")]
async fn ten_times_the_bound_stays_within_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = open(&path).await;
    let keep = Keep { age: Duration::from_hours(24 * 365), size: 2 * MIB };
    let (mut written, mut number, mut largest) = (0, 0, 0);
    while written < 10 * keep.size {
        let blocks: Vec<BlockRow> = (number..number + 8).map(row).collect();
        number += 8;
        written += blocks.iter().map(|row| row.bytes.len() as u64).sum::<u64>();
        store.write(&Batch { blocks, events: examples::events(), ..Batch::default() }).await.unwrap();
        trim(&mut store, keep, wall(number * 300)).await.unwrap();
        let main = std::fs::metadata(&path).unwrap().len();
        assert!(main <= keep.size, "{main} bytes after {written}");
        largest = largest.max(file_size(&path));
    }
    assert!(largest <= keep.size + 2 * MIB, "{largest} bytes with the log");
    let kept = store.size(0).await.unwrap();
    assert!(kept.used > keep.size / 2, "not more than needed was deleted: {kept:?}");
    let (first, last): (i64, i64) = sqlx::query_as("SELECT min(from_wall), max(from_wall) FROM blocks")
        .fetch_one(connection(&mut store))
        .await
        .unwrap();
    assert!(first > START, "the oldest went");
    assert_eq!(last, wall((number - 1) * 300).as_millis(), "the latest stayed");
    let processes = count(&mut store, "processes").await;
    assert!(processes <= number / 288 + 1 && processes < 30, "processes without samples went: {processes}");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_too_old_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("history.db")).await;
    let keep = Keep { age: Duration::from_hours(1), size: 64 * MIB };
    let blocks = (0..24).map(row).collect();
    store.write(&Batch { blocks, events: examples::events(), ..Batch::default() }).await.unwrap();
    assert_eq!(trim(&mut store, keep, wall(3_600)).await.unwrap(), Trimmed::default());
    let gone = trim(&mut store, keep, wall(7_200)).await.unwrap();
    assert_eq!(gone, Trimmed { blocks: 12, events: examples::events().len() as u64 });
    assert_eq!((count(&mut store, "blocks").await, count(&mut store, "events").await), (12, 0));
    // A clock that stands years ahead leaves nothing, one that stands behind takes nothing.
    assert_eq!(trim(&mut store, keep, WallTime::from_millis(0)).await.unwrap(), Trimmed::default());
    trim(&mut store, keep, WallTime::from_millis(i64::MAX)).await.unwrap();
    assert_eq!((count(&mut store, "blocks").await, count(&mut store, "processes").await), (0, 0));
}

/// Records of a clock that stood wrong have no age that counts; they go by size all the same.
#[tokio::test(flavor = "current_thread")]
async fn records_of_the_future_go_by_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = open(&path).await;
    let keep = Keep { age: Duration::from_hours(24), size: MIB };
    let future: Vec<BlockRow> = (0..200)
        .map(|number| BlockRow { until_wall: WallTime::from_millis(i64::MAX), ..row(number) })
        .collect();
    for chunk in future.chunks(16) {
        store.write(&Batch { blocks: chunk.to_vec(), ..Batch::default() }).await.unwrap();
        trim(&mut store, keep, wall(0)).await.unwrap();
    }
    assert!(std::fs::metadata(&path).unwrap().len() <= keep.size);
}
