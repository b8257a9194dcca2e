//! How long a raise must hold: `for = "5s"`, or `for = "3 of 5"` ticks.
//!
//! Only a true tick counts. False and unknown both break a stretch of time and both are misses of a tick: what
//! can't be seen raises nothing. A jump of the clock (see [`Pace`](crate::policy::pace::Pace)) starts over.

use std::fmt;
use std::time::Duration;

use crate::model::units::{UnitError, format_span, parse_span};
use crate::policy::pace::Gait;

/// The most ticks that `n of m` may look at.
pub const TICKS_MAX: u32 = 64;

/// How long a raise must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sustain {
    /// Without a break for so long; zero is at once.
    Time(Duration),
    /// In so many of the last ticks.
    Ticks {
        /// How many must be true.
        hits: u32,
        /// Of how many; at most [`TICKS_MAX`].
        of: u32,
    },
}

/// Why a text is no `for`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SustainError {
    /// Not a duration.
    #[error("{0}; or write ticks as `3 of 5`")]
    Time(UnitError),
    /// Not a pair of counts that make sense.
    #[error("`n of m` needs whole numbers with n from 1 to m, and m at most {TICKS_MAX}")]
    Ticks,
}

impl Sustain {
    /// Parses `5s` or `3 of 5`.
    pub fn parse(text: &str) -> Result<Self, SustainError> {
        let Some((hits, of)) = text.split_once(" of ") else {
            return parse_span(text).map(Self::Time).map_err(SustainError::Time);
        };
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| SustainError::Ticks);
        let (hits, of) = (number(hits)?, number(of)?);
        if hits == 0 || hits > of || of > TICKS_MAX {
            return Err(SustainError::Ticks);
        }
        Ok(Self::Ticks { hits, of })
    }
}

impl fmt::Display for Sustain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(span) => f.write_str(&format_span(*span)),
            Self::Ticks { hits, of } => write!(f, "{hits} of {of}"),
        }
    }
}

/// How far a raise has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stretch {
    /// Time held so far; none while the last tick was not true.
    held: Option<Duration>,
    /// The last ticks, newest in the lowest bit.
    ticks: u64,
}

impl Stretch {
    /// Takes in one tick.
    pub(crate) fn tick(&mut self, gait: Gait, raised: Raised) {
        let (step, jumped) = match gait {
            Gait::Step(step) => (step, false),
            Gait::Jump => (Duration::ZERO, true),
        };
        if jumped {
            *self = Self::default();
        }
        self.ticks <<= 1;
        match raised {
            Raised::Yes => {
                self.ticks |= 1;
                self.held = Some(self.held.map_or(Duration::ZERO, |held| held + step));
            }
            Raised::No => self.held = None,
        }
    }

    /// Whether the raise has held.
    pub(crate) fn done(&self, sustain: Sustain) -> bool {
        match sustain {
            Sustain::Time(span) => self.held.is_some_and(|held| held >= span),
            Sustain::Ticks { hits, .. } => self.ticks & 1 == 1 && self.hits(sustain) >= hits,
        }
    }

    /// The text for people: `12s of 30s`, `2 of 3 ticks`.
    pub(crate) fn progress(&self, sustain: Sustain) -> String {
        match sustain {
            Sustain::Time(span) => {
                let held = self.held.unwrap_or_default().min(span);
                format!("{} of {}", format_span(held), format_span(span))
            }
            Sustain::Ticks { hits, of } => {
                format!("{} of {hits} ticks (last {of})", self.hits(sustain).min(hits))
            }
        }
    }

    fn hits(&self, sustain: Sustain) -> u32 {
        match sustain {
            Sustain::Time(_) => 0,
            Sustain::Ticks { of, .. } => (self.ticks & mask(of)).count_ones(),
        }
    }
}

const fn mask(of: u32) -> u64 {
    if of >= u64::BITS { u64::MAX } else { (1 << of) - 1 }
}

/// What one tick says about a raise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Raised {
    /// True.
    Yes,
    /// False or unknown.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(n: u64) -> Gait {
        Gait::Step(Duration::from_secs(n))
    }

    #[test]
    fn both_forms_read_as_written() {
        for text in ["5s", "3 of 5", "1m30s"] {
            assert_eq!(Sustain::parse(text).unwrap().to_string(), text);
        }
        for text in ["5", "0 of 5", "6 of 5", "3 of 65", "x of 5", "3 of"] {
            assert!(Sustain::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_is_counted_from_the_first_true_tick_without_a_break() {
        let five = Sustain::Time(Duration::from_secs(5));
        let mut stretch = Stretch::default();
        for _ in 0..5 {
            stretch.tick(seconds(1), Raised::Yes);
            assert!(!stretch.done(five));
        }
        stretch.tick(seconds(1), Raised::Yes);
        assert!(stretch.done(five));
        stretch.tick(seconds(1), Raised::No);
        stretch.tick(seconds(9), Raised::Yes);
        assert!(!stretch.done(five));
    }

    #[test]
    fn a_jump_of_the_clock_starts_over() {
        let five = Sustain::Time(Duration::from_secs(5));
        let mut stretch = Stretch::default();
        for _ in 0..5 {
            stretch.tick(seconds(1), Raised::Yes);
        }
        stretch.tick(Gait::Jump, Raised::Yes);
        assert!(!stretch.done(five));
        assert_eq!(stretch.progress(five), "0s of 5s");
    }

    proptest! {
        #[test]
        fn n_of_m_counts_like_a_naive_recount(
            ticks in prop::collection::vec(any::<bool>(), 1..200), of in 1u32..=64, share in 0.0f64..1.0,
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of at most 64")]
            let hits = ((f64::from(of) * share) as u32).max(1);
            let sustain = Sustain::Ticks { hits, of };
            let mut stretch = Stretch::default();
            for (i, raised) in ticks.iter().enumerate() {
                stretch.tick(seconds(1), if *raised { Raised::Yes } else { Raised::No });
                let from = (i + 1).saturating_sub(of as usize);
                let naive = ticks[from..=i].iter().filter(|t| **t).count() >= hits as usize && *raised;
                prop_assert_eq!(stretch.done(sustain), naive);
            }
        }
    }
}
