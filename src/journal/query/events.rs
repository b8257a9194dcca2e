//! Events by target, time, kind and loudness.

use sqlx::AssertSqlSafe;

use super::{QueryError, Range, Reader};
use crate::journal::store::loudness_code;
use crate::model::event::{Event, Loudness};
use crate::model::name::Name;

/// The most events that one query gives.
pub const EVENTS_MAX: u32 = 10_000;

/// From which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// The latest first: what a person wants.
    #[default]
    NewestFirst,
    /// As it happened.
    OldestFirst,
}

/// Which events.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this target; events of the agent itself belong to none.
    pub target: Option<Name>,
    /// In this time.
    pub range: Range,
    /// Of one of these kinds, see [`crate::journal::facts::kind`]; none means all.
    pub kinds: Vec<String>,
    /// At least so loud.
    pub loudness: Option<Loudness>,
    /// From which end.
    pub order: Order,
    /// At most so many; more than [`EVENTS_MAX`] are never given, which is also the default.
    pub limit: Option<u32>,
}

/// Events found.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// In the order asked for.
    pub events: Vec<Event>,
    /// How many more there are that this version can't read.
    pub unreadable: u64,
}

// As bytes, so that one damaged text does not take the others with it.
const SELECT: &str = "
    SELECT CAST(json AS BLOB) FROM events
    WHERE (?1 IS NULL OR target = ?1) AND wall BETWEEN ?2 AND ?3 AND loudness >= ?4
      AND (?5 IS NULL OR kind IN (SELECT value FROM json_each(?5)))
    ORDER BY id";

impl Reader {
    /// The events that fit.
    pub async fn events(&mut self, filter: &EventFilter) -> Result<Events, QueryError> {
        let direction = match filter.order {
            Order::NewestFirst => "DESC",
            Order::OldestFirst => "ASC",
        };
        let (since, until) = filter.range.ends();
        let kinds = serde_json::Value::from(filter.kinds.clone()).to_string();
        // Only the direction varies, and it is one of two words.
        let rows: Vec<(Vec<u8>,)> = sqlx::query_as(AssertSqlSafe(format!("{SELECT} {direction} LIMIT ?6")))
            .bind(filter.target.as_ref().map(Name::as_str))
            .bind(since)
            .bind(until)
            .bind(filter.loudness.map_or(0, loudness_code))
            .bind((!filter.kinds.is_empty()).then_some(kinds))
            .bind(filter.limit.unwrap_or(EVENTS_MAX).min(EVENTS_MAX))
            .fetch_all(&mut self.connection)
            .await?;
        let mut found = Events::default();
        for (json,) in rows {
            match serde_json::from_slice(&json) {
                Ok(event) => found.events.push(event),
                Err(_) => found.unreadable += 1,
            }
        }
        Ok(found)
    }
}
