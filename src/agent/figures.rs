//! Readings as JSON, which has no infinite number: an endless time to exhaustion is the text `inf` there. Left to
//! itself serde writes `null`, which reads back as nothing at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::reading::Reading;

/// A number as JSON can tell it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Figure {
    Finite(f64),
    Endless(Endless),
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Endless {
    #[serde(rename = "inf")]
    Up,
    #[serde(rename = "-inf")]
    Down,
}

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        if value.is_infinite() {
            Self::Endless(if value > 0.0 { Endless::Up } else { Endless::Down })
        } else {
            Self::Finite(value)
        }
    }
}

impl From<Figure> for f64 {
    fn from(figure: Figure) -> Self {
        match figure {
            Figure::Finite(value) => value,
            Figure::Endless(Endless::Up) => Self::INFINITY,
            Figure::Endless(Endless::Down) => Self::NEG_INFINITY,
        }
    }
}

pub(super) fn serialize<S: Serializer>(
    signals: &BTreeMap<String, Reading<f64>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(signals.iter().map(|(name, reading)| (name, reading.map(Figure::from))))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Reading<f64>>, D::Error> {
    let figures = BTreeMap::<String, Reading<Figure>>::deserialize(deserializer)?;
    Ok(figures.into_iter().map(|(name, reading)| (name, reading.map(f64::from))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::Gap;

    #[derive(PartialEq, Debug, Serialize, Deserialize)]
    struct Seen(#[serde(with = "super")] BTreeMap<String, Reading<f64>>);

    #[test]
    fn every_reading_comes_back_as_it_was() {
        let readings = [
            ("fd.open", Reading::Known(85.0)),
            ("fd.tte", Reading::Known(f64::INFINITY)),
            ("fd.rate", Reading::Known(f64::NEG_INFINITY)),
            ("process.rss", Reading::Unavailable(Gap::NotPermitted)),
        ];
        let seen = Seen(readings.into_iter().map(|(name, reading)| (name.to_owned(), reading)).collect());
        let json = serde_json::to_string(&seen).unwrap();
        assert!(json.contains(r#""fd.tte":{"known":"inf"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Seen>(&json).unwrap(), seen);
    }
}
