//! Faults of one expression, told in places of its own text.

use std::ops::Range;

use crate::document::{Faults, Text};
use crate::model::diagnostic::{Diagnostic, Severity, suggest};

/// Where the faults of one expression go.
#[derive(Debug)]
pub(super) struct Report<'a> {
    text: &'a Text<'a>,
    faults: &'a mut Faults,
    failed: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a Text<'a>, faults: &'a mut Faults) -> Self {
        Self { text, faults, failed: false }
    }

    /// Whether an error was told.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// The expression's text.
    pub(super) fn source(&self) -> &'a str {
        &self.text.value
    }

    /// Tells an error.
    pub(super) fn error(&mut self, code: &'static str, at: Range<usize>, message: impl Into<String>) {
        self.push(Diagnostic::error(code, self.text.at(at), message));
    }

    /// Tells an error and what to do about it.
    pub(super) fn error_with(
        &mut self,
        code: &'static str,
        at: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::error(code, self.text.at(at), message).help(help));
    }

    /// Tells a doubt and what to do about it.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        at: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::warning(code, self.text.at(at), message).help(help));
    }

    fn push(&mut self, fault: Diagnostic) {
        self.failed |= fault.severity == Severity::Error;
        self.faults.push(fault);
    }
}

/// Help for a word that is not among `known`: the likely one, else all of them.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let folded = known.iter().copied().find(|one| one.eq_ignore_ascii_case(word));
    match folded.or_else(|| suggest(word, known.iter().copied())) {
        Some(one) => format!("did you mean `{one}`?"),
        None if known.is_empty() => "there are none here".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    }
}
