//! The one place that asks for the time.

use nix::time::{ClockId, clock_gettime};

use crate::model::clock::{Clock, Timestamp, WallTime};

/// The kernel's clocks: `CLOCK_BOOTTIME`, which goes on while the machine sleeps, and the civil clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(nanos(ClockId::CLOCK_BOOTTIME))
    }

    fn wall(&self) -> WallTime {
        WallTime::from_millis(i64::try_from(nanos(ClockId::CLOCK_REALTIME) / 1_000_000).unwrap_or(i64::MAX))
    }
}

/// CPU time that the calling thread has used, in nanoseconds.
pub fn thread_cpu() -> u64 {
    nanos(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time that the whole process has used, in nanoseconds.
pub fn process_cpu() -> u64 {
    nanos(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

fn nanos(clock: ClockId) -> u64 {
    let Ok(time) = clock_gettime(clock) else { return 0 };
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        let clock = SystemClock;
        let before = clock.now();
        assert!(clock.now() >= before);
        assert!(clock.wall() > WallTime::from_millis(1_600_000_000_000));
        assert!(thread_cpu() > 0 && process_cpu() > 0);
    }
}
