//! A batch, in a few statements however long it is: its rows go as columns of arrays.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::{ANSWER_WITHIN, Counted, Session, reach};
use crate::journal::facts::{kind, rule};
use crate::journal::store::{Batch, BlockRow, StoreError, loudness_code};
use crate::model::clock::WallTime;
use crate::model::event::Event;
use crate::model::name::Name;
use crate::model::process::ProcessId;

impl Session {
    /// Writes a batch, all or nothing.
    pub(crate) async fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let (agent, run) = (self.agent, self.run);
        let connection = &mut self.connection;
        let written = reach::within(ANSWER_WITHIN, async {
            let mut transaction = connection.begin().await?;
            let mut written = 0;
            if !batch.events.is_empty() {
                written += write_events(&mut transaction, (agent, run), batch).await?;
            }
            if !batch.blocks.is_empty() {
                written += write_blocks(&mut transaction, agent, &batch.blocks).await?;
            }
            if !batch.memory.is_empty() {
                write_memory(&mut transaction, agent, &batch.memory).await?;
            }
            transaction.commit().await?;
            Ok(written)
        })
        .await?;
        self.used = self.used.saturating_add(written);
        self.counted = Counted::TooHigh;
        Ok(())
    }
}

/// Gives how many bytes were written.
async fn write_events(
    connection: &mut PgConnection,
    (agent, run): (i32, i64),
    batch: &Batch,
) -> Result<u64, sqlx::Error> {
    let events = &batch.events;
    let first = batch.first.cast_signed();
    let numbers: Vec<i64> = (first..).take(events.len()).collect();
    let walls: Vec<i64> = events.iter().map(|event| event.wall.as_millis()).collect();
    let targets: Vec<Option<&str>> =
        events.iter().map(|event| event.target.as_ref().map(Name::as_str)).collect();
    let pids: Vec<Option<i64>> =
        events.iter().map(|event| event.process.map(|process| i64::from(process.pid))).collect();
    let kinds: Vec<&str> = events.iter().map(|event| kind(&event.fact)).collect();
    let rules: Vec<Option<String>> = events.iter().map(|event| rule(&event.fact)).collect();
    let loudness: Vec<i64> = events.iter().map(|event| loudness_code(event.fact.headline().0)).collect();
    let texts: Vec<String> = events.iter().map(json).collect();
    sqlx::query(
        "INSERT INTO fdguard.events (agent, run, number, wall, target, pid, kind, rule, loudness, json)
         SELECT $1, $2, * FROM unnest($3::int8[], $4::int8[], $5::text[], $6::int8[], $7::text[], $8::text[],
                                      $9::int8[], $10::text[])
         ON CONFLICT DO NOTHING",
    )
    .bind(agent)
    .bind(run)
    .bind(numbers)
    .bind(walls)
    .bind(targets)
    .bind(pids)
    .bind(kinds)
    .bind(rules)
    .bind(loudness)
    .bind(&texts)
    .execute(connection)
    .await?;
    Ok(texts.iter().map(|text| text.len() as u64 + super::bounds::EVENT_BESIDES).sum())
}

fn json(event: &Event) -> String {
    serde_json::to_string(event).expect("an event is plain data with keys of text")
}

/// A block is written again and again while it grows; its process and start make it the same row. Gives how many bytes were
/// written.
async fn write_blocks(
    connection: &mut PgConnection,
    agent: i32,
    blocks: &[BlockRow],
) -> Result<u64, sqlx::Error> {
    let rows = process_rows(connection, agent, blocks).await?;
    // The last one of a start counts: no statement may touch a row twice.
    let blocks: BTreeMap<(i64, i64), &BlockRow> = blocks
        .iter()
        .filter_map(|block| Some(((*rows.get(&key(block))?, block.from.as_nanos().cast_signed()), block)))
        .collect();
    let column = |of: fn(&BlockRow) -> i64| blocks.values().map(|block| of(block)).collect::<Vec<i64>>();
    let bytes: Vec<&[u8]> = blocks.values().map(|block| block.bytes.as_slice()).collect();
    sqlx::query(
        "INSERT INTO fdguard.blocks (agent, process, from_at, from_wall, until_wall, samples, bytes)
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::bytea[])
         ON CONFLICT (process, from_at) DO UPDATE
         SET until_wall = excluded.until_wall, samples = excluded.samples, bytes = excluded.bytes",
    )
    .bind(agent)
    .bind(blocks.keys().map(|(process, _)| *process).collect::<Vec<i64>>())
    .bind(blocks.keys().map(|(_, from)| *from).collect::<Vec<i64>>())
    .bind(column(|block| block.from_wall.as_millis()))
    .bind(column(|block| block.until_wall.as_millis()))
    .bind(column(|block| block.samples.into()))
    .bind(&bytes)
    .execute(connection)
    .await?;
    Ok(bytes.iter().map(|bytes| bytes.len() as u64 + super::bounds::BLOCK_BESIDES).sum())
}

type Key = (String, ProcessId);

fn key(block: &BlockRow) -> Key {
    (block.target.to_string(), block.process)
}

/// The numbers of the processes of these blocks.
async fn process_rows(
    connection: &mut PgConnection,
    agent: i32,
    blocks: &[BlockRow],
) -> Result<BTreeMap<Key, i64>, sqlx::Error> {
    let keys: BTreeSet<Key> = blocks.iter().map(key).collect();
    let column = |of: fn(&ProcessId) -> i64| keys.iter().map(|(_, id)| of(id)).collect::<Vec<i64>>();
    let rows: Vec<(i64, String, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "INSERT INTO fdguard.processes AS p (agent, target, pid, inode, started, exe_device, exe_inode)
         SELECT $1, * FROM unnest($2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])
         ON CONFLICT (agent, target, pid, inode, started, exe_device, exe_inode) DO UPDATE SET pid = excluded.pid
         RETURNING p.id, p.target, p.pid, p.inode, p.started, p.exe_device, p.exe_inode",
    )
    .bind(agent)
    .bind(keys.iter().map(|(target, _)| target.as_str()).collect::<Vec<&str>>())
    .bind(column(|id| id.pid.into()))
    .bind(column(|id| id.inode.cast_signed()))
    .bind(column(|id| id.started.cast_signed()))
    .bind(column(|id| id.exe.0.cast_signed()))
    .bind(column(|id| id.exe.1.cast_signed()))
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().filter_map(|(row, target, pid, inode, started, device, node)| {
        let process = ProcessId {
            pid: u32::try_from(pid).ok()?,
            inode: inode.cast_unsigned(),
            started: started.cast_unsigned(),
            exe: (device.cast_unsigned(), node.cast_unsigned()),
        };
        Some(((target, process), row))
    });
    Ok(found.collect())
}

async fn write_memory(
    connection: &mut PgConnection,
    agent: i32,
    memory: &[(String, WallTime, String)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO fdguard.memory (agent, target, wall, json)
         SELECT $1, * FROM unnest($2::text[], $3::int8[], $4::text[])
         ON CONFLICT (agent, target) DO UPDATE SET wall = excluded.wall, json = excluded.json",
    )
    .bind(agent)
    .bind(memory.iter().map(|(target, _, _)| target.as_str()).collect::<Vec<&str>>())
    .bind(memory.iter().map(|(_, wall, _)| wall.as_millis()).collect::<Vec<i64>>())
    .bind(memory.iter().map(|(_, _, json)| json.as_str()).collect::<Vec<&str>>())
    .execute(connection)
    .await?;
    Ok(())
}
