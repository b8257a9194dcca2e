//! One agent's rows, to be read: by a session that may not write, with rights to read alone.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::schema::{Layout, layout, look};
use super::{ANSWER_WITHIN, SESSION, reach};
use crate::journal::place::{Place, Shared};
use crate::journal::query::QueryError;
use crate::journal::store::{BlockSpan, EventQuery, ProcessRow, StoreError};

/// Names of agents that are told.
const KNOWN_MAX: i64 = 64;

/// The rows of one agent.
#[derive(Debug)]
pub(crate) struct Shelf {
    connection: PgConnection,
    agent: i32,
}

const EVENTS: &str = "
    SELECT json FROM fdguard.events
    WHERE agent = $1 AND ($2::text IS NULL OR target = $2) AND wall BETWEEN $3 AND $4 AND loudness >= $5
      AND (cardinality($6::text[]) = 0 OR kind = ANY ($6))";

impl Shelf {
    pub(crate) async fn open(shared: &Shared) -> Result<Self, QueryError> {
        let place = || Place::Postgres(Box::new(shared.clone()));
        let mut connection = reach::connect(shared).await.map_err(|error| refused(error, place()))?;
        let found = reach::within(ANSWER_WITHIN, async {
            sqlx::raw_sql(SESSION).execute(&mut connection).await?;
            sqlx::raw_sql("SET default_transaction_read_only = on").execute(&mut connection).await?;
            match layout(&mut connection).await? {
                Layout::Blank(_) => return Ok(None),
                // A newer layout is one that this version can't read; so is an older one once there is any.
                Layout::Foreign | Layout::Newer(_) => return Err(StoreError::Foreign),
                Layout::Ours(_) => look(&mut connection).await?,
            }
            let agents = "SELECT id, name FROM fdguard.agents ORDER BY name = $1 DESC, name LIMIT $2";
            let agents: Vec<(i32, String)> = sqlx::query_as(agents)
                .bind(shared.agent.as_str())
                .bind(KNOWN_MAX)
                .fetch_all(&mut connection)
                .await?;
            Ok(Some(agents))
        })
        .await
        .map_err(|error| refused(error, place()))?;
        let agents = found.ok_or_else(|| QueryError::Absent(place()))?;
        match agents.first() {
            Some((agent, name)) if name == shared.agent.as_str() => Ok(Self { connection, agent: *agent }),
            Some(_) | None => {
                let known = agents.into_iter().map(|(_, name)| name).collect();
                Err(QueryError::NoAgent { place: place(), agent: shared.agent.clone(), known })
            }
        }
    }

    pub(crate) async fn processes(&mut self) -> Result<Vec<ProcessRow>, QueryError> {
        type Row = (i64, String, i64, i64, i64, i64, i64, i64, i64, i64);
        let query = sqlx::query_as(
            "SELECT p.id, p.target, p.pid, p.inode, p.started, p.exe_device, p.exe_inode,
                    min(b.from_wall), max(b.until_wall), sum(b.samples)
             FROM fdguard.processes p JOIN fdguard.blocks b ON b.process = p.id
             WHERE p.agent = $1
             GROUP BY p.id ORDER BY max(b.id) DESC",
        );
        let rows: Vec<Row> = answer(query.bind(self.agent).fetch_all(&mut self.connection)).await?;
        let rows = rows.into_iter().map(|row| {
            let (row, target, pid, inode, started, device, node, from, until, samples) = row;
            let (exe, walls) = ((device, node), (from, until));
            ProcessRow { row, target: target.into_bytes(), pid, inode, started, exe, walls, samples }
        });
        Ok(rows.collect())
    }

    pub(crate) async fn memory(&mut self, target: &str) -> Result<Option<(i64, Vec<u8>)>, QueryError> {
        let query = sqlx::query_as("SELECT wall, json FROM fdguard.memory WHERE agent = $1 AND target = $2");
        let row: Option<(i64, String)> =
            answer(query.bind(self.agent).bind(target).fetch_optional(&mut self.connection)).await?;
        Ok(row.map(|(wall, json)| (wall, json.into_bytes())))
    }

    pub(crate) async fn events(&mut self, query: EventQuery<'_>) -> Result<Vec<Vec<u8>>, QueryError> {
        let direction = query.direction.word();
        // Only the direction varies, and it is one of two words.
        let text = format!("{EVENTS} ORDER BY run {direction}, number {direction} LIMIT $7");
        let rows = sqlx::query_as(AssertSqlSafe(text))
            .bind(self.agent)
            .bind(query.target)
            .bind(query.walls.0)
            .bind(query.walls.1)
            .bind(query.loudness)
            .bind(query.kinds)
            .bind(i64::from(query.limit));
        let rows: Vec<(String,)> = answer(rows.fetch_all(&mut self.connection)).await?;
        Ok(rows.into_iter().map(|(json,)| json.into_bytes()).collect())
    }

    pub(crate) async fn blocks(&mut self, span: BlockSpan) -> Result<Vec<(i64, Vec<u8>)>, QueryError> {
        let text = "SELECT from_at, bytes FROM fdguard.blocks
             WHERE process = $1 AND from_at > $2 AND until_wall >= $3 AND from_wall <= $4
             ORDER BY from_at LIMIT $5";
        let query =
            sqlx::query_as(text).bind(span.row).bind(span.after).bind(span.walls.0).bind(span.walls.1);
        answer(query.bind(i64::from(span.most)).fetch_all(&mut self.connection)).await
    }
}

/// An answer in time.
async fn answer<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, QueryError> {
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(QueryError::Late),
    }
}

/// The same as who reads is told it.
fn refused(error: StoreError, place: Place) -> QueryError {
    match error {
        StoreError::Database(error) | StoreError::Lost(error) => QueryError::Database(error),
        StoreError::Late => QueryError::Late,
        StoreError::Secret(error) => QueryError::Secret(error),
        StoreError::Foreign
        | StoreError::Newer(_)
        | StoreError::Damaged(_)
        | StoreError::Encoding(_)
        | StoreError::Taken(_)
        | StoreError::File(_)
        | StoreError::Check(_)
        | StoreError::Replaced => QueryError::Foreign(place),
    }
}
