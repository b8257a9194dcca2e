//! Bounds of the history: what is too old goes, and the oldest goes where it is too large.
//!
//! Age goes by the civil time of the record. Size goes by the order of writing, so that a clock which once
//! stood wrong can't keep its records for ever. Freed pages are given back to the file system, since a file
//! that once grew past its bound would else stay there.

use std::time::Duration;

use crate::journal::store::{Store, StoreError};
use crate::model::clock::WallTime;

/// How much history is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// For how long.
    pub age: Duration,
    /// In how many bytes, the write-ahead log not counted; at least [`Keep::SIZE_MIN`] is granted.
    pub size: u64,
}

impl Keep {
    /// Below this a history makes no sense.
    pub const SIZE_MIN: u64 = 1 << 20;

    /// From here on the oldest goes: an eighth is left for what is written between two trims.
    fn high(self) -> u64 {
        self.size.max(Self::SIZE_MIN) / 8 * 7
    }

    /// Down to here.
    fn low(self) -> u64 {
        self.size.max(Self::SIZE_MIN) / 8 * 6
    }
}

/// Chunks in one trim; what is left waits for the next.
const CHUNKS_MAX: u32 = 256;

/// What a trim deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Trimmed {
    pub(crate) blocks: u64,
    pub(crate) events: u64,
}

/// Deletes what is beyond the bounds.
pub(crate) async fn trim(store: &mut Store, keep: Keep, now: WallTime) -> Result<Trimmed, StoreError> {
    let mut trimmed = Trimmed::default();
    let age = i64::try_from(keep.age.as_millis()).unwrap_or(i64::MAX);
    let horizon = now.as_millis().saturating_sub(age);
    let mut chunks = 0;
    while chunks < CHUNKS_MAX {
        let gone = store.delete_older(horizon).await?;
        trimmed.add(gone);
        chunks += 1;
        if gone == Trimmed::default() {
            break;
        }
    }
    if store.size(keep.high()).await?.whole > keep.high() {
        while chunks < CHUNKS_MAX && store.size(keep.low()).await?.used > keep.low() {
            let gone = store.delete_oldest().await?;
            trimmed.add(gone);
            chunks += 1;
            if gone == Trimmed::default() {
                break;
            }
        }
    }
    if trimmed != Trimmed::default() {
        store.tidy().await?;
    }
    Ok(trimmed)
}

impl Trimmed {
    fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.events += other.events;
    }
}

/// Bytes of the store, and of those in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) whole: u64,
    pub(crate) used: u64,
}

#[cfg(test)]
mod tests;
