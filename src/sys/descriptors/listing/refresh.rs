//! Bringing a table up to date without walking over it.
//!
//! The kernel tells the number of descriptors for nothing (half a microsecond), the walk costs 0.8 µs for each of them. So the rows
//! of the last pass are gone through in memory: those with other evidence stand, the others are looked at. Then
//! the balance is drawn. Where the kernel counts
//!
//! - as many as are left, the table is complete;
//! - more, the new ones are sought from the lowest free number on, which is where the kernel puts them, until all are found;
//! - fewer, a row stands that should not (its socket lives on with another holder), and only a walk tells which.
//!
//! The kernel counts a number that a call has reserved and not filled yet, as `accept` does for as long as it waits; no walk shows
//! it. So what a search to the end did not find is remembered, and sought again only when the count changes or one of
//! the lowest free numbers turns out to be open.
//!
//! What the balance can't see is one descriptor too many and one too few in the same pass: a socket that lives on
//! elsewhere is closed here and something else opened, at the same number or another one. Therefore each pass asks the kernel
//! which numbers of some blocks are open, and looks at each of them: a number is right after at most
//! [`LISTING_PASSES_MAX`] passes, whatever came before.

use crate::sys::descriptors::listing::{BLOCK, BUFFER, Descriptor, LISTING_PASSES_MAX, Listing, Trust};
use crate::sys::descriptors::{Counting, DescriptorDir};
use crate::sys::read_error::ReadError;

/// Reserved numbers that are probed in place of a search.
const PROBES_MAX: usize = 8;
/// Room for one record of getdents64 with a number for its name.
const ENTRY: usize = 32;
/// Room for the records of a block and of the one behind it.
const BLOCK_BUFFER: usize = (BLOCK as usize + 1) * ENTRY;
/// The room for records grows by this from one question to the next while the new ones are not all found.
const GROWTH: usize = 4;

/// Whether a table could be brought up to date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refreshed {
    /// It is the table of now.
    Current,
    /// Only a walk can tell; the last table stays until then.
    Doubtful,
}

impl Listing {
    /// Brings the last table up to date with about `most` looks at most: not tried where the pass before took more. An error
    /// gives it up.
    pub(in crate::sys) fn refresh(
        &mut self,
        dir: &DescriptorDir,
        most: usize,
        trust: impl FnMut(&Descriptor) -> Trust,
    ) -> Result<Refreshed, ReadError> {
        let is_walking = self.offset != 0;
        let is_counted = dir.counting == Counting::BySize;
        if self.table.is_empty() || is_walking || !is_counted || self.looks > most {
            return Ok(Refreshed::Doubtful);
        }
        self.looks = 0;
        let refreshed = self.go_through(dir, most, trust).and_then(|refreshed| match refreshed {
            Refreshed::Current => self.balance(dir),
            Refreshed::Doubtful => Ok(Refreshed::Doubtful),
        });
        match refreshed {
            Ok(Refreshed::Current) => self.finish(),
            Ok(Refreshed::Doubtful) | Err(_) => self.abandon(),
        }
        refreshed
    }

    /// All remembered rows and all blocks that are due, by number.
    fn go_through(
        &mut self,
        dir: &DescriptorDir,
        most: usize,
        mut trust: impl FnMut(&Descriptor) -> Trust,
    ) -> Result<Refreshed, ReadError> {
        let mut due = (self.pass % LISTING_PASSES_MAX).checked_mul(BLOCK);
        let mut place = 0;
        while let Some(row) = self.table.get(place).copied() {
            while let Some(from) = due.filter(|from| *from <= row.number) {
                due = self.take_block(dir, from)?;
            }
            if !self.is_due(row.number) {
                self.cursor = place;
                self.take(dir, row.number, &mut trust)?;
            }
            if self.looks > most {
                return Ok(Refreshed::Doubtful);
            }
            place += 1;
        }
        while let Some(from) = due {
            due = self.take_block(dir, from)?;
        }
        Ok(Refreshed::Current)
    }

    /// Looks at all numbers of a block that are open; gives the start of the next one that is due, `None` where no
    /// number behind this one is open.
    fn take_block(&mut self, dir: &DescriptorDir, from: u32) -> Result<Option<u32>, ReadError> {
        let mut room = [0; BLOCK_BUFFER];
        let mut last = None;
        for number in dir.entries(&mut room, place_of(from))?.filter_map(|entry| entry.number) {
            last = Some(number);
            if number / BLOCK > from / BLOCK {
                break;
            }
            self.take(dir, number, &mut |_| Trust::Look)?;
        }
        Ok(last.and_then(|last| self.due_after(from, last)))
    }

