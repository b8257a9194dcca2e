//! Whether outcomes were told rightly: each against the bot's own count of its descriptors.

use fdguard::model::clock::Timestamp;
use fdguard::model::decision::{Judged, Outcome};

use super::course::Course;

/// The share of descriptors that every expectation of these policies wants to be left at most.
const SHARE: f64 = 0.85;
/// A bot speaks every tenth of a second, and leaks meanwhile: its count may be so far from the agent's.
const SLACK: f64 = 4.0;
/// How far apart in seconds a line and a look may be and still tell of the same moment.
const APART: f64 = 0.4;

/// Fails where an "effective" was told though the bot's own count had not fallen as was expected, or an
/// "ineffective" though it had, and stayed so.
pub(crate) fn check(course: &Course) {
    for (pid, judged) in course.judged() {
        let (before, after) = own_counts(course, pid, judged);
        let fell = |slack: f64| after <= before * SHARE + slack;
        let text = format!(
            "{}: `{}` of {} told {}, its own count went from {before} to {after}: {}",
            course.name, judged.rule, judged.word, judged.outcome, judged.because
        );
        match judged.outcome {
            Outcome::Effective => assert!(fell(SLACK), "a false effective: {text}"),
            Outcome::Ineffective => assert!(!fell(-SLACK), "a false ineffective: {text}"),
            Outcome::Unknown => {}
        }
    }
}

/// The bot's own count as the judged run began, and as it was judged.
fn own_counts(course: &Course, pid: u32, judged: &Judged) -> (f64, f64) {
    let started = course.started().find(|(of, decision)| *of == pid && decision.id == judged.decision);
    let (_, started) = started.unwrap_or_else(|| panic!("{}: {judged:?} was never started", course.name));
    let (begun, told) = (seconds(started.at), seconds(judged.at));
    let near =
        course.tape.of_process(pid).filter(|line| (line.boot - begun).abs() <= APART && line.boot <= told);
    let before = near.map(|line| line.fds).max();
    let after = course.tape.of_process(pid).rfind(|line| line.boot <= told && line.boot > begun);
    match (before, after) {
        (Some(before), Some(after)) => (before as f64, after.fds as f64),
        missing => panic!("{}: the bot was silent around {judged:?}: {missing:?}", course.name),
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_nanos() as f64 / 1e9
}
