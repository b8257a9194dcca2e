//! `SHOW STATS` and its like. Only what the pools count anyway is told: units of work, and the time of loans and of waits. Bytes, statements and
//! averages are not counted, since counting them would cost each message something; they are unknown, and not 0.

use crate::proxy::postgres::console::sight::Look;
use crate::proxy::postgres::console::table::{Column, Row, Table};
use crate::proxy::postgres::side::Mode;
use crate::wire::postgres::backend::Type::{Numeric, Text};

/// Figures, by their names in `SHOW STATS`, `SHOW STATS_TOTALS` and `SHOW TOTALS`.
const FIGURES: [(&str, &str, &str); 11] = [
    ("server_assignment_count", "server_assignment_count", "server_assignment_count"),
    ("xact_count", "xact_count", "xact_count"),
    ("query_count", "query_count", "query_count"),
    ("received", "bytes_received", "client_bytes"),
    ("sent", "bytes_sent", "server_bytes"),
    ("xact_time", "xact_time", "xact_time"),
    ("query_time", "query_time", "query_time"),
    ("wait_time", "wait_time", "wait_time"),
    ("client_parse_count", "client_parse_count", "ps_client_parse_count"),
    ("server_parse_count", "server_parse_count", "ps_server_parse_count"),
    ("bind_count", "bind_count", "ps_bind_count"),
];

const STATS: &[Column] = &[
    ("database", Text),
    ("total_server_assignment_count", Numeric),
    ("total_xact_count", Numeric),
    ("total_query_count", Numeric),
    ("total_received", Numeric),
    ("total_sent", Numeric),
    ("total_xact_time", Numeric),
    ("total_query_time", Numeric),
    ("total_wait_time", Numeric),
    ("total_client_parse_count", Numeric),
    ("total_server_parse_count", Numeric),
    ("total_bind_count", Numeric),
    ("avg_server_assignment_count", Numeric),
    ("avg_xact_count", Numeric),
    ("avg_query_count", Numeric),
    ("avg_recv", Numeric),
    ("avg_sent", Numeric),
    ("avg_xact_time", Numeric),
    ("avg_query_time", Numeric),
    ("avg_wait_time", Numeric),
    ("avg_client_parse_count", Numeric),
    ("avg_server_parse_count", Numeric),
    ("avg_bind_count", Numeric),
];

/// PgBouncer's own names: the last three differ from those of the totals.
const AVERAGES: &[Column] = &[
    ("database", Text),
    ("server_assignment_count", Numeric),
    ("xact_count", Numeric),
    ("query_count", Numeric),
    ("bytes_received", Numeric),
    ("bytes_sent", Numeric),
    ("xact_time", Numeric),
    ("query_time", Numeric),
    ("wait_time", Numeric),
    ("avg_client_parse_count", Numeric),
    ("avg_server_parse_count", Numeric),
    ("avg_bind_count", Numeric),
];

/// The totals of a pool, in the order of [`FIGURES`]; times in microseconds.
///
/// A unit of work is a transaction where loans end with transactions. In session mode it is a session, so neither its
/// number nor its time says anything of transactions.
fn totals(look: &Look<'_>) -> [Option<u128>; 11] {
    let counters = &look.view.counters;
    let mut totals = [None; 11];
    totals[7] = Some(counters.waited().as_micros());
    match look.sight.mode {
        Mode::Session => {}
        Mode::Transaction | Mode::Statement => {
            totals[1] = Some(u128::from(counters.units));
            totals[5] = Some(counters.leased().as_micros());
        }
    }
    totals
}

fn row(look: &Look<'_>) -> Row {
    totals(look).into_iter().fold(Row::default().with(look.name()), Row::with_some)
}

pub(super) fn stats(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(STATS);
    table.extend(looks.iter().map(|look| row(look).unknown(FIGURES.len())));
    table
}

pub(super) fn stats_totals(looks: &[Look<'_>]) -> Table {
    let figures = FIGURES.map(|(_, name, _)| (name, Numeric));
    let mut table = Table::new(&[&[("database", Text)], &figures[..]].concat());
    table.extend(looks.iter().map(row));
    table
}

pub(super) fn stats_averages(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(AVERAGES);
    table.extend(looks.iter().map(|look| Row::default().with(look.name()).unknown(FIGURES.len())));
    table
}

/// Over all pools; a figure that one of them does not know is not known.
pub(super) fn all(looks: &[Look<'_>]) -> Table {
    let of_each: Vec<_> = looks.iter().map(totals).collect();
    let mut table = Table::new(&[("name", Text), ("value", Numeric)]);
    for (place, (_, _, name)) in FIGURES.iter().enumerate() {
        let sum: Option<u128> = of_each.iter().map(|totals| totals[place]).sum();
        table.push(Row::default().with(format!("total_{name}")).with_some(sum));
    }
    table.extend(FIGURES.map(|(_, _, name)| Row::default().with(format!("avg_{name}")).unknown(1)));
    table
}
