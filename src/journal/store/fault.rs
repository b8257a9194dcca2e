//! Why the store can't be used, and what follows from it.

use std::io;

use sqlx::sqlite::SqliteError;

use crate::model::name::Name;
use crate::sys::secrets::SecretError;

/// Why the store can't be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can't be made, found or moved.
    #[error("the history file can't be reached")]
    File(#[source] io::Error),
    /// The engine refused.
    #[error("the history can't be used")]
    Database(#[source] sqlx::Error),
    /// The integrity check found something.
    #[error("the history file is corrupt: {0}")]
    Check(String),
    /// It holds something else.
    #[error("what is there is another application's, not a history")]
    Foreign,
    /// A newer agent wrote it.
    #[error("the history has layout {0}, newer than this agent knows")]
    Newer(i64),
    /// The file was deleted or replaced while it was open.
    #[error("the history file was deleted or replaced")]
    Replaced,
    /// The connection to the server broke.
    #[error("the connection to the server of the history is lost")]
    Lost(#[source] sqlx::Error),
    /// The server does not answer.
    #[error("the server of the history has not answered in time")]
    Late,
    /// The password of the database can't be had.
    #[error("the password of the history can't be had")]
    Secret(#[source] SecretError),
    /// Tables in the database are not as they were made; a person has to look.
    #[error("the tables of the history are not as they were made: {0}")]
    Damaged(String),
    /// The database can't hold every text.
    #[error("the database of the history has the encoding {0}, and only UTF8 holds every text")]
    Encoding(String),
    /// Another agent writes under the same name.
    #[error("another agent writes this history under the name `{0}`; `history.agent` gives each its own")]
    Taken(Name),
}

/// What follows from an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The file is to be moved aside, and a fresh one begun.
    Corrupt,
    /// The store is to be opened again at once.
    Reopen,
    /// It may pass: disk full, read-only, locked, no folder, no server. To be tried again after a while.
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
            Self::Database(error) => match code_of_file(error) {
                Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Trouble::Corrupt,
                Some(_) | None => Trouble::Wait,
            },
            Self::Replaced | Self::Lost(_) => Trouble::Reopen,
            Self::File(_)
            | Self::Foreign
            | Self::Newer(_)
            | Self::Late
            | Self::Secret(_)
            | Self::Damaged(_)
            | Self::Encoding(_)
            | Self::Taken(_) => Trouble::Wait,
        }
    }
}

/// The primary result code of SQLite: the low byte of the extended one. None of another engine's error.
fn code_of_file(error: &sqlx::Error) -> Option<u32> {
    let error = error.as_database_error()?;
    error.try_downcast_ref::<SqliteError>()?;
    Some(error.code()?.parse::<u32>().ok()? & 0xff)
}
