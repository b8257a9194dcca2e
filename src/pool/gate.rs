//! Who is let in as a client.
//!
//! The first `reserve` clients are always let in, whatever the gate says: a bot must be able to cancel orders.

use crate::model::clock::Timestamp;
use crate::pool::limits::ClientLimits;
use crate::pool::reason::Refusal;

/// How the gate stands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Gate {
    /// Everybody, up to the limit.
    Open,
    /// Beyond the reserve, so many a second.
    Throttled {
        /// New clients a second.
        rate: f64,
    },
}

/// Whether those that the clients belong to have descriptors left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Supply {
    /// So far.
    #[default]
    Plenty,
    /// They are nearly gone: beyond the reserve nobody is let in, however the gate stands.
    Scarce,
}

/// The gate and what it has let through.
#[derive(Clone, Debug)]
pub(super) struct Gatekeeper {
    gate: Gate,
    supply: Supply,
    /// Clients that may come in now, beyond the reserve.
    tokens: f64,
    at: Timestamp,
}

impl Gatekeeper {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { gate: Gate::Open, supply: Supply::Plenty, tokens: 0.0, at: now }
    }

    pub(super) fn stand(&self) -> Gate {
        self.gate
    }

    pub(super) fn supply(&self) -> Supply {
        self.supply
    }

    /// Says whether descriptors are nearly gone. A throttle stays beside it.
    pub(super) fn set_supply(&mut self, supply: Supply) {
        self.supply = supply;
    }

    /// Sets the gate. A throttle begins without credit; one whose rate is changed keeps what it has.
    pub(super) fn set(&mut self, gate: Gate, now: Timestamp) {
        self.refill(now);
        if !matches!((self.gate, gate), (Gate::Throttled { .. }, Gate::Throttled { .. })) {
            self.tokens = 0.0;
        }
        self.gate = gate;
    }

    /// Whether one more may come in.
    pub(super) fn admit(
        &mut self,
        attached: u32,
        limits: &ClientLimits,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if attached >= limits.max {
            return Err(Refusal::ClientsFull);
        }
        if attached < limits.reserve {
            return Ok(());
        }
        if self.supply == Supply::Scarce {
            return Err(Refusal::Scarce);
        }
        self.refill(now);
        match self.gate {
            Gate::Open => Ok(()),
            Gate::Throttled { .. } if self.tokens >= 1.0 => {
                self.tokens -= 1.0;
                Ok(())
            }
            Gate::Throttled { .. } => Err(Refusal::Throttled),
        }
    }

    /// Credit grows with time, up to that of one second or one client.
    fn refill(&mut self, now: Timestamp) {
        if let Gate::Throttled { rate } = self.gate {
            let rate = rate.max(0.0);
            let grown = self.tokens + rate * now.since(self.at).as_secs_f64();
            self.tokens = grown.min(rate.max(1.0));
        }
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMITS: ClientLimits = ClientLimits { max: 10, reserve: 2, scarce: 0, idle: Duration::MAX };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_reserve_comes_in_whatever_the_gate_says() {
        let mut gate = Gatekeeper::new(at(0));
        gate.set_supply(Supply::Scarce);
        assert_eq!(gate.admit(1, &LIMITS, at(0)), Ok(()));
        assert_eq!(gate.admit(2, &LIMITS, at(0)), Err(Refusal::Scarce));
        gate.set_supply(Supply::Plenty);
        assert_eq!(gate.admit(9, &LIMITS, at(0)), Ok(()));
        assert_eq!(gate.admit(10, &LIMITS, at(0)), Err(Refusal::ClientsFull));
    }

    #[test]
    fn a_throttle_lets_in_its_rate() {
        let mut gate = Gatekeeper::new(at(0));
        gate.set(Gate::Throttled { rate: 2.0 }, at(0));
        let admitted = (0..10_000).filter(|ms| gate.admit(5, &LIMITS, at(*ms)).is_ok()).count();
        assert!((19..=20).contains(&admitted), "{admitted} in 10 s at 2 a second");
        gate.set(Gate::Throttled { rate: 0.0 }, at(10_000));
        let later = (10_000..20_000).filter(|ms| gate.admit(5, &LIMITS, at(*ms)).is_ok()).count();
        assert!(later <= 1, "{later} at no rate, one at most from what was left");
    }

    #[test]
    fn a_long_quiet_time_saves_up_no_more_than_a_second() {
        let mut gate = Gatekeeper::new(at(0));
        gate.set(Gate::Throttled { rate: 3.0 }, at(0));
        let burst = (0..9).filter(|_| gate.admit(5, &LIMITS, at(60_000)).is_ok()).count();
        assert_eq!(burst, 3);
    }
}
