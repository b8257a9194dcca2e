//! How long to wait before the next attempt.

use std::time::Duration;

/// A pause is shortened by up to this share, so that many who failed together do not try together.
pub const SPREAD: f64 = 0.25;
/// It doubles at most so often.
const DOUBLINGS_MAX: u32 = 16;

/// A pause that doubles with every failure in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row, by a number from 0 to 1.
    pub fn pause(self, failures: u32, fraction: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
        let whole = self.first.saturating_mul(1 << doublings).min(self.most);
        whole.saturating_sub(whole.mul_f64(SPREAD * fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_longest_and_spreads_downwards() {
        let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(6) };
        let seconds = |failures| backoff.pause(failures, 0.0).as_secs();
        assert_eq!(
            [seconds(0), seconds(1), seconds(2), seconds(3), seconds(4), seconds(99)],
            [1, 1, 2, 4, 6, 6]
        );
        assert_eq!(backoff.pause(1, 1.0), Duration::from_millis(750));
    }
}
