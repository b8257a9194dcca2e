//! Blocks, as far as a subscription needs to know them.

use std::collections::VecDeque;

use serde_json::Value;

/// Blocks that are kept in mind: no reorganisation that is deeper is followed.
pub(super) const KEPT: usize = 256;

/// A block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Its height.
    pub number: u64,
    /// Its own hash.
    pub hash: String,
    /// That of the block before it.
    pub parent: String,
}

impl Block {
    /// Reads a header.
    pub fn parse(header: &Value) -> Option<Self> {
        let text = |name: &str| header.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            number: quantity(header.get("number")?)?,
            hash: text("hash")?,
            parent: text("parentHash")?,
        })
    }
}

/// A number as Ethereum writes it.
pub fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// The latest blocks of a chain, one right behind the other.
#[derive(Clone, Debug, Default)]
pub struct Recents(VecDeque<Block>);

impl Recents {
    /// The newest one.
    pub fn last(&self) -> Option<&Block> {
        self.0.back()
    }

    /// The one at a height.
    pub fn at(&self, number: u64) -> Option<&Block> {
        let place = number.checked_sub(self.0.front()?.number)?;
        self.0.get(usize::try_from(place).ok()?)
    }

    /// A new one; what is not below it is gone.
    pub fn push(&mut self, block: Block) {
        while self.last().is_some_and(|last| last.number >= block.number) {
            self.0.pop_back();
        }
        if self.last().is_some_and(|last| last.number + 1 != block.number) {
            self.0.clear();
        }
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(block);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
