//! Reading the history, also while the agent writes it.
//!
//! A [`Reader`] opens the file read-only and holds no lock between two calls, so that it never keeps the agent
//! from cutting its log. [`Blocking`] is the same for callers without a runtime.

mod actions;
mod blocking;
mod events;
mod samples;
mod series;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::journal::store::{Layout, layout, with_suffix};
use crate::model::clock::WallTime;
use crate::model::name::Name;
use crate::model::process::ProcessId;

pub use actions::{ActionRecord, actions};
pub use blocking::{Blocking, BlockingSamples};
pub use events::{EVENTS_MAX, EventFilter, Events, Order};
pub use samples::Samples;
pub use series::{BUCKETS_MAX, Bucket};

/// How long a read waits for a lock.
const BUSY: Duration = Duration::from_secs(2);

/// Why the history can't be read.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no file.
    #[error("there is no history at {0}")]
    Absent(PathBuf),
    /// SQLite refused.
    #[error("the history can't be read")]
    Database(#[from] sqlx::Error),
    /// The file is no history, or one of a newer agent.
    #[error("{0} is not a history that this version can read")]
    Foreign(PathBuf),
    /// No runtime can be had.
    #[error("no runtime to read the history with")]
    Runtime(#[source] std::io::Error),
}

/// A stretch of civil time, both ends included; an open end is unbounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Range {
    /// From here on.
    pub since: Option<WallTime>,
    /// Up to here.
    pub until: Option<WallTime>,
}

impl Range {
    fn holds(self, wall: WallTime) -> bool {
        self.since.is_none_or(|since| since <= wall) && self.until.is_none_or(|until| wall <= until)
    }

    fn ends(self) -> (i64, i64) {
        let since = self.since.map_or(i64::MIN, WallTime::as_millis);
        (since, self.until.map_or(i64::MAX, WallTime::as_millis))
    }
}

/// A process of which there are samples.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    row: i64,
    /// The target it belongs to.
    pub target: Name,
    /// Which process.
    pub process: ProcessId,
    /// The first sample kept.
    pub from: WallTime,
    /// The last sample.
    pub until: WallTime,
    /// How many samples are kept.
    pub samples: u64,
}

/// What a target's rules remembered last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// When it was written.
    pub wall: WallTime,
    /// As it was handed to the recorder.
    pub json: String,
}

/// The history, to be read.
#[derive(Debug)]
pub struct Reader {
    connection: SqliteConnection,
}

impl Reader {
    /// Opens a history. It is not created, and not changed.
    pub async fn open(path: &Path) -> Result<Self, QueryError> {
        if !path.exists() {
            return Err(QueryError::Absent(path.to_owned()));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY)
            .pragma("cache_size", "-1024")
            .disable_statement_logging();
        let mut connection = match open_and_look(&options).await {
            Ok(opened) => opened,
            // A folder in which the reader may not write: without a log nobody writes, and the file stands still.
            Err(error) if with_suffix(path, "-wal").exists() => return Err(error.into()),
            Err(_) => open_and_look(&options.immutable(true)).await?,
        };
        match layout(&mut connection).await? {
            Layout::Ours => Ok(Self { connection }),
            // Nothing has been written yet.
            Layout::Blank => Err(QueryError::Absent(path.to_owned())),
            Layout::Foreign | Layout::Damaged | Layout::Newer(_) | Layout::Older(_) => {
                Err(QueryError::Foreign(path.to_owned()))
            }
        }
    }

    /// The processes of which there are samples, the latest first.
    pub async fn recorded(&mut self) -> Result<Vec<Recorded>, QueryError> {
        type Row = (i64, Vec<u8>, u32, i64, i64, i64, i64, i64, i64, i64);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT p.id, CAST(p.target AS BLOB), p.pid, p.inode, p.started, p.exe_device, p.exe_inode,
                    min(b.from_wall), max(b.until_wall), sum(b.samples)
             FROM processes p JOIN blocks b ON b.process = p.id
             GROUP BY p.id ORDER BY max(b.id) DESC",
        )
        .fetch_all(&mut self.connection)
        .await?;
        let recorded = rows.into_iter().filter_map(|row| {
            let (row, target, pid, inode, started, device, exe, from, until, samples) = row;
            let exe = (device.cast_unsigned(), exe.cast_unsigned());
            let (inode, started) = (inode.cast_unsigned(), started.cast_unsigned());
            Some(Recorded {
                row,
                target: Name::parse(str::from_utf8(&target).ok()?).ok()?,
                process: ProcessId { pid, inode, started, exe },
                from: WallTime::from_millis(from),
                until: WallTime::from_millis(until),
                samples: u64::try_from(samples).unwrap_or(0),
            })
        });
        Ok(recorded.collect())
    }

    /// What a target's rules remembered last.
    pub async fn memory(&mut self, target: &Name) -> Result<Option<Memory>, QueryError> {
        let row: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT wall, CAST(json AS BLOB) FROM memory WHERE target = ?")
                .bind(target.as_str())
                .fetch_optional(&mut self.connection)
                .await?;
        Ok(row.map(|(wall, json)| Memory {
            wall: WallTime::from_millis(wall),
            json: String::from_utf8_lossy(&json).into_owned(),
        }))
    }
}

/// SQLite opens lazily: whether it can read shows at the first read.
async fn open_and_look(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::raw_sql("SELECT count(*) FROM sqlite_schema").execute(&mut connection).await?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
