//! What may be done to the target of a scenario.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Faults, Table, Value};
use crate::model::action::Word;
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::name::{Name, Remote};

/// What a scenario says about the means; what it leaves out is as the policy needs it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MeansPatch {
    /// The dangerous words that are allowed.
    pub allow: Option<BTreeSet<Word>>,
    /// The pools there are.
    pub pools: Option<BTreeSet<Name>>,
    /// The streams there are.
    pub streams: Option<BTreeSet<Name>>,
    /// The hooks there are.
    pub hooks: Option<BTreeSet<Name>>,
    /// The receivers there are.
    pub receivers: Option<BTreeSet<Name>>,
    /// What can't work, and why.
    pub impossible: BTreeMap<Word, String>,
    /// Remotes that no action may touch.
    pub protect: Vec<Remote>,
    /// Whether the whole agent only tells.
    pub dry_run: bool,
}

/// Reads `means`.
pub(super) fn read(mut table: Table<'_>, faults: &mut Faults) -> MeansPatch {
    let mut names = |key: &'static str, faults: &mut Faults| {
        let items = table.list(key, faults)?;
        Some(items.iter().filter_map(|item| item.parsed(faults, Name::parse)).collect())
    };
    let pools = names("pools", faults);
    let streams = names("streams", faults);
    let hooks = names("hooks", faults);
    let receivers = names("receivers", faults);
    let allow = table.list("allow", faults);
    let allow = allow.map(|items| items.iter().filter_map(|item| word(*item, faults)).collect());
    let mut impossible = BTreeMap::new();
    if let Some(table) = table.table("impossible", faults) {
        for (text, value) in table.text_entries() {
            match Word::parse(&text.value) {
                Some(word) => {
                    let why = value.text(faults).map(|why| why.value.into_owned());
                    impossible.extend(why.map(|why| (word, why)));
                }
                None => stranger(&text.value, text.span.clone(), faults),
            }
        }
    }
    let protect = table.list("protect", faults).unwrap_or_default();
    let protect = protect.iter().filter_map(|item| item.parsed(faults, Remote::parse)).collect();
    let dry_run = table.flag("dry_run", faults).unwrap_or(false);
    table.finish(faults);
    MeansPatch { allow, pools, streams, hooks, receivers, impossible, protect, dry_run }
}

fn word(value: Value<'_>, faults: &mut Faults) -> Option<Word> {
    let text = value.text(faults)?;
    let word = Word::parse(&text.value);
    if word.is_none() {
        stranger(&text.value, text.span, faults);
    }
    word
}

fn stranger(written: &str, span: std::ops::Range<usize>, faults: &mut Faults) {
    let help = match suggest(written, Word::ALL.iter().map(|word| word.name())) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "write the word of an action or hold".to_owned(),
    };
    let message = format!("there is no action `{written}`");
    faults.push(Diagnostic::error("unknown-word", span, message).help(help));
}
