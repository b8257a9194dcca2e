//! Reads the entries of `do` and `hold`: variants, each a bare word or a table of one word.

use std::time::Duration;

use super::tier::{one_of, positive};
use super::{bounded, mode};
use crate::document::{Faults, Table, Text, Value};
use crate::model::action::{Action, Gate, Hold, NofileGoal, ResetHow, Then, Word};
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::name::{Name, Remote};
use crate::policy::definition::{
    DESTROY_MAX, DESTROY_OLDER, FREEZE_LIMIT, HoldItem, ITEMS_MAX, Item, Mode, POLL_EVERY, REAP_MAX,
    REAP_OLDER, STOP_GRACE,
};

/// The most sockets or descriptors that one action may close.
const CLOSE_MAX: u64 = 10_000;
/// The highest limit on descriptors that one may ask for: the kernel's default `fs.nr_open`.
const NOFILE_MAX: u64 = 1 << 20;
/// The longest that a process may be frozen.
const FREEZE_MAX: Duration = Duration::from_mins(10);
/// The longest message of a notice.
const MESSAGE_MAX: usize = 2_000;

const ACTIONS: [Word; 8] = [
    Word::Notify,
    Word::Snapshot,
    Word::RaiseNofile,
    Word::ResetPool,
    Word::DestroySockets,
    Word::ReapDescriptors,
    Word::Run,
    Word::Stop,
];
const HOLDS: [Word; 4] = [Word::ThrottleConnects, Word::PollStream, Word::PauseTrading, Word::Freeze];

/// What stands under `do`.
pub(super) enum Work {
    /// There is no `do`.
    Absent,
    /// There is one, and nothing of it can be used: that has been told.
    Faulty,
    /// What it says, which may be nothing.
    Items(Vec<Item>),
}

/// Reads `do`.
pub(super) fn work(table: &mut Table<'_>, faults: &mut Faults) -> Work {
    if table.key_span("do").is_none() {
        return Work::Absent;
    }
    let Some(values) = bounded(table, "do", ITEMS_MAX, faults) else { return Work::Faulty };
    let items: Vec<Item> = values.iter().filter_map(|value| item(*value, faults)).collect();
    if items.is_empty() && !values.is_empty() { Work::Faulty } else { Work::Items(items) }
}

/// Reads `hold`; empty where it is absent.
pub(super) fn holds(table: &mut Table<'_>, faults: &mut Faults) -> Vec<HoldItem> {
    let values = bounded(table, "hold", ITEMS_MAX, faults).unwrap_or_default();
    values.iter().filter_map(|value| hold_item(*value, faults)).collect()
}

fn item(value: Value<'_>, faults: &mut Faults) -> Option<Item> {
    let (word, payload) = value.variant(faults)?;
    let kind = word_of(&word, &ACTIONS, "hold", faults)?;
    let mut fields = Fields::new(payload, &word, faults)?;
    let action = action(kind, &mut fields, faults);
    let mode = fields.mode(faults);
    fields.finish(faults);
    Some(Item { action: action?, mode, span: value.span() })
}

fn hold_item(value: Value<'_>, faults: &mut Faults) -> Option<HoldItem> {
    let (word, payload) = value.variant(faults)?;
    let kind = word_of(&word, &HOLDS, "do", faults)?;
    let mut fields = Fields::new(payload, &word, faults)?;
    let hold = hold(kind, &mut fields, faults);
    let mode = fields.mode(faults);
    fields.finish(faults);
    Some(HoldItem { hold: hold?, mode, span: value.span() })
}

fn word_of(text: &Text<'_>, known: &[Word], other_key: &str, faults: &mut Faults) -> Option<Word> {
    let written = text.value.as_ref();
    let word = Word::parse(written);
    if let Some(word) = word.filter(|word| known.contains(word)) {
        return Some(word);
    }
    let names = || known.iter().map(|word| word.name());
    let (message, help) = match word {
        Some(word) => (format!("`{word}` does not stand here"), format!("write it under `{other_key}`")),
        None => (
            format!("no such word: `{written}`"),
            match suggest(written, names()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("known here: {}", names().collect::<Vec<_>>().join(", ")),
            },
        ),
    };
    faults.push(Diagnostic::error("unknown-word", text.span.clone(), message).help(help));
    None
}

