//! One threshold tried over a range.

use crate::model::diagnostic::suggest;
use crate::policy::{Dial, dials};

/// The most values of one sweep.
pub const VALUES_MAX: usize = 200;

/// Which threshold, over which values: `warning.raise:500..900:50`, `warning.raise#2:10m..40m:5m`.
#[derive(Clone, PartialEq, Debug)]
pub struct Sweep {
    /// The threshold.
    pub dial: Dial,
    /// The values to try, with their units.
    pub values: Vec<String>,
}

/// Why a sweep can't be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SweepError {
    /// It is not written so.
    #[error("`{0}` is no sweep; write for example `warning.raise:500..900:50`")]
    Form(String),
    /// The policy has no such threshold.
    #[error("the policy has no threshold `{0}`; {1}")]
    NoDial(String, String),
    /// The values do not make sense.
    #[error(
        "`{0}` is no range; write a first value, a last one and a step in the same unit, as `10m..40m:5m`"
    )]
    Range(String),
    /// The unit differs from the threshold's.
    #[error("the threshold is written `{0}`: give the range in that unit")]
    Unit(String),
    /// More than [`VALUES_MAX`].
    #[error("a sweep has at most {VALUES_MAX} values")]
    TooMany,
}

impl Sweep {
    /// Parses a sweep over a threshold of the policy `source`.
    pub fn parse(text: &str, source: &str) -> Result<Self, SweepError> {
        let form = || SweepError::Form(text.to_owned());
        let (place, range) = text.split_once(':').ok_or_else(form)?;
        let (place, nth) = match place.split_once('#') {
            Some((place, nth)) => (place, nth.parse::<usize>().map_err(|_| form())?),
            None => (place, 1),
        };
        let (tier, clause) = place.rsplit_once('.').ok_or_else(form)?;
        let all = dials(source);
        let dial = all.iter().find(|dial| dial.answers_to(tier, clause) && dial.nth == nth);
        let Some(dial) = dial else { return Err(no_dial(place, &all)) };
        let values = values(range)?;
        if values.first().map(|value| split(value).1) != Some(split(&dial.written).1) {
            return Err(SweepError::Unit(dial.written.clone()));
        }
        Ok(Self { dial: dial.clone(), values })
    }

    /// The policy with the threshold set to each value.
    pub fn variants<'s>(&'s self, source: &'s str) -> impl Iterator<Item = (&'s str, String)> {
        let (before, after) = (&source[..self.dial.span.start], &source[self.dial.span.end..]);
        self.values.iter().map(move |value| (value.as_str(), format!("{before}{value}{after}")))
    }
}

fn no_dial(place: &str, all: &[Dial]) -> SweepError {
    let known: Vec<String> = all.iter().map(|dial| format!("{}.{}", dial.place, dial.clause)).collect();
    let bare: Vec<&str> = known.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect();
    let help = match suggest(place, bare.iter().copied()) {
        Some(word) if word != place => format!("did you mean `{word}`?"),
        Some(_) => "it has fewer numbers than that".to_owned(),
        None => format!("known are {}", bare.join(", ")),
    };
    SweepError::NoDial(place.to_owned(), help)
}

/// `500..900:50` as its values, both ends included.
fn values(range: &str) -> Result<Vec<String>, SweepError> {
    let bad = || SweepError::Range(range.to_owned());
    let (ends, step) = range.rsplit_once(':').ok_or_else(bad)?;
    let (first, last) = ends.split_once("..").ok_or_else(bad)?;
    let [(first, unit), (last, last_unit), (step, step_unit)] = [first, last, step].map(split);
    let (Some(first), Some(last), Some(step)) = (first, last, step) else { return Err(bad()) };
    if unit != last_unit || unit != step_unit || step <= 0.0 || last < first {
        return Err(bad());
    }
    let count = ((last - first) / step + 1e-9).floor() + 1.0;
    if count > VALUES_MAX as f64 {
        return Err(SweepError::TooMany);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to VALUES_MAX")]
    let count = count as u32;
    let value = |index: u32| ((first + step * f64::from(index)) * 1e6).round() / 1e6;
    Ok((0..count).map(|index| format!("{}{unit}", value(index))).collect())
}

/// The number and the unit of `20m`, `500`, `25/min`.
fn split(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.parse().ok(), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "schema = 1\nname = \"x\"\n[[ladder.d.tier]]\nname = \"warning\"\n\
                          raise = \"fd.open > 600 or fd.tte < 20m\"\n";

    #[test]
    fn the_named_number_is_replaced_and_nothing_else() {
        let sweep = Sweep::parse("warning.raise:500..600:50", SOURCE).unwrap();
        let variants: Vec<_> = sweep.variants(SOURCE).collect();
        assert_eq!(variants.iter().map(|(value, _)| *value).collect::<Vec<_>>(), ["500", "550", "600"]);
        assert_eq!(variants[0].1, SOURCE.replace("600", "500"));
        assert_eq!(variants[2].1, SOURCE);
        let second = Sweep::parse("d/warning.raise#2:10m..20m:5m", SOURCE).unwrap();
        assert!(second.variants(SOURCE).next().unwrap().1.contains("fd.tte < 10m"));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let told = |text: &str| Sweep::parse(text, SOURCE).unwrap_err().to_string();
        assert!(told("warning:5").contains("is no sweep"));
        assert!(told("warnig.raise:1..2:1").contains("did you mean `warning.raise`"));
        assert!(told("warning.raise#9:1..2:1").contains("fewer numbers"));
        assert!(told("warning.raise:9..2:1").contains("no range"));
        assert!(told("warning.raise#2:10..20:5").contains("written `20m`"));
        assert!(told("warning.raise:0..900000:1").contains("at most"));
    }
}
