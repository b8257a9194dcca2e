//! The store, to be read: the rows that queries are made of, whichever engine holds them.

use super::postgres;
use super::sqlite;
use crate::journal::place::Place;
use crate::journal::query::QueryError;

/// A process of which there are blocks, as it stands in the tables.
#[derive(Clone, Debug)]
pub(crate) struct ProcessRow {
    pub(crate) row: i64,
    pub(crate) target: Vec<u8>,
    pub(crate) pid: i64,
    pub(crate) inode: i64,
    pub(crate) started: i64,
    pub(crate) exe: (i64, i64),
    pub(crate) walls: (i64, i64),
    pub(crate) samples: i64,
}

/// Which events, in the words of the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventQuery<'q> {
    pub(crate) target: Option<&'q str>,
    /// From and up to this time, in milliseconds.
    pub(crate) walls: (i64, i64),
    /// None means all.
    pub(crate) kinds: &'q [String],
    pub(crate) loudness: i64,
    /// `ASC` or `DESC`.
    pub(crate) direction: Direction,
    pub(crate) limit: u32,
}

/// From which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The word of SQL.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Up => "ASC",
            Self::Down => "DESC",
        }
    }
}

/// Which blocks of a process: those after one, in a stretch of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockSpan {
    pub(crate) row: i64,
    pub(crate) after: i64,
    /// From and up to this time, in milliseconds.
    pub(crate) walls: (i64, i64),
    pub(crate) most: u32,
}

/// The open store. No lock is held and no transaction is open between two calls.
#[derive(Debug)]
pub(crate) enum Shelf {
    Sqlite(sqlite::Shelf),
    Postgres(Box<postgres::Shelf>),
}

impl Shelf {
    /// Opens it. It is not created, and not changed.
    pub(crate) async fn open(place: &Place) -> Result<Self, QueryError> {
        Ok(match place {
            Place::Sqlite(path) => Self::Sqlite(sqlite::Shelf::open(path).await?),
            Place::Postgres(shared) => Self::Postgres(Box::new(postgres::Shelf::open(shared).await?)),
        })
    }

    /// The processes of which there are blocks, the one written last first.
    pub(crate) async fn processes(&mut self) -> Result<Vec<ProcessRow>, QueryError> {
        match self {
            Self::Sqlite(shelf) => shelf.processes().await,
            Self::Postgres(shelf) => shelf.processes().await,
        }
    }

    /// When a target's rules last had something remembered, in milliseconds, and what.
    pub(crate) async fn memory(&mut self, target: &str) -> Result<Option<(i64, Vec<u8>)>, QueryError> {
        match self {
            Self::Sqlite(shelf) => shelf.memory(target).await,
            Self::Postgres(shelf) => shelf.memory(target).await,
        }
    }

    /// The JSON of events, as bytes, so that one damaged text does not take the others with it.
    pub(crate) async fn events(&mut self, query: EventQuery<'_>) -> Result<Vec<Vec<u8>>, QueryError> {
        match self {
            Self::Sqlite(shelf) => shelf.events(query).await,
            Self::Postgres(shelf) => shelf.events(query).await,
        }
    }

    /// The next blocks of a process with where each begins, none at the end.
    pub(crate) async fn blocks(&mut self, span: BlockSpan) -> Result<Vec<(i64, Vec<u8>)>, QueryError> {
        match self {
            Self::Sqlite(shelf) => shelf.blocks(span).await,
            Self::Postgres(shelf) => shelf.blocks(span).await,
        }
    }
}
