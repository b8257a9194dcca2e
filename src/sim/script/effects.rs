//! What the world makes of an action.

use std::collections::BTreeMap;
use std::time::Duration;

use super::changes::{Change, changes, shares};
use crate::document::{Faults, Table, Value};
use crate::model::action::Word;
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::observation::SignalKey;

/// How long an action is under way where its effect does not say.
pub(super) const TAKES: Duration = Duration::from_secs(1);
/// How long after a stop the new process comes.
pub(super) const RESTART: Duration = Duration::from_secs(5);

/// What the world makes of an action.
#[derive(Clone, PartialEq, Debug)]
pub struct Effect {
    /// How long it is under way.
    pub takes: Duration,
    /// How long after its start the change shows; with its end where absent.
    pub after: Option<Duration>,
    /// What changes.
    pub change: BTreeMap<SignalKey, Change>,
    /// While a hold is kept, these series go at this share of their pace.
    pub slows: BTreeMap<SignalKey, f64>,
    /// After a stop that restarts: how long until the new process.
    pub restart: Duration,
    /// Whose actions change something; the others are carried out and change nothing.
    pub of: Of,
    /// How it ends.
    pub result: Result,
    /// The change shows only so many times; the action still succeeds.
    pub times: Option<u64>,
}

/// Whose actions an effect is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// Everybody's.
    Anyone,
    /// Those of tiers.
    Tiers,
    /// Those of upkeep.
    Upkeep,
}

/// How an action ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Result {
    /// It is carried out.
    Done,
    /// It fails, and why.
    Fails(String),
}

impl Default for Effect {
    fn default() -> Self {
        Self {
            takes: TAKES,
            after: None,
            change: BTreeMap::new(),
            slows: BTreeMap::new(),
            restart: RESTART,
            of: Of::Anyone,
            result: Result::Done,
            times: None,
        }
    }
}

/// Reads `[scenario.effects]`.
pub(super) fn read(table: Table<'_>, faults: &mut Faults) -> BTreeMap<Word, Effect> {
    let mut found = BTreeMap::new();
    for (text, value) in table.text_entries() {
        let Some(word) = Word::parse(&text.value) else {
            let help = match suggest(&text.value, Word::ALL.iter().map(|word| word.name())) {
                Some(word) => format!("did you mean `{word}`?"),
                None => "write the word of an action or hold".to_owned(),
            };
            let message = format!("there is no action `{}`", text.value);
            faults.push(Diagnostic::error("unknown-word", text.span.clone(), message).help(help));
            continue;
        };
        if let Some(effect) = effect(value, faults) {
            found.insert(word, effect);
        }
    }
    found
}

fn effect(value: Value<'_>, faults: &mut Faults) -> Option<Effect> {
    let mut table = value.table(faults)?;
    let usual = Effect::default();
    let effect = Effect {
        takes: table.span_of_time("takes", faults).unwrap_or(usual.takes),
        after: table.span_of_time("after", faults),
        change: table.table("change", faults).map_or_else(BTreeMap::new, |t| changes(t, faults)),
        slows: table.table("slows", faults).map_or_else(BTreeMap::new, |t| shares(t, faults)),
        restart: table.span_of_time("restart", faults).unwrap_or(usual.restart),
        of: match table.value("of") {
            Some(value) => of(value, faults)?,
            None => usual.of,
        },
        result: match table.text("fails", faults) {
            Some(why) => Result::Fails(why.value.into_owned()),
            None => Result::Done,
        },
        times: table.whole("times", 0..1 << 32, faults),
    };
    table.finish(faults);
    Some(effect)
}

fn of(value: Value<'_>, faults: &mut Faults) -> Option<Of> {
    let text = value.text(faults)?;
    match text.value.as_ref() {
        "tiers" => Some(Of::Tiers),
        "upkeep" => Some(Of::Upkeep),
        other => {
            let message = format!("`{other}` is not known here");
            let help = "one of: tiers, upkeep";
            faults.push(Diagnostic::error("unknown-word", text.span.clone(), message).help(help));
            None
        }
    }
}
