//! The file, to be read, also while the agent writes it: it is never changed, and the agent is never kept from cutting its log.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::schema::{Layout, layout};
use super::with_suffix;
use crate::journal::place::Place;
use crate::journal::query::QueryError;
use crate::journal::store::{BlockSpan, EventQuery, ProcessRow};

/// How long a read waits for a lock.
const BUSY: Duration = Duration::from_secs(2);

/// The file.
#[derive(Debug)]
pub(crate) struct Shelf(SqliteConnection);

const EVENTS: &str = "
    SELECT CAST(json AS BLOB) FROM events
    WHERE (?1 IS NULL OR target = ?1) AND wall BETWEEN ?2 AND ?3 AND loudness >= ?4
      AND (?5 IS NULL OR kind IN (SELECT value FROM json_each(?5)))
    ORDER BY id";

impl Shelf {
    pub(crate) async fn open(path: &Path) -> Result<Self, QueryError> {
        let place = || Place::Sqlite(path.to_owned());
        if !path.exists() {
            return Err(QueryError::Absent(place()));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY)
            .pragma("cache_size", "-1024")
            .disable_statement_logging();
        let mut connection = match open_and_look(&options).await {
            Ok(opened) => opened,
            // A folder in which the reader may not write: without a log nobody writes, and the file stands still.
            Err(error) if with_suffix(path, "-wal").exists() => return Err(error.into()),
            Err(_) => open_and_look(&options.immutable(true)).await?,
        };
        match layout(&mut connection).await? {
            Layout::Ours => Ok(Self(connection)),
            // Nothing has been written yet.
            Layout::Blank => Err(QueryError::Absent(place())),
            Layout::Foreign | Layout::Damaged | Layout::Newer(_) | Layout::Older(_) => {
                Err(QueryError::Foreign(place()))
            }
        }
    }

    pub(crate) async fn processes(&mut self) -> Result<Vec<ProcessRow>, QueryError> {
        type Row = (i64, Vec<u8>, i64, i64, i64, i64, i64, i64, i64, i64);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT p.id, CAST(p.target AS BLOB), p.pid, p.inode, p.started, p.exe_device, p.exe_inode,
                    min(b.from_wall), max(b.until_wall), sum(b.samples)
             FROM processes p JOIN blocks b ON b.process = p.id
             GROUP BY p.id ORDER BY max(b.id) DESC",
        )
        .fetch_all(&mut self.0)
        .await?;
        let rows = rows.into_iter().map(|row| {
            let (row, target, pid, inode, started, device, node, from, until, samples) = row;
            let (exe, walls) = ((device, node), (from, until));
            ProcessRow { row, target, pid, inode, started, exe, walls, samples }
        });
        Ok(rows.collect())
    }

    pub(crate) async fn memory(&mut self, target: &str) -> Result<Option<(i64, Vec<u8>)>, QueryError> {
        let text = "SELECT wall, CAST(json AS BLOB) FROM memory WHERE target = ?";
        Ok(sqlx::query_as(text).bind(target).fetch_optional(&mut self.0).await?)
    }

    pub(crate) async fn events(&mut self, query: EventQuery<'_>) -> Result<Vec<Vec<u8>>, QueryError> {
        let kinds = serde_json::Value::from(query.kinds).to_string();
        let direction = query.direction.word();
        // Only the direction varies, and it is one of two words.
        let rows: Vec<(Vec<u8>,)> = sqlx::query_as(AssertSqlSafe(format!("{EVENTS} {direction} LIMIT ?6")))
            .bind(query.target)
            .bind(query.walls.0)
            .bind(query.walls.1)
            .bind(query.loudness)
            .bind((!query.kinds.is_empty()).then_some(kinds))
            .bind(query.limit)
            .fetch_all(&mut self.0)
            .await?;
        Ok(rows.into_iter().map(|(json,)| json).collect())
    }

    pub(crate) async fn blocks(&mut self, span: BlockSpan) -> Result<Vec<(i64, Vec<u8>)>, QueryError> {
        let text = "SELECT from_at, bytes FROM blocks
             WHERE process = ? AND from_at > ? AND until_wall >= ? AND from_wall <= ?
             ORDER BY from_at LIMIT ?";
        let query =
            sqlx::query_as(text).bind(span.row).bind(span.after).bind(span.walls.0).bind(span.walls.1);
        Ok(query.bind(span.most).fetch_all(&mut self.0).await?)
    }
}

/// SQLite opens lazily: whether it can read shows at the first read.
async fn open_and_look(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::raw_sql("SELECT count(*) FROM sqlite_schema").execute(&mut connection).await?;
    Ok(connection)
}
