//! Where a history is, for those who write it and those who read it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::{self, Database};
use crate::model::name::Name;

/// Where a history is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In an SQLite file. Its folder must exist before it is written.
    Sqlite(PathBuf),
    /// In a database in PostgreSQL.
    Postgres(Box<Shared>),
}

/// What one agent has in a database that several may share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shared {
    /// The database.
    pub database: Database,
    /// Where its password is.
    pub password: Password,
    /// Whose history.
    pub agent: Name,
}

/// Where a password is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Password {
    /// The server asks for none.
    None,
    /// In a file that others can't read.
    File(PathBuf),
    /// Where a person keeps it for every client of PostgreSQL: `PGPASSWORD`, `PGPASSFILE`, `~/.pgpass`.
    OfPerson,
}

impl Place {
    /// Where the settings want it; none where nothing is kept. An agent that has no name there is called `host`.
    pub fn of(history: &config::History, host: &Name) -> Option<Self> {
        match &history.store {
            config::Store::Sqlite(path) => Some(Self::Sqlite(path.clone())),
            config::Store::Postgres(database) => Some(Self::Postgres(Box::new(Shared {
                database: database.clone(),
                password: history.login.password_file.clone().map_or(Password::None, Password::File),
                agent: history.login.agent.clone().unwrap_or_else(|| host.clone()),
            }))),
            config::Store::None => None,
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(shared) => write!(f, "{}", shared.database),
        }
    }
}
