//! `SHOW CONFIG`, `STATE`, `VERSION` and `HELP`.

use crate::model::units::format_span;
use crate::pool::limits::Limits;
use crate::proxy::postgres::console::sight::Look;
use crate::proxy::postgres::console::table::{Column, Row, Table};
use crate::wire::postgres::backend::Type::Text;
use crate::wire::postgres::backend::write_command_complete;
use crate::wire::postgres::sqlstate::{Report, Severity, SqlState, notice_response};

const CONFIG: &[Column] = &[("key", Text), ("value", Text), ("default", Text), ("changeable", Text)];

/// Everything that is understood, as PgBouncer lists it.
const HELP: &str = "
\tSHOW HELP|CONFIG|DATABASES|POOLS|CLIENTS|SERVERS|USERS|VERSION
\tSHOW SOCKETS|ACTIVE_SOCKETS|LISTS|STATE|CACHE
\tSHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS
\tRELOAD
\tPAUSE [<db>]
\tRESUME [<db>]
\tDISABLE <db>
\tENABLE <db>
\tRECONNECT [<db>]
\tKILL [<db>]
\tKILL_CLIENT <client_id>
\tWAIT_CLOSE [<db>]";

/// What stands for all pools goes by PgBouncer's names, what one pool has by the names of the agent's file.
pub(super) fn config(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(CONFIG);
    let mut row = |key: String, value: String, changeable: &str| {
        table.push(Row::default().with(key).with(value).unknown(1).with(changeable));
    };
    let clients = looks.iter().fold(0_u32, |sum, look| sum.saturating_add(look.view.limits.clients.max));
    row("max_client_conn".to_owned(), clients.to_string(), "yes");
    row("max_user_connections".to_owned(), "0".to_owned(), "no");
    if let Some(mode) = same(looks.iter().map(Look::mode)) {
        row("pool_mode".to_owned(), mode.to_owned(), "no");
    }
    if let Some(size) = same(looks.iter().map(|look| look.view.limits.max)) {
        row("default_pool_size".to_owned(), size.to_string(), "yes");
    }
    for look in looks {
        row(format!("{}.pool.mode", look.name()), look.mode().to_owned(), "no");
        for (key, value) in limits(&look.view.limits) {
            row(format!("{}.{key}", look.name()), value, "yes");
        }
    }
    table
}

fn limits(limits: &Limits) -> [(&'static str, String); 11] {
    let span = |span| if span == std::time::Duration::MAX { "none".to_owned() } else { format_span(span) };
    let uses = if limits.uses == u32::MAX { "none".to_owned() } else { limits.uses.to_string() };
    [
        ("pool.min", limits.min.to_string()),
        ("pool.max", limits.max.to_string()),
        ("pool.wait", span(limits.wait)),
        ("pool.waiters", limits.waiters.to_string()),
        ("pool.idle", span(limits.idle)),
        ("pool.lifetime", span(limits.lifetime)),
        ("pool.max_uses", uses),
        ("clients.max", limits.clients.max.to_string()),
        ("clients.reserve", limits.clients.reserve.to_string()),
        ("clients.idle", span(limits.clients.idle)),
        ("drain", span(limits.drain)),
    ]
}

/// The one value that all have; none where they differ.
fn same<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// Paused where all pools are.
pub(super) fn state(looks: &[Look<'_>]) -> Table {
    let paused = looks.iter().all(Look::is_paused);
    let word = |is_so| if is_so { "yes" } else { "no" };
    let mut table = Table::new(&[("key", Text), ("value", Text)]);
    let rows = [("active", word(!paused)), ("paused", word(paused)), ("suspended", "no")];
    table.extend(rows.map(|(key, value)| Row::default().with(key).with(value)));
    table
}

pub(super) fn version() -> Table {
    let mut table = Table::new(&[("version", Text)]);
    table.push(Row::default().with(concat!("fdguard ", env!("CARGO_PKG_VERSION"))));
    table
}

/// Appends the answer to `SHOW HELP`: a notice.
pub(super) fn help(out: &mut Vec<u8>) {
    let report = Report::new(SqlState::Success, "Console usage").detail(HELP);
    notice_response(out, &Report { severity: Severity::Notice, ..report });
    write_command_complete(out, "SHOW");
}
