//! What came of a policy, step by step: the common ground of scenarios and replays.

use std::time::Duration;

use serde::Serialize;

use crate::model::action::Word;
use crate::model::decision::{Decision, DecisionId, Evaluation, Judged, RulePath, Transition, Verdict};
use crate::model::name::Name;
use crate::model::process::ProcessId;

/// What happened, in order.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Course {
    /// In the order in which it happened.
    pub entries: Vec<Entry>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Entry {
    /// Time since the start.
    #[serde(serialize_with = "seconds")]
    pub at: Duration,
    /// The process it is about; none for the agent and the clocks.
    pub process: Option<ProcessId>,
    /// What happened.
    #[serde(flatten)]
    pub note: Note,
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// A ladder moved.
    Moved(Transition),
    /// Something was decided.
    Decided(Decision),
    /// An action ended.
    Ended {
        /// The decision.
        decision: DecisionId,
        /// The word.
        word: Word,
        /// How.
        result: Result<String, String>,
    },
    /// An expectation was judged.
    Judged(Judged),
    /// A tier waits for a person.
    Latched(RulePath),
    /// Something that the policy did not do.
    World(String),
    /// The descriptors ran out: `fd.open` reached `fd.limit`.
    Exhausted,
}

impl Course {
    /// Adds what a step gave.
    pub fn extend(&mut self, at: Duration, process: ProcessId, evaluation: Evaluation) {
        let Evaluation { transitions, decisions, judged, latched, shadow: _, lost } = evaluation;
        let judged = judged.into_iter().map(Note::Judged);
        let moved = transitions.into_iter().map(Note::Moved);
        let decided = decisions.into_iter().map(Note::Decided);
        let latched = latched.into_iter().map(Note::Latched);
        let lost = lost.into_iter().map(|lost| Note::World(lost.to_string()));
        let notes = lost.chain(judged).chain(moved).chain(decided).chain(latched);
        self.entries.extend(notes.map(|note| Entry { at, process: Some(process), note }));
    }

    /// Adds one thing.
    pub fn push(&mut self, at: Duration, process: Option<ProcessId>, note: Note) {
        self.entries.push(Entry { at, process, note });
    }

    /// The transitions, with their times.
    pub fn moves(&self) -> impl Iterator<Item = (Duration, &Transition)> {
        self.entries.iter().filter_map(|entry| match &entry.note {
            Note::Moved(transition) => Some((entry.at, transition)),
            Note::Decided(_)
            | Note::Ended { .. }
            | Note::Judged(_)
            | Note::Latched(_)
            | Note::World(_)
            | Note::Exhausted => None,
        })
    }

    /// The decisions, with their times.
    pub fn decisions(&self) -> impl Iterator<Item = (Duration, &Decision)> {
        self.entries.iter().filter_map(|entry| match &entry.note {
            Note::Decided(decision) => Some((entry.at, decision)),
            Note::Moved(_)
            | Note::Ended { .. }
            | Note::Judged(_)
            | Note::Latched(_)
            | Note::World(_)
            | Note::Exhausted => None,
        })
    }

    /// The judgements, with their times.
    pub fn judgements(&self) -> impl Iterator<Item = (Duration, &Judged)> {
        self.entries.iter().filter_map(|entry| match &entry.note {
            Note::Judged(judged) => Some((entry.at, judged)),
            Note::Moved(_)
            | Note::Decided(_)
            | Note::Ended { .. }
            | Note::Latched(_)
            | Note::World(_)
            | Note::Exhausted => None,
        })
    }

    /// When the descriptors first ran out.
    pub fn exhausted(&self) -> Option<Duration> {
        self.entries.iter().find(|entry| entry.note == Note::Exhausted).map(|entry| entry.at)
    }

    /// When a tier, or one above it in `order`, was first entered from below.
    pub fn first_raise(&self, ladder: &Name, tier: &Name, order: &[Name]) -> Option<Duration> {
        let level = |name: &Option<Name>| {
            name.as_ref().and_then(|name| order.iter().position(|tier| tier == name)).map_or(0, |i| i + 1)
        };
        let wanted = level(&Some(tier.clone()));
        let mut raises = self.moves().filter(|(_, moved)| {
            moved.ladder == *ladder && level(&moved.from) < wanted && level(&moved.to) >= wanted
        });
        raises.next().map(|(at, _)| at)
    }
}

/// Whether an action was started, or would have been but for a dry run.
pub(crate) fn is_wanted(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Start | Verdict::DryRun(_) => true,
        Verdict::Refused(_) => false,
    }
}

/// Seconds with a fraction.
pub(crate) fn seconds<S: serde::Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}
