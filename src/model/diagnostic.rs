//! A fault or a doubt in a file that somebody wrote, as a value. Only `cli::render` draws it.

use std::ops::Range;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing in the file could mend it; `--strict` lets it pass.
    Note,
    /// The file can be used; `--strict` refuses it.
    Warning,
    /// The file can't be used.
    Error,
}

/// One fault or doubt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnostic {
    /// A stable code: `unknown-key`, `unit-mismatch`, `missing-clear`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The bytes of the source it is about.
    pub span: Range<usize>,
    /// What is wrong, one sentence without full stop.
    pub message: String,
    /// What to do about it: a suggestion, the words there are.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, span, message: message.into(), help: None }
    }

    /// A warning.
    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Warning, span, message: message.into(), help: None }
    }

    /// A note.
    pub fn note(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Note, span, message: message.into(), help: None }
    }

    /// The same with help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column of its start in `source`, both from 1; the column counts characters.
    pub fn position(&self, source: &str) -> (usize, usize) {
        let start = self.span.start.min(source.len());
        let before = source.get(..start).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// The word of `known` that `text` was probably meant to be.
pub fn suggest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(text, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len().min(text.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one_in_characters() {
        let fault = Diagnostic::error("x", 8..9, "wrong");
        assert_eq!(fault.position("ab\nä = ?\n"), (2, 5));
        assert_eq!(Diagnostic::error("x", 99..99, "end").position("ab\n"), (2, 1));
    }

    #[test]
    fn suggestions_are_close_or_absent() {
        assert_eq!(suggest("colour", ["color", "size"]), Some("color"));
        assert_eq!(suggest("raize", ["raise", "clear"]), Some("raise"));
        assert_eq!(suggest("zebra", ["raise", "clear"]), None);
    }
}
