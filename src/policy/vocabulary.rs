//! Every word of the expression language with its meaning: for completion, the schema and the reference.

use serde::Serialize;

use super::types::Type;
use crate::model::kind::Kind;
use crate::model::observation::RemoteField;
use crate::model::signal::{Argument, CATALOGUE, Row, Signal, Unit};

/// What sort of word it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A value seen by a tick.
    Signal,
    /// A function of a signal over time, or of values.
    Function,
    /// A fact about a tier.
    Tier,
    /// A sign or word between expressions.
    Operator,
    /// A way to write a value.
    Literal,
}

impl Sort {
    /// The head of a list of such words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Signal => "Signals",
            Self::Function => "Functions",
            Self::Tier => "Tiers",
            Self::Operator => "Operators",
            Self::Literal => "Values",
        }
    }
}

/// A word of the language.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Word {
    /// What sort it is.
    pub sort: Sort,
    /// How to write it, with an example argument where it has one: `socket.leaked(2m)`.
    pub form: String,
    /// The type of its value: `a count`; empty for operators.
    pub gives: String,
    /// What it means, one or two sentences.
    pub meaning: String,
}

type Fixed = (&'static str, &'static str, &'static str);

const FUNCTIONS: &[Fixed] = &[
    ("avg(fd.open, 1m)", "as its signal", "Mean over the window, each reading weighted by its time."),
    ("max(fd.open, 1m)", "as its signal", "Highest reading in the window."),
    ("min(fd.open, 1m)", "as its signal", "Lowest reading in the window."),
    (
        "max(a, b)",
        "as both",
        "The higher of two values. A duration as second argument makes a window of it: write max(20m, fd.tte) to compare with a duration.",
    ),
    ("min(a, b)", "as both", "The lower of two values; see max(a, b)."),
    (
        "increase(fd.open, 5m)",
        "as its signal",
        "How much it grew over the window. What only counts up (\"so far\") starts from zero where it drops.",
    ),
    ("rate(fd.open, 1m)", "a rate", "Its increase per time; of a size a byte rate."),
    (
        "trend(fd.open, 10m)",
        "a rate",
        "Robust slope: the median of all slopes in the window, which no burst moves. Known once half of the window is covered.",
    ),
    ("ago(fd.open, 5m)", "as its signal", "The reading so long ago, to a sixtieth of that time."),
    (
        "unknown(x)",
        "true or false",
        "Whether x can't be told: its source failed, or its window is too young. Never unknown itself.",
    ),
    ("before.fd.open", "as its signal", "The reading at the start of the action. Only in an expectation."),
    (
        "waited(2m)",
        "true or false",
        "Whether this guard has held its action back for so long. Only in a guard.",
    ),
];

const TIERS: &[Fixed] = &[
    (
        "attention.active",
        "true or false",
        "Whether the tier is active, itself or by a higher one. A name with other characters than letters, digits and _ is written tier[\"name\"].active.",
    ),
    (
        "attention.ineffective(2)",
        "true or false",
        "Whether so many outcomes in a row, since the last effective one, were ineffective.",
    ),
];

const OPERATORS: &[Fixed] = &[
    ("a and b", "", "Both hold. False where one is false, even where the other is unknown."),
    ("a or b", "", "One holds. True where one is true, even where the other is unknown."),
    ("not a", "", "It does not hold. Unknown where it is unknown."),
    (
        "< <= > >= == !=",
        "",
        "Compare two values of one unit. Words only by == and !=. Comparisons can't be chained.",
    ),
    (
        "+ - * /",
        "",
        "Calculate; units are checked: a rate times a duration is a count. Unknown where a part is unknown and where zero divides.",
    ),
    ("( )", "", "Group. Without: * and / before + and -, then comparisons, not, and, or."),
];

const LITERALS: &[Fixed] = &[
    ("300", "a bare number", "A number; beside a count it counts."),
    ("20m", "a duration", "ms, s, m, h, d, also together: 1m30s."),
    ("64MiB", "a size", "B, KiB, MiB, GiB, TiB, kB, MB, GB, TB."),
    ("80%", "a ratio", "Per cent."),
    ("25/min", "a rate", "A number per /s, /min, /h or /day, without blanks."),
    ("1MiB/s", "a byte rate", "A size per /s, /min, /h or /day, without blanks."),
    ("\"disk\"", "a word", "In double or single quotes; after == also bare: process.state == disk."),
    ("true", "true or false", "true and false."),
];

/// Names of functions, for suggestions.
pub(super) const FUNCTION_NAMES: &[&str] =
    &["avg", "max", "min", "increase", "rate", "trend", "ago", "unknown", "waited"];

/// Every word of the language, signals first, in a fixed order.
pub fn words() -> Vec<Word> {
    let fixed = |sort: Sort, rows: &[Fixed]| -> Vec<Word> {
        rows.iter()
            .map(|(form, gives, meaning)| Word {
                sort,
                form: (*form).to_owned(),
                gives: (*gives).to_owned(),
                meaning: (*meaning).to_owned(),
            })
            .collect()
    };
    let mut words = signals();
    words.extend(fixed(Sort::Function, FUNCTIONS));
    words.extend(fixed(Sort::Tier, TIERS));
    words.extend(fixed(Sort::Operator, OPERATORS));
    words.extend(fixed(Sort::Literal, LITERALS));
    words
}

/// Every signal, in the order of the catalogue.
pub fn signals() -> Vec<Word> {
    let word = |row: &Row| Word {
        sort: Sort::Signal,
        form: form(row),
        gives: gives(row.unit),
        meaning: meaning(row),
    };
    CATALOGUE.iter().map(word).collect()
}

/// How a signal is written, with an example argument.
pub(super) fn form(row: &Row) -> String {
    match row.argument {
        Argument::None => row.name.to_owned(),
        Argument::Age => format!("{}(2m)", row.name),
        Argument::Kind => format!("{}(socket)", row.name),
        Argument::RemoteField => format!("{}(\"db:5432\").close_wait", row.name),
        Argument::Remote => format!("{}(\"db:5432\")", row.name),
        Argument::Named => row.name.replace("[]", "[\"name\"]"),
        Argument::Session => format!("{}(\"mon-fri 09:30-16:00 America/New_York\")", row.name),
    }
}

fn gives(unit: Unit) -> String {
    match unit {
        Unit::Word(words) => format!("one of {}", words.join(", ")),
        Unit::Count
        | Unit::Duration
        | Unit::Bytes
        | Unit::Ratio
        | Unit::Rate
        | Unit::ByteRate
        | Unit::Flag => Type::of(unit).name().to_owned(),
    }
}

fn meaning(row: &Row) -> String {
    match row.argument {
        Argument::Kind => {
            let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            format!("{} Kinds: {}.", row.meaning, kinds.join(", "))
        }
        Argument::Session => format!(
            "{} Days may be left out; stretches are joined by a comma; hours may run overnight.",
            row.meaning
        ),
        Argument::None | Argument::Age | Argument::RemoteField | Argument::Remote | Argument::Named => {
            row.meaning.to_owned()
        }
    }
}

/// The fields of `socket.by_remote(..)`.
pub(super) fn remote_fields() -> Vec<&'static str> {
    RemoteField::ALL.iter().map(|field| field.name()).collect()
}

