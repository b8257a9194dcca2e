//! How long things took, in buckets that double: cheap to add to, good enough for percentiles.

use std::time::Duration;

/// How many buckets: up to 1 µs, 2 µs, 4 µs, ... 16.8 s, and longer.
pub const BUCKETS: usize = 26;

/// Counts by bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Histogram([u64; BUCKETS]);

impl Histogram {
    /// Adds one.
    pub fn add(&mut self, span: Duration) {
        self.add_nanos(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds one that took so many nanoseconds.
    pub(super) fn add_nanos(&mut self, nanos: u64) {
        // Over 1,024 instead of 1,000: a shift, and bucket bounds are powers of two anyway.
        let whole = nanos >> 10;
        let bucket = (u64::BITS - whole.leading_zeros()) as usize;
        self.0[bucket.min(BUCKETS - 1)] += 1;
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, more)| *own += more);
    }

    /// The counts with the upper bound of each bucket; the last has none.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        self.0.iter().enumerate().map(|(place, count)| (bound(place), *count))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// A bound that at least this share of all stays under; none where there are none, or where it is in the last
    /// bucket.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = share * self.count() as f64;
        let mut sum = 0;
        let place = self.0.iter().position(|count| {
            sum += count;
            sum > 0 && sum as f64 >= wanted
        });
        place.and_then(bound)
    }
}

fn bound(place: usize) -> Option<Duration> {
    (place + 1 < BUCKETS).then(|| Duration::from_nanos(1 << (10 + place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_lies_under_the_bound_of_its_bucket() {
        for nanos in [0, 1, 1_023, 1_024, 5_000_000, 17_000_000_000] {
            let mut histogram = Histogram::default();
            histogram.add(Duration::from_nanos(nanos));
            let bound = histogram.quantile(1.0).expect("below the last bucket");
            assert!(Duration::from_nanos(nanos) < bound, "{nanos} ns, {bound:?}");
            assert!(bound <= Duration::from_nanos((2 * nanos).max(1_024)), "{nanos} ns, {bound:?}");
        }
    }

    #[test]
    fn quantiles_count_from_below() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (0..99).for_each(|_| histogram.add(Duration::from_micros(1)));
        histogram.add(Duration::from_secs(3_600));
        assert_eq!(histogram.quantile(0.99), Some(Duration::from_nanos(1_024)));
        assert_eq!(histogram.quantile(1.0), None, "longer than any bound");
        assert_eq!(histogram.count(), 100);
    }
}
