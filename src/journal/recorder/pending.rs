//! What is recorded and not yet in the file: open blocks and a bounded batch.

use std::collections::{BTreeMap, VecDeque};

use super::Sample;
use crate::journal::block::{Block, Refused, encode};
use crate::journal::store::{Batch, BlockRow};
use crate::model::clock::WallTime;
use crate::model::event::Event;
use crate::model::name::Name;
use crate::model::process::ProcessId;

/// Events kept while the store is lost; then the oldest go.
pub(super) const EVENTS_MAX: usize = 2 * super::EVENTS_QUEUED_MAX;
/// Full blocks kept while the store is lost; then the oldest go.
pub(super) const BLOCKS_MAX: usize = 32;
/// Processes with an open block; one more closes that which rested longest.
pub(super) const OPEN_MAX: usize = 64;
/// Flushes without a new sample after which an open block is closed.
const RESTS_MAX: u32 = 90;

/// A block that still grows.
#[derive(Debug, Default)]
struct Open {
    block: Block,
    /// Whether it has samples that are not in the file.
    fresh: bool,
    rests: u32,
}

/// What is recorded and not yet in the file.
#[derive(Debug, Default)]
pub(super) struct Pending {
    events: VecDeque<Event>,
    /// The number of the first of them among all that ever came.
    first: u64,
    closed: VecDeque<BlockRow>,
    memory: BTreeMap<String, (WallTime, String)>,
    open: BTreeMap<(Name, ProcessId), Open>,
}

impl Pending {
    /// Takes an event; gives how many were dropped for it.
    pub(super) fn event(&mut self, event: Event) -> u64 {
        self.events.push_back(event);
        if self.events.len() <= EVENTS_MAX {
            return 0;
        }
        self.events.pop_front();
        self.first += 1;
        1
    }

    pub(super) fn remember(&mut self, target: String, wall: WallTime, json: String) {
        self.memory.insert(target, (wall, json));
    }

    /// Takes a sample; gives how many records were dropped for it.
    pub(super) fn sample(&mut self, sample: Sample) -> u64 {
        let Sample { target, process, seen } = sample;
        let key = (target, process);
        let mut dropped = 0;
        if !self.open.contains_key(&key) && self.open.len() >= OPEN_MAX {
            dropped += self.close_longest_resting();
        }
        let open = self.open.entry(key.clone()).or_default();
        open.rests = 0;
        match open.block.push(&seen) {
            Ok(()) => open.fresh = true,
            Err(Refused::TooWide) => dropped += 1,
            Err(Refused::NextBlock) => {
                let full = std::mem::take(open);
                match open.block.push(&seen) {
                    Ok(()) => open.fresh = true,
                    Err(Refused::NextBlock | Refused::TooWide) => dropped += 1,
                }
                dropped += self.close(&key, &full);
            }
        }
        dropped
    }

    fn close_longest_resting(&mut self) -> u64 {
        let longest = self.open.iter().max_by_key(|(_, open)| open.rests).map(|(key, _)| key.clone());
        let Some((key, open)) = longest.and_then(|key| self.open.remove_entry(&key)) else { return 0 };
        self.close(&key, &open)
    }

    fn close(&mut self, key: &(Name, ProcessId), open: &Open) -> u64 {
        if open.fresh {
            self.closed.extend(row(key, &open.block));
        }
        if self.closed.len() <= BLOCKS_MAX {
            return 0;
        }
        self.closed.pop_front().map_or(0, |row| u64::from(row.samples))
    }

    /// Whether something should be written at once.
    pub(super) fn presses(&self) -> bool {
        !self.events.is_empty() || !self.memory.is_empty() || !self.closed.is_empty()
    }

    /// All that should be written now; with the open blocks where `reach` says so. It stays here until
    /// [`Pending::wrote`].
    pub(super) fn batch(&self, reach: Reach) -> Batch {
        let mut blocks: Vec<BlockRow> = self.closed.iter().cloned().collect();
        match reach {
            Reach::Pressing => {}
            Reach::All => {
                let fresh = self.open.iter().filter(|(_, open)| open.fresh);
                blocks.extend(fresh.filter_map(|(key, open)| row(key, &open.block)));
            }
        }
        let memory = self.memory.iter().map(|(name, (wall, json))| (name.clone(), *wall, json.clone()));
        let events = self.events.iter().cloned().collect();
        Batch { events, first: self.first, blocks, memory: memory.collect() }
    }

    /// The batch of that reach is in the file.
    pub(super) fn wrote(&mut self, reach: Reach) {
        self.first += self.events.len() as u64;
        self.events.clear();
        self.closed.clear();
        self.memory.clear();
        match reach {
            Reach::Pressing => {}
            Reach::All => {
                self.open.retain(|_, open| {
                    open.rests = if open.fresh { 0 } else { open.rests + 1 };
                    open.fresh = false;
                    open.rests <= RESTS_MAX
                });
            }
        }
    }

    /// A fresh file was begun: it holds none of what still grows here.
    pub(super) fn begin_anew(&mut self) {
        for open in self.open.values_mut() {
            open.fresh = !open.block.moments().is_empty();
        }
    }
}

/// How much a batch holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// Events, memory and full blocks.
    Pressing,
    /// Blocks that still grow, too.
    All,
}

fn row((target, process): &(Name, ProcessId), block: &Block) -> Option<BlockRow> {
    let (first, last) = (block.moments().first()?, block.moments().last()?);
    let walls = block.moments().iter().map(|moment| moment.wall);
    Some(BlockRow {
        target: target.clone(),
        process: *process,
        from: first.at,
        from_wall: walls.clone().min().unwrap_or(first.wall),
        until_wall: walls.max().unwrap_or(last.wall),
        samples: u32::try_from(block.moments().len()).expect("a block has few samples"),
        bytes: encode(block),
    })
}