    /// The first block that is due behind `from` and does not end before `open`.
    fn due_after(&self, from: u32, open: u32) -> Option<u32> {
        let ahead = (self.pass % LISTING_PASSES_MAX + LISTING_PASSES_MAX - open / BLOCK % LISTING_PASSES_MAX)
            % LISTING_PASSES_MAX;
        let block = (open / BLOCK).checked_add(ahead)?.max((from / BLOCK).checked_add(LISTING_PASSES_MAX)?);
        block.checked_mul(BLOCK)
    }

    /// Compares with the kernel's number, and seeks the new ones where there are more.
    fn balance(&mut self, dir: &DescriptorDir) -> Result<Refreshed, ReadError> {
        let open = usize::try_from(dir.count()?).unwrap_or(usize::MAX);
        let missing = open.checked_sub(self.next.len()).filter(|missing| *missing >= self.reserved);
        let Some(missing) = missing else { return Ok(Refreshed::Doubtful) };
        if missing > self.reserved || self.is_filled(dir)? {
            let new = self.seek(dir, missing)?;
            self.reserved = missing - new.len();
            self.merge(&new);
        }
        Ok(Refreshed::Current)
    }

    /// Whether a number is open among the lowest ones that were free, as many as were found reserved.
    fn is_filled(&mut self, dir: &DescriptorDir) -> Result<bool, ReadError> {
        let mut place = self.lowest_free();
        let mut number = u32::try_from(place).unwrap_or(u32::MAX);
        let mut probes = self.reserved;
        if probes > PROBES_MAX {
            return Ok(true);
        }
        while probes > 0 {
            if self.next.get(place).is_some_and(|row| row.number == number) {
                place += 1;
            } else if self.look(dir, number, None)?.is_some() {
                return Ok(true);
            } else {
                probes -= 1;
            }
            number = number.saturating_add(1);
        }
        Ok(false)
    }

    /// So many open numbers that are not in the table in the making, from the lowest free one on. Fewer where some were closed
    /// since they were counted.
    fn seek(&mut self, dir: &DescriptorDir, missing: usize) -> Result<Vec<(Descriptor, u64)>, ReadError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut room = ((missing + 1) * ENTRY).clamp(BLOCK_BUFFER, BUFFER);
        let mut place = self.lowest_free();
        let mut offset = place_of(u32::try_from(place).unwrap_or(u32::MAX));
        let mut new = Vec::new();
        let sought = 'all: loop {
            let entries = match dir.entries(buffer.get_mut(..room).unwrap_or_default(), offset) {
                Ok(entries) => entries,
                Err(error) => break Err(error),
            };
            let before = offset;
            for entry in entries {
                offset = entry.next;
                let Some(number) = entry.number else { continue };
                let known = self.next.get(place..).unwrap_or_default();
                place += known.iter().take_while(|row| row.number < number).count();
                if self.next.get(place).is_some_and(|row| row.number == number) {
                    continue;
                }
                match self.look(dir, number, None) {
                    Ok(Some(row)) => new.push(row),
                    Ok(None) => {}
                    Err(error) => break 'all Err(error),
                }
                if new.len() == missing {
                    break 'all Ok(());
                }
            }
            if offset == before {
                break Ok(());
            }
            room = (room * GROWTH).min(BUFFER);
        };
        self.buffer = buffer;
        sought.map(|()| new)
    }

    /// The lowest number that is not in the table in the making: its rows have rising numbers, so up to there each number is
    /// its place.
    fn lowest_free(&self) -> usize {
        let (mut low, mut high) = (0, self.next.len());
        while low < high {
            let middle = low.midpoint(high);
            let is_dense = self.next.get(middle).is_some_and(|row| row.number as usize == middle);
            if is_dense { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Puts new rows where they belong; both are by number. The last table is not needed any more.
    fn merge(&mut self, new: &[(Descriptor, u64)]) {
        self.table.clear();
        self.paths.clear();
        let mut new = new.iter().peekable();
        for (row, path) in self.next.iter().zip(&self.next_paths) {
            while let Some((fresh, its)) = new.next_if(|(fresh, _)| fresh.number < row.number) {
                self.table.push(*fresh);
                self.paths.push(*its);
            }
            self.table.push(*row);
            self.paths.push(*path);
        }
        self.table.extend(new.clone().map(|(fresh, _)| *fresh));
        self.paths.extend(new.map(|(_, its)| *its));
        std::mem::swap(&mut self.table, &mut self.next);
        std::mem::swap(&mut self.paths, &mut self.next_paths);
    }
}

/// Where in the directory the entry of a number stands: behind `.` and `..`.
fn place_of(number: u32) -> i64 {
    i64::from(number) + 2
}
