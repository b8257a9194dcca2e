//! Samples of a process, block by block, for replay.

use super::{QueryError, Range, Reader, Recorded};
use crate::journal::block::{Observations, decode};
use crate::journal::store::{BlockSpan, Shelf};
use crate::model::observation::Observation;

/// Blocks read at once.
const BLOCKS_AT_ONCE: u32 = 8;

/// Samples, oldest first, read as they are asked for.
#[derive(Debug)]
pub struct Samples<'a> {
    shelf: &'a mut Shelf,
    pages: Pages,
    blocks: std::vec::IntoIter<Vec<u8>>,
    block: Option<Observations>,
    damaged: u64,
}

/// Where a walk over the blocks of a process stands. It asks for a few at a time, each time anew, and so holds
/// no lock in between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pages {
    row: i64,
    pub(super) range: Range,
    after: i64,
}

impl Pages {
    pub(super) fn new(recorded: &Recorded, range: Range) -> Self {
        Self { row: recorded.row, range, after: i64::MIN }
    }

    /// The next blocks; none at the end.
    pub(super) async fn next(&mut self, shelf: &mut Shelf, most: u32) -> Result<Vec<Vec<u8>>, QueryError> {
        let span = BlockSpan { row: self.row, after: self.after, walls: self.range.ends(), most };
        let rows = shelf.blocks(span).await?;
        if let Some((from, _)) = rows.last() {
            self.after = *from;
        }
        Ok(rows.into_iter().map(|(_, bytes)| bytes).collect())
    }
}

impl Reader {
    /// The samples of a process in that time.
    pub fn samples(&mut self, recorded: &Recorded, range: Range) -> Samples<'_> {
        Samples {
            shelf: &mut self.shelf,
            pages: Pages::new(recorded, range),
            blocks: Vec::new().into_iter(),
            block: None,
            damaged: 0,
        }
    }
}

impl Samples<'_> {
    /// The next sample; none at the end. A block that can't be read is left out and counted.
    pub async fn next(&mut self) -> Result<Option<Observation>, QueryError> {
        loop {
            let range = self.pages.range;
            if let Some(seen) =
                self.block.as_mut().and_then(|block| block.find(|seen| range.holds(seen.wall)))
            {
                return Ok(Some(seen));
            }
            match self.blocks.next().map(|bytes| decode(&bytes)) {
                Some(Ok(block)) => self.block = Some(block.into_observations()),
                Some(Err(_)) => self.damaged += 1,
                None => {
                    let blocks = self.pages.next(self.shelf, BLOCKS_AT_ONCE).await?;
                    if blocks.is_empty() {
                        return Ok(None);
                    }
                    self.blocks = blocks.into_iter();
                }
            }
        }
    }

    /// Blocks left out so far because they can't be read.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }
}
