//! The faults found so far.

use crate::model::diagnostic::{Diagnostic, Severity};

/// How many faults one file can have before the rest is left out.
const MOST: usize = 200;

/// Collects diagnostics; bounded.
#[derive(Debug, Default)]
pub struct Faults {
    found: Vec<Diagnostic>,
}

impl Faults {
    /// Adds one. Above the bound it is left out, but never the only error: a full list of warnings must not
    /// make a broken file pass.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.found.len() < MOST {
            self.found.push(diagnostic);
        } else if diagnostic.severity == Severity::Error && !self.any_error() {
            self.found.pop();
            self.found.push(diagnostic);
        }
    }

    /// Whether one of them is an error.
    pub fn any_error(&self) -> bool {
        self.found.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// All, in the order of their place in the file.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| {
            (a.span.start, a.span.end, a.code, &a.message).cmp(&(
                b.span.start,
                b.span.end,
                b.code,
                &b.message,
            ))
        });
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_without_end_hide_no_error() {
        let mut faults = Faults::default();
        for _ in 0..2 * MOST {
            faults.push(Diagnostic::warning("w", 0..0, "doubt"));
        }
        faults.push(Diagnostic::error("e", 0..0, "fault"));
        assert!(faults.any_error());
        assert_eq!(faults.into_sorted().len(), MOST);
    }
}
