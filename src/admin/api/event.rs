//! An event as the API tells it.

use serde::Serialize;

use crate::journal::facts::kind;
use crate::model::event::{Event, Fact, Loudness};
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::sentence::saying;

/// An event: what it is about, what it says, and the fact itself.
#[derive(Debug, Serialize)]
pub(super) struct Told<'e> {
    /// When, in milliseconds since the Unix epoch.
    wall: i64,
    /// How loud it is.
    loudness: Loudness,
    /// Its kind, as the history names it.
    kind: &'static str,
    /// The target it is about.
    target: Option<&'e Name>,
    /// The process it is about.
    process: Option<ProcessId>,
    /// For people.
    text: String,
    /// For programs.
    fact: &'e Fact,
}

impl<'e> Told<'e> {
    /// Of an event.
    pub(super) fn of(event: &'e Event) -> Self {
        Self {
            wall: event.wall.as_millis(),
            loudness: event.fact.headline().0,
            kind: kind(&event.fact),
            target: event.target.as_ref(),
            process: event.process,
            text: saying(&event.fact),
            fact: &event.fact,
        }
    }
}
