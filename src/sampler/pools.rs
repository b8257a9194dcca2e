//! What the pools of the agent's own proxies said last, as the signals `pool["name"].…`.
//!
//! They are asked once a second, outside of the control loop. What a pool said stands for [`STANDS`]; a pool that
//! does not answer is *late* from then on, never zero.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::name::Name;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::pool::snapshot::Snapshot;

/// Between two questions to one pool.
pub const ASKED_EVERY: Duration = Duration::from_secs(1);
/// How long an answer stands, counted from its question.
pub const STANDS: Duration = Duration::from_secs(5);

/// The signals of a pool.
const SIGNALS: [Signal; 10] = [
    Signal::PoolActive,
    Signal::PoolIdle,
    Signal::PoolWaiting,
    Signal::PoolMaxWait,
    Signal::PoolConnects,
    Signal::PoolErrors,
    Signal::PoolQueries,
    Signal::PoolBreaker,
    Signal::PoolClients,
    Signal::PoolClientOldestIdle,
];

/// What one pool said last.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PoolAnswer {
    /// When it was asked; none before its first answer.
    asked: Option<Timestamp>,
    figures: Reading<[f64; SIGNALS.len()]>,
}

/// What pools said last, by name.
pub type PoolAnswers = BTreeMap<Name, PoolAnswer>;

impl PoolAnswer {
    /// A pool that has not answered yet.
    pub const UNHEARD: Self = Self { asked: None, figures: Reading::Unavailable(Gap::NotYet) };

    /// What was answered to a question put at that time.
    pub fn new(asked: Timestamp, seen: &Snapshot) -> Self {
        let figures = [
            f64::from(seen.active),
            f64::from(seen.idle),
            f64::from(seen.waiting),
            seen.max_wait.as_secs_f64(),
            seen.connects as f64,
            seen.errors as f64,
            seen.units as f64,
            // In the order of the words of the signal.
            f64::from(seen.breaker as u8),
            f64::from(seen.clients),
            seen.client_oldest_idle.as_secs_f64(),
        ];
        Self { asked: Some(asked), figures: Reading::Known(figures) }
    }

    /// When it was asked, where what it said still stands.
    pub fn asked(&self, at: Timestamp) -> Option<Timestamp> {
        self.asked.filter(|asked| at.since(*asked) <= STANDS)
    }

    /// Its signals as they stand at that time.
    pub fn signals(&self, at: Timestamp) -> impl Iterator<Item = (Signal, Reading<f64>)> {
        let figures = match (self.asked, self.asked(at)) {
            (Some(_), None) => Reading::Unavailable(Gap::Late),
            (None, _) | (_, Some(_)) => self.figures,
        };
        SIGNALS
            .into_iter()
            .enumerate()
            .map(move |(place, signal)| (signal, figures.map(|figures| figures[place])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::{BREAKER_STATES, Source};
    use crate::pool::Pool;
    use crate::pool::breaker::BreakerState;
    use crate::pool::limits::Limits;
    use crate::pool::state::Settings;
    use crate::pool::upstream::Balance;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn value(answer: &PoolAnswer, signal: Signal, now: Timestamp) -> Reading<f64> {
        answer.signals(now).find(|(other, _)| *other == signal).unwrap().1
    }

    #[test]
    fn what_a_pool_said_stands_for_its_time_and_is_late_afterwards() {
        let settings = Settings { limits: Limits::default(), upstreams: Vec::new(), balance: Balance::Equal };
        let snapshot = Snapshot { active: 3, ..Pool::new(&settings, 1, at(0)).snapshot(at(0)) };
        let answer = PoolAnswer::new(at(10), &snapshot);
        assert_eq!(value(&answer, Signal::PoolActive, at(15)), Reading::Known(3.0));
        assert_eq!(value(&answer, Signal::PoolActive, at(16)), Reading::Unavailable(Gap::Late));
        assert_eq!(answer.asked(at(16)), None);
        let unheard = PoolAnswer::UNHEARD;
        assert_eq!(value(&unheard, Signal::PoolIdle, at(99)), Reading::Unavailable(Gap::NotYet));
    }

    #[test]
    fn every_signal_of_a_pool_is_told_and_words_keep_their_order() {
        let rows = crate::model::signal::CATALOGUE.iter();
        let of_pools = rows.filter(|row| row.source == Source::Proxy && row.name.starts_with("pool["));
        assert!(of_pools.map(|row| row.signal).eq(SIGNALS));
        assert_eq!(BREAKER_STATES[BreakerState::HalfOpen as usize], "half_open");
        assert_eq!(BREAKER_STATES[BreakerState::Open as usize], "open");
    }
}
