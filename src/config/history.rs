//! `[history]`: where what was seen and done is kept, and how much of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::database::{Database, DatabaseError};
use super::input::Folders;
use super::section::{Context, Section, resolved};
use super::show::{Show, Size, quoted};
use super::{defaults, read};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::Name;

const MIB: u64 = 1 << 20;

/// Where the history is kept, and how much of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// Where.
    pub store: Store,
    /// What a store in a database needs besides; all of it absent with any other.
    pub login: StoreLogin,
    /// Entries older than this go.
    pub keep_for: Duration,
    /// The oldest go above this size, in bytes.
    pub keep_size: u64,
    /// The file in the state folder that a history has where nothing else is said. What must be on this host's own disk
    /// stands beside it, wherever the history is.
    pub local: PathBuf,
}

impl History {
    /// The file beside which lies what must be on this host's disk; none where nothing is kept.
    pub fn beside(&self) -> Option<&Path> {
        match &self.store {
            Store::Sqlite(path) => Some(path),
            Store::Postgres(_) => Some(&self.local),
            Store::None => None,
        }
    }
}

/// Where the history is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Store {
    /// In an SQLite file.
    Sqlite(PathBuf),
    /// In a database in PostgreSQL, which several agents may share.
    Postgres(Database),
    /// Nowhere: budgets and latches do not survive the agent.
    None,
}

/// How an agent is known to a database.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoreLogin {
    /// The file that holds the password; none where the server asks for none.
    pub password_file: Option<PathBuf>,
    /// Under which name the agent writes; none for that of the host.
    pub agent: Option<Name>,
}

impl Show for Store {
    fn show(&self) -> String {
        match self {
            Self::Sqlite(path) => quoted(&format!("sqlite:{}", path.to_string_lossy())),
            Self::Postgres(address) => quoted(address.as_str()),
            Self::None => quoted("none"),
        }
    }
}

/// Reads `[history]`.
pub(super) fn history(root: &mut Section<'_>, folders: &Folders, cx: &mut Context<'_>) -> History {
    let mut section = root.section(cx, "history");
    let base = std::sync::Arc::clone(&cx.base);
    let local = folders.state.join("history.db");
    // No diagnostic quotes an address with a password in it.
    if let Some(value) = section.value("store")
        && let Some(text) = value.text(&mut Faults::default())
        && Database::parse(&text.value) == Err(DatabaseError::Password)
    {
        cx.secrets.push(value.span());
    }
    let store =
        section.or(cx, "store", Store::Sqlite(local.clone()), |value, faults| store(&base, value, faults));
    let login = login(&mut section, &store, cx);
    let mut keep = section.section(cx, "keep");
    let span = Duration::from_mins(1)..=Duration::from_hours(24 * 3660);
    let keep_for = keep.or(cx, "for", defaults::HISTORY_FOR, read::span(span));
    let size = read::size(MIB..=1 << 44);
    let Size(keep_size) = keep.or(cx, "size", Size(defaults::HISTORY_SIZE), size);
    keep.finish(cx);
    section.finish(cx);
    History { store, login, keep_for, keep_size, local }
}

fn store(base: &Path, value: Value<'_>, faults: &mut Faults) -> Option<Store> {
    let text = value.text(faults)?;
    if text.value == "none" {
        return Some(Store::None);
    }
    let path = text.value.strip_prefix("sqlite:").unwrap_or("");
    if !path.is_empty() && !path.ends_with('/') && !path.contains('\0') {
        return Some(Store::Sqlite(resolved(base, path)));
    }
    let (message, help) = if Database::is_meant(&text.value) {
        match Database::parse(&text.value) {
            Ok(address) => return Some(Store::Postgres(address)),
            Err(error) => (
                error.to_string(),
                "write \"postgres://user@host/database\", and the password into `password_file`",
            ),
        }
    } else {
        let message = "a store is `sqlite:` with the path of a file, the address of a database, or `none`";
        (message.to_owned(), "write \"sqlite:/path/to/history.db\" or \"postgres://user@host/database\"")
    };
    faults.push(Diagnostic::error("bad-store", text.span, message).help(help));
    None
}

fn login(section: &mut Section<'_>, store: &Store, cx: &mut Context<'_>) -> StoreLogin {
    let password_file = section.file(cx, "password_file");
    let agent = section.get(cx, "agent", |value, faults| value.parsed(faults, Name::parse));
    match store {
        Store::Postgres(_) => {}
        Store::Sqlite(_) | Store::None => {
            for key in ["password_file", "agent"] {
                if let Some(span) = section.key_span(key) {
                    cx.error("no-database", span, format!("`{key}` is for a history in a database"));
                }
            }
        }
    }
    StoreLogin { password_file, agent }
}
