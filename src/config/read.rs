//! Readers of single values: what a section hands to `Section::get`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::secret::Secret;
use super::show::{NONE, Share, Size};
use crate::document::{Faults, Value};
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::units::{format_bytes, format_ratio, format_span, parse_bytes, parse_ratio, parse_span};

/// The most words of a command.
const ARGV_MAX: usize = 256;

/// A duration from `range`.
pub(super) fn span(
    range: RangeInclusive<Duration>,
) -> impl FnOnce(Value<'_>, &mut Faults) -> Option<Duration> {
    move |value, faults| {
        let span = value.parsed(faults, parse_span)?;
        if range.contains(&span) {
            return Some(span);
        }
        out_of_range(value, &format_span(*range.start()), &format_span(*range.end()), faults)
    }
}

/// A size from `range`, in bytes.
pub(super) fn size(range: RangeInclusive<u64>) -> impl FnOnce(Value<'_>, &mut Faults) -> Option<Size> {
    move |value, faults| {
        let bytes = value.parsed(faults, parse_bytes)?;
        if range.contains(&bytes) {
            return Some(Size(bytes));
        }
        out_of_range(value, &format_bytes(*range.start()), &format_bytes(*range.end()), faults)
    }
}

/// A share from `range`.
pub(super) fn share(range: RangeInclusive<f64>) -> impl FnOnce(Value<'_>, &mut Faults) -> Option<Share> {
    move |value, faults| {
        let share = value.parsed(faults, parse_ratio)?;
        if range.contains(&share) {
            return Some(Share(share));
        }
        out_of_range(value, &format_ratio(*range.start()), &format_ratio(*range.end()), faults)
    }
}

/// A whole number from `range`.
pub(super) fn count(range: RangeInclusive<u64>) -> impl FnOnce(Value<'_>, &mut Faults) -> Option<u64> {
    move |value, faults| value.whole(*range.start()..range.end().saturating_add(1), faults)
}

/// A whole number from `range` that fits 32 bits.
pub(super) fn number(range: RangeInclusive<u32>) -> impl FnOnce(Value<'_>, &mut Faults) -> Option<u32> {
    move |value, faults| {
        let number = value.whole(u64::from(*range.start())..u64::from(*range.end()) + 1, faults)?;
        u32::try_from(number).ok()
    }
}

/// The word `none`, or what `read` reads.
pub(super) fn or_none<T>(
    read: impl FnOnce(Value<'_>, &mut Faults) -> Option<T>,
) -> impl FnOnce(Value<'_>, &mut Faults) -> Option<Option<T>> {
    move |value, faults| {
        let text = value.is_text().then(|| value.text(faults)).flatten();
        match text {
            Some(text) if text.value == NONE => Some(None),
            Some(text) if text.value.chars().all(|c| !c.is_ascii_digit()) => {
                faults.push(unknown_word(&text.value, text.span, std::iter::once(NONE)));
                None
            }
            Some(_) | None => read(value, faults).map(Some),
        }
    }
}

fn out_of_range<T>(value: Value<'_>, least: &str, most: &str, faults: &mut Faults) -> Option<T> {
    let message = format!("must be from {least} to {most}");
    faults.push(Diagnostic::error("out-of-range", value.span(), message));
    None
}

/// True or false.
pub(super) fn flag(value: Value<'_>, faults: &mut Faults) -> Option<bool> {
    value.flag(faults)
}

/// A text that is not empty.
pub(super) fn text(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = value.text(faults)?;
    if text.value.is_empty() {
        faults.push(Diagnostic::error("bad-value", text.span, "a text is missing here"));
        return None;
    }
    Some(text.value.into_owned())
}

/// A list whose items `read` reads; items that are wrong are reported and left out.
pub(super) fn list<T>(
    read: impl Fn(Value<'_>, &mut Faults) -> Option<T>,
) -> impl FnOnce(Value<'_>, &mut Faults) -> Option<Vec<T>> {
    move |value, faults| {
        let items = value.list(faults)?;
        Some(items.into_iter().filter_map(|item| read(item, faults)).collect())
    }
}

/// The items of a list, or the one value that stands there without brackets; their number is from `range`.
pub(super) fn one_or_many<'d>(
    value: Value<'d>,
    range: RangeInclusive<usize>,
    faults: &mut Faults,
) -> Option<Vec<Value<'d>>> {
    let items = if value.is_text() { vec![value] } else { value.list(faults)? };
    if range.contains(&items.len()) {
        return Some(items);
    }
    let message = if items.is_empty() {
        "at least one is wanted here".to_owned()
    } else {
        format!("at most {} stand here", range.end())
    };
    faults.push(Diagnostic::error("out-of-range", value.span(), message));
    None
}

