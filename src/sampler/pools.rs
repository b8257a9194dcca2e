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
use crate::model::trading::Trading;
use crate::pool::snapshot::{POOL_SIGNALS, Snapshot};
use crate::proxy::view::{RequestView, StreamView};

/// Between two questions to one pool.
pub const ASKED_EVERY: Duration = Duration::from_secs(1);
/// How long an answer stands, counted from its question.
pub const STANDS: Duration = Duration::from_secs(5);

/// What is told of the streams of a proxy.
pub const STREAM_SIGNALS: [Signal; 7] = [
    Signal::StreamState,
    Signal::StreamSilence,
    Signal::StreamMessages,
    Signal::StreamReconnects,
    Signal::StreamLag,
    Signal::StreamDropped,
    Signal::StreamSequenceGaps,
];

/// What is told of the requests of a proxy.
pub const HTTP_SIGNALS: [Signal; 3] = [Signal::HttpInFlight, Signal::HttpErrors, Signal::HttpLatency];

/// What one pool said last.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PoolAnswer {
    /// When it was asked; none before its first answer.
    asked: Option<Timestamp>,
    figures: Reading<[f64; POOL_SIGNALS.len()]>,
    /// Clients that the pool has closed and a process keeps open; none where this is not told to a process.
    abandoned: Option<Reading<f64>>,
    /// What its streams say, where it carries some.
    streams: Option<[Reading<f64>; STREAM_SIGNALS.len()]>,
    /// What its requests say, where it carries some.
    requests: Option<[Reading<f64>; HTTP_SIGNALS.len()]>,
    /// What its order gate lets pass; none where it has no gate, or has not answered.
    trading: Option<Trading>,
}

/// What pools said last, by name.
pub type PoolAnswers = BTreeMap<Name, PoolAnswer>;

impl PoolAnswer {
    /// A pool that has not answered yet.
    pub const UNHEARD: Self = Self {
        asked: None,
        figures: Reading::Unavailable(Gap::NotYet),
        abandoned: None,
        streams: None,
        requests: None,
        trading: None,
    };

    /// What was answered to a question put at that time.
    pub fn new(asked: Timestamp, seen: &Snapshot) -> Self {
        Self { asked: Some(asked), figures: Reading::Known(seen.figures()), ..Self::UNHEARD }
    }

    /// The same for a process that keeps so many clients open which the pool has closed.
    #[must_use]
    pub fn with_abandoned(self, abandoned: Reading<f64>) -> Self {
        Self { abandoned: Some(abandoned), ..self }
    }

    /// The same with what its streams say.
    #[must_use]
    pub fn with_streams(self, seen: &StreamView) -> Self {
        let counted = |count: u64| Reading::Known(count as f64);
        let silence = match seen.silence {
            Some(silence) => Reading::Known(silence.as_secs_f64()),
            None => Reading::Unavailable(Gap::NotYet),
        };
        let streams = [
            Reading::Known(seen.state as f64),
            silence,
            counted(seen.messages),
            counted(seen.reconnects),
            // No stamp of messages is declared.
            Reading::Unavailable(Gap::NotConfigured),
            counted(seen.dropped),
            counted(seen.gaps),
        ];
        Self { streams: Some(streams), ..self }
    }

    /// The same with what its requests say.
    #[must_use]
    pub fn with_requests(self, seen: &RequestView) -> Self {
        // Without an answer in the last minute there is nothing to tell the middle of.
        let latency = seen.latency.map(|latency| Reading::Known(latency.as_secs_f64()));
        let latency = latency.unwrap_or(Reading::Unavailable(Gap::NotYet));
        let requests = [Reading::Known(seen.in_flight as f64), Reading::Known(seen.failed as f64), latency];
        Self { requests: Some(requests), ..self }
    }

    /// The same of a pool with an order gate.
    #[must_use]
    pub fn with_trading(self, trading: Option<Trading>) -> Self {
        Self { trading, ..self }
    }

    /// When it was asked, where what it said still stands.
    pub fn asked(&self, at: Timestamp) -> Option<Timestamp> {
        self.asked.filter(|asked| at.since(*asked) <= STANDS)
    }

    /// Its signals as they stand at that time.
    pub fn signals(&self, at: Timestamp) -> impl Iterator<Item = (Signal, Reading<f64>)> {
        let late = self.asked.is_some() && self.asked(at).is_none();
        let told = move |reading| if late { Reading::Unavailable(Gap::Late) } else { reading };
        let figures = POOL_SIGNALS.into_iter().enumerate();
        let figures = figures.map(|(place, signal)| (signal, self.figures.map(|figures| figures[place])));
        figures
            .chain(self.abandoned.map(|reading| (Signal::PoolAbandoned, reading)))
            .chain(self.streams.into_iter().flat_map(|streams| STREAM_SIGNALS.into_iter().zip(streams)))
            .chain(self.requests.into_iter().flat_map(|requests| HTTP_SIGNALS.into_iter().zip(requests)))
            .map(move |(signal, reading)| (signal, told(reading)))
    }
}

