//! A value with its place.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::{Faults, Table};
use crate::model::diagnostic::Diagnostic;

/// A value with its place.
#[derive(Clone, Copy, Debug)]
pub struct Value<'d> {
    value: &'d Spanned<DeValue<'d>>,
    source: &'d str,
}

/// A text with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text<'d> {
    /// The text, escapes resolved.
    pub value: Cow<'d, str>,
    /// The bytes it stands in, quotes included.
    pub span: Range<usize>,
    /// Where its content starts in the file, if content and file agree byte for byte.
    content: Option<usize>,
}

impl Text<'_> {
    /// The place in the file of a part of the text; the whole text where escapes blur it.
    pub fn at(&self, part: Range<usize>) -> Range<usize> {
        match self.content {
            Some(start) => start + part.start..start + part.end,
            None => self.span.clone(),
        }
    }
}

impl<'d> Value<'d> {
    pub(super) fn new(value: &'d Spanned<DeValue<'d>>, source: &'d str) -> Self {
        Self { value, source }
    }

    /// The bytes it stands in.
    pub fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// As text.
    pub fn text(&self, faults: &mut Faults) -> Option<Text<'d>> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(self.located(text)),
            DeValue::Integer(_) | DeValue::Float(_) => {
                let written = &self.source[self.span()];
                let help = format!("write it in quotes, with its unit where it has one: \"{written}…\"");
                faults.push(self.mismatch("a text").help(help));
                None
            }
            _ => self.refuse("a text", faults),
        }
    }

    /// A key of the same file as a text.
    pub(super) fn key_text(&self, key: &'d Cow<'d, str>, span: Range<usize>) -> Text<'d> {
        self.located_at(key, span)
    }

    fn located(&self, text: &'d Cow<'d, str>) -> Text<'d> {
        self.located_at(text, self.span())
    }

    fn located_at(&self, text: &'d Cow<'d, str>, span: Range<usize>) -> Text<'d> {
        let written = &self.source[span.clone()];
        let content =
            written.find(text.as_ref()).filter(|_| !text.is_empty()).map(|inside| span.start + inside);
        Text { value: Cow::Borrowed(text.as_ref()), span, content }
    }

    /// As true or false.
    pub fn flag(&self, faults: &mut Faults) -> Option<bool> {
        match self.value.get_ref().as_bool() {
            Some(flag) => Some(flag),
            None => self.refuse("true or false", faults),
        }
    }

    /// As a whole number from `range`.
    pub fn whole(&self, range: Range<u64>, faults: &mut Faults) -> Option<u64> {
        let DeValue::Integer(integer) = self.value.get_ref() else {
            return self.refuse("a whole number", faults);
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let message = format!("must be from {} to {}", range.start, range.end.saturating_sub(1));
                faults.push(Diagnostic::error("out-of-range", self.span(), message));
                None
            }
        }
    }

    /// As a list.
    pub fn list(&self, faults: &mut Faults) -> Option<Vec<Value<'d>>> {
        match self.value.get_ref().as_array() {
            Some(items) => Some(items.iter().map(|item| Value::new(item, self.source)).collect()),
            None => self.refuse("a list", faults),
        }
    }

    /// As a table.
    pub fn table(&self, faults: &mut Faults) -> Option<Table<'d>> {
        match self.value.get_ref().as_table() {
            Some(entries) => Some(Table::new(entries, self.span(), self.source)),
            None => self.refuse("a table", faults),
        }
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// Whether it is a text.
    pub fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    /// As a text that `parse` makes something of.
    pub fn parsed<T, E: Display>(
        &self,
        faults: &mut Faults,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(faults)?;
        match parse(&text.value) {
            Ok(value) => Some(value),
            Err(error) => {
                faults.push(Diagnostic::error("bad-value", text.span, error.to_string()));
                None
            }
        }
    }

    /// As a variant: a bare word, or a table of one key whose value is the payload.
    pub fn variant(&self, faults: &mut Faults) -> Option<(Text<'d>, Option<Value<'d>>)> {
        match self.value.get_ref() {
            DeValue::String(text) => Some((self.located(text), None)),
            DeValue::Table(entries) if entries.len() == 1 => {
                let (key, payload) = entries.iter().next()?;
                let text =
                    Text { value: key.get_ref().clone(), span: key.span(), content: Some(key.span().start) };
                Some((text, Some(Value::new(payload, self.source))))
            }
            DeValue::Table(entries) => {
                let message = format!("one word is wanted here, this table has {}", entries.len());
                let help = "write each in braces of its own: { stop = { … } }";
                faults.push(Diagnostic::error("one-variant", self.span(), message).help(help));
                None
            }
            _ => self.refuse("a word or a table of one word", faults),
        }
    }

    fn mismatch(&self, wanted: &str) -> Diagnostic {
        let found = self.value.get_ref().type_str();
        Diagnostic::error(
            "wrong-type",
            self.span(),
            format!("{wanted} is wanted here, this is of type {found}"),
        )
    }

    fn refuse<T>(&self, wanted: &str, faults: &mut Faults) -> Option<T> {
        faults.push(self.mismatch(wanted));
        None
    }
}
