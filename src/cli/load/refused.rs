//! Why nothing could be loaded.

use std::fmt::Write as _;

use crate::config::Report;
use crate::model::diagnostic::{Diagnostic, Severity};

/// The most faults that are told in one line.
const TOLD_MAX: usize = 20;

/// Nothing could be loaded: every fault, drawn for people, and each in a line of its own.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Refused {
    /// All of it.
    pub(in crate::cli) drawn: String,
    /// The faults, each with its place.
    pub(super) faults: Vec<String>,
}

impl Refused {
    /// Faults that are drawn as they are told, after what was drawn already.
    pub(super) fn told(mut drawn: String, faults: Vec<String>) -> Self {
        for fault in &faults {
            let _ = writeln!(drawn, "error: {fault}");
        }
        Self { drawn, faults }
    }

    /// All faults in one line, for a log and for who asked from afar.
    pub(in crate::cli) fn line(&self) -> String {
        let told = self.faults.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join("; ");
        match self.faults.len().saturating_sub(TOLD_MAX) {
            0 => told,
            more => format!("{told}; and {more} more"),
        }
    }
}

/// The faults of a report, a line each.
pub(super) fn of_report(report: &Report) -> Vec<String> {
    let parts = report.parts.iter();
    parts.flat_map(|part| of_text(&part.name, &part.text, &part.diagnostics)).collect()
}

/// The faults in a text, a line each; doubts are none.
pub(super) fn of_text(name: &str, text: &str, diagnostics: &[Diagnostic]) -> Vec<String> {
    let faults = diagnostics.iter().filter(|fault| fault.severity == Severity::Error);
    let line = |fault: &Diagnostic| {
        let (line, column) = fault.position(text);
        format!("{name}:{line}:{column}: {}", fault.message)
    };
    faults.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_told_with_its_place_up_to_a_bound() {
        let found = [Diagnostic::error("a", 4..5, "wrong"), Diagnostic::warning("b", 0..1, "odd")];
        assert_eq!(of_text("x.toml", "one\ntwo", &found), ["x.toml:2:1: wrong"]);
        let faults = (0..22).map(|number| number.to_string()).collect();
        let refused = Refused::told("before\n".to_owned(), faults);
        assert!(refused.line().starts_with("0; 1; ") && refused.line().ends_with("19; and 2 more"));
        assert!(refused.drawn.starts_with("before\nerror: 0\n") && refused.drawn.ends_with("error: 21\n"));
    }
}
