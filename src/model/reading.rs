//! A reading is known, or unavailable with a reason. A source that fails never reads as zero.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What one source said in one tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading<T> {
    /// The source answered.
    Known(T),
    /// The source did not, and why.
    Unavailable(Gap),
}

/// Why a reading is missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// Nothing has asked for it yet, or the first full tick is still to come.
    NotYet,
    /// The kernel refused: `fdguard doctor` says what would grant it.
    NotPermitted,
    /// This kernel does not offer it.
    NotSupported,
    /// The process has ended.
    Gone,
    /// The source did not answer before its deadline.
    Late,
    /// The window is not full enough to tell.
    TooYoung,
    /// The agent's file declares no such source.
    NotConfigured,
    /// The agent is short of descriptors, memory or time of its own.
    NoRoom,
    /// The source answered with an error or with something unreadable.
    Failed,
    /// The recording does not hold it.
    NotRecorded,
    /// It has no value here: a division by zero, infinity less infinity.
    Undefined,
}

impl Gap {
    /// Every reason, in the order of its code in the recording.
    pub const ALL: [Self; 11] = [
        Self::NotYet,
        Self::NotPermitted,
        Self::NotSupported,
        Self::Gone,
        Self::Late,
        Self::TooYoung,
        Self::NotConfigured,
        Self::NoRoom,
        Self::Failed,
        Self::NotRecorded,
        Self::Undefined,
    ];
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYet => "not sampled yet",
            Self::NotPermitted => "not permitted",
            Self::NotSupported => "not offered by this kernel",
            Self::Gone => "the process has ended",
            Self::Late => "the source did not answer in time",
            Self::TooYoung => "the window is too young",
            Self::NotConfigured => "not configured",
            Self::NoRoom => "the agent has no room for it",
            Self::Failed => "the source failed",
            Self::NotRecorded => "not in the recording",
            Self::Undefined => "not defined (divided by zero)",
        })
    }
}

impl<T> Reading<T> {
    /// The value, where known.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unavailable(_) => None,
        }
    }

    /// Why it is missing, where it is.
    pub fn gap(&self) -> Option<Gap> {
        match self {
            Self::Known(_) => None,
            Self::Unavailable(gap) => Some(*gap),
        }
    }

    /// The same reading of something computed from the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Known(value) => Reading::Known(f(value)),
            Self::Unavailable(gap) => Reading::Unavailable(gap),
        }
    }

    /// The same reading, borrowed.
    pub fn as_ref(&self) -> Reading<&T> {
        match self {
            Self::Known(value) => Reading::Known(value),
            Self::Unavailable(gap) => Reading::Unavailable(*gap),
        }
    }
}

impl<T> From<Result<T, Gap>> for Reading<T> {
    fn from(result: Result<T, Gap>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(gap) => Self::Unavailable(gap),
        }
    }
}
