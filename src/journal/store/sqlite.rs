//! The file: opened, checked, written in batches, moved aside where it is corrupt.
//!
//! SQLite in WAL mode with `synchronous = NORMAL`: what is committed survives the death of the agent, and the
//! death of the host up to the last checkpoint. The memory of the rules (budgets, latches) is committed with
//! `FULL`, so that it survives that too. One connection with a small cache, since the agent is to stay small.

mod bounds;
mod schema;
mod shelf;

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use super::{Batch, BlockRow, Opened, Store, StoreError, Trouble, loudness_code};
use crate::journal::facts::{kind, rule};
use crate::model::clock::WallTime;
use crate::model::event::Event;
use crate::model::name::Name;
use crate::model::process::ProcessId;

pub(crate) use shelf::Shelf;

/// How long a write waits for another process that has the file locked.
const BUSY: Duration = Duration::from_secs(2);
/// Page cache, in KiB (SQLite takes a negative number as KiB).
const CACHE: &str = "-256";
/// What the WAL is cut back to after a checkpoint, in bytes.
const WAL_LIMIT: &str = "1048576";
/// Pages in the WAL before it is copied into the file.
const CHECKPOINT: &str = "256";
/// Prepared statements kept; there are about a dozen.
const STATEMENTS: usize = 16;
/// Corrupt files kept for inspection; older ones are deleted.
const CORRUPT_KEPT: usize = 2;

/// The open file.
#[derive(Debug)]
pub(crate) struct File {
    connection: SqliteConnection,
    path: PathBuf,
    identity: (u64, u64),
}

impl File {
    /// Opens the file, begins it where there is none, and brings an older one up to date. A corrupt one is
    /// moved aside and a fresh one begun.
    pub(crate) async fn open(path: &Path, wall: WallTime) -> Result<Opened, StoreError> {
        match Self::open_as_is(path).await {
            Ok(file) => Ok(Opened { store: Store::Sqlite(file), moved_aside: None }),
            Err(error) if error.trouble() == Trouble::Corrupt => {
                let moved = move_aside(path, wall)?;
                let store = Store::Sqlite(Self::open_as_is(path).await?);
                Ok(Opened { store, moved_aside: Some(moved) })
            }
            Err(error) => Err(error),
        }
    }

    async fn open_as_is(path: &Path) -> Result<Self, StoreError> {
        // Made here, so that nobody but owner and group can read command lines in it.
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(path);
        drop(made.map_err(StoreError::File)?);
        let mut connection = options(path).connect().await?;
        if let Err(error) = schema::prepare(&mut connection).await {
            // A failing close says no more than the error that is already there.
            drop(connection.close().await);
            return Err(error);
        }
        let identity = identity(path).map_err(StoreError::File)?;
        Ok(Self { connection, path: path.to_owned(), identity })
    }

