//! The tables, and the way from older layouts to the present one.

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::LOCKS;
use crate::journal::store::StoreError;

/// From layout n to n + 1. An entry that was released is never changed.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE fdguard.layout (
        application text NOT NULL,
        number      integer NOT NULL
    );
    INSERT INTO fdguard.layout VALUES ('fdguard', 0);
    CREATE TABLE fdguard.agents (
        id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name        text NOT NULL UNIQUE,
        runs        bigint NOT NULL
    );
    CREATE TABLE fdguard.processes (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        agent       integer NOT NULL REFERENCES fdguard.agents (id),
        target      text NOT NULL,
        pid         bigint NOT NULL,
        inode       bigint NOT NULL,
        started     bigint NOT NULL,
        exe_device  bigint NOT NULL,
        exe_inode   bigint NOT NULL,
        UNIQUE (agent, target, pid, inode, started, exe_device, exe_inode)
    );
    CREATE TABLE fdguard.blocks (
        id          bigint GENERATED ALWAYS AS IDENTITY,
        agent       integer NOT NULL,
        process     bigint NOT NULL REFERENCES fdguard.processes (id),
        from_at     bigint NOT NULL,
        from_wall   bigint NOT NULL,
        until_wall  bigint NOT NULL,
        samples     integer NOT NULL,
        bytes       bytea NOT NULL,
        PRIMARY KEY (process, from_at)
    );
    ALTER TABLE fdguard.blocks ALTER COLUMN bytes SET STORAGE EXTERNAL;
    CREATE INDEX blocks_order ON fdguard.blocks (agent, id);
    CREATE INDEX blocks_until ON fdguard.blocks (agent, until_wall);
    CREATE TABLE fdguard.events (
        agent       integer NOT NULL REFERENCES fdguard.agents (id),
        run         bigint NOT NULL,
        number      bigint NOT NULL,
        wall        bigint NOT NULL,
        target      text,
        pid         bigint,
        kind        text NOT NULL,
        rule        text,
        loudness    bigint NOT NULL,
        json        text NOT NULL,
        PRIMARY KEY (agent, run, number)
    );
    CREATE INDEX events_wall ON fdguard.events (agent, wall);
    CREATE TABLE fdguard.memory (
        agent       integer NOT NULL REFERENCES fdguard.agents (id),
        target      text NOT NULL,
        wall        bigint NOT NULL,
        json        text NOT NULL,
        PRIMARY KEY (agent, target)
    );
"];

/// Names every table and column that is used: what is missing shows here.
const LOOK: &str = "
    SELECT id, name, runs FROM fdguard.agents LIMIT 0;
    SELECT id, agent, target, pid, inode, started, exe_device, exe_inode FROM fdguard.processes LIMIT 0;
    SELECT id, agent, process, from_at, from_wall, until_wall, samples, bytes FROM fdguard.blocks LIMIT 0;
    SELECT agent, run, number, wall, target, pid, kind, rule, loudness, json FROM fdguard.events LIMIT 0;
    SELECT agent, target, wall, json FROM fdguard.memory LIMIT 0";

/// No such table, no such column.
const MISSING: [&str; 2] = ["42P01", "42703"];

/// What a database holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    /// Nothing of that name yet, or an empty schema that somebody made for us.
    Blank(Schema),
    /// A history of this layout, the present or an older one.
    Ours(usize),
    /// A history of this newer layout.
    Newer(i64),
    /// Something else.
    Foreign,
}

/// Whether there is a schema of our name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Schema {
    Absent,
    Empty,
}

/// Brings the database to the present layout. Agents that come at the same time wait for each other.
pub(super) async fn prepare(connection: &mut PgConnection) -> Result<(), StoreError> {
    let (encoding,): (String,) =
        sqlx::query_as("SELECT current_setting('server_encoding')").fetch_one(&mut *connection).await?;
    if encoding != "UTF8" {
        return Err(StoreError::Encoding(encoding));
    }
    if layout(connection).await? != Layout::Ours(MIGRATIONS.len()) {
        migrate(connection).await?;
    }
    look(connection).await
}

async fn migrate(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1, 0)").bind(LOCKS).execute(&mut *transaction).await?;
    // Another one may have done it meanwhile.
    let done = match layout(&mut transaction).await? {
        Layout::Blank(Schema::Absent) => {
            sqlx::raw_sql("CREATE SCHEMA fdguard").execute(&mut *transaction).await?;
            0
        }
        Layout::Blank(Schema::Empty) => 0,
        Layout::Ours(done) => done,
        Layout::Newer(number) => return Err(StoreError::Newer(number)),
        Layout::Foreign => return Err(StoreError::Foreign),
    };
    for migration in &MIGRATIONS[done..] {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    let number = i32::try_from(MIGRATIONS.len()).expect("there are few migrations");
    sqlx::query("UPDATE fdguard.layout SET number = $1").bind(number).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Whether each table has the columns that are used.
pub(super) async fn look(connection: &mut PgConnection) -> Result<(), StoreError> {
    match sqlx::raw_sql(LOOK).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) if is_missing(&error) => Err(StoreError::Damaged(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// What the database holds.
pub(super) async fn layout(connection: &mut PgConnection) -> Result<Layout, sqlx::Error> {
    let (schema, relations, marked): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'fdguard'),
                count(*), count(*) FILTER (WHERE relname = 'layout' AND relkind = 'r')
         FROM pg_catalog.pg_class WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'fdguard')",
    )
    .fetch_one(&mut *connection)
    .await?;
    match (schema, relations, marked) {
        (0, _, _) => Ok(Layout::Blank(Schema::Absent)),
        (_, 0, _) => Ok(Layout::Blank(Schema::Empty)),
        (_, _, 0) => Ok(Layout::Foreign),
        (_, _, _) => marked_layout(connection).await,
    }
}

async fn marked_layout(connection: &mut PgConnection) -> Result<Layout, sqlx::Error> {
    // As text, whatever type it is: the table may be another application's.
    let text = "SELECT application::text, number::text FROM fdguard.layout LIMIT 2";
    // An error ends the transaction of a migration, which has then nothing to do here.
    let rows: Result<Vec<(Option<String>, Option<String>)>, _> =
        sqlx::query_as(text).fetch_all(&mut *connection).await;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) if is_missing(&error) => return Ok(Layout::Foreign),
        Err(error) => return Err(error),
    };
    let [(Some(application), Some(number))] = rows.as_slice() else { return Ok(Layout::Foreign) };
    Ok(match (application.as_str(), number.parse::<i64>()) {
        ("fdguard", Ok(number)) => match usize::try_from(number) {
            Ok(number) if (1..=MIGRATIONS.len()).contains(&number) => Layout::Ours(number),
            Ok(0) | Err(_) => Layout::Foreign,
            Ok(_) => Layout::Newer(number),
        },
        (_, _) => Layout::Foreign,
    })
}

fn is_missing(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    error.code().is_some_and(|code| MISSING.contains(&&*code))
}
