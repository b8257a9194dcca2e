//! Policy and scenario files as they are read from disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::print;
use crate::cli::render::diagnostics::{Style, render};
use crate::document::Faults;
use crate::model::chain::chain;
use crate::model::diagnostic::Diagnostic;
use crate::policy::definition::Policy;

/// How the name of a scenario file ends.
pub(super) const TESTS: &str = ".test.toml";

/// A file with its text.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Source {
    /// Reads a file; a fault is told.
    pub(super) fn read(path: &Path) -> Option<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(Self { path: path.to_owned(), text }),
            Err(error) => {
                print::complain(&format!("{} can't be read: {}", path.display(), chain(&error)));
                None
            }
        }
    }

    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Line and column of a place, from 1.
    pub(super) fn position(&self, span: std::ops::Range<usize>) -> (usize, usize) {
        Diagnostic::error("place", span, "").position(&self.text)
    }

    /// Draws the faults found in it.
    pub(super) fn tell(&self, faults: &[Diagnostic]) {
        let style = if print::colours() { Style::Colour } else { Style::Plain };
        print::aside(&render(&self.name(), &self.text, faults, style));
    }
}

/// Reads a policy for use; faults are told.
pub(super) fn policy(path: &Path) -> Option<(Source, Arc<Policy>)> {
    let source = Source::read(path)?;
    let mut faults = Faults::default();
    let policy = crate::policy::load(&source.text, &mut faults);
    if policy.is_none() {
        source.tell(&faults.into_sorted());
    }
    Some((source, Arc::new(policy?)))
}

/// Whether a file holds scenarios, by its name.
pub(super) fn is_tests(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(TESTS))
}

/// The file with the scenarios of a policy: `longport.test.toml` beside `longport.toml`.
pub(super) fn tests_of(path: &Path) -> PathBuf {
    if is_tests(path) {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!("{stem}{TESTS}"))
}
