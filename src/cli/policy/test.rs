//! `policy test`: runs the scenarios of policies, and asks how much they notice.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::Form;
use super::check::worse;
use super::files::{self, Source, tests_of};
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::document::Faults;
use crate::model::diagnostic::Diagnostic;
use crate::policy::definition::Policy;
use crate::sim::mutation::{Score, score};
use crate::sim::run::{Failure, run as perform};
use crate::sim::script::{self, Script};
use crate::sim::transcript;

/// What to show beside the verdicts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extras {
    pub(super) mutate: bool,
    pub(super) transcript: bool,
}

#[derive(Serialize)]
struct Tested {
    file: String,
    policy: String,
    scenarios: Vec<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutation: Option<Score>,
}

#[derive(Serialize)]
struct Verdict {
    name: String,
    holds: bool,
    failures: Vec<Failed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<String>,
}

#[derive(Serialize)]
struct Failed {
    line: usize,
    column: usize,
    claimed: String,
    found: String,
}

pub(super) fn run(paths: &[PathBuf], extras: Extras, form: Form) -> Exit {
    let mut exit = Exit::Good;
    let mut all = Vec::new();
    for path in paths {
        let Some((tests, policy, tested)) = file(&tests_of(path), extras) else {
            exit = Exit::Usage;
            continue;
        };
        if tested.scenarios.iter().any(|verdict| !verdict.holds) {
            exit = worse(exit, Exit::Finding);
        }
        if form == Form::Text {
            print::out(&text(&tests, &policy, &tested));
        }
        all.push(tested);
    }
    if form == Form::Json {
        print::json(&all);
    }
    exit
}

fn file(path: &Path, extras: Extras) -> Option<(Source, Source, Tested)> {
    let tests = Source::read(path)?;
    let (source, policy, script) = match script(&tests) {
        Ok(found) => found,
        Err(faults) => {
            tests.tell(&faults);
            return None;
        }
    };
    let mut scenarios = Vec::new();
    for scenario in &script.scenarios {
        let performance = perform(&policy, scenario);
        let failures: Vec<Failed> =
            performance.failures.into_iter().map(|failure| failed(&tests, failure)).collect();
        let told = extras.transcript.then(|| transcript::of_scenario(scenario, &performance.course));
        let (name, holds) = (scenario.name.clone(), failures.is_empty());
        scenarios.push(Verdict { name, holds, failures, transcript: told });
    }
    let mutation = extras.mutate.then(|| score(&source.text, &tests.text));
    let tested = Tested { file: tests.name(), policy: source.name(), scenarios, mutation };
    Some((tests, source, tested))
}

/// Reads scenarios with their policy, which stands beside them. A policy that can't be used is a fault at the
/// place that names it.
pub(super) fn script(tests: &Source) -> Result<(Source, Arc<Policy>, Script), Vec<Diagnostic>> {
    let Some(named) = script::policy_of(&tests.text) else {
        let help = "write `policy = \"NAME.toml\"`";
        return Err(vec![Diagnostic::error("missing-key", 0..0, "`policy` is missing").help(help)]);
    };
    let path = tests.path.parent().unwrap_or(Path::new("")).join(&named);
    let Some((source, policy)) = files::policy(&path) else {
        let start = tests.text.find(&named).unwrap_or(0);
        let message = format!("the policy `{}` can't be used", path.display());
        return Err(vec![Diagnostic::error("no-policy", start..start + named.len(), message)]);
    };
    let mut faults = Faults::default();
    match script::read(&tests.text, &policy, &mut faults) {
        Some(script) => Ok((source, policy, script)),
        None => Err(faults.into_sorted()),
    }
}

fn failed(tests: &Source, failure: Failure) -> Failed {
    let (line, column) = tests.position(failure.span);
    Failed { line, column, claimed: failure.claimed, found: failure.found }
}

fn text(tests: &Source, policy: &Source, tested: &Tested) -> String {
    let mut text = format!("{}\n", tests.name());
    for verdict in &tested.scenarios {
        let _ = writeln!(text, "  {:<5} {}", if verdict.holds { "ok" } else { "FAIL" }, verdict.name);
        for failed in &verdict.failures {
            let place = format!("{}:{}:{}", tests.name(), failed.line, failed.column);
            let _ = writeln!(text, "        {}\n          {} ({place})", failed.claimed, failed.found);
        }
        for line in verdict.transcript.iter().flat_map(|told| told.lines().skip(1)) {
            let _ = writeln!(text, "        {line}");
        }
    }
    let held = tested.scenarios.iter().filter(|verdict| verdict.holds).count();
    let _ = writeln!(text, "  {held} of {} scenarios hold", tested.scenarios.len());
    if let Some(score) = &tested.mutation {
        mutation(policy, score, &mut text);
    }
    text
}

fn mutation(policy: &Source, score: &Score, text: &mut String) {
    let percent = score.share() * 100.0;
    let _ = writeln!(text, "  {} of {} changes noticed ({percent:.1} %)", score.killed, score.total);
    for survivor in &score.survivors {
        let place = format!("{}:{}:{}", policy.name(), survivor.line, survivor.column);
        let _ = writeln!(text, "    {place} {} {}", survivor.place, survivor.what);
        let _ = writeln!(text, "      would be noticed by {}", survivor.notice);
    }
}
