//! Bounds of the file: what is too old goes, and the oldest goes where the file is too large.
//!
//! Age goes by the civil time of the record. Size goes by the order of writing, so that a clock which once
//! stood wrong can't keep its records for ever. Freed pages are given back to the file system, since a file
//! that once grew past its bound would else stay there.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use crate::model::clock::WallTime;

/// How much history is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// For how long.
    pub age: Duration,
    /// In how many bytes, the write-ahead log not counted; at least [`Keep::SIZE_MIN`] is granted.
    pub size: u64,
}

impl Keep {
    /// Below this a history makes no sense.
    pub const SIZE_MIN: u64 = 1 << 20;

    /// From here on the oldest goes: an eighth is left for what is written between two trims.
    fn high(self) -> u64 {
        self.size.max(Self::SIZE_MIN) / 8 * 7
    }

    /// Down to here.
    fn low(self) -> u64 {
        self.size.max(Self::SIZE_MIN) / 8 * 6
    }
}

/// Rows deleted at once: it bounds what one transaction writes to the log.
const BLOCKS_AT_ONCE: i64 = 32;
const EVENTS_AT_ONCE: i64 = 512;
/// Chunks in one trim; what is left waits for the next.
const CHUNKS_MAX: u32 = 256;

/// What a trim deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Trimmed {
    pub(crate) blocks: u64,
    pub(crate) events: u64,
}

/// Deletes what is beyond the bounds.
pub(crate) async fn trim(
    connection: &mut SqliteConnection,
    keep: Keep,
    now: WallTime,
) -> Result<Trimmed, sqlx::Error> {
    let mut trimmed = Trimmed::default();
    let age = i64::try_from(keep.age.as_millis()).unwrap_or(i64::MAX);
    let horizon = now.as_millis().saturating_sub(age);
    let mut chunks = 0;
    while chunks < CHUNKS_MAX {
        let gone = delete_older(connection, horizon).await?;
        trimmed.add(gone);
        chunks += 1;
        if gone == Trimmed::default() {
            break;
        }
    }
    if size(connection).await?.file > keep.high() {
        while chunks < CHUNKS_MAX && size(connection).await?.used > keep.low() {
            let gone = delete_oldest(connection).await?;
            trimmed.add(gone);
            chunks += 1;
            if gone == Trimmed::default() {
                break;
            }
        }
    }
    if trimmed != Trimmed::default() {
        let orphans = "DELETE FROM processes WHERE id NOT IN (SELECT process FROM blocks)";
        sqlx::query(orphans).execute(&mut *connection).await?;
        give_back(connection).await?;
    }
    Ok(trimmed)
}

impl Trimmed {
    fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.events += other.events;
    }
}

/// Bytes of the file, and of those in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) file: u64,
    pub(crate) used: u64,
}

pub(crate) async fn size(connection: &mut SqliteConnection) -> Result<Size, sqlx::Error> {
    let (pages, free, page): (i64, i64, i64) = sqlx::query_as(
        "SELECT page_count, freelist_count, page_size
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    )
    .fetch_one(connection)
    .await?;
    let bytes = |pages: i64| u64::try_from(pages.saturating_mul(page)).unwrap_or(0);
    Ok(Size { file: bytes(pages), used: bytes(pages - free) })
}

async fn delete_older(connection: &mut SqliteConnection, horizon: i64) -> Result<Trimmed, sqlx::Error> {
    let blocks =
        sqlx::query("DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE until_wall < ? LIMIT ?)")
            .bind(horizon)
            .bind(BLOCKS_AT_ONCE)
            .execute(&mut *connection)
            .await?;
    let events = sqlx::query("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE wall < ? LIMIT ?)")
        .bind(horizon)
        .bind(EVENTS_AT_ONCE)
        .execute(connection)
        .await?;
    Ok(Trimmed { blocks: blocks.rows_affected(), events: events.rows_affected() })
}

/// Deletes a chunk of whichever table holds the older first record.
async fn delete_oldest(connection: &mut SqliteConnection) -> Result<Trimmed, sqlx::Error> {
    let block: Option<(i64,)> = sqlx::query_as("SELECT until_wall FROM blocks ORDER BY id LIMIT 1")
        .fetch_optional(&mut *connection)
        .await?;
    let event: Option<(i64,)> = sqlx::query_as("SELECT wall FROM events ORDER BY id LIMIT 1")
        .fetch_optional(&mut *connection)
        .await?;
    match (block, event) {
        (None, None) => Ok(Trimmed::default()),
        (Some(block), event) if event.is_none_or(|event| block <= event) => {
            let done =
                sqlx::query("DELETE FROM blocks WHERE id IN (SELECT id FROM blocks ORDER BY id LIMIT ?)")
                    .bind(BLOCKS_AT_ONCE)
                    .execute(connection)
                    .await?;
            Ok(Trimmed { blocks: done.rows_affected(), events: 0 })
        }
        (Some(_) | None, _) => {
            let done =
                sqlx::query("DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?)")
                    .bind(EVENTS_AT_ONCE)
                    .execute(connection)
                    .await?;
            Ok(Trimmed { blocks: 0, events: done.rows_affected() })
        }
    }
}

/// Gives free pages back, some at a time, so that the log stays small.
async fn give_back(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut free = u64::MAX;
    loop {
        sqlx::raw_sql("PRAGMA incremental_vacuum(256)").execute(&mut *connection).await?;
        let size = size(connection).await?;
        let left = size.file - size.used.min(size.file);
        if left == 0 || left >= free {
            break;
        }
        free = left;
    }
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