/// The furthest state of these order gates, as `trading.state`. One that does not answer leaves it unknown.
pub fn trading(pools: &PoolAnswers, gates: &[Name], at: Timestamp) -> Reading<f64> {
    let mut state = None;
    for gate in gates {
        let Some(answer) = pools.get(gate) else { return Reading::Unavailable(Gap::NotConfigured) };
        let Some(trading) = answer.trading else { return Reading::Unavailable(Gap::NotYet) };
        if answer.asked(at).is_none() {
            return Reading::Unavailable(Gap::Late);
        }
        state = state.max(Some(trading));
    }
    state.map_or(Reading::Unavailable(Gap::NotConfigured), |state| Reading::Known(state.figure()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::{BREAKER_STATES, Source};
    use crate::pool::Pool;
    use crate::pool::breaker::BreakerState;
    use crate::pool::limits::Limits;
    use crate::pool::state::Settings;
    use crate::pool::upstream::{Balance, Blame};

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn value(answer: &PoolAnswer, signal: Signal, now: Timestamp) -> Reading<f64> {
        answer.signals(now).find(|(other, _)| *other == signal).unwrap().1
    }

    #[test]
    fn what_a_pool_said_stands_for_its_time_and_is_late_afterwards() {
        let settings = Settings {
            limits: Limits::default(),
            upstreams: Vec::new(),
            balance: Balance::Equal,
            blame: Blame::Upstream,
        };
        let snapshot = Snapshot { active: 3, ..Pool::new(&settings, 1, at(0)).snapshot(at(0)) };
        let answer = PoolAnswer::new(at(10), &snapshot);
        assert_eq!(value(&answer, Signal::PoolActive, at(15)), Reading::Known(3.0));
        assert_eq!(value(&answer, Signal::PoolActive, at(16)), Reading::Unavailable(Gap::Late));
        assert_eq!(answer.asked(at(16)), None);
        let unheard = PoolAnswer::UNHEARD;
        assert_eq!(value(&unheard, Signal::PoolIdle, at(99)), Reading::Unavailable(Gap::NotYet));
    }

    #[test]
    fn the_furthest_gate_is_the_state_and_one_that_is_late_leaves_it_unknown() {
        let settings = Settings {
            limits: Limits::default(),
            upstreams: Vec::new(),
            balance: Balance::Equal,
            blame: Blame::Upstream,
        };
        let snapshot = Pool::new(&settings, 1, at(0)).snapshot(at(0));
        let name = |text: &str| Name::parse(text).unwrap();
        let answer = |asked, state| PoolAnswer::new(at(asked), &snapshot).with_trading(Some(state));
        let pools: PoolAnswers = [
            (name("a"), answer(10, Trading::Reducing)),
            (name("b"), answer(13, Trading::Halted)),
            (name("new"), PoolAnswer::UNHEARD),
        ]
        .into();
        let told = |gates: &[&str], now| {
            trading(&pools, &gates.iter().map(|text| name(text)).collect::<Vec<_>>(), at(now))
        };
        assert_eq!(told(&["a"], 14), Reading::Known(1.0));
        assert_eq!(told(&["a", "b"], 14), Reading::Known(2.0));
        assert_eq!(told(&["a", "b"], 16), Reading::Unavailable(Gap::Late));
        assert_eq!(told(&["b", "new"], 14), Reading::Unavailable(Gap::NotYet));
        assert_eq!(told(&[], 14), Reading::Unavailable(Gap::NotConfigured));
    }

    #[test]
    fn every_signal_of_a_pool_is_told_and_words_keep_their_order() {
        let rows = crate::model::signal::CATALOGUE.iter();
        let of_pools = rows.filter(|row| row.source == Source::Proxy && row.name.starts_with("pool["));
        let heard = PoolAnswer::UNHEARD.with_abandoned(Reading::Known(2.0));
        let told = heard.signals(at(0)).map(|(signal, _)| signal);
        assert!(of_pools.map(|row| row.signal).eq(told));
        let rows = crate::model::signal::CATALOGUE.iter().filter(|row| row.name.starts_with("stream["));
        assert!(rows.map(|row| row.signal).eq(STREAM_SIGNALS));
        let rows = crate::model::signal::CATALOGUE.iter().filter(|row| row.name.starts_with("http["));
        assert!(rows.map(|row| row.signal).eq(HTTP_SIGNALS));
        let heard = PoolAnswer::UNHEARD.with_requests(&RequestView::default());
        let latency = heard.signals(at(1)).find(|(signal, _)| *signal == Signal::HttpLatency).unwrap().1;
        assert_eq!(
            latency,
            Reading::Unavailable(Gap::NotYet),
            "of no answers there is no median, and not zero"
        );
        assert_eq!(BREAKER_STATES[BreakerState::HalfOpen as usize], "half_open");
        assert_eq!(BREAKER_STATES[BreakerState::Open as usize], "open");
    }
}
