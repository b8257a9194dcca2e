//! A table that knows which of its keys have been asked for.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;
use std::time::Duration;

use toml::de::DeTable;

use super::{Faults, Text, Value};
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::name::Name;
use crate::model::units::{parse_bytes, parse_ratio, parse_span};

/// A table being read. Ask for each known key once, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct Table<'d> {
    entries: &'d DeTable<'d>,
    span: Range<usize>,
    source: &'d str,
    asked: BTreeSet<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) fn new(entries: &'d DeTable<'d>, span: Range<usize>, source: &'d str) -> Self {
        Self { entries, span, source, asked: BTreeSet::new() }
    }

    /// The bytes it stands in.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The value of a key that may be absent.
    pub fn value(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.asked.insert(key);
        self.entries.get(key).map(|value| Value::new(value, self.source))
    }

    /// The place of a key, where it is present.
    pub fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get_key_value(key).map(|(key, _)| key.span())
    }

    /// The value of a key that must be present; its absence is a fault.
    pub fn require(&mut self, key: &'static str, faults: &mut Faults) -> Option<Value<'d>> {
        let value = self.value(key);
        if value.is_none() {
            let start = self.span.start;
            faults.push(Diagnostic::error("missing-key", start..start, format!("`{key}` is missing")));
        }
        value
    }

    /// A text that may be absent.
    pub fn text(&mut self, key: &'static str, faults: &mut Faults) -> Option<Text<'d>> {
        self.value(key)?.text(faults)
    }

    /// True or false; may be absent.
    pub fn flag(&mut self, key: &'static str, faults: &mut Faults) -> Option<bool> {
        self.value(key)?.flag(faults)
    }

    /// A whole number from `range`; may be absent.
    pub fn whole(&mut self, key: &'static str, range: Range<u64>, faults: &mut Faults) -> Option<u64> {
        self.value(key)?.whole(range, faults)
    }

    /// A list; may be absent.
    pub fn list(&mut self, key: &'static str, faults: &mut Faults) -> Option<Vec<Value<'d>>> {
        self.value(key)?.list(faults)
    }

    /// A table inside; may be absent.
    pub fn table(&mut self, key: &'static str, faults: &mut Faults) -> Option<Table<'d>> {
        self.value(key)?.table(faults)
    }

    /// A duration such as `"30s"`; may be absent.
    pub fn span_of_time(&mut self, key: &'static str, faults: &mut Faults) -> Option<Duration> {
        self.parsed(key, faults, parse_span)
    }

    /// A size such as `"64MiB"`; may be absent.
    pub fn bytes(&mut self, key: &'static str, faults: &mut Faults) -> Option<u64> {
        self.parsed(key, faults, parse_bytes)
    }

    /// A ratio such as `"80%"`; may be absent.
    pub fn ratio(&mut self, key: &'static str, faults: &mut Faults) -> Option<f64> {
        self.parsed(key, faults, parse_ratio)
    }

    /// A name; may be absent.
    pub fn name(&mut self, key: &'static str, faults: &mut Faults) -> Option<Name> {
        self.parsed(key, faults, Name::parse)
    }

    /// A text that `parse` makes something of; may be absent.
    pub fn parsed<T, E: Display>(
        &mut self,
        key: &'static str,
        faults: &mut Faults,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.value(key)?.parsed(faults, parse)
    }

    /// Every entry whose key the author chose: `[target.NAME]`, `[ladder.NAME]`. Keys that are no names are
    /// faults. Call instead of asking for keys; [`finish`](Self::finish) must not follow.
    pub fn named_entries(self, faults: &mut Faults) -> Vec<(Name, Range<usize>, Value<'d>)> {
        let mut entries = Vec::new();
        for (key, value) in self.entries {
            match Name::parse(key.get_ref()) {
                Ok(name) => entries.push((name, key.span(), Value::new(value, self.source))),
                Err(error) => faults.push(Diagnostic::error("bad-name", key.span(), error.to_string())),
            }
        }
        entries
    }

    /// Every entry as it stands, keys as written: for tables such as `env = { A = "b" }`.
    pub fn raw_entries(self) -> Vec<(Cow<'d, str>, Range<usize>, Value<'d>)> {
        let entry = |(key, value): (&'d toml::Spanned<Cow<'d, str>>, &'d toml::Spanned<_>)| {
            (key.get_ref().clone(), key.span(), Value::new(value, self.source))
        };
        self.entries.iter().map(entry).collect()
    }

    /// Every entry as it stands, keys as texts with their places: for keys that mean something themselves.
    pub fn text_entries(self) -> Vec<(Text<'d>, Value<'d>)> {
        let entry = |(key, value): (&'d toml::Spanned<Cow<'d, str>>, &'d toml::Spanned<_>)| {
            let value = Value::new(value, self.source);
            (value.key_text(key.get_ref(), key.span()), value)
        };
        self.entries.iter().map(entry).collect()
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self, faults: &mut Faults) {
        for (key, _) in self.entries {
            let written = key.get_ref().as_ref();
            if self.asked.contains(written) {
                continue;
            }
            let known: Vec<&str> = self.asked.iter().copied().collect();
            let help = match suggest(written, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            faults.push(
                Diagnostic::error("unknown-key", key.span(), format!("unknown key `{written}`")).help(help),
            );
        }
    }
}
