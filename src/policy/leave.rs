//! The leave of the fleet: an input to the engine, by which a stop may have to wait for others.
//!
//! ```text
//!           a stop is wanted               it is granted
//!   Missing ────────────────► Wanted(at) ────────────────► Granted ──┐
//!      ▲                                                             │ the target serves again, or its time is over
//!      └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! Who grants it is none of the engine's business; nor what it takes for one where nobody can be asked. A person's own stop needs none.

use std::time::Duration;

use crate::model::action::Word;
use crate::model::clock::Timestamp;

/// A process that serves is so old.
pub const SETTLED: Duration = Duration::from_secs(5);

/// Whether the fleet lets this target be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Leave {
    /// Nobody is asked.
    #[default]
    NotNeeded,
    /// It is to be asked for before a stop.
    Missing,
    /// A stop waits for it, and did last at that time.
    Wanted(Timestamp),
    /// It is there.
    Granted,
}

impl Leave {
    /// Whether it is missing where it is needed now; from then on it is wanted.
    pub(crate) fn lacks(&mut self, now: Timestamp) -> bool {
        match self {
            Self::NotNeeded | Self::Granted => false,
            Self::Missing | Self::Wanted(_) => {
                *self = Self::Wanted(now);
                true
            }
        }
    }
}

/// Whether an action takes the target away from those whom it serves.
pub(crate) fn needs_leave(word: Word) -> bool {
    word == Word::Stop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_wanted_from_the_first_time_and_again_each_time() {
        let at = Timestamp::from_millis;
        let mut leave = Leave::Missing;
        assert!(leave.lacks(at(1)));
        assert_eq!(leave, Leave::Wanted(at(1)));
        assert!(leave.lacks(at(9)));
        assert_eq!(leave, Leave::Wanted(at(9)));
        for free in [Leave::NotNeeded, Leave::Granted] {
            let mut leave = free;
            assert!(!leave.lacks(at(10)));
            assert_eq!(leave, free);
        }
    }

    #[test]
    fn a_stop_needs_it_and_what_leaves_the_bot_running_does_not() {
        let needing: Vec<Word> = Word::ALL.iter().copied().filter(|word| needs_leave(*word)).collect();
        assert_eq!(needing, [Word::Stop]);
    }
}
