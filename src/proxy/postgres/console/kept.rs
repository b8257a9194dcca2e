//! `SHOW CACHE`: what the read caches keep and what that has spared the servers. PgBouncer has none, so the columns are ours.

use crate::proxy::postgres::console::sight::Look;
use crate::proxy::postgres::console::table::{Column, Row, Table};
use crate::wire::postgres::backend::Type::{Numeric, Text};

const CACHE: &[Column] = &[
    ("database", Text),
    ("entries", Numeric),
    ("bytes", Numeric),
    ("hits", Numeric),
    ("misses", Numeric),
    ("dropped", Numeric),
];

/// A row for each pool that has a cache.
pub(super) fn cache(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(CACHE);
    for look in looks {
        if let Some(seen) = look.view.cache {
            let row = Row::default().with(look.name()).with(seen.entries).with(seen.bytes);
            table.push(row.with(seen.hits).with(seen.misses).with(seen.dropped));
        }
    }
    table
}
