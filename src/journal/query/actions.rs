//! Actions with what became of them, joined from the events around one decision.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::decision::{Decision, DecisionId, Judged, Verdict};
use crate::model::event::{Event, Fact};
use crate::model::name::Name;

/// One action that was started.
#[derive(Clone, PartialEq, Debug)]
pub struct ActionRecord {
    /// The target.
    pub target: Option<Name>,
    /// Why it was started.
    pub decision: Decision,
    /// How it ended and how long it took; none where it was still under way.
    pub finished: Option<(Result<String, String>, Duration)>,
    /// Whether it helped; none where nothing was expected or judged yet.
    pub judged: Option<Judged>,
}

/// The actions that these events (oldest first) tell of, oldest first. What was refused or a dry run is none.
pub fn actions(events: &[Event]) -> Vec<ActionRecord> {
    let mut records: Vec<ActionRecord> = Vec::new();
    let mut places: BTreeMap<(Option<&Name>, DecisionId), usize> = BTreeMap::new();
    for event in events {
        let target = event.target.as_ref();
        if let Fact::Decision(decision) = &event.fact
            && decision.verdict == Verdict::Start
        {
            places.insert((target, decision.id), records.len());
            let (target, decision) = (event.target.clone(), decision.clone());
            records.push(ActionRecord { target, decision, finished: None, judged: None });
        }
        let place = |id: DecisionId| places.get(&(target, id)).copied();
        if let Fact::Finished { decision, result, took } = &event.fact
            && let Some(place) = place(*decision)
        {
            records[place].finished = Some((result.clone(), *took));
        }
        if let Fact::Judged(judged) = &event.fact
            && let Some(place) = place(judged.decision)
        {
            records[place].judged = Some(judged.clone());
        }
    }
    records
}
