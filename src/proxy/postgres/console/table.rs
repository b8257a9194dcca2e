//! An answer of the console: columns, rows, and how many rows there was no room for.

use std::fmt::Display;

use crate::wire::postgres::backend::{Type, write_command_complete, write_data_row, write_row_description};
use crate::wire::postgres::sqlstate::{Report, Severity, SqlState, notice_response};

/// The most rows of one answer.
const ROWS_MAX: usize = 4_096;

/// A column: its name and type.
pub(super) type Column = (&'static str, Type);

/// Values in the order of the columns; what is not known is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Row(Vec<Option<String>>);

impl Row {
    /// Adds a value.
    pub(super) fn with(mut self, value: impl Display) -> Self {
        self.0.push(Some(value.to_string()));
        self
    }

    /// Adds a value that may not be known.
    pub(super) fn with_some(mut self, value: Option<impl Display>) -> Self {
        self.0.push(value.map(|value| value.to_string()));
        self
    }

    /// Adds so many values that are not known.
    pub(super) fn unknown(mut self, count: usize) -> Self {
        self.0.extend(std::iter::repeat_n(None, count));
        self
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
    more: usize,
}

impl Table {
    /// Without rows.
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), more: 0 }
    }

    /// Adds a row, or counts it where there is no room.
    pub(super) fn push(&mut self, row: Row) {
        debug_assert_eq!(row.0.len(), self.columns.len(), "a value for each column");
        if self.rows.len() < ROWS_MAX { self.rows.push(row) } else { self.more += 1 }
    }

    /// Adds rows.
    pub(super) fn extend(&mut self, rows: impl IntoIterator<Item = Row>) {
        rows.into_iter().for_each(|row| self.push(row));
    }

    /// Counts rows that are not shown.
    pub(super) fn miss(&mut self, count: usize) {
        self.more += count;
    }

    /// Appends it as the answer to a query.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_row_description(out, &self.columns);
        for row in &self.rows {
            let values: Vec<Option<&[u8]>> =
                row.0.iter().map(|value| value.as_deref().map(str::as_bytes)).collect();
            write_data_row(out, &values);
        }
        if self.more > 0 {
            let text = format!("{} more are not shown", self.more);
            let report = Report::new(SqlState::Success, &text);
            notice_response(out, &Report { severity: Severity::Notice, ..report });
        }
        write_command_complete(out, "SHOW");
    }

    #[cfg(test)]
    pub(super) fn cell(&self, row: usize, column: &str) -> Option<&str> {
        let place = self.columns.iter().position(|(name, _)| *name == column).unwrap();
        self.rows[row].0[place].as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_bound_are_counted_and_told() {
        let mut table = Table::new(&[("n", Type::Int4)]);
        table.extend((0..ROWS_MAX + 7).map(|n| Row::default().with(n)));
        assert_eq!((table.rows.len(), table.more), (ROWS_MAX, 7));
        assert_eq!(table.cell(5, "n"), Some("5"));
        let mut out = Vec::new();
        table.write(&mut out);
        let told = String::from_utf8_lossy(&out);
        assert!(told.contains("7 more are not shown"));
    }
}
