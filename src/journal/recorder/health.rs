//! Whether the history is being written, and what to tell when that changes.
//!
//! ```text
//!            failed / refused
//!   Writing ──────────────────► Lost { records lost } ──┐ failed, refused, lost
//!      ▲                              │   ▲             │
//!      └────────── wrote ─────────────┘   └─────────────┘
//! ```
//!
//! Each outage is told once when it begins and once when it ends.

use std::time::Duration;

use crate::model::event::Fact;

/// The wait after the first failure; doubled with each further one.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Whether the history is being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Health {
    #[default]
    Writing,
    Lost {
        records: u64,
        failures: u32,
    },
}

impl Health {
    /// The store failed.
    pub(super) fn failed(&mut self, why: impl FnOnce() -> String) -> Option<Fact> {
        match self {
            Self::Writing => {
                *self = Self::Lost { records: 0, failures: 1 };
                Some(Fact::HistoryLost { why: why() })
            }
            Self::Lost { failures, .. } => {
                *failures = failures.saturating_add(1);
                None
            }
        }
    }

    /// So many records were dropped.
    pub(super) fn dropped(&mut self, count: u64, why: &str) -> Option<Fact> {
        if count == 0 {
            return None;
        }
        let fact = match self {
            Self::Writing => {
                *self = Self::Lost { records: 0, failures: 0 };
                Some(Fact::HistoryLost { why: why.to_owned() })
            }
            Self::Lost { .. } => None,
        };
        if let Self::Lost { records, .. } = self {
            *records = records.saturating_add(count);
        }
        fact
    }

    /// A batch was written.
    pub(super) fn wrote(&mut self) -> Option<Fact> {
        match std::mem::take(self) {
            Self::Writing => None,
            Self::Lost { records, .. } => Some(Fact::HistoryBack { lost: records }),
        }
    }

    /// How long to wait before a store is tried again that should work at once, as a fresh file does: not at
    /// all the first time.
    pub(super) fn short_wait(self) -> Duration {
        match self {
            Self::Writing | Self::Lost { failures: 0 | 1, .. } => Duration::ZERO,
            Self::Lost { .. } => self.wait(),
        }
    }

    /// How long to wait before the store is tried again.
    pub(super) fn wait(self) -> Duration {
        match self {
            Self::Writing | Self::Lost { failures: 0, .. } => Duration::ZERO,
            Self::Lost { failures, .. } => {
                WAIT_MIN.saturating_mul(1u32 << (failures - 1).min(10)).min(WAIT_MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_at_each_end() {
        let mut health = Health::default();
        assert_eq!(health.wrote(), None);
        assert_eq!(health.dropped(0, "nothing"), None);
        assert_eq!(health.failed(|| "disk full".into()), Some(Fact::HistoryLost { why: "disk full".into() }));
        assert_eq!(health.failed(|| "disk full".into()), None);
        assert_eq!(health.dropped(3, "queue"), None);
        assert_eq!(health.dropped(4, "queue"), None);
        assert_eq!(health.wrote(), Some(Fact::HistoryBack { lost: 7 }));
        assert_eq!(health.wrote(), None);
        assert_eq!(health.dropped(1, "queue"), Some(Fact::HistoryLost { why: "queue".into() }));
    }

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let mut health = Health::default();
        let waits: Vec<u64> = (0..9)
            .map(|_| {
                drop(health.failed(String::new));
                health.wait().as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        drop(health.wrote());
        assert_eq!(health.wait(), Duration::ZERO);
    }
}
