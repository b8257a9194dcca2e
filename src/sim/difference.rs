//! Two policies on the same record: only where they differ.

use std::time::Duration;

use serde::Serialize;

use crate::model::decision::{Verdict, Work};
use crate::model::process::ProcessId;
use crate::model::units::format_span;
use crate::sim::course::{Course, Note, seconds};
use crate::sim::transcript::{action_text, hold_text, place};

/// How far apart the same thing may happen and still be the same.
pub const NEAR: Duration = Duration::from_secs(1);

/// Something that only one of two policies does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Difference {
    /// When, since the start.
    #[serde(serialize_with = "seconds")]
    pub at: Duration,
    /// Which policy does it.
    pub side: Side,
    /// What.
    pub what: String,
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Only the old one.
    Old,
    /// Only the new one.
    New,
}

/// What only one of two courses has, in the order of time. The same thing within [`NEAR`] is no difference.
pub fn differences(old: &Course, new: &Course) -> Vec<Difference> {
    let (old, new) = (events(old), events(new));
    let mut matched = vec![false; new.len()];
    let mut found = Vec::new();
    let mut from = 0;
    for (at, process, what) in &old {
        while from < new.len() && new[from].0 + NEAR < *at {
            from += 1;
        }
        let near = (from..new.len()).take_while(|index| new[*index].0 <= *at + NEAR);
        let twin = near
            .into_iter()
            .find(|index| !matched[*index] && new[*index].1 == *process && new[*index].2 == *what);
        match twin {
            Some(index) => matched[index] = true,
            None => found.push(Difference { at: *at, side: Side::Old, what: what.clone() }),
        }
    }
    let lone = new.into_iter().zip(matched).filter(|(_, matched)| !matched);
    found.extend(lone.map(|((at, _, what), _)| Difference { at, side: Side::New, what }));
    found.sort();
    found
}

type Happened = (Duration, Option<ProcessId>, String);

/// What a policy does, in words that do not depend on its numbers or its values.
fn events(course: &Course) -> Vec<Happened> {
    let mut found = Vec::new();
    for entry in &course.entries {
        let what = match &entry.note {
            Note::Moved(moved) => {
                let to = moved.to.as_ref().map_or("normal", |tier| tier.as_str());
                format!("{} goes to {to}", moved.ladder)
            }
            Note::Decided(decision) => {
                let work = match &decision.work {
                    Work::Do(action) => action_text(action),
                    Work::Take(hold) => format!("take {}", hold_text(hold)),
                    Work::Release(hold) => format!("release {}", hold_text(hold)),
                };
                match decision.verdict {
                    Verdict::Start | Verdict::DryRun(_) => format!("{work} ({})", place(&decision.rule)),
                    Verdict::Refused(_) => continue,
                }
            }
            Note::Judged(judged) => {
                format!("{} was {} ({})", judged.word, judged.outcome, place(&judged.rule))
            }
            Note::Latched(rule) => format!("{} waits for a person", place(rule)),
            Note::Ended { .. } | Note::World(_) | Note::Exhausted => continue,
        };
        found.push((entry.at, entry.process, what));
    }
    found.sort_by_key(|(at, ..)| *at);
    found
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = match self.side {
            Side::Old => '-',
            Side::New => '+',
        };
        write!(f, "{sign} {:<10}{}", format_span(self.at), self.what)
    }
}
