//! When a lost stream is tried again.
//!
//! The first try comes at once, but for a moment left to chance; then the pauses of the list, the last one again and
//! again. After so many tries without a connection that lasted the stream has failed, and is probed slowly.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::jitter::Jitter;

/// A pause is shortened by up to this share, so that many who failed together do not try together.
const SPREAD: f64 = 0.25;
/// The first try comes within this time.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// How a lost stream is tried again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retry {
    /// The pauses before the second try, the third, and so on.
    pub pauses: Vec<Duration>,
    /// At most so many tries in a row.
    pub tries: u32,
    /// A connection that held so long makes the next loss the first one again.
    pub stable: Duration,
    /// After the last try so long from probe to probe.
    pub probe: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            pauses: [10, 30, 60, 120].map(Duration::from_secs).to_vec(),
            tries: 5,
            stable: Duration::from_secs(30),
            probe: Duration::from_secs(300),
        }
    }
}

/// What is to be done after a loss or a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Try again then.
    Try(Timestamp),
    /// No more tries; probe then.
    GiveUp(Timestamp),
}

/// The tries so far.
#[derive(Clone, Debug)]
pub struct Tries {
    retry: Retry,
    used: u32,
    connected: Option<Timestamp>,
}

impl Tries {
    /// None so far.
    pub const fn new(retry: Retry) -> Self {
        Self { retry, used: 0, connected: None }
    }

    /// How many since the last connection that lasted.
    pub const fn used(&self) -> u32 {
        self.used
    }

    /// A connection is up.
    pub const fn connected(&mut self, now: Timestamp) {
        self.connected = Some(now);
    }

    /// Forgets all tries.
    pub const fn rearm(&mut self) {
        self.used = 0;
    }

    /// A connection was lost, or did not come up.
    pub fn lost(&mut self, jitter: &mut Jitter, now: Timestamp) -> Next {
        if let Some(since) = self.connected.take()
            && now.since(since) >= self.retry.stable
        {
            self.used = 0;
        }
        if self.used >= self.retry.tries {
            return Next::GiveUp(now + shortened(self.retry.probe, jitter));
        }
        let pause = match self.used.checked_sub(1) {
            None => FIRST_WITHIN.mul_f64(jitter.fraction()),
            Some(place) => {
                let place = (place as usize).min(self.retry.pauses.len().saturating_sub(1));
                shortened(self.retry.pauses.get(place).copied().unwrap_or(FIRST_WITHIN), jitter)
            }
        };
        self.used += 1;
        Next::Try(now + pause)
    }
}

fn shortened(pause: Duration, jitter: &mut Jitter) -> Duration {
    pause.saturating_sub(pause.mul_f64(SPREAD * jitter.fraction()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses until it gives up, in seconds, for connects that all fail.
    fn pauses(tries: &mut Tries, jitter: &mut Jitter) -> Vec<f64> {
        let (mut now, mut seen) = (Timestamp::ZERO, Vec::new());
        while let Next::Try(at) = tries.lost(jitter, now) {
            seen.push(at.since(now).as_secs_f64());
            now = at;
        }
        seen
    }

    #[test]
    fn five_tries_the_first_at_once_and_no_two_streams_alike() {
        let mut first = Jitter::new(1);
        let seen = pauses(&mut Tries::new(Retry::default()), &mut first);
        assert_eq!(seen.len(), 5);
        for (pause, (least, most)) in
            seen.iter().zip([(0.0, 1.0), (7.5, 10.0), (22.5, 30.0), (45.0, 60.0), (90.0, 120.0)])
        {
            assert!((least..=most).contains(pause), "{seen:?}");
        }
        assert_ne!(seen, pauses(&mut Tries::new(Retry::default()), &mut Jitter::new(2)));
    }

    #[test]
    fn only_a_connection_that_lasted_starts_anew() {
        let (mut tries, mut jitter) = (Tries::new(Retry::default()), Jitter::new(1));
        let mut now = Timestamp::ZERO;
        for round in 1..=5 {
            assert!(matches!(tries.lost(&mut jitter, now), Next::Try(_)));
            assert_eq!(tries.used(), round);
            tries.connected(now);
            now = now + Duration::from_secs(29);
        }
        assert!(matches!(tries.lost(&mut jitter, now), Next::GiveUp(_)), "it flaps");
        tries.connected(now);
        now = now + Duration::from_secs(30);
        assert!(matches!(tries.lost(&mut jitter, now), Next::Try(_)));
        assert_eq!(tries.used(), 1);
    }

    #[test]
    fn a_probe_comes_slowly_and_a_hand_starts_anew() {
        let (mut tries, mut jitter) = (Tries::new(Retry { tries: 0, ..Retry::default() }), Jitter::new(1));
        let Next::GiveUp(at) = tries.lost(&mut jitter, Timestamp::ZERO) else { panic!("no tries were left") };
        assert!((225..=300).contains(&at.since(Timestamp::ZERO).as_secs()));
        let mut tries = Tries::new(Retry::default());
        pauses(&mut tries, &mut jitter);
        tries.rearm();
        assert_eq!(pauses(&mut tries, &mut jitter).len(), 5);
    }
}
