//! The shipped policies on their scenarios: all hold, the transcripts are as kept, and small changes are noticed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fdguard::document::Faults;
use fdguard::policy::definition::Policy;
use fdguard::sim::mutation::score_of;
use fdguard::sim::run::run;
use fdguard::sim::script::{self, Script};
use fdguard::sim::transcript;

use crate::golden::{Golden, cases};

/// Without optimisation only each so many of the changes is tried.
const SAMPLE: usize = if cfg!(debug_assertions) { 17 } else { 1 };
/// The most lines of a transcript that are kept.
const LINES: usize = 60;
/// The share of small changes that the scenarios of a shipped policy notice at least.
const NOTICED: f64 = 0.85;

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".toml") && !name.ends_with(".test.toml")
    });
    found.sort();
    assert!(found.len() >= 3, "{found:?}");
    found
}

fn read(path: &Path) -> (String, Arc<Policy>, String, Script) {
    let source = fs::read_to_string(path).unwrap();
    let tests = fs::read_to_string(path.with_extension("test.toml"))
        .unwrap_or_else(|_| panic!("{} has no scenarios", path.display()));
    let mut faults = Faults::default();
    let policy = fdguard::policy::load(&source, &mut faults);
    let policy = policy.unwrap_or_else(|| panic!("{:?}", faults.into_sorted()));
    let mut faults = Faults::default();
    let script = script::read(&tests, &policy, &mut faults);
    let script = script.unwrap_or_else(|| panic!("{}: {:?}", path.display(), faults.into_sorted()));
    (source, Arc::new(policy), tests, script)
}

#[test]
fn every_scenario_holds_and_reads_as_kept() {
    let mut golden = Golden::default();
    for path in shipped() {
        let (_, policy, _, script) = read(&path);
        let mut told = String::new();
        for scenario in &script.scenarios {
            let performance = run(&policy, scenario);
            let transcript = transcript::of_scenario(scenario, &performance.course);
            for failure in &performance.failures {
                let why = format!("{}: {}: {}\n{transcript}", scenario.name, failure.claimed, failure.found);
                golden.refuse(&path, &why);
            }
            told.push_str(&head(&transcript));
            told.push('\n');
        }
        let name = format!("{}.txt", path.file_stem().unwrap().to_string_lossy());
        golden.check(&cases().join("expected").join(name), &told);
    }
    golden.finish();
}

/// The first lines of a transcript: what comes after only repeats itself.
fn head(transcript: &str) -> String {
    let lines: Vec<&str> = transcript.lines().collect();
    let mut kept = lines.iter().take(LINES).fold(String::new(), |kept, line| kept + line + "\n");
    if lines.len() > LINES {
        let _ = writeln!(kept, "… and {} lines more", lines.len() - LINES);
    }
    kept
}

#[test]
fn the_same_scenario_gives_the_same_bytes() {
    for path in shipped() {
        let (_, policy, _, script) = read(&path);
        let scenario = &script.scenarios[0];
        let told = || transcript::of_course(&run(&policy, scenario).course);
        assert_eq!(told(), told());
    }
}

/// A bot that is well: the shipped policies do nothing to it that it could notice.
#[test]
fn every_shipped_policy_says_what_a_healthy_keep_alive_pool_may_expect() {
    for path in shipped() {
        let (_, policy, _, script) = read(&path);
        let healthy = script.scenarios.iter().find(|one| one.name.starts_with("a healthy keep-alive pool"));
        let healthy = healthy.unwrap_or_else(|| panic!("{} does not say", path.display()));
        let course = run(&policy, healthy).course;
        let disruptive: Vec<_> = course
            .decisions()
            .filter(|(_, decision)| {
                decision.cause != fdguard::model::decision::Cause::Upkeep
                    && decision.work.word().effect() != fdguard::model::action::Effect::None
            })
            .collect();
        assert!(disruptive.is_empty(), "{}: {disruptive:?}", path.display());
    }
}

#[test]
fn scenarios_notice_small_changes() {
    std::thread::scope(|scope| {
        for path in shipped() {
            scope.spawn(move || notices(&path));
        }
    });
}

fn notices(path: &Path) {
    let (source, _, tests, _) = read(path);
    let changes = fdguard::policy::mutants(&source).into_iter().step_by(SAMPLE);
    let score = score_of(&source, &tests, changes);
    assert!(score.total > 150 / SAMPLE, "{}: only {} changes", path.display(), score.total);
    assert!(
        score.share() >= NOTICED,
        "{}: {} of {} noticed; not noticed: {:#?}",
        path.display(),
        score.killed,
        score.total,
        score.survivors
    );
}