/// The table behind a word; none behind a bare word.
struct Fields<'d> {
    table: Option<Table<'d>>,
    word: Text<'d>,
}

impl<'d> Fields<'d> {
    fn new(payload: Option<Value<'d>>, word: &Text<'d>, faults: &mut Faults) -> Option<Self> {
        let table = match payload {
            Some(value) => Some(value.table(faults)?),
            None => None,
        };
        Some(Self { table, word: word.clone() })
    }

    fn value(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.table.as_mut()?.value(key)
    }

    fn require(&mut self, key: &'static str, faults: &mut Faults) -> Option<Value<'d>> {
        let value = self.value(key);
        if value.is_none() {
            let message = format!("`{}` needs `{key}`", self.word.value);
            let help = format!("write {{ {} = {{ {key} = … }} }}", self.word.value);
            faults.push(Diagnostic::error("missing-key", self.word.span.clone(), message).help(help));
        }
        value
    }

    fn name(&mut self, key: &'static str, faults: &mut Faults) -> Option<Name> {
        self.require(key, faults)?.parsed(faults, Name::parse)
    }

    /// What `read` makes of the key, or the default where it is absent.
    fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(Value<'d>) -> Option<T>,
    ) -> Option<T> {
        match self.value(key) {
            Some(value) => read(value),
            None => Some(default),
        }
    }

    fn mode(&mut self, faults: &mut Faults) -> Mode {
        self.table.as_mut().map_or(Mode::Real, |table| mode(table, faults))
    }

    fn finish(self, faults: &mut Faults) {
        if let Some(table) = self.table {
            table.finish(faults);
        }
    }
}

fn action(word: Word, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Action> {
    match word {
        Word::Notify => notify(fields, faults),
        Word::Snapshot => Some(Action::Snapshot),
        Word::RaiseNofile => {
            Some(Action::RaiseNofile { to: fields.or("to", NofileGoal::Hard, |v| goal(v, faults))? })
        }
        Word::ResetPool => reset_pool(fields, faults),
        Word::DestroySockets => {
            let older = fields.or("older", DESTROY_OLDER, |v| positive(v, faults));
            let remote = match fields.value("remote") {
                Some(value) => value.parsed(faults, Remote::parse).map(Some),
                None => Some(None),
            };
            let max = fields.or("max", DESTROY_MAX, |v| count(v, faults));
            Some(Action::DestroySockets { older: older?, remote: remote?, max: max? })
        }
        Word::ReapDescriptors => {
            let older = fields.or("older", REAP_OLDER, |v| positive(v, faults));
            let max = fields.or("max", REAP_MAX, |v| count(v, faults));
            Some(Action::ReapDescriptors { older: older?, max: max? })
        }
        Word::Run => Some(Action::Run { hook: fields.name("hook", faults)? }),
        Word::Stop => stop(fields, faults),
        Word::ThrottleConnects | Word::PollStream | Word::PauseTrading | Word::Freeze => None,
    }
}

fn notify(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Action> {
    let journal = Name::parse("journal").expect("seven letters");
    let to = fields.or("to", journal, |value| value.parsed(faults, Name::parse));
    let message = match fields.value("message") {
        Some(value) => {
            let text = value.text(faults)?;
            if text.value.len() > MESSAGE_MAX {
                let message = format!("a message has at most {MESSAGE_MAX} bytes");
                faults.push(Diagnostic::error("out-of-range", text.span, message));
            }
            Some(text.value.into_owned())
        }
        None => None,
    };
    Some(Action::Notify { to: to?, message })
}

fn reset_pool(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Action> {
    let ways = [("idle", ResetHow::Idle), ("drain", ResetHow::Drain), ("hard", ResetHow::Hard)];
    let pool = fields.name("pool", faults);
    let how = fields.or("how", ResetHow::Idle, |value| one_of(value, &ways, faults));
    let share = fields.or("share", 1.0, |value| {
        let share = value.parsed(faults, crate::model::units::parse_ratio)?;
        if share > 0.0 && share <= 1.0 {
            return Some(share);
        }
        faults.push(Diagnostic::error("out-of-range", value.span(), "must be above 0% and up to 100%"));
        None
    });
    Some(Action::ResetPool { pool: pool?, how: how?, share: share? })
}

fn stop(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Action> {
    let thens = [("restart", Then::Restart), ("stay", Then::Stay), ("systemd", Then::Systemd)];
    let before = fields.or("before", Vec::new(), |value| {
        let items = value.list(faults)?;
        Some(items.iter().filter_map(|item| item.parsed(faults, Name::parse)).collect())
    });
    let grace = fields.or("grace", STOP_GRACE, |value| value.parsed(faults, crate::model::units::parse_span));
    let then = fields.or("then", Then::Stay, |value| one_of(value, &thens, faults));
    Some(Action::Stop { before: before?, grace: grace?, then: then? })
}

fn hold(word: Word, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Hold> {
    let gates = [("reducing", Gate::Reducing), ("halted", Gate::Halted)];
    match word {
        Word::ThrottleConnects => {
            let pool = fields.name("pool", faults);
            let rate = fields.require("rate", faults).and_then(|value| value.parsed(faults, parse_rate));
            Some(Hold::ThrottleConnects { pool: pool?, rate: rate? })
        }
        Word::PollStream => {
            let stream = fields.name("stream", faults);
            let every = fields.or("every", POLL_EVERY, |value| positive(value, faults));
            Some(Hold::PollStream { stream: stream?, every: every? })
        }
        Word::PauseTrading => {
            let state = fields.or("state", Gate::Reducing, |value| one_of(value, &gates, faults));
            Some(Hold::PauseTrading { state: state? })
        }
        Word::Freeze => {
            let limit = fields.or("limit", FREEZE_LIMIT, |value| {
                let limit = positive(value, faults)?;
                if limit > FREEZE_MAX {
                    let message = "a freeze lasts at most 10m";
                    faults.push(Diagnostic::error("out-of-range", value.span(), message));
                }
                Some(limit)
            });
            Some(Hold::Freeze { limit: limit? })
        }
        Word::Notify
        | Word::Snapshot
        | Word::RaiseNofile
        | Word::ResetPool
        | Word::DestroySockets
        | Word::ReapDescriptors
        | Word::Run
        | Word::Stop => None,
    }
}

fn goal(value: Value<'_>, faults: &mut Faults) -> Option<NofileGoal> {
    if value.is_text() {
        return one_of(value, &[("hard", NofileGoal::Hard)], faults);
    }
    value.whole(1..NOFILE_MAX + 1, faults).map(NofileGoal::Count)
}

fn count(value: Value<'_>, faults: &mut Faults) -> Option<u32> {
    value.whole(1..CLOSE_MAX + 1, faults).map(|number| u32::try_from(number).expect("at most CLOSE_MAX"))
}

/// Parses `5/s`, `90/min`, `2.5/s` to times per second.
fn parse_rate(text: &str) -> Result<f64, String> {
    let example = || format!("`{text}` is no rate; write for example `5/s` or `90/min`");
    let (number, unit) = text.split_once('/').ok_or_else(example)?;
    let seconds = match unit.trim() {
        "s" => 1.0,
        "min" | "m" => 60.0,
        "h" | "hour" => 3_600.0,
        _ => return Err(example()),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 && number <= 1e6 => Ok(number / seconds),
        Ok(_) | Err(_) => Err(example()),
    }
}
