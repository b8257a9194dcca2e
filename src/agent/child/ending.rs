//! How children are ended in order, and what their ends say.

use std::time::Duration;

use super::{KILL_SEEN_WITHIN, Nursery, State};
use crate::sys::pidfd::{Ended, Signal, Waited, wait_all};

/// How an ordered end came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::agent) enum Ending {
    /// There was nothing to end.
    NotRunning,
    /// It has ended; with its exit code, or 128 and the signal's number.
    Ended(Option<i32>),
}

/// Ends children in order, all at once: TERM to each, one grace for all, KILL to those that still run.
pub(in crate::agent) fn end_all(nurseries: &mut [&mut Nursery], grace: Duration) -> Vec<Ending> {
    for nursery in &*nurseries {
        // One stopped by job control does not hear TERM before it goes on.
        nursery.send(&[Signal::TERM, Signal::CONT]);
    }
    if wait_for(nurseries, grace).contains(&Waited::StillRunning) {
        for nursery in &*nurseries {
            nursery.send(&[Signal::KILL]);
        }
        // What is seen later than that the keeper ends, and the kernel reaps.
        let _late = wait_for(nurseries, KILL_SEEN_WITHIN);
    }
    nurseries.iter_mut().map(|nursery| nursery.conclude()).collect()
}

fn wait_for(nurseries: &[&mut Nursery], limit: Duration) -> Vec<Waited> {
    let running = nurseries.iter().filter_map(|nursery| nursery.running.as_ref());
    let processes: Vec<_> = running.map(|running| &running.launched.process).collect();
    wait_all(&processes, limit)
}

impl Nursery {
    /// Sends signals to it where it runs. One that has ended by itself needs none.
    fn send(&self, signals: &[Signal]) {
        if let Some(running) = &self.running {
            for signal in signals {
                let _ended = running.launched.process.signal(*signal);
            }
        }
    }

    /// Nobody starts it any more; how its last life ended.
    fn conclude(&mut self) -> Ending {
        self.state = State::Done;
        match self.running.take() {
            None => Ending::NotRunning,
            Some(running) => Ending::Ended(running.launched.process.reap().ok().flatten().map(exit_code)),
        }
    }
}

/// Whether a signal asks a program to end.
pub(in crate::agent) fn asks_to_end(signal: Signal) -> bool {
    matches!(signal, Signal::TERM | Signal::INT)
}

/// The code a shell would give.
pub(super) fn exit_code(ended: Ended) -> i32 {
    match ended {
        Ended::Exited(code) => code,
        Ended::Killed(signal) => 128 + signal,
    }
}
