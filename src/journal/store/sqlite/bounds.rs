//! The bounds of the file, in its SQL.

use super::File;
use crate::journal::retention::{Size, Trimmed};
use crate::journal::store::StoreError;

/// Rows deleted at once: it bounds what one transaction writes to the log.
const BLOCKS_AT_ONCE: i64 = 32;
const EVENTS_AT_ONCE: i64 = 512;

impl File {
    pub(crate) async fn size(&mut self) -> Result<Size, StoreError> {
        let (pages, free, page): (i64, i64, i64) = sqlx::query_as(
            "SELECT page_count, freelist_count, page_size
             FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        )
        .fetch_one(&mut self.connection)
        .await?;
        let bytes = |pages: i64| u64::try_from(pages.saturating_mul(page)).unwrap_or(0);
        Ok(Size { whole: bytes(pages), used: bytes(pages - free) })
    }

    pub(crate) async fn delete_older(&mut self, horizon: i64) -> Result<Trimmed, StoreError> {
        let blocks = sqlx::query(
            "DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE until_wall < ? LIMIT ?)",
        )
        .bind(horizon)
        .bind(BLOCKS_AT_ONCE)
        .execute(&mut self.connection)
        .await?;
        let events =
            sqlx::query("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE wall < ? LIMIT ?)")
                .bind(horizon)
                .bind(EVENTS_AT_ONCE)
                .execute(&mut self.connection)
                .await?;
        Ok(Trimmed { blocks: blocks.rows_affected(), events: events.rows_affected() })
    }

    pub(crate) async fn delete_oldest(&mut self) -> Result<Trimmed, StoreError> {
        let block: Option<(i64,)> = sqlx::query_as("SELECT until_wall FROM blocks ORDER BY id LIMIT 1")
            .fetch_optional(&mut self.connection)
            .await?;
        let event: Option<(i64,)> = sqlx::query_as("SELECT wall FROM events ORDER BY id LIMIT 1")
            .fetch_optional(&mut self.connection)
            .await?;
        match (block, event) {
            (None, None) => Ok(Trimmed::default()),
            (Some(block), event) if event.is_none_or(|event| block <= event) => {
                let done =
                    sqlx::query("DELETE FROM blocks WHERE id IN (SELECT id FROM blocks ORDER BY id LIMIT ?)")
                        .bind(BLOCKS_AT_ONCE)
                        .execute(&mut self.connection)
                        .await?;
                Ok(Trimmed { blocks: done.rows_affected(), events: 0 })
            }
            (Some(_) | None, _) => {
                let done =
                    sqlx::query("DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?)")
                        .bind(EVENTS_AT_ONCE)
                        .execute(&mut self.connection)
                        .await?;
                Ok(Trimmed { blocks: 0, events: done.rows_affected() })
            }
        }
    }

    pub(crate) async fn tidy(&mut self) -> Result<(), StoreError> {
        let orphans = "DELETE FROM processes WHERE id NOT IN (SELECT process FROM blocks)";
        sqlx::query(orphans).execute(&mut self.connection).await?;
        self.give_back().await
    }

    /// Gives free pages back, some at a time, so that the log stays small.
    async fn give_back(&mut self) -> Result<(), StoreError> {
        let mut free = u64::MAX;
        loop {
            sqlx::raw_sql("PRAGMA incremental_vacuum(256)").execute(&mut self.connection).await?;
            let size = self.size().await?;
            let left = size.whole - size.used.min(size.whole);
            if left == 0 || left >= free {
                break;
            }
            free = left;
        }
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut self.connection).await?;
        Ok(())
    }
}
