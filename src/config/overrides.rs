//! Single settings from outside the files: `FDGUARD__target__bot__dry_run=true`, `--set target.bot.dry_run=true`.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::diagnostic::Diagnostic;

/// What the names of variables start with.
pub const ENV_PREFIX: &str = "FDGUARD__";
/// How deep a setting may lie.
const DEPTH_MAX: usize = 16;

/// The table that a variable stands for. `at` is the place of `NAME=value` in `source`.
pub(super) fn from_env(source: &str, at: Range<usize>) -> Result<DeTable<'_>, Diagnostic> {
    let text = &source[at.clone()];
    let equals = text.find('=').unwrap_or(text.len());
    let name = at.start..at.start + equals;
    let path: Vec<Cow<'_, str>> =
        source[name.clone()][ENV_PREFIX.len()..].split("__").map(Cow::Borrowed).collect();
    if path.iter().any(|part| part.is_empty()) {
        let help = "write for example FDGUARD__target__bot__dry_run=true";
        return Err(
            Diagnostic::error("bad-override", name, "a part of this variable's name is empty").help(help)
        );
    }
    nested(path, name.clone(), value(source, name.end + 1..at.end))
}

/// The table that a flag stands for. `at` is the place of `path=value` in `source`.
pub(super) fn from_flag(source: &str, at: Range<usize>) -> Result<DeTable<'_>, Diagnostic> {
    let wrong = |span| {
        Diagnostic::error("bad-override", span, "a setting is given as `path=value`")
            .help("write for example --set target.bot.dry_run=true")
    };
    let equals = unquoted_equals(&source[at.clone()]).ok_or_else(|| wrong(at.clone()))?;
    let key = at.start..at.start + equals;
    let path = dotted(&source[key.clone()]).ok_or_else(|| wrong(key.clone()))?;
    nested(path, key.clone(), value(source, key.end + 1..at.end))
}

fn unquoted_equals(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(place, c)| match (quote, c) {
        (None, '=') => Some(place),
        (None, '"' | '\'') => {
            quote = Some(c);
            None
        }
        (Some(open), _) if c == open => {
            quote = None;
            None
        }
        _ => None,
    })
}

/// The parts of a dotted key, read by the same rules as in a file.
fn dotted(key: &str) -> Option<Vec<Cow<'static, str>>> {
    if key.contains(['\n', '\r', '#']) || key.matches('.').count() > DEPTH_MAX {
        return None;
    }
    let line = format!("{key} = 0");
    let root = DeTable::parse(&line).ok()?;
    let mut table = root.get_ref();
    let mut parts = Vec::new();
    loop {
        let mut entries = table.iter();
        let (name, value) = entries.next()?;
        if entries.next().is_some() {
            return None;
        }
        parts.push(Cow::Owned(name.get_ref().to_string()));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Integer(_) => return Some(parts),
            _ => return None,
        }
    }
}

/// As a TOML value where it is one, else as text.
fn value(source: &str, at: Range<usize>) -> Spanned<DeValue<'_>> {
    let at = at.start.min(source.len())..at.end;
    let text = &source[at.clone()];
    match DeValue::parse(text) {
        Ok(value) if !text.contains('\n') => super::layers::shifted(value, at.start),
        _ => Spanned::new(at, DeValue::String(Cow::Borrowed(text))),
    }
}

fn nested<'s>(
    path: Vec<Cow<'s, str>>,
    key: Range<usize>,
    value: Spanned<DeValue<'s>>,
) -> Result<DeTable<'s>, Diagnostic> {
    if path.len() > DEPTH_MAX {
        let message = format!("a setting lies at most {DEPTH_MAX} tables deep");
        return Err(Diagnostic::error("bad-override", key, message));
    }
    let mut inner = value;
    for part in path.into_iter().rev() {
        let mut table = DeTable::new();
        table.insert(Spanned::new(key.clone(), part), inner);
        inner = Spanned::new(key.clone(), DeValue::Table(table));
    }
    match inner.into_inner() {
        DeValue::Table(table) => Ok(table),
        _ => Err(Diagnostic::error("bad-override", key, "the path of a setting is missing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(text: &str) -> Result<String, &'static str> {
        from_flag(text, 0..text.len()).map(|table| shape(&table)).map_err(|fault| fault.code)
    }

    fn env(text: &str) -> Result<String, &'static str> {
        from_env(text, 0..text.len()).map(|table| shape(&table)).map_err(|fault| fault.code)
    }

    fn shape(table: &DeTable<'_>) -> String {
        let (key, value) = table.iter().next().expect("one key");
        match value.get_ref() {
            DeValue::Table(inner) => format!("{}/{}", key.get_ref(), shape(inner)),
            DeValue::String(text) => format!("{} text {text}", key.get_ref()),
            other => format!("{} {}", key.get_ref(), other.type_str()),
        }
    }

    #[test]
    fn values_are_toml_where_they_parse_and_text_where_not() {
        assert_eq!(flag("a.b=true").as_deref(), Ok("a/b boolean"));
        assert_eq!(flag("a.\"x.y=z\".b=5s").as_deref(), Ok("a/x.y=z/b text 5s"));
        assert_eq!(env("FDGUARD__target__orders-db__Max=").as_deref(), Ok("target/orders-db/Max text "));
        assert_eq!(env("FDGUARD__a=[1, 2]").as_deref(), Ok("a array"));
        assert_eq!(env("FDGUARD__a=b=c").as_deref(), Ok("a text b=c"));
    }

    #[test]
    fn what_is_no_setting_is_told() {
        for text in ["", "a", "=1", "a..b=1", "a=1\nb=2".split('=').next().unwrap(), "[a]\nb=1", "a#=1"] {
            assert_eq!(flag(text), Err("bad-override"), "{text:?}");
        }
        assert_eq!(env("FDGUARD__=1"), Err("bad-override"));
        assert_eq!(env("FDGUARD__a____b=1"), Err("bad-override"));
        assert_eq!(env(&format!("FDGUARD__{}x=1", "a__".repeat(20))), Err("bad-override"));
    }
}
