//! The tables, and the way from older layouts to the present one.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::StoreError;
use crate::model::event::Loudness;

/// Marks the file as ours: "fdgd".
const APPLICATION: i64 = 0x6664_6764;

/// From layout n to n + 1. An entry that was released is never changed.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE processes (
        id          INTEGER PRIMARY KEY,
        target      TEXT NOT NULL,
        pid         INTEGER NOT NULL,
        inode       INTEGER NOT NULL,
        started     INTEGER NOT NULL,
        exe_device  INTEGER NOT NULL,
        exe_inode   INTEGER NOT NULL,
        UNIQUE (target, pid, inode, started, exe_device, exe_inode)
    );
    CREATE TABLE blocks (
        id          INTEGER PRIMARY KEY,
        process     INTEGER NOT NULL REFERENCES processes (id),
        from_at     INTEGER NOT NULL,
        from_wall   INTEGER NOT NULL,
        until_wall  INTEGER NOT NULL,
        samples     INTEGER NOT NULL,
        bytes       BLOB NOT NULL,
        UNIQUE (process, from_at)
    );
    CREATE INDEX blocks_until ON blocks (until_wall);
    CREATE TABLE events (
        id          INTEGER PRIMARY KEY,
        wall        INTEGER NOT NULL,
        target      TEXT,
        pid         INTEGER,
        kind        TEXT NOT NULL,
        rule        TEXT,
        loudness    INTEGER NOT NULL,
        json        TEXT NOT NULL
    );
    CREATE INDEX events_wall ON events (wall);
    CREATE TABLE memory (
        target      TEXT PRIMARY KEY,
        wall        INTEGER NOT NULL,
        json        TEXT NOT NULL
    ) WITHOUT ROWID;
"];

/// Checks the file and brings it to the present layout. Fails where the file can't be written.
pub(super) async fn prepare(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let (verdict,): (String,) = sqlx::query_as("PRAGMA quick_check(1)").fetch_one(&mut *connection).await?;
    if verdict != "ok" {
        return Err(StoreError::Check(verdict));
    }
    let (application,): (i64,) = sqlx::query_as("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let (tables,): (i64,) =
        sqlx::query_as("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await?;
    if application != APPLICATION && tables > 0 {
        return Err(StoreError::Foreign);
    }
    // Immediate, so that a file which can't be written is found out here.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let (layout,): (i64,) = sqlx::query_as("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    let done = usize::try_from(layout).ok().filter(|done| *done <= MIGRATIONS.len());
    let done = done.ok_or(StoreError::Newer(layout))?;
    for migration in &MIGRATIONS[done..] {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    if done < MIGRATIONS.len() {
        sqlx::raw_sql(MARK).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// The application and the number of [`MIGRATIONS`].
const MARK: &str = "PRAGMA application_id = 1717987172; PRAGMA user_version = 1";

/// Loudness as the table holds it.
pub(crate) const fn loudness_code(loudness: Loudness) -> i64 {
    match loudness {
        Loudness::Info => 0,
        Loudness::Warn => 1,
        Loudness::Error => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_says_what_the_constants_say() {
        let mark =
            format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {}", MIGRATIONS.len());
        assert_eq!(MARK, mark);
    }
}
