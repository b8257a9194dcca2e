//! The policies that targets name: read, linted, their faults gathered.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{refused, style};
use crate::cli::render::diagnostics::render;
use crate::config::Target;
use crate::document::Faults;
use crate::model::diagnostic::Diagnostic;
use crate::policy::definition::Policy;
use crate::policy::engine::{Enrolled, Role};
use crate::policy::means::Means;

/// Reads policy files, each once, and collects their faults.
pub(super) struct Reader {
    given: BTreeMap<PathBuf, String>,
    known: BTreeMap<PathBuf, Option<Arc<Policy>>>,
    pub(super) texts: Vec<String>,
    pub(super) files: Vec<PathBuf>,
    pub(super) drawn: String,
    pub(super) found: Vec<Diagnostic>,
    pub(super) faults: Vec<String>,
}

impl Reader {
    pub(super) fn new(given: &[(String, String)]) -> Self {
        Self {
            given: given.iter().map(|(name, text)| (PathBuf::from(name), text.clone())).collect(),
            known: BTreeMap::new(),
            texts: Vec::new(),
            files: Vec::new(),
            drawn: String::new(),
            found: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub(super) fn policies_of(&mut self, target: &Target, means: &Means) -> Vec<Enrolled> {
        let live = target.policies.iter().map(|path| (path, Role::Live));
        let all = live.chain(target.shadow.iter().map(|path| (path, Role::Shadow)));
        let mut enrolled = Vec::new();
        for (path, role) in all {
            if let Some(policy) = self.policy(path, means) {
                enrolled.push(Enrolled { policy, role });
            }
        }
        enrolled
    }

    fn policy(&mut self, path: &Path, means: &Means) -> Option<Arc<Policy>> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let text = match self.given.get(path) {
            Some(text) => text.clone(),
            None => match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) => {
                    let why = format!("can't read the policy {}: {error}", path.display());
                    let _ = writeln!(self.drawn, "error: {why}");
                    self.faults.push(why);
                    self.known.insert(path.to_owned(), None);
                    return None;
                }
            },
        };
        let (policy, diagnostics) = read_policy(&text, Some(means));
        self.drawn.push_str(&render(&path.display().to_string(), &text, &diagnostics, style()));
        self.faults.extend(refused::of_text(&path.display().to_string(), &text, &diagnostics));
        self.found.extend(diagnostics);
        let policy = policy.map(Arc::new);
        self.texts.push(text);
        self.files.push(path.to_owned());
        self.known.insert(path.to_owned(), policy.clone());
        policy
    }
}

/// Parses and lints one policy: the policy where it can be used, and every fault and doubt.
fn read_policy(text: &str, means: Option<&Means>) -> (Option<Policy>, Vec<Diagnostic>) {
    let mut faults = Faults::default();
    let policy = crate::policy::load(text, &mut faults).filter(|_| !faults.any_error());
    let mut diagnostics = faults.into_sorted();
    if let Some(policy) = &policy {
        diagnostics.extend(crate::policy::lint::lint(policy, means));
        diagnostics.sort_by_key(|fault| (fault.span.start, fault.span.end));
    }
    (policy, diagnostics)
}
