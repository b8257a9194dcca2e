//! Why the store can't be used, and what follows from it.

use std::io;

/// Why the store can't be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can't be made, found or moved.
    #[error("the history file can't be reached")]
    File(#[source] io::Error),
    /// SQLite refused.
    #[error("the history file can't be used")]
    Database(#[source] sqlx::Error),
    /// The integrity check found something.
    #[error("the history file is corrupt: {0}")]
    Check(String),
    /// The file holds something else.
    #[error("the file is another application's database, not a history")]
    Foreign,
    /// A newer agent wrote it.
    #[error("the history file has layout {0}, newer than this agent knows")]
    Newer(i64),
    /// The file was deleted or replaced while it was open.
    #[error("the history file was deleted or replaced")]
    Replaced,
}

/// What follows from an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The file is to be moved aside, and a fresh one begun.
    Corrupt,
    /// The file is to be opened again at once.
    Reopen,
    /// It may pass: disk full, read-only, locked, no folder. To be tried again after a while.
    Wait,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Primary result codes of SQLite.
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;

impl StoreError {
    /// What follows from it.
    pub fn trouble(&self) -> Trouble {
        match self {
            // WorkerCrashed: sqlx's own thread panics on some damaged definitions of tables.
            Self::Check(_) | Self::Database(sqlx::Error::WorkerCrashed) => Trouble::Corrupt,
            Self::Database(error) => match code(error) {
                Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Trouble::Corrupt,
                Some(_) | None => Trouble::Wait,
            },
            Self::Replaced => Trouble::Reopen,
            Self::File(_) | Self::Foreign | Self::Newer(_) => Trouble::Wait,
        }
    }
}

/// The primary result code: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?.parse::<u32>().ok()?;
    Some(code & 0xff)
}
