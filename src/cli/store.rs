//! Why a history can't be read, as it is told to who asked for it.

use std::io;
use std::path::Path;

use crate::journal::place::Place;
use crate::journal::query::QueryError;

/// The sentence. The first cause alone: the database's own errors repeat theirs.
pub(super) fn refusal(store: &Place, error: &QueryError) -> String {
    match error {
        QueryError::Absent(_) | QueryError::Database(_) if store.file().is_some_and(is_closed) => {
            store.file().map(closed).unwrap_or_default()
        }
        QueryError::Absent(_) => format!("{error}; `--store` names another one"),
        QueryError::NoAgent { .. } => format!("{error}; `--agent` names one"),
        QueryError::Foreign(_) | QueryError::Late => error.to_string(),
        QueryError::Secret(source) => format!("{error}: {source}"),
        QueryError::Database(source) => format!("{error}: {source}"),
        QueryError::Runtime(source) => format!("{error}: {source}"),
    }
}

/// Whether it is this user who may not read it.
fn is_closed(store: &Path) -> bool {
    std::fs::File::open(store).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

fn closed(store: &Path) -> String {
    format!(
        "{} can't be read by this user: its owner (the user that the agent runs as), the group of the file and root \
         may; `chgrp` on it and its folder gives it to a group. What the agent holds now `fdguard status` and \
         `explain` tell to whom `[admin] allow` of the agent's file names",
        store.display()
    )
}
