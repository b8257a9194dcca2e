//! All windows of all conditions of one process.

use crate::model::observation::{Observation, SignalKey};
use crate::model::reading::Gap;
use crate::model::signal::Signal;
use crate::policy::condition::Condition;

use std::time::Duration;

use super::session::{Session, Standing};
use super::vocabulary::counts_up;
use super::window::{Function, Growth, Memory, Window};

/// The windows of one process: one for each distinct signal, function and span, shared by all conditions.
///
/// Functions that need the same memory (`avg`, `max`, `min`, `rate`, `increase`) share a window. Also keeps
/// the opening hours, so that the calendar is asked only when one of them opens or closes.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// Sorted, so that the same conditions give the same windows.
    windows: Vec<(WindowKey, Window)>,
    sessions: Vec<(Session, Option<Standing>)>,
}

/// Which window. Sorted by fingerprint first, so that finding one compares numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct WindowKey {
    fingerprint: u64,
    key: SignalKey,
    span: Duration,
    memory: Memory,
}

impl WindowKey {
    pub(super) fn new(key: SignalKey, span: Duration, function: Function) -> Self {
        let memory = match function {
            Function::Avg | Function::Max | Function::Min | Function::Rate | Function::Increase => {
                Memory::Spread(growth_of(key.signal()))
            }
            Function::Trend => Memory::Slope,
            Function::Ago => Memory::Past,
        };
        let fingerprint = fnv(&format!("{key:?} {span:?} {memory:?}"));
        Self { fingerprint, key, span, memory }
    }

    pub(super) const fn span(&self) -> Duration {
        self.span
    }
}

impl Windows {
    /// The windows that these conditions need, all empty.
    pub fn for_conditions<'a>(conditions: impl Iterator<Item = &'a Condition>) -> Self {
        let (mut keys, mut sessions) = (Vec::new(), Vec::new());
        for condition in conditions {
            keys.extend_from_slice(condition.window_keys());
            sessions.extend_from_slice(condition.sessions());
        }
        keys.sort_unstable();
        keys.dedup();
        sessions.sort_unstable_by(|a: &Session, b| a.text().cmp(b.text()));
        sessions.dedup();
        let fresh = |key: WindowKey| {
            let window = Window::new(key.memory, key.span);
            (key, window)
        };
        Self {
            windows: keys.into_iter().map(fresh).collect(),
            sessions: sessions.into_iter().map(|session| (session, None)).collect(),
        }
    }

    /// Takes in one observation. Call once a tick, before evaluating. An observation older than the last is
    /// ignored.
    pub fn observe(&mut self, observation: &Observation) {
        for (key, window) in &mut self.windows {
            window.observe(observation.at, observation.read(&key.key));
        }
        for (session, standing) in &mut self.sessions {
            if !standing.is_some_and(|standing| standing.covers(observation.wall)) {
                *standing = session.at(observation.wall);
            }
        }
    }

    /// Takes over from `old` the windows that both have: those of unchanged expressions live on. What `old`
    /// had is left empty.
    pub fn adopt(&mut self, old: &mut Self) {
        for (key, window) in &mut self.windows {
            if let Ok(place) = old.windows.binary_search_by(|(other, _)| other.cmp(key)) {
                let empty = Window::new(key.memory, key.span);
                *window = std::mem::replace(&mut old.windows[place].1, empty);
            }
        }
    }

    /// How many windows there are.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    pub(super) fn read(&self, key: &WindowKey, function: Function) -> Result<f64, Gap> {
        let place = self.windows.binary_search_by(|(other, _)| other.cmp(key));
        place.map_or(Err(Gap::NotYet), |place| self.windows[place].1.read(function))
    }

    /// Whether the session is open, from memory where it is kept here.
    pub(super) fn is_open(&self, session: &Session, now: &Observation) -> Option<bool> {
        let kept = self.sessions.iter().find(|(other, _)| other == session);
        match kept.and_then(|(_, standing)| *standing) {
            Some(standing) if standing.covers(now.wall) => Some(standing.open),
            _ => session.at(now.wall).map(|standing| standing.open),
        }
    }
}

fn growth_of(signal: Signal) -> Growth {
    if counts_up(signal) { Growth::Counter } else { Growth::Gauge }
}

/// FNV-1a: small, and the same on every host and in every version.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
