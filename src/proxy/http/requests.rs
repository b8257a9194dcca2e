//! What came of requests: how many failed, and how long answers took of late.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::histogram::Histogram;
use crate::proxy::view::RequestView;

/// The last minute, in parts that are dropped one by one.
const PARTS: usize = 6;
const PART: Duration = Duration::from_secs(10);

/// The requests of a proxy.
#[derive(Debug, Default)]
pub(super) struct Requests {
    failed: u64,
    /// How long answers took, by the part of time in which they came; the part that a place stands for is told with it.
    recent: [(u64, Histogram); PARTS],
}

impl Requests {
    /// One has failed.
    pub(super) fn fail(&mut self) {
        self.failed += 1;
    }

    /// One was answered after that time.
    pub(super) fn answered(&mut self, took: Duration, now: Timestamp) {
        let part = part(now);
        let place = &mut self.recent[usize::try_from(part % PARTS as u64).unwrap_or_default()];
        if place.0 != part {
            *place = (part, Histogram::default());
        }
        place.1.add(took);
    }

    /// All of them, with so many in flight.
    pub(super) fn view(&self, in_flight: usize, now: Timestamp) -> RequestView {
        let mut all = Histogram::default();
        let young = self.recent.iter().filter(|(of, _)| part(now) - of < PARTS as u64);
        young.for_each(|(_, histogram)| all.merge(histogram));
        RequestView { in_flight, failed: self.failed, latency: all.quantile(0.5) }
    }
}

fn part(now: Timestamp) -> u64 {
    now.as_nanos() / u64::try_from(PART.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_the_last_minute() {
        let at = |second: u64| Timestamp::from_millis(1_000_000 + 1_000 * second);
        let mut requests = Requests::default();
        assert_eq!(requests.view(0, at(0)), RequestView { in_flight: 0, failed: 0, latency: None });
        for second in 0..10 {
            requests.answered(Duration::from_secs(4), at(second));
            requests.answered(Duration::from_millis(3), at(second + 30));
        }
        requests.fail();
        let seen = requests.view(2, at(45));
        assert_eq!((seen.in_flight, seen.failed), (2, 1));
        assert!(seen.latency.unwrap() < Duration::from_millis(5), "{seen:?}");
        requests.answered(Duration::from_secs(4), at(75));
        requests.answered(Duration::from_secs(4), at(75));
        let seen = requests.view(0, at(79));
        assert!(seen.latency.unwrap() < Duration::from_millis(5), "{seen:?}");
        let seen = requests.view(0, at(119));
        assert!(seen.latency.unwrap() >= Duration::from_secs(4), "{seen:?}");
        assert_eq!(requests.view(0, at(200)).latency, None);
    }
}
