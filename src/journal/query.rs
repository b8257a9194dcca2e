//! Reading the history, also while the agent writes it.
//!
//! A [`Reader`] opens the store read-only, whichever engine holds it, and holds no lock between two calls, so that it never
//! keeps the agent from writing. [`Blocking`] is the same for callers without a runtime.

mod actions;
mod blocking;
mod events;
mod samples;
mod series;

use crate::journal::place::Place;
use crate::journal::store::Shelf;
use crate::model::clock::WallTime;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::sys::secrets::SecretError;

pub use actions::{ActionRecord, actions};
pub use blocking::{Blocking, BlockingSamples};
pub use events::{EVENTS_MAX, EventFilter, Events, Order};
pub use samples::Samples;
pub use series::{BUCKETS_MAX, Bucket};

/// Why the history can't be read.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no file, or nothing in it.
    #[error("there is no history at {0}")]
    Absent(Place),
    /// The database holds no history under this name, but under those.
    #[error("no agent `{agent}` has written to {place}; those that have: {}", list(known))]
    NoAgent {
        /// The database.
        place: Place,
        /// The name.
        agent: Name,
        /// The names that are there.
        known: Vec<String>,
    },
    /// The database refused.
    #[error("the history can't be read")]
    Database(#[from] sqlx::Error),
    /// The server does not answer.
    #[error("the server of the history has not answered in time")]
    Late,
    /// The password of the database can't be had.
    #[error("the password of the history can't be had")]
    Secret(#[source] SecretError),
    /// What is there is no history, or one of a newer agent.
    #[error("{0} is not a history that this version can read")]
    Foreign(Place),
    /// No runtime can be had.
    #[error("no runtime to read the history with")]
    Runtime(#[source] std::io::Error),
}

fn list(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
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
    shelf: Shelf,
}

impl Reader {
    /// Opens a history. It is not created, and not changed.
    pub async fn open(place: &Place) -> Result<Self, QueryError> {
        Ok(Self { shelf: Shelf::open(place).await? })
    }

    /// The processes of which there are samples, the latest first.
    pub async fn recorded(&mut self) -> Result<Vec<Recorded>, QueryError> {
        let rows = self.shelf.processes().await?;
        let recorded = rows.into_iter().filter_map(|row| {
            let exe = (row.exe.0.cast_unsigned(), row.exe.1.cast_unsigned());
            let (inode, started) = (row.inode.cast_unsigned(), row.started.cast_unsigned());
            let pid = u32::try_from(row.pid).ok()?;
            Some(Recorded {
                row: row.row,
                target: Name::parse(str::from_utf8(&row.target).ok()?).ok()?,
                process: ProcessId { pid, inode, started, exe },
                from: WallTime::from_millis(row.walls.0),
                until: WallTime::from_millis(row.walls.1),
                samples: u64::try_from(row.samples).unwrap_or(0),
            })
        });
        Ok(recorded.collect())
    }

    /// What a target's rules remembered last.
    pub async fn memory(&mut self, target: &Name) -> Result<Option<Memory>, QueryError> {
        let row = self.shelf.memory(target.as_str()).await?;
        Ok(row.map(|(wall, json)| Memory {
            wall: WallTime::from_millis(wall),
            json: String::from_utf8_lossy(&json).into_owned(),
        }))
    }
}

#[cfg(test)]
mod tests;
