//! Policy files: `rejected/*.toml`, each with the diagnostics it gets.

use std::fs;

use fdguard::cli::render::diagnostics::{Style, render};
use fdguard::document::Faults;
use fdguard::model::diagnostic::{Diagnostic, Severity};

use crate::golden::{Golden, cases, files};

/// Loads policy files by `load`, which gives the diagnostics of a source, and compares what they get.
fn rejected_policies(load: impl Fn(&str) -> Vec<Diagnostic>) {
    let mut golden = Golden::default();
    let found = files(&cases().join("rejected"), "toml");
    assert!(!found.is_empty(), "there are no cases");
    for path in found {
        let source = fs::read_to_string(&path).unwrap();
        let diagnostics = load(&source);
        if !diagnostics.iter().any(|fault| fault.severity == Severity::Error) {
            golden.refuse(&path, "is accepted");
        }
        let name = path.file_name().unwrap().to_string_lossy();
        golden.check(&path.with_extension("stderr"), &render(&name, &source, &diagnostics, Style::Plain));
    }
    golden.finish();
}

#[test]
fn every_rejected_policy_reads_as_kept() {
    rejected_policies(|source| {
        let mut faults = Faults::default();
        let policy = fdguard::policy::load(source, &mut faults);
        assert!(policy.is_none() || faults.any_error(), "accepted");
        faults.into_sorted()
    });
}
