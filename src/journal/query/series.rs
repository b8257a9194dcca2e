//! One signal over time, down-sampled to what fits a line of text or a plot.

use super::samples::Pages;
use super::{QueryError, Range, Reader, Recorded};
use crate::journal::block::{Cell, Series, decode_column};
use crate::model::clock::WallTime;
use crate::model::column::Column;
use crate::model::reading::Reading;

/// Blocks read at once.
const BLOCKS_AT_ONCE: u32 = 32;
/// The most buckets of one query.
pub const BUCKETS_MAX: u32 = 100_000;

/// One of equal stretches of time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bucket {
    /// Where it begins.
    pub from: WallTime,
    /// How many samples were known.
    pub known: u32,
    /// How many were not.
    pub gaps: u32,
    /// The least; not a number where none was known, and so the next two.
    pub min: f64,
    /// The mean.
    pub avg: f64,
    /// The largest.
    pub max: f64,
}

impl Bucket {
    fn new(from: WallTime) -> Self {
        Self { from, known: 0, gaps: 0, min: f64::NAN, avg: f64::NAN, max: f64::NAN }
    }

    fn add(&mut self, cell: Cell) {
        match cell {
            Some(Reading::Known(value)) => {
                self.known += 1;
                // `min` and `max` of a NaN and a number are the number.
                self.min = self.min.min(value);
                self.max = self.max.max(value);
                let sum = if self.known == 1 { 0.0 } else { self.avg * f64::from(self.known - 1) };
                self.avg = (sum + value) / f64::from(self.known);
            }
            Some(Reading::Unavailable(_)) => self.gaps += 1,
            // The sample has no such column: a remote without sockets, a pool of another time.
            None => {}
        }
    }
}

impl Reader {
    /// One column of a process in `count` equal stretches from the beginning to the end of the range, or of what
    /// is recorded where that is less. A block that can't be read leaves its time empty.
    pub async fn series(
        &mut self,
        recorded: &Recorded,
        column: &Column,
        range: Range,
        count: u32,
    ) -> Result<Vec<Bucket>, QueryError> {
        let since = range.since.map_or(recorded.from, |since| since.max(recorded.from));
        let until = range.until.map_or(recorded.until, |until| until.min(recorded.until));
        if until < since {
            return Ok(Vec::new());
        }
        let mut buckets = Buckets::new(since, until, count.clamp(1, BUCKETS_MAX));
        let mut pages = Pages::new(recorded, Range { since: Some(since), until: Some(until) });
        loop {
            let blocks = pages.next(&mut self.shelf, BLOCKS_AT_ONCE).await?;
            if blocks.is_empty() {
                return Ok(buckets.0);
            }
            for (moments, series) in blocks.iter().filter_map(|bytes| decode_column(bytes, column).ok()) {
                let cells = series.iter().flat_map(Series::cells);
                for (moment, cell) in moments.iter().zip(cells) {
                    buckets.add(moment.wall, cell);
                }
            }
        }
    }
}

/// Never empty.
struct Buckets(Vec<Bucket>, i64);

impl Buckets {
    fn new(since: WallTime, until: WallTime, count: u32) -> Self {
        // Both ends are included.
        let span = until.as_millis().saturating_sub(since.as_millis()).saturating_add(1);
        let width = (span / i64::from(count) + i64::from(span % i64::from(count) != 0)).max(1);
        let starts = (0..i64::from(count)).map(|i| since.as_millis().saturating_add(width.saturating_mul(i)));
        let buckets = starts
            .take_while(|start| *start <= until.as_millis())
            .map(|start| Bucket::new(WallTime::from_millis(start)));
        Self(buckets.collect(), width)
    }

    fn add(&mut self, wall: WallTime, cell: Cell) {
        let since = self.0.first().map_or(0, |bucket| bucket.from.as_millis());
        let place = usize::try_from(wall.as_millis().saturating_sub(since).div_euclid(self.1));
        if let Some(bucket) = place.ok().and_then(|place| self.0.get_mut(place)) {
            bucket.add(cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_sample_falls_into_the_bucket_of_its_time(
            span in 0i64..5_000, count in 1u32..40, offsets in prop::collection::vec(0i64..5_000, 0..40),
        ) {
            let start = 1_700_000_000_000;
            let wall = |offset: i64| WallTime::from_millis(start + offset);
            let mut buckets = Buckets::new(wall(0), wall(span), count);
            let inside: Vec<i64> = offsets.into_iter().filter(|offset| *offset <= span).collect();
            for offset in &inside {
                buckets.add(wall(*offset), Some(Reading::Known(*offset as f64)));
            }
            prop_assert!(buckets.0.len() <= count as usize);
            let width = buckets.1;
            for bucket in &buckets.0 {
                let from = bucket.from.as_millis() - start;
                let mine: Vec<f64> =
                    inside.iter().filter(|o| (from..from + width).contains(*o)).map(|o| *o as f64).collect();
                prop_assert_eq!(bucket.known as usize, mine.len());
                if !mine.is_empty() {
                    let ends = [f64::INFINITY, f64::NEG_INFINITY];
                    let least = mine.iter().copied().fold(ends[0], f64::min);
                    let largest = mine.iter().copied().fold(ends[1], f64::max);
                    prop_assert_eq!([bucket.min, bucket.max].map(f64::to_bits), [least, largest].map(f64::to_bits));
                    let avg = mine.iter().sum::<f64>() / mine.len() as f64;
                    prop_assert!((bucket.avg - avg).abs() < 1e-6);
                }
            }
            prop_assert_eq!(buckets.0.iter().map(|b| b.known as usize).sum::<usize>(), inside.len());
        }
    }
}
