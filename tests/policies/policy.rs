//! Policy files: `rejected/*.toml`, each with the diagnostics it gets.

use std::fs;

use fdguard::cli::render::diagnostics::{Style, render};
use fdguard::model::diagnostic::{Diagnostic, Severity};

use crate::golden::{Golden, cases, files};

/// Loads policy files by `load`, which gives the diagnostics of a source, and compares what they get.
///
/// Waits for `policy::load`: the test that calls this is one line, and stands beside it then.
#[expect(dead_code, reason = "wired where `policy` lands")]
pub(crate) fn rejected_policies(load: impl Fn(&str) -> Vec<Diagnostic>) {
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
