//! Questions that are on their way to the server, and who else waits for their answers.
//!
//! Of those that ask the same at once one goes to the server. Nobody waits twice, nor longer than [`WAIT_MAX`]: an answer
//! that was not kept, or whose asker reads slowly or is gone, lets the others go on by themselves.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::model::clock::Timestamp;

/// Nobody waits longer for the answer to another one's question.
pub(in crate::proxy::postgres) const WAIT_MAX: Duration = Duration::from_millis(500);
/// So many wait for one answer; one more asks by itself.
const WAITERS_MAX: usize = 4_096;

/// A client that waits: its place and turn.
pub(in crate::proxy::postgres) type Waiter = (usize, u32);

#[derive(Debug)]
struct Flight {
    number: u64,
    /// The turn of its read when it began.
    turn: u64,
    since: Timestamp,
    waiters: Vec<Waiter>,
}

/// All that are on their way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    by_key: HashMap<Rc<[u8]>, Flight>,
    last: u64,
}

/// What becomes of somebody who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Boarding {
    /// Another one's answer is waited for.
    Waits,
    /// The question begins its own flight.
    Begins(u64),
    /// It goes by itself.
    Alone,
}

impl Flights {
    /// Somebody asks. What began before the last write to its tables is not waited for: it may give what was before.
    pub(super) fn board(&mut self, key: &Rc<[u8]>, turn: u64, waiter: Waiter, now: Timestamp) -> Boarding {
        if let Some(flight) = self.by_key.get_mut(key) {
            if flight.turn == turn && flight.waiters.len() < WAITERS_MAX {
                flight.waiters.push(waiter);
                return Boarding::Waits;
            }
            return Boarding::Alone;
        }
        self.last += 1;
        let flight = Flight { number: self.last, turn, since: now, waiters: Vec::new() };
        self.by_key.insert(Rc::clone(key), flight);
        Boarding::Begins(self.last)
    }

    /// A flight is over, however it went: who waited.
    pub(super) fn land(&mut self, key: &Rc<[u8]>, number: u64) -> Vec<Waiter> {
        if self.by_key.get(key).is_none_or(|flight| flight.number != number) {
            return Vec::new();
        }
        self.by_key.remove(key).map(|flight| flight.waiters).unwrap_or_default()
    }

    /// Those who have waited long enough.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Vec<Waiter> {
        let late = self.by_key.extract_if(|_, flight| now.since(flight.since) >= WAIT_MAX);
        late.flat_map(|(_, flight)| flight.waiters).collect()
    }
}
