//! Readings of the signal catalogue as families: one a signal, by its name and unit.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::registry::Unit;

use crate::admin::metrics::page::{Family, Labels, Page};
use crate::model::reading::Reading;
use crate::model::signal::{self, Row, Signal};

/// A reading with the labels of its owner.
pub(super) type Owned<'a> = (Labels<'a>, Reading<f64>);

/// Writes one signal of all its owners. Of words each has a sample, 1 for the one that holds.
pub(super) fn write<'a>(
    page: &mut Page<'_>,
    (prefix, row): (&str, &Row),
    readings: impl IntoIterator<Item = Owned<'a>>,
) -> fmt::Result {
    let known = readings.into_iter().filter_map(|(labels, reading)| Some((labels, reading.known()?)));
    // Of what proxies feed the name says whose it is.
    let own = row.name.split_once("[].").map_or(row.name, |(_, own)| own);
    let name = format!("{prefix}{}", own.replace('.', "_"));
    let help = row.meaning.trim_end_matches('.');
    if let signal::Unit::Word(words) = row.unit {
        let samples = known.flat_map(|(labels, value)| {
            words.iter().enumerate().map(move |(place, word)| {
                let mut labels = labels.clone();
                labels.push(("state", word));
                (labels, f64::from(u8::from((place as f64 - value).abs() < 0.5)))
            })
        });
        return page.gauges(Family::plain(&name, help), samples);
    }
    let unit = unit(row);
    let family = Family { name: &name, help, unit: unit.as_ref() };
    if COUNTERS.contains(&row.signal) { page.counters(family, known) } else { page.gauges(family, known) }
}

/// The signals that are counts since the start.
pub(super) const COUNTERS: [Signal; 8] = [
    Signal::PoolConnects,
    Signal::PoolErrors,
    Signal::PoolQueries,
    Signal::StreamMessages,
    Signal::StreamReconnects,
    Signal::StreamDropped,
    Signal::StreamSequenceGaps,
    Signal::HttpErrors,
];

/// The unit that stands in the name; none where the name says it already.
fn unit(row: &Row) -> Option<Unit> {
    let suffix: Cow<'static, str> = match row.unit {
        signal::Unit::Duration => return Some(Unit::Seconds),
        signal::Unit::Bytes => return Some(Unit::Bytes),
        signal::Unit::Ratio => "ratio".into(),
        signal::Unit::Rate => "per_second".into(),
        signal::Unit::ByteRate => "bytes_per_second".into(),
        signal::Unit::Count | signal::Unit::Flag | signal::Unit::Word(_) => return None,
    };
    let is_said = row.name.ends_with(suffix.as_ref());
    (!is_said).then(|| Unit::Other(suffix.into_owned()))
}
