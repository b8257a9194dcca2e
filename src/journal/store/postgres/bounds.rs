//! The bounds of one agent's rows. Those of others are not looked at.

use super::{ANSWER_WITHIN, Counted, Session, reach};
use crate::journal::retention::{Size, Trimmed};
use crate::journal::store::StoreError;

/// What a row of each kind takes beside its text or bytes, with its part of the indexes.
pub(super) const EVENT_BESIDES: u64 = 192;
pub(super) const BLOCK_BESIDES: u64 = 192;
/// Rows deleted at once: it bounds how long one statement takes.
const BLOCKS_AT_ONCE: i64 = 64;
const EVENTS_AT_ONCE: i64 = 1_024;

/// The lengths alone are read, not what is stored beside the table.
const COUNT: &str = "
    SELECT (SELECT coalesce(sum(octet_length(bytes) + $2), 0)::int8 FROM fdguard.blocks WHERE agent = $1)
         + (SELECT coalesce(sum(octet_length(json) + $3), 0)::int8 FROM fdguard.events WHERE agent = $1)";
const OLDER_BLOCKS: &str = "
    WITH gone AS (
        DELETE FROM fdguard.blocks WHERE (process, from_at) IN
            (SELECT process, from_at FROM fdguard.blocks WHERE agent = $1 AND until_wall < $2 ORDER BY until_wall LIMIT $3)
        RETURNING octet_length(bytes) AS size)
    SELECT count(*), coalesce(sum(size), 0)::int8 FROM gone";
const OLDER_EVENTS: &str = "
    WITH gone AS (
        DELETE FROM fdguard.events WHERE agent = $1 AND (run, number) IN
            (SELECT run, number FROM fdguard.events WHERE agent = $1 AND wall < $2 ORDER BY wall LIMIT $3)
        RETURNING octet_length(json) AS size)
    SELECT count(*), coalesce(sum(size), 0)::int8 FROM gone";
const OLDEST_BLOCKS: &str = "
    WITH gone AS (
        DELETE FROM fdguard.blocks WHERE (process, from_at) IN
            (SELECT process, from_at FROM fdguard.blocks WHERE agent = $1 ORDER BY id LIMIT $2)
        RETURNING octet_length(bytes) AS size)
    SELECT count(*), coalesce(sum(size), 0)::int8 FROM gone";
const OLDEST_EVENTS: &str = "
    WITH gone AS (
        DELETE FROM fdguard.events WHERE agent = $1 AND (run, number) IN
            (SELECT run, number FROM fdguard.events WHERE agent = $1 ORDER BY run, number LIMIT $2)
        RETURNING octet_length(json) AS size)
    SELECT count(*), coalesce(sum(size), 0)::int8 FROM gone";

/// How many rows went, and how many bytes of text or blocks.
type Gone = (i64, i64);

impl Session {
    /// Counts the bytes of this agent's rows.
    pub(super) async fn count(&mut self) -> Result<(), StoreError> {
        let count = sqlx::query_as(COUNT)
            .bind(self.agent)
            .bind(BLOCK_BESIDES.cast_signed())
            .bind(EVENT_BESIDES.cast_signed())
            .fetch_one(&mut self.connection);
        let (used,): (i64,) = reach::within(ANSWER_WITHIN, async { Ok(count.await?) }).await?;
        self.used = u64::try_from(used).unwrap_or(0);
        self.counted = Counted::Exactly;
        Ok(())
    }

    /// How much there is; exact where it is more than `over`. Counting reads the head of each row, so the sum of what was written does
    /// as long as it is below: it is too high, since a block is written many times while it grows.
    pub(crate) async fn size(&mut self, over: u64) -> Result<Size, StoreError> {
        match self.counted {
            Counted::TooHigh if self.used > over => self.count().await?,
            Counted::TooHigh | Counted::Exactly => {}
        }
        Ok(Size { whole: self.used, used: self.used })
    }

    pub(crate) async fn delete_older(&mut self, horizon: i64) -> Result<Trimmed, StoreError> {
        let (agent, connection) = (self.agent, &mut self.connection);
        let (blocks, events): (Gone, Gone) = reach::within(ANSWER_WITHIN, async {
            let blocks = sqlx::query_as(OLDER_BLOCKS).bind(agent).bind(horizon).bind(BLOCKS_AT_ONCE);
            let blocks = blocks.fetch_one(&mut *connection).await?;
            let events = sqlx::query_as(OLDER_EVENTS).bind(agent).bind(horizon).bind(EVENTS_AT_ONCE);
            Ok((blocks, events.fetch_one(connection).await?))
        })
        .await?;
        Ok(self.gone(blocks, events))
    }

    pub(crate) async fn delete_oldest(&mut self) -> Result<Trimmed, StoreError> {
        let (agent, connection) = (self.agent, &mut self.connection);
        let (blocks, events) = reach::within(ANSWER_WITHIN, async {
            let text = "SELECT until_wall FROM fdguard.blocks WHERE agent = $1 ORDER BY id LIMIT 1";
            let block: Option<(i64,)> =
                sqlx::query_as(text).bind(agent).fetch_optional(&mut *connection).await?;
            let text = "SELECT wall FROM fdguard.events WHERE agent = $1 ORDER BY run, number LIMIT 1";
            let event: Option<(i64,)> =
                sqlx::query_as(text).bind(agent).fetch_optional(&mut *connection).await?;
            let (text, most) = match (block, event) {
                (None, None) => return Ok(((0, 0), (0, 0))),
                (Some(block), event) if event.is_none_or(|event| block <= event) => {
                    (OLDEST_BLOCKS, BLOCKS_AT_ONCE)
                }
                (Some(_) | None, _) => (OLDEST_EVENTS, EVENTS_AT_ONCE),
            };
            let gone: Gone = sqlx::query_as(text).bind(agent).bind(most).fetch_one(connection).await?;
            Ok(if text == OLDEST_BLOCKS { (gone, (0, 0)) } else { ((0, 0), gone) })
        })
        .await?;
        Ok(self.gone(blocks, events))
    }

    fn gone(&mut self, blocks: Gone, events: Gone) -> Trimmed {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        let trimmed = Trimmed { blocks: unsigned(blocks.0), events: unsigned(events.0) };
        let bytes = unsigned(blocks.1) + unsigned(events.1);
        let besides = trimmed.blocks * BLOCK_BESIDES + trimmed.events * EVENT_BESIDES;
        self.used = self.used.saturating_sub(bytes + besides);
        trimmed
    }

    /// Processes without blocks go. Free room the server reuses by itself.
    pub(crate) async fn tidy(&mut self) -> Result<(), StoreError> {
        let orphans = sqlx::query(
            "DELETE FROM fdguard.processes p WHERE agent = $1
             AND NOT EXISTS (SELECT FROM fdguard.blocks b WHERE b.process = p.id)",
        );
        let orphans = orphans.bind(self.agent).execute(&mut self.connection);
        reach::within(ANSWER_WITHIN, async { Ok(orphans.await?) }).await?;
        Ok(())
    }
}
