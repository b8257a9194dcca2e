//! A schema in a database in PostgreSQL, which several agents may share: each has its own rows, under its own name.
//!
//! One connection. A batch is one transaction of at most six answers, whatever it holds. Nothing here waits for a server for longer than
//! [`ANSWER_WITHIN`], whether that is away, slow or hung: then the connection is dropped, and what was to be written waits with
//! the recorder. Whether a commit of which nobody heard was done shows in the numbers of its events: each has one
//! (agent, run, number), and what is there already is not written again. Blocks and memory are the same rows when written again.
//!
//! Two agents of one name would mix their rows and their budgets, so the one that writes holds a lock of its session, which
//! the server gives back with the connection. Poolers that change sessions between transactions lose such a lock: a history
//! goes to the server itself.

mod bounds;
mod reach;
mod schema;
mod shelf;
mod write;

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::{Run, StoreError};
use crate::journal::place::Shared;

pub(crate) use shelf::Shelf;

/// How long one act at the server may take, all its answers together. The queues of the recorder hold more than comes in that time.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long the goodbye may take.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);
/// The first half of every advisory lock: "fdgd". The second one is 0 for the layout, else the number of an agent.
const LOCKS: i32 = 0x6664_6764;
/// What the server itself holds the session to, so that one that hangs there is no burden for others, and that the lock of an agent
/// whose host is gone is soon free.
const SESSION: &str = "
    SET statement_timeout = '4s';
    SET lock_timeout = '2s';
    SET idle_in_transaction_session_timeout = '10s';
    SET tcp_keepalives_idle = 20;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3;
    SET client_min_messages = 'warning'";

/// The open connection, to be written on.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PgConnection,
    /// The number of the agent.
    agent: i32,
    /// The number of the run.
    run: i64,
    /// Bytes of this agent's rows: counted when it was opened and when it seemed to be too much, too high in between.
    used: u64,
    /// Whether `used` was counted and nothing was written since.
    counted: Counted,
}

/// Whether a number of bytes is exact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counted {
    Exactly,
    TooHigh,
}

impl Session {
    /// Connects, brings the tables up to date, and takes the agent's place.
    pub(crate) async fn open(shared: &Shared, run: &mut Run) -> Result<Self, StoreError> {
        let mut connection = reach::connect(shared).await?;
        let (agent, number) = reach::within(ANSWER_WITHIN, async {
            sqlx::raw_sql(SESSION).execute(&mut connection).await?;
            schema::prepare(&mut connection).await?;
            take_place(&mut connection, shared, run).await
        })
        .await?;
        let mut session = Self { connection, agent, run: number, used: 0, counted: Counted::TooHigh };
        session.count().await?;
        Ok(session)
    }

    /// Says goodbye to the server.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        reach::within(CLOSE_WITHIN, async { Ok(self.connection.close().await?) }).await
    }
}

/// The number of the agent and of its run, with the lock held that says so.
async fn take_place(
    connection: &mut PgConnection,
    shared: &Shared,
    run: &mut Run,
) -> Result<(i32, i64), StoreError> {
    sqlx::query("INSERT INTO fdguard.agents (name, runs) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING")
        .bind(shared.agent.as_str())
        .execute(&mut *connection)
        .await?;
    let (agent, free): (i32, bool) =
        sqlx::query_as("SELECT id, pg_try_advisory_lock($1, id) FROM fdguard.agents WHERE name = $2")
            .bind(LOCKS)
            .bind(shared.agent.as_str())
            .fetch_one(&mut *connection)
            .await?;
    if !free {
        return Err(StoreError::Taken(shared.agent.clone()));
    }
    if let Run(Some(number)) = *run {
        return Ok((agent, number));
    }
    let (number,): (i64,) =
        sqlx::query_as("UPDATE fdguard.agents SET runs = runs + 1 WHERE id = $1 RETURNING runs")
            .bind(agent)
            .fetch_one(connection)
            .await?;
    *run = Run(Some(number));
    Ok((agent, number))
}
