//! The tables, and the way from older layouts to the present one.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::journal::store::StoreError;

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
    // Not the quick one: it does not compare indexes, and these are small beside the blocks.
    let (verdict,): (String,) =
        sqlx::query_as("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await?;
    if verdict != "ok" {
        return Err(StoreError::Check(verdict));
    }
    // Immediate, so that a file which can't be written is found out here.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let done = match layout(&mut transaction).await? {
        Layout::Ours => {
            sqlx::raw_sql(LOOK).execute(&mut *transaction).await?;
            MIGRATIONS.len()
        }
        Layout::Older(done) => done,
        Layout::Blank => 0,
        Layout::Damaged => return Err(StoreError::Check("its tables are not as they were made".to_owned())),
        Layout::Foreign => return Err(StoreError::Foreign),
        Layout::Newer(number) => return Err(StoreError::Newer(number)),
    };
    for migration in &MIGRATIONS[done..] {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    if done < MIGRATIONS.len() {
        sqlx::raw_sql(MARK).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Reads the head of every row, in which the integrity check does not see all damage.
const LOOK: &str = "
    SELECT sum(length(json)), sum(pid), max(rule) FROM events;
    SELECT sum(length(bytes)), sum(samples) FROM blocks;
    SELECT sum(length(json)) FROM memory";

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// Nothing yet.
    Blank,
    /// A history of the present layout.
    Ours,
    /// A history of this older layout.
    Older(usize),
    /// A history of this newer layout.
    Newer(i64),
    /// A history whose tables are not as they were made.
    Damaged,
    /// Something else.
    Foreign,
}

/// What the file holds, by the marks in its head.
pub(crate) async fn layout(connection: &mut SqliteConnection) -> Result<Layout, sqlx::Error> {
    let (application, number, tables): (i64, i64, i64) = sqlx::query_as(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
         FROM pragma_application_id, pragma_user_version",
    )
    .fetch_one(&mut *connection)
    .await?;
    if application != APPLICATION {
        return Ok(if tables == 0 { Layout::Blank } else { Layout::Foreign });
    }
    let as_made = tables_are_as_made(connection).await?;
    Ok(match usize::try_from(number) {
        Ok(number) if number <= MIGRATIONS.len() && !as_made => Layout::Damaged,
        Ok(number) if number == MIGRATIONS.len() => Layout::Ours,
        Ok(number) if number < MIGRATIONS.len() => Layout::Older(number),
        Ok(_) | Err(_) => Layout::Newer(number),
    })
}

/// Whether each table and index is defined by words of a migration. SQLite keeps them as they were written, and
/// would go on with a damaged definition that still reads as one.
async fn tables_are_as_made(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let definitions: Vec<(Vec<u8>,)> =
        sqlx::query_as("SELECT CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL")
            .fetch_all(connection)
            .await?;
    let known = |sql: &[u8]| {
        str::from_utf8(sql).is_ok_and(|sql| MIGRATIONS.iter().any(|migration| migration.contains(sql)))
    };
    let made: usize = MIGRATIONS.iter().map(|migration| migration.matches("CREATE ").count()).sum();
    Ok(definitions.len() == made && definitions.iter().all(|(sql,)| known(sql)))
}

/// The application and the number of [`MIGRATIONS`].
const MARK: &str = "PRAGMA application_id = 1717856100; PRAGMA user_version = 1";

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
