//! A block: some minutes of one process, in columns.
//!
//! It is the unit of the recording: built up in memory, written as one row, read as one row. In memory as on
//! disk a column is a list of runs, for most columns rest most of the time; so an open block costs some tens of
//! KiB, and a replay pays for what changed.

mod bytes;
mod codec;
mod series;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use crate::model::column::{Assembly, Column, Moment, cells_of};
use crate::model::observation::{Life, Observation};

pub use bytes::Malformed;
pub use codec::{BlockError, decode, decode_column, encode};
pub use series::{Cell, Run, Series};

/// The most samples of a block: five minutes at 1 Hz.
pub const SAMPLES_MAX: usize = 300;
/// The most columns of a block. A sample that alone has more can't be recorded.
pub const COLUMNS_MAX: usize = 2_048;
/// The longest time from the first sample of a block to its last.
pub const SPAN_MAX: Duration = Duration::from_mins(15);

/// Samples of one process, oldest first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Block {
    moments: Vec<Moment>,
    columns: BTreeMap<Column, Series>,
}

/// Why a block does not take a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The sample belongs into a block of its own: this one is full, too old, ended or of another time.
    NextBlock,
    /// The sample has more than [`COLUMNS_MAX`] columns: no block takes it.
    TooWide,
}

impl Block {
    /// When the samples were taken, oldest first.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The columns there are.
    pub fn columns(&self) -> &BTreeMap<Column, Series> {
        &self.columns
    }

    /// Adds a sample.
    pub fn push(&mut self, seen: &Observation) -> Result<(), Refused> {
        if !self.has_time_for(seen) {
            return Err(Refused::NextBlock);
        }
        let cells = cells_of(seen);
        if cells.len() > COLUMNS_MAX {
            return Err(Refused::TooWide);
        }
        let fresh = cells.iter().filter(|(column, _)| !self.columns.contains_key(column)).count();
        if self.columns.len() + fresh > COLUMNS_MAX {
            return Err(Refused::NextBlock);
        }
        let before = self.moments.len();
        for (column, reading) in cells {
            let series = match self.columns.entry(column) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Series::absent(before)),
            };
            series.push(Some(reading));
        }
        for series in self.columns.values_mut().filter(|series| series.len() == before) {
            series.push(None);
        }
        self.moments.push(Moment::of(seen));
        Ok(())
    }

    fn has_time_for(&self, seen: &Observation) -> bool {
        let (Some(first), Some(last)) = (self.moments.first(), self.moments.last()) else { return true };
        self.moments.len() < SAMPLES_MAX
            && last.life == Life::Alive
            && seen.at > last.at
            && seen.at.since(first.at) <= SPAN_MAX
    }

    /// The samples as observations, oldest first.
    pub fn into_observations(self) -> Observations {
        let (columns, series): (Vec<_>, Vec<_>) = self.columns.into_iter().unzip();
        let cursors = series.into_iter().map(|series| Cursor { series, run: 0, left: 0 }).collect();
        Observations { moments: self.moments.into_iter(), assembly: Assembly::new(columns), cursors }
    }
}

/// The samples of a block, one after the other.
#[derive(Debug)]
pub struct Observations {
    moments: std::vec::IntoIter<Moment>,
    assembly: Assembly,
    cursors: Vec<Cursor>,
}

/// A place in a column.
#[derive(Debug)]
struct Cursor {
    series: Series,
    run: usize,
    left: u32,
}

impl Iterator for Observations {
    type Item = Observation;

    fn next(&mut self) -> Option<Observation> {
        let moment = self.moments.next()?;
        for (place, cursor) in self.cursors.iter_mut().enumerate() {
            if cursor.left == 0
                && let Some(run) = cursor.series.runs().get(cursor.run)
            {
                self.assembly.set(place, run.cell);
                cursor.run += 1;
                cursor.left = run.len;
            }
            cursor.left = cursor.left.saturating_sub(1);
        }
        Some(self.assembly.observation(moment))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.moments.size_hint()
    }
}

#[cfg(test)]
pub(crate) mod bot;
#[cfg(test)]
mod tests;
