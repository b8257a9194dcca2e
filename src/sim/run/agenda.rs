//! What will happen: actions that end, changes that show, processes that come.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::action::Word;
use crate::model::decision::Report;
use crate::model::observation::SignalKey;
use crate::model::process::ProcessId;
use crate::sim::script::Change;
use crate::sim::world::Number;

/// Something that will happen.
pub(super) enum Due {
    /// An action of the agent ends.
    Report(ProcessId, Word, Report),
    /// A change shows.
    Change(BTreeMap<SignalKey, Change>),
    /// The process ends; a new one comes so long after.
    End { process: ProcessId, code: i32, next: Option<(Duration, Number)> },
    /// A new process comes.
    Spawn(Number),
    /// The agent is back.
    AgentBack,
}

/// What will happen, in the order of time; what is due at the same time in the order in which it was noted.
#[derive(Default)]
pub(super) struct Agenda {
    due: BTreeMap<(Duration, u64), Due>,
    noted: u64,
}

impl Agenda {
    pub(super) fn note(&mut self, at: Duration, due: Due) {
        self.noted += 1;
        self.due.insert((at, self.noted), due);
    }

    /// The next that is due at `now`.
    pub(super) fn next(&mut self, now: Duration) -> Option<(Duration, Due)> {
        let entry = self.due.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }

    /// The agent ends, and its actions with it. What they have set off goes on.
    pub(super) fn drop_reports(&mut self) {
        self.due.retain(|_, due| !matches!(due, Due::Report(..)));
    }
}
