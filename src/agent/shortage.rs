//! Pools that have clients in a process with nearly no descriptors left: each new client would bring that one nearer to its end, so
//! they let in no more than their reserve.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::pool::gate::Supply;

/// A process has enough again when it has so many times what counts as few.
const ENOUGH: u64 = 2;
/// What counts as few is at most this part of what a process may open: of a small one the last sixteen are a third.
const SHARE: u64 = 16;

/// Who is short of descriptors, by pool.
#[derive(Debug, Default)]
pub(super) struct Shortages(BTreeMap<Name, BTreeSet<ProcessId>>);

/// What a process may still open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Left {
    /// Descriptors.
    pub(super) left: u64,
    /// Its limit.
    pub(super) of: u64,
}

/// A pool is to be told something else from now on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    /// The pool.
    pub(super) pool: Name,
    /// What of.
    pub(super) supply: Supply,
}

impl Shortages {
    /// A process has so many descriptors left of so many, as far as is known, and clients of these pools, each with what counts
    /// as few there. What turns by it.
    pub(super) fn weigh(
        &mut self,
        process: ProcessId,
        known: Option<Left>,
        pools: &BTreeMap<Name, u32>,
    ) -> Vec<Turn> {
        // A tick allocates nothing while nobody is short.
        let mut turns = Vec::new();
        let Some(Left { left, of }) = known else { return turns };
        let few = |few: u32| u64::from(few).min(of / SHARE);
        let is_short = |number: u32| few(number) > 0 && left <= few(number);
        for pool in pools.iter().filter(|(_, few)| is_short(**few)).map(|(pool, _)| pool) {
            let short = self.0.entry(pool.clone()).or_default();
            if short.is_empty() {
                turns.push(Turn { pool: pool.clone(), supply: Supply::Scarce });
            }
            short.insert(process);
        }
        if !self.0.is_empty() {
            let is_over = |pool: &Name| pools.get(pool).is_none_or(|number| left >= ENOUGH * few(*number));
            turns.extend(self.let_go(process, is_over));
        }
        turns
    }

    /// A process is not guarded any more. What turns by it.
    pub(super) fn forget(&mut self, process: ProcessId) -> Vec<Turn> {
        self.let_go(process, |_| true)
    }

    /// How a pool is to stand.
    pub(super) fn of(&self, pool: &Name) -> Supply {
        if self.0.contains_key(pool) { Supply::Scarce } else { Supply::Plenty }
    }

    fn let_go(&mut self, process: ProcessId, is_over: impl Fn(&Name) -> bool) -> Vec<Turn> {
        let mut turns = Vec::new();
        self.0.retain(|pool, short| {
            if is_over(pool) && short.remove(&process) && short.is_empty() {
                turns.push(Turn { pool: pool.clone(), supply: Supply::Plenty });
            }
            !short.is_empty()
        });
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32) -> ProcessId {
        ProcessId { pid, inode: 0, started: 0, exe: (0, 0) }
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn turn(pool: &str, supply: Supply) -> Turn {
        Turn { pool: name(pool), supply }
    }

    fn left(left: u64) -> Left {
        Left { left, of: 1_024 }
    }

    #[test]
    fn few_left_close_the_pools_of_the_process_and_twice_as_many_open_them() {
        let mut shortages = Shortages::default();
        let pools = BTreeMap::from([(name("db"), 16), (name("feed"), 8)]);
        assert_eq!(shortages.weigh(process(1), Some(left(17)), &pools), []);
        assert_eq!(shortages.weigh(process(1), Some(left(16)), &pools), [turn("db", Supply::Scarce)]);
        assert_eq!(shortages.weigh(process(1), Some(left(9)), &pools), [], "told once");
        assert_eq!(shortages.weigh(process(1), Some(left(0)), &pools), [turn("feed", Supply::Scarce)]);
        assert_eq!(shortages.weigh(process(1), None, &pools), [], "unknown is neither few nor many");
        assert_eq!(shortages.weigh(process(1), Some(left(31)), &pools), [turn("feed", Supply::Plenty)]);
        assert_eq!(
            (shortages.of(&name("db")), shortages.of(&name("feed"))),
            (Supply::Scarce, Supply::Plenty)
        );
        assert_eq!(shortages.weigh(process(1), Some(left(32)), &pools), [turn("db", Supply::Plenty)]);
    }

    #[test]
    fn a_pool_is_open_again_when_nobody_is_short_or_a_client() {
        let mut shortages = Shortages::default();
        let pools = BTreeMap::from([(name("db"), 16)]);
        assert_eq!(shortages.weigh(process(1), Some(left(3)), &pools), [turn("db", Supply::Scarce)]);
        assert_eq!(shortages.weigh(process(2), Some(left(3)), &pools), []);
        assert_eq!(shortages.forget(process(1)), []);
        assert_eq!(
            shortages.weigh(process(2), Some(left(3)), &BTreeMap::new()),
            [turn("db", Supply::Plenty)]
        );
        assert_eq!(shortages.forget(process(2)), []);
    }

    #[test]
    fn none_counts_as_few_where_nobody_is_to_look() {
        let mut shortages = Shortages::default();
        let pools = BTreeMap::from([(name("db"), 0)]);
        assert_eq!(shortages.weigh(process(1), Some(left(0)), &pools), []);
    }

    #[test]
    fn of_a_small_process_less_counts_as_few() {
        let mut shortages = Shortages::default();
        let pools = BTreeMap::from([(name("db"), 16)]);
        let left = |left| Left { left, of: 48 };
        assert_eq!(shortages.weigh(process(1), Some(left(4)), &pools), []);
        assert_eq!(shortages.weigh(process(1), Some(left(3)), &pools), [turn("db", Supply::Scarce)]);
        assert_eq!(shortages.weigh(process(1), Some(left(6)), &pools), [turn("db", Supply::Plenty)]);
    }
}
