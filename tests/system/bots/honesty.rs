//! Whether outcomes were told rightly: each against the bot's own count of its descriptors.

use fdguard::model::clock::Timestamp;
use fdguard::model::decision::{Judged, Outcome};

use super::course::Course;
use super::tape::Line;

/// The share of descriptors that every expectation of these policies wants to be left at most.
const SHARE: f64 = 0.85;
/// An order's own connection, and what a bot opened between counting and speaking.
const SLACK: f64 = 3.0;
/// A line so young, in seconds, tells of the present.
const FRESH: f64 = 0.15;

/// Fails where an "effective" was told though the bot's own count had not fallen as was expected, or an
/// "ineffective" though it had.
pub(crate) fn check(course: &Course) {
    for (pid, judged) in course.judged().filter(|(_, judged)| judged.outcome != Outcome::Unknown) {
        let own = OwnCount::around(course, pid, judged);
        let text = format!(
            "{}: `{}` of {} told {}, where the bot counted {own:?}: {}",
            course.name, judged.rule, judged.word, judged.outcome, judged.because
        );
        let effective = judged.outcome == Outcome::Effective;
        assert!(!effective || own.after <= own.most_before * SHARE + SLACK, "a false effective: {text}");
        let ineffective = !effective && own.fresh;
        assert!(!ineffective || own.after > own.least_before * SHARE - SLACK, "a false ineffective: {text}");
    }
}

/// What a bot counted as a run began and as it was judged. It speaks ten times a second at best and only adds by
/// itself, so its count between two lines lies between theirs.
#[derive(Debug)]
struct OwnCount {
    least_before: f64,
    most_before: f64,
    after: f64,
    /// Whether the bot spoke shortly before the judgement; else it may have opened many since.
    fresh: bool,
}

impl OwnCount {
    fn around(course: &Course, pid: u32, judged: &Judged) -> Self {
        let started = course.started().find(|(of, decision)| *of == pid && decision.id == judged.decision);
        let (_, started) = started.unwrap_or_else(|| panic!("{}: {judged:?} was never started", course.name));
        let done = course.finished(judged.decision).map_or(started.at, |event| event.at);
        let lines: Vec<&Line> = course.tape.of_process(pid).collect();
        let next = |at: Timestamp| lines.partition_point(|line| line.boot <= seconds(at));
        let (begun, ended, told) = (next(started.at), next(done), next(judged.at));
        assert!(begun > 0 && ended < lines.len(), "{}: the bot was silent around {judged:?}", course.name);
        let leaked = |until: usize| {
            let until = lines.get(until).unwrap_or(&lines[until - 1]);
            (until.leaks - lines[begun - 1].leaks) as f64
        };
        let before = lines[begun - 1].fds as f64;
        // The last line between the action's end and the judgement; where there is none, the next one without
        // what was leaked since.
        let after = if told > ended {
            lines[told - 1].fds as f64
        } else {
            lines[ended].fds as f64 - (lines[ended].leaks - lines[ended - 1].leaks) as f64
        };
        let fresh = seconds(judged.at) - lines[told - 1].boot < FRESH;
        Self { fresh, least_before: before, most_before: before + leaked(begun), after }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_nanos() as f64 / 1e9
}
