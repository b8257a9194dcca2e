//! Columns back into observations.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Column, Moment};
use crate::model::ages::{Ages, STEPS};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::kind::Kind;
use crate::model::name::Remote;
use crate::model::observation::{Observation, RemoteField, RemoteSurvey};
use crate::model::reading::{Gap, Reading};

/// Puts observations of a fixed set of columns together.
///
/// It remembers the cells of the sample before, so that a sample costs what changed and no more; what did not
/// change is shared with the sample before. Nothing is set at the start: all reads are [`Gap::NotRecorded`].
#[derive(Debug)]
pub struct Assembly {
    columns: Vec<Column>,
    seen: Observation,
    kinds: Group<{ Kind::COUNT }>,
    leaked: Group<{ STEPS.len() }>,
    survey: Option<Reading<f64>>,
    remotes: BTreeMap<Remote, [Option<Reading<f64>>; FIELDS]>,
    remotes_changed: bool,
}

/// The counts of a remote, then its connect rate.
const FIELDS: usize = RemoteField::ALL.len() + 1;

/// Cells that make one reading together.
#[derive(Debug)]
struct Group<const N: usize> {
    cells: [Option<Reading<f64>>; N],
    changed: bool,
}

impl<const N: usize> Group<N> {
    const EMPTY: Self = Self { cells: [None; N], changed: false };

    fn set(&mut self, place: usize, cell: Option<Reading<f64>>) {
        self.cells[place] = cell;
        self.changed = true;
    }

    /// The counts where any is known; else why not.
    fn counts(&self) -> Reading<[Option<u32>; N]> {
        let known = self.cells.map(|cell| cell.and_then(Reading::known).map(count));
        if known.iter().any(Option::is_some) {
            return Reading::Known(known);
        }
        let gap = self.cells.iter().flatten().find_map(Reading::gap);
        Reading::Unavailable(gap.unwrap_or(Gap::NotRecorded))
    }
}

impl Assembly {
    /// An assembly of these columns; [`Assembly::set`] names them by their place here.
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            seen: Observation::blank(Timestamp::ZERO, WallTime::default(), Gap::NotRecorded),
            kinds: Group::EMPTY,
            leaked: Group::EMPTY,
            survey: None,
            remotes: BTreeMap::new(),
            remotes_changed: false,
        }
    }

    /// Sets a column from now on; `None` where the sample has no such column. A place beyond the columns is
    /// ignored.
    pub fn set(&mut self, place: usize, cell: Option<Reading<f64>>) {
        let Some(column) = self.columns.get(place) else { return };
        match column {
            Column::Plain(signal) => {
                self.seen.set(*signal, cell.unwrap_or(Reading::Unavailable(Gap::NotRecorded)));
            }
            Column::Kind(kind) => self.kinds.set(*kind as usize, cell),
            Column::Leaked(step) => self.leaked.set(*step, cell),
            Column::Remotes => {
                self.survey = cell;
                self.remotes_changed = true;
            }
            Column::Remote(remote, field) => {
                let place = RemoteField::ALL.iter().position(|one| one == field);
                let cells = self.remotes.entry(remote.clone()).or_default();
                cells[place.expect("ALL holds every field")] = cell;
                self.remotes_changed = true;
            }
            Column::ConnectRate(remote) => {
                self.remotes.entry(remote.clone()).or_default()[FIELDS - 1] = cell;
                self.remotes_changed = true;
            }
            Column::Named(signal, name) => {
                let named = Arc::make_mut(&mut self.seen.named);
                match cell {
                    Some(reading) => drop(named.insert((*signal, name.clone()), reading)),
                    None => drop(named.remove(&(*signal, name.clone()))),
                }
            }
        }
    }

    /// The observation of the cells set so far, taken at that moment.
    pub fn observation(&mut self, moment: Moment) -> Observation {
        if std::mem::take(&mut self.kinds.changed) {
            let counts = self.kinds.counts();
            self.seen.kinds = counts.map(|counts| Arc::new(counts.map(|count| count.unwrap_or(0))));
        }
        if std::mem::take(&mut self.leaked.changed) {
            self.seen.leaked = self.leaked.counts().map(|counts| Arc::new(ages(counts)));
        }
        if std::mem::take(&mut self.remotes_changed) {
            self.seen.remotes = self.surveys();
        }
        let seen = &mut self.seen;
        (seen.at, seen.surveyed, seen.wall, seen.life) =
            (moment.at, moment.surveyed, moment.wall, moment.life);
        seen.probed = moment.at;
        seen.clone()
    }

    fn surveys(&mut self) -> Reading<Arc<Vec<RemoteSurvey>>> {
        self.remotes.retain(|_, cells| cells.iter().any(Option::is_some));
        match self.survey {
            None => Reading::Unavailable(Gap::NotRecorded),
            Some(Reading::Unavailable(gap)) => Reading::Unavailable(gap),
            Some(Reading::Known(_)) => {
                let mut surveys: Vec<_> = self.remotes.iter().map(survey).collect();
                surveys.sort_by_key(|survey| std::cmp::Reverse(survey.count));
                Reading::Known(Arc::new(surveys))
            }
        }
    }
}

fn survey((remote, cells): (&Remote, &[Option<Reading<f64>>; FIELDS])) -> RemoteSurvey {
    let value = |place: usize| cells[place].and_then(Reading::known).unwrap_or(0.0);
    RemoteSurvey {
        remote: remote.clone(),
        count: count(value(0)),
        established: count(value(1)),
        close_wait: count(value(2)),
        syn_sent: count(value(3)),
        fin_wait: count(value(4)),
        connect_rate: value(FIELDS - 1),
    }
}

/// A step that the recording does not hold, because another version wrote it, has the count of the next one.
fn ages(counts: [Option<u32>; STEPS.len()]) -> Ages {
    let mut filled = [0; STEPS.len()];
    let mut older = 0;
    for (place, count) in counts.into_iter().enumerate().rev() {
        older = count.unwrap_or(older);
        filled[place] = older;
    }
    Ages::from_counts(filled)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and NaN is 0")]
fn count(value: f64) -> u32 {
    value as u32
}
