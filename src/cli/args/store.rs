//! Which history is read.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::config::{Database, DatabaseError};
use crate::model::name::Name;

/// Where a history is that is to be read.
#[derive(Args, Debug)]
pub struct StoreArgs {
    /// The history: a file, or a database as `postgres://user@host/database` [default: this user's own file where there is one, else /var/lib/fdguard/history.db]
    #[arg(long, visible_alias = "from", value_name = "FILE or DATABASE")]
    pub store: Option<StoreText>,
    /// Whose history, in a database that several agents share [default: that of this host]
    #[arg(long)]
    pub agent: Option<Name>,
    /// The file with the password of the database [default: what psql takes, such as ~/.pgpass]
    #[arg(long)]
    pub password_file: Option<PathBuf>,
}

/// A history as it is written on the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreText {
    /// A file.
    File(PathBuf),
    /// A database.
    Database(Database),
}

impl FromStr for StoreText {
    type Err = DatabaseError;

    /// `sqlite:` before a file is as good as nothing, so that what stands in the settings can be taken from there.
    fn from_str(text: &str) -> Result<Self, DatabaseError> {
        if text.contains("://") {
            return Database::parse(text).map(Self::Database);
        }
        Ok(Self::File(text.strip_prefix("sqlite:").unwrap_or(text).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_path_and_a_database_an_address() {
        let file = |path: &str| Ok(StoreText::File(path.into()));
        assert_eq!("/var/lib/x.db".parse(), file("/var/lib/x.db"));
        assert_eq!("sqlite:x.db".parse(), file("x.db"));
        assert_eq!("postgres.db".parse(), file("postgres.db"));
        let address = "postgres://reader@db.lan/history";
        assert_eq!(address.parse(), Database::parse(address).map(StoreText::Database));
        assert_eq!("mysql://a@b/c".parse::<StoreText>(), Err(DatabaseError::Scheme));
    }
}