    /// Writes a batch, all or nothing.
    pub(crate) async fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if identity(&self.path).ok() != Some(self.identity) {
            return Err(StoreError::Replaced);
        }
        if batch.memory.is_empty() {
            return self.write_now(batch).await;
        }
        sqlx::raw_sql("PRAGMA synchronous = FULL").execute(&mut self.connection).await?;
        let written = self.write_now(batch).await;
        sqlx::raw_sql("PRAGMA synchronous = NORMAL").execute(&mut self.connection).await?;
        written
    }

    async fn write_now(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for event in &batch.events {
            write_event(&mut transaction, event).await?;
        }
        for row in &batch.blocks {
            write_block(&mut transaction, row).await?;
        }
        for (target, wall, json) in &batch.memory {
            sqlx::query(
                "INSERT INTO memory (target, wall, json) VALUES (?, ?, ?)
                 ON CONFLICT (target) DO UPDATE SET wall = excluded.wall, json = excluded.json",
            )
            .bind(target.as_str())
            .bind(wall.as_millis())
            .bind(json)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The connection, to look at what stands in the file.
    #[cfg(test)]
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Closes the file; the WAL is copied into it.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}

async fn write_event(connection: &mut SqliteConnection, event: &Event) -> Result<(), StoreError> {
    let json = serde_json::to_string(event).expect("an event is plain data with keys of text");
    let (loudness, _) = event.fact.headline();
    sqlx::query(
        "INSERT INTO events (wall, target, pid, kind, rule, loudness, json) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(event.wall.as_millis())
    .bind(event.target.as_ref().map(Name::as_str))
    .bind(event.process.map(|process| process.pid))
    .bind(kind(&event.fact))
    .bind(rule(&event.fact))
    .bind(loudness_code(loudness))
    .bind(json)
    .execute(connection)
    .await?;
    Ok(())
}

/// A block is written again and again while it grows; its process and start make it the same row.
async fn write_block(connection: &mut SqliteConnection, row: &BlockRow) -> Result<(), StoreError> {
    let ProcessId { pid, inode, started, exe } = row.process;
    let (process,): (i64,) = sqlx::query_as(
        "INSERT INTO processes (target, pid, inode, started, exe_device, exe_inode) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET pid = excluded.pid RETURNING id",
    )
    .bind(row.target.as_str())
    .bind(pid)
    .bind(inode.cast_signed())
    .bind(started.cast_signed())
    .bind(exe.0.cast_signed())
    .bind(exe.1.cast_signed())
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO blocks (process, from_at, from_wall, until_wall, samples, bytes) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (process, from_at) DO UPDATE
         SET until_wall = excluded.until_wall, samples = excluded.samples, bytes = excluded.bytes",
    )
    .bind(process)
    .bind(row.from.as_nanos().cast_signed())
    .bind(row.from_wall.as_millis())
    .bind(row.until_wall.as_millis())
    .bind(row.samples)
    .bind(row.bytes.as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(false)
        .busy_timeout(BUSY)
        .pragma("cache_size", CACHE)
        .pragma("journal_size_limit", WAL_LIMIT)
        .pragma("wal_autocheckpoint", CHECKPOINT)
        .statement_cache_capacity(STATEMENTS)
        .command_buffer_size(4)
        .row_buffer_size(4)
        .thread_name(|_| "fdg-sqlite".to_owned())
        .disable_statement_logging()
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Renames a corrupt file and its WAL, so that somebody can look at it, and deletes the oldest such files.
pub(crate) fn move_aside(path: &Path, wall: WallTime) -> Result<PathBuf, StoreError> {
    let aside = with_suffix(path, &format!(".corrupt-{}", wall.as_millis()));
    std::fs::rename(path, &aside).map_err(StoreError::File)?;
    // The WAL may be absent. A stale one beside a fresh file would be taken for its own.
    for (suffix, keep) in [("-wal", true), ("-shm", false)] {
        let file = with_suffix(path, suffix);
        let moved = if keep { std::fs::rename(&file, with_suffix(&aside, suffix)) } else { Err(not_kept()) };
        if moved.is_err() {
            drop(std::fs::remove_file(&file));
        }
    }
    delete_oldest_corrupt(path);
    Ok(aside)
}

fn not_kept() -> std::io::Error {
    std::io::ErrorKind::Other.into()
}

fn delete_oldest_corrupt(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let prefix = format!("{}.corrupt-", name.to_string_lossy());
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut corrupt: Vec<(i64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let wall = name.to_str()?.strip_prefix(&prefix)?.parse().ok()?;
            Some((wall, entry.path()))
        })
        .collect();
    corrupt.sort();
    let excess = corrupt.len().saturating_sub(CORRUPT_KEPT);
    for (_, file) in corrupt.into_iter().take(excess) {
        drop(std::fs::remove_file(with_suffix(&file, "-wal")));
        drop(std::fs::remove_file(file));
    }
}

/// `history.db` and `-wal`: `history.db-wal`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