/// Whether a signal only ever counts up, so that a drop is a start from zero.
pub(super) fn counts_up(signal: Signal) -> bool {
    matches!(
        signal,
        Signal::PoolConnects
            | Signal::PoolErrors
            | Signal::PoolQueries
            | Signal::StreamMessages
            | Signal::StreamReconnects
            | Signal::StreamDropped
            | Signal::StreamSequenceGaps
            | Signal::HttpErrors
    )
}

/// Whether every reading of a signal is a whole number, so that `==` can be meant.
pub(super) fn is_whole(signal: Signal) -> bool {
    let measured = matches!(signal, Signal::HostLoad | Signal::ProbeValue);
    !measured && matches!(signal.row().unit, Unit::Count | Unit::Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_up_says_so() {
        for row in CATALOGUE {
            assert_eq!(counts_up(row.signal), row.meaning.ends_with("so far."), "{}", row.name);
        }
    }

    #[test]
    fn each_word_stands_once_and_says_what_it_means() {
        let words = words();
        let mut forms: Vec<&str> = words.iter().map(|word| word.form.as_str()).collect();
        forms.sort_unstable();
        forms.dedup();
        assert_eq!(forms.len(), words.len());
        assert!(words.iter().all(|word| word.meaning.len() > 4));
        for name in FUNCTION_NAMES {
            assert!(words.iter().any(|word| word.form.starts_with(&format!("{name}("))), "{name}");
        }
    }
}
