//! The store: opened, written in batches, kept within its bounds, read. One interface over two engines.
//!
//! ```text
//!  Writer ──► Store ──┬─► sqlite    a file of this agent's own
//!  Reader ──► Shelf ──┴─► postgres  a schema in a database, in which each agent has its own rows
//! ```
//!
//! What is common stands above: when to write and to try again in the recorder, what goes first in
//! [`crate::journal::retention`], what a block means in the queries. Below stands the SQL of each engine and what is peculiar
//! to it. An engine decides nothing.

mod fault;
mod postgres;
mod shelf;
mod sqlite;

use std::path::PathBuf;

use crate::journal::place::Place;
use crate::journal::retention::{Size, Trimmed};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::event::{Event, Loudness};
use crate::model::name::Name;
use crate::model::process::ProcessId;

pub use fault::{StoreError, Trouble};
pub(crate) use shelf::{BlockSpan, Direction, EventQuery, ProcessRow, Shelf};
pub(crate) use sqlite::move_aside;
#[cfg(test)]
pub(crate) use sqlite::with_suffix;

/// An encoded block with what finds it again.
#[derive(Clone, Debug)]
pub(crate) struct BlockRow {
    pub(crate) target: Name,
    pub(crate) process: ProcessId,
    pub(crate) from: Timestamp,
    pub(crate) from_wall: WallTime,
    pub(crate) until_wall: WallTime,
    pub(crate) samples: u32,
    pub(crate) bytes: Vec<u8>,
}

/// What is written in one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Event>,
    /// The number of the first event among all that this recorder was given: whether a batch was written of which nobody heard
    /// the end, is told by it.
    pub(crate) first: u64,
    pub(crate) blocks: Vec<BlockRow>,
    pub(crate) memory: Vec<(String, WallTime, String)>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.blocks.is_empty() && self.memory.is_empty()
    }
}

/// Which run of an agent writes, as far as the store has given it a number; kept from one opening to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Run(Option<i64>);

/// The open store.
#[derive(Debug)]
pub(crate) enum Store {
    Sqlite(sqlite::File),
    Postgres(Box<postgres::Session>),
}

/// A store that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// Where a corrupt file went before a fresh one was begun.
    pub(crate) moved_aside: Option<PathBuf>,
}

impl Store {
    /// Opens it, begins it where there is none, and brings an older one up to date. A corrupt file is moved aside and a fresh
    /// one begun.
    pub(crate) async fn open(place: &Place, wall: WallTime, run: &mut Run) -> Result<Opened, StoreError> {
        match place {
            Place::Sqlite(path) => sqlite::File::open(path, wall).await,
            Place::Postgres(shared) => {
                let session = postgres::Session::open(shared, run).await?;
                Ok(Opened { store: Self::Postgres(Box::new(session)), moved_aside: None })
            }
        }
    }

    /// Writes a batch, all or nothing.
    pub(crate) async fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(file) => file.write(batch).await,
            Self::Postgres(session) => session.write(batch).await,
        }
    }

    /// Deletes a chunk of what ended before this time, in milliseconds.
    pub(crate) async fn delete_older(&mut self, horizon: i64) -> Result<Trimmed, StoreError> {
        match self {
            Self::Sqlite(file) => file.delete_older(horizon).await,
            Self::Postgres(session) => session.delete_older(horizon).await,
        }
    }

    /// Deletes a chunk of whichever table holds the older first record.
    pub(crate) async fn delete_oldest(&mut self) -> Result<Trimmed, StoreError> {
        match self {
            Self::Sqlite(file) => file.delete_oldest().await,
            Self::Postgres(session) => session.delete_oldest().await,
        }
    }

    /// How large it is; a bound on it where that is below `over`.
    pub(crate) async fn size(&mut self, over: u64) -> Result<Size, StoreError> {
        match self {
            Self::Sqlite(file) => file.size().await,
            Self::Postgres(session) => session.size(over).await,
        }
    }

    /// Clears up behind what was deleted: processes without samples, and room that is free.
    pub(crate) async fn tidy(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(file) => file.tidy().await,
            Self::Postgres(session) => session.tidy().await,
        }
    }

    /// Closes it.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(file) => file.close().await,
            Self::Postgres(session) => session.close().await,
        }
    }
}

/// Loudness as the table holds it.
pub(crate) const fn loudness_code(loudness: Loudness) -> i64 {
    match loudness {
        Loudness::Info => 0,
        Loudness::Warn => 1,
        Loudness::Error => 2,
    }
}
