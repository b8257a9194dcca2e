//! An observation laid flat: one column for each value, each with a stable text form.
//!
//! The recording keeps columns and `history` names them. [`cells_of`] lays an observation flat and
//! [`Assembly`] puts it together again so that every `read()` says the same: a replay sees exactly what the
//! live engine saw. A column that one sample has and the next has not is *absent* there, which is different
//! from a gap: a remote to which no socket is left is absent, a survey that failed is a gap.

mod assembly;

use std::collections::BTreeSet;
use std::fmt;

use crate::model::ages::STEPS;
use crate::model::clock::{Timestamp, WallTime};
use crate::model::kind::Kind;
use crate::model::name::{Name, Remote};
use crate::model::observation::{Life, Observation, RemoteField};
use crate::model::reading::Reading;
use crate::model::signal::{Argument, CATALOGUE, Signal};

pub use assembly::Assembly;

/// One value of an observation. Its text form is what `history --signal` takes and the recording holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Column {
    /// A signal without argument: `fd.open`.
    Plain(Signal),
    /// Descriptors of one kind: `fd.by_kind.socket`.
    Kind(Kind),
    /// Leaked sockets at least as old as this place of [`STEPS`]: `leaked.120`, in seconds.
    Leaked(usize),
    /// How many remotes were told apart: `remotes`.
    Remotes,
    /// Sockets to a remote: `remote.1.2.3.4:5432.established`.
    Remote(Remote, RemoteField),
    /// New sockets per second to a remote: `remote.1.2.3.4:5432.connect_rate`.
    ConnectRate(Remote),
    /// A signal of a proxy, stream or probe: `pool.orders-db.idle`.
    Named(Signal, Name),
}

/// What an observation says of itself and not of the process's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// When, monotonic.
    pub at: Timestamp,
    /// When the full tick was begun whose values it carries, monotonic.
    pub surveyed: Timestamp,
    /// When, civil.
    pub wall: WallTime,
    /// Whether the process lived.
    pub life: Life,
}

impl Moment {
    /// The moment of an observation.
    pub fn of(seen: &Observation) -> Self {
        Self { at: seen.at, surveyed: seen.surveyed, wall: seen.wall, life: seen.life }
    }
}

const BY_KIND: &str = "fd.by_kind.";
const LEAKED: &str = "leaked.";
const REMOTES: &str = "remotes";
const REMOTE: &str = "remote.";
const CONNECT_RATE: &str = "connect_rate";

impl Column {
    /// The column of that text form; `None` where there is none, as for one of a newer version.
    pub fn parse(text: &str) -> Option<Self> {
        if text == REMOTES {
            return Some(Self::Remotes);
        }
        if let Some(kind) = text.strip_prefix(BY_KIND) {
            return Kind::parse(kind).map(Self::Kind);
        }
        if let Some(step) = text.strip_prefix(LEAKED) {
            let step: u32 = step.parse().ok()?;
            return STEPS.iter().position(|seconds| *seconds == step).map(Self::Leaked);
        }
        if let Some(rest) = text.strip_prefix(REMOTE) {
            let (remote, field) = rest.rsplit_once('.')?;
            let remote = Remote::parse(remote).ok()?;
            return match field {
                CONNECT_RATE => Some(Self::ConnectRate(remote)),
                field => RemoteField::parse(field).map(|field| Self::Remote(remote, field)),
            };
        }
        match Signal::parse(text) {
            Some(signal) if signal.row().argument == Argument::None => Some(Self::Plain(signal)),
            Some(_) | None => parse_named(text),
        }
    }
}

/// `pool.orders-db.idle`: the name may hold dots itself, the words around it don't.
fn parse_named(text: &str) -> Option<Column> {
    let (group, rest) = text.split_once('.')?;
    let (name, field) = rest.rsplit_once('.')?;
    let row = CATALOGUE
        .iter()
        .filter(|row| row.argument == Argument::Named)
        .find(|row| row.name.split_once("[].") == Some((group, field)))?;
    Some(Column::Named(row.signal, Name::parse(name).ok()?))
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(signal) => f.write_str(signal.name()),
            Self::Kind(kind) => write!(f, "{BY_KIND}{kind}"),
            Self::Leaked(place) => write!(f, "{LEAKED}{}", STEPS[*place]),
            Self::Remotes => f.write_str(REMOTES),
            Self::Remote(remote, field) => write!(f, "{REMOTE}{remote}.{}", field.name()),
            Self::ConnectRate(remote) => write!(f, "{REMOTE}{remote}.{CONNECT_RATE}"),
            Self::Named(signal, name) => match signal.name().split_once("[].") {
                Some((group, field)) => write!(f, "{group}.{name}.{field}"),
                None => write!(f, "{signal}.{name}"),
            },
        }
    }
}

/// Lays an observation flat: every column it has, each once, with its reading.
///
/// Its [`Moment`] is no column; a recording keeps it beside.
pub fn cells_of(seen: &Observation) -> Vec<(Column, Reading<f64>)> {
    let plain = CATALOGUE.iter().filter(|row| row.argument == Argument::None);
    let mut cells: Vec<_> = plain.map(|row| (Column::Plain(row.signal), seen.plain(row.signal))).collect();
    for kind in Kind::ALL {
        let count = seen.kinds.as_ref().map(|counts| f64::from(counts[*kind as usize]));
        cells.push((Column::Kind(*kind), count));
    }
    for place in 0..STEPS.len() {
        let count = seen.leaked.as_ref().map(|ages| f64::from(ages.counts()[place]));
        cells.push((Column::Leaked(place), count));
    }
    cells_of_remotes(seen, &mut cells);
    let fits = |signal: Signal| signal.row().argument == Argument::Named;
    let named = seen.named.iter().filter(|((signal, _), _)| fits(*signal));
    cells.extend(named.map(|((signal, name), value)| (Column::Named(*signal, name.clone()), *value)));
    cells
}

fn cells_of_remotes(seen: &Observation, cells: &mut Vec<(Column, Reading<f64>)>) {
    let surveys = match &seen.remotes {
        Reading::Known(surveys) => surveys,
        Reading::Unavailable(gap) => {
            cells.push((Column::Remotes, Reading::Unavailable(*gap)));
            return;
        }
    };
    // Where a remote stands twice, a read finds the first.
    let mut told = BTreeSet::new();
    let before = cells.len();
    for survey in surveys.iter().filter(|survey| told.insert(&survey.remote)) {
        let counts = [survey.count, survey.established, survey.close_wait, survey.syn_sent, survey.fin_wait];
        for (field, count) in RemoteField::ALL.into_iter().zip(counts) {
            cells.push((Column::Remote(survey.remote.clone(), field), Reading::Known(f64::from(count))));
        }
        let rate = Reading::Known(survey.connect_rate);
        cells.push((Column::ConnectRate(survey.remote.clone()), rate));
    }
    cells.insert(before, (Column::Remotes, Reading::Known(told.len() as f64)));
}

#[cfg(test)]
mod tests;