/// One of `words`: pairs of the word as written and what it means.
pub(super) fn word<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl FnOnce(Value<'_>, &mut Faults) -> Option<T> {
    move |value, faults| {
        let text = value.text(faults)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*meaning);
        }
        faults.push(unknown_word(&text.value, text.span, words.iter().map(|(word, _)| *word)));
        None
    }
}

/// That `written` is none of `known`.
pub(super) fn unknown_word<'k>(
    written: &str,
    span: std::ops::Range<usize>,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Diagnostic {
    let help = match suggest(written, known.clone()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known here: {}", known.collect::<Vec<_>>().join(", ")),
    };
    Diagnostic::error("unknown-word", span, format!("unknown word `{written}`")).help(help)
}

/// A command: a list of words, the first one the program. There is no shell.
pub(super) fn argv(value: Value<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    if value.is_text() {
        let line = value.text(faults)?;
        faults.push(no_shell(&line.value, line.span));
        return None;
    }
    let words = value.list(faults)?;
    let wrong = |message: &str| Diagnostic::error("bad-command", value.span(), message);
    if words.is_empty() || words.len() > ARGV_MAX {
        faults.push(wrong("a command has a program and at most 255 arguments"));
        return None;
    }
    let argv: Vec<String> =
        words.iter().filter_map(|word| word.text(faults)).map(|word| word.value.into_owned()).collect();
    if argv.len() < words.len() {
        return None;
    }
    if argv[0].is_empty() || argv.iter().any(|word| word.contains('\0')) {
        faults.push(wrong("the program is missing, or a word holds a zero byte"));
        return None;
    }
    Some(argv)
}

/// What a command line in one string should have been.
fn no_shell(line: &str, span: std::ops::Range<usize>) -> Diagnostic {
    let fault = Diagnostic::error("not-a-list", span, "a command is a list of words; no shell reads it");
    if line.contains(['|', '&', ';', '<', '>', '$', '`', '*', '\\', '"', '\'', '(', '\n']) {
        return fault.help("put the line into a script of its own and write run = [\"/path/to/script\"]");
    }
    let words: Vec<String> = line.split_whitespace().map(super::show::quoted).collect();
    fault.help(format!("write [{}]", words.join(", ")))
}

/// Environment variables: names as written, values that are never shown.
pub(super) fn env(value: Value<'_>, faults: &mut Faults) -> Option<BTreeMap<String, Secret>> {
    let mut found = BTreeMap::new();
    for (name, span, value) in value.table(faults)?.raw_entries() {
        if !is_variable(&name) {
            let message = format!("`{}` is no name of a variable", name.escape_debug());
            faults.push(Diagnostic::error("bad-name", span, message));
        } else if let Some(text) = value.text(faults) {
            found.insert(name.into_owned(), Secret::new(&text.value));
        }
    }
    Some(found)
}

/// Whether it can be the name of a variable.
pub(super) fn is_variable(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(fits)
}

/// A JSON pointer (RFC 6901): empty for the whole, else parts that each start with `/`.
pub(super) fn pointer(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = value.text(faults)?;
    if text.value.is_empty() || text.value.starts_with('/') {
        return Some(text.value.into_owned());
    }
    let help = format!("write \"/{}\"", text.value.replace('.', "/"));
    let message = "a JSON pointer starts with `/`";
    faults.push(Diagnostic::error("bad-value", text.span, message).help(help));
    None
}
