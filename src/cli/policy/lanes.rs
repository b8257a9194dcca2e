//! Samples of several processes in the order of time.
//!
//! Processes that follow each other share a lane and one reader; those that overlap are merged from lanes of
//! their own. So a bot that was restarted a hundred times costs one open file.

use std::collections::VecDeque;

use crate::journal::place::Place;
use crate::journal::query::{Blocking, QueryError, Range, Recorded};
use crate::model::observation::Observation;
use crate::model::process::ProcessId;

/// The most processes of one target at the same time.
const LANES_MAX: usize = 64;

/// Puts processes into lanes in which none overlaps the next.
pub(super) fn lanes(mut recorded: Vec<Recorded>) -> Vec<VecDeque<Recorded>> {
    recorded.sort_by_key(|process| (process.from, process.until, process.process));
    let mut lanes: Vec<VecDeque<Recorded>> = Vec::new();
    for process in recorded {
        let free = lanes.iter().position(|lane| lane.back().is_some_and(|last| last.until <= process.from));
        match free {
            Some(lane) => lanes[lane].push_back(process),
            None if lanes.len() < LANES_MAX => lanes.push(VecDeque::from([process])),
            None => {}
        }
    }
    lanes
}

/// Hands every sample to `visit`, in the order of civil time; samples of one process keep their order.
pub(super) fn each(
    store: &Place,
    lanes: Vec<VecDeque<Recorded>>,
    range: Range,
    visit: &mut dyn FnMut(ProcessId, Observation),
) -> Result<u64, QueryError> {
    if let [_] = lanes.as_slice() {
        return single(store, lanes, range, visit);
    }
    let mut heads = Vec::new();
    for processes in lanes {
        let mut lane = Lane { store: store.clone(), processes, range, chunk: VecDeque::new(), damaged: 0 };
        if let Some(head) = lane.next()? {
            heads.push((head, lane));
        }
    }
    let mut damaged = 0;
    while let Some(place) = (0..heads.len()).min_by_key(|place| heads[*place].0.1.wall) {
        let (head, lane) = &mut heads[place];
        if let Some(next) = lane.next()? {
            let (process, seen) = std::mem::replace(head, next);
            visit(process, seen);
        } else {
            let ((process, seen), lane) = heads.remove(place);
            visit(process, seen);
            damaged += lane.damaged;
        }
    }
    Ok(damaged)
}

fn single(
    store: &Place,
    lanes: Vec<VecDeque<Recorded>>,
    range: Range,
    visit: &mut dyn FnMut(ProcessId, Observation),
) -> Result<u64, QueryError> {
    let mut reader = Blocking::open(store)?;
    let mut damaged = 0;
    for process in lanes.into_iter().flatten() {
        let mut samples = reader.samples(&process, range);
        for seen in samples.by_ref() {
            visit(process.process, seen?);
        }
        damaged += samples.damaged();
    }
    Ok(damaged)
}

/// A lane among others: a reader's samples borrow it, so a process is read as a whole when its turn comes.
struct Lane {
    store: Place,
    processes: VecDeque<Recorded>,
    range: Range,
    chunk: VecDeque<(ProcessId, Observation)>,
    damaged: u64,
}

impl Lane {
    fn next(&mut self) -> Result<Option<(ProcessId, Observation)>, QueryError> {
        while self.chunk.is_empty() {
            let Some(process) = self.processes.pop_front() else { return Ok(None) };
            let mut reader = Blocking::open(&self.store)?;
            let mut samples = reader.samples(&process, self.range);
            for seen in samples.by_ref() {
                self.chunk.push_back((process.process, seen?));
            }
            self.damaged += samples.damaged();
        }
        Ok(self.chunk.pop_front())
    }
}
