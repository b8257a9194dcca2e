//! A walk over a table of descriptors that remembers the table of the walk before.
//!
//! Looking at a link costs four times the walk, and in most ticks most links are what they were. So the caller may
//! say of a remembered descriptor that it is to be kept unseen: typically a socket whose inode is in the socket
//! dump of this very tick. What that can miss is a number that was closed and given out again while another
//! holder (a child, a duplicate) keeps the old socket alive; therefore every number is looked at afresh at
//! least each [`LISTING_PASSES_MAX`]th pass, a block of them here and there in each. Whoever acts on a single
//! descriptor verifies it at that moment anyway. Where even the walk can be spared, see `refresh`.
//!
//! A path is the dearest to look at: whether it is a directory is told by `fdinfo` alone, 8 µs more. That is
//! asked again only where the path at a number has changed.
//!
//! The walk is made in chunks, so that a table of 100,000 can be spread over several ticks. It is no
//! snapshot: a descriptor opened or closed while it goes on may be seen or not, each one truthfully.
//! Of a process that ends meanwhile the rest of the table is missing: walk through
//! [`Adopted::list`](crate::sys::adopted::Adopted::list), which tells.

use std::hash::{DefaultHasher, Hasher as _};

use nix::libc;

use crate::model::kind::Kind;
use crate::sys::descriptors::{DescriptorDir, Link};
use crate::sys::read_error::ReadError;

mod refresh;

pub use refresh::Refreshed;

/// A number is looked at afresh at least each so many passes, be they walks or refreshes.
pub const LISTING_PASSES_MAX: u32 = 32;
/// Neighbouring numbers that are looked at afresh in the same pass.
const BLOCK: u32 = 16;

/// Room for the records of one getdents64: about 1,300 descriptors.
pub(super) const BUFFER: usize = 32 << 10;

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// Its number in the process.
    pub number: u32,
    /// What it refers to.
    pub kind: Kind,
    /// The inode, for sockets and pipes.
    pub inode: Option<u64>,
    /// Whether it is a file or directory that has been removed.
    pub deleted: bool,
}

/// Whether a remembered row may stand without a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// There is other evidence for it in this tick.
    Keep,
    /// Look at it.
    Look,
}

/// How far a walk has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is more: call again.
    More,
    /// The table is complete.
    Complete,
}

/// A walk, and the table of the last complete one.
#[derive(Debug)]
pub struct Listing {
    buffer: Vec<u8>,
    link: Vec<u8>,
    table: Vec<Descriptor>,
    /// The table in the making.
    next: Vec<Descriptor>,
    /// For each row of `table` the hash of its path, 0 where it has none.
    paths: Vec<u64>,
    next_paths: Vec<u64>,
    offset: i64,
    /// Where in `table` the number of the last entry stands.
    cursor: usize,
    pass: u32,
    looks: usize,
    /// Numbers that the kernel counted and no search found, when the table was last refreshed.
    reserved: usize,
}

impl Listing {
    /// An empty table, nothing walked.
    pub fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER],
            link: vec![0; libc::PATH_MAX as usize],
            table: Vec::new(),
            next: Vec::new(),
            paths: Vec::new(),
            next_paths: Vec::new(),
            offset: 0,
            cursor: 0,
            pass: 0,
            looks: 0,
            reserved: 0,
        }
    }

    /// The table of the last complete walk, by number.
    pub fn table(&self) -> &[Descriptor] {
        &self.table
    }

    /// How many links were looked at in the walk that goes on, or in the last one.
    pub fn looks(&self) -> usize {
        self.looks
    }

    /// Forgets all: the next pass is a walk that looks at everything.
    pub fn forget(&mut self) {
        self.abandon();
        self.table.clear();
        self.paths.clear();
    }

    /// Gives up a walk that goes on; the last table stays.
    pub fn abandon(&mut self) {
        self.next.clear();
        self.next_paths.clear();
        self.offset = 0;
        self.cursor = 0;
    }

    /// Walks over at most `most` further entries (at least one). An error gives up the walk.
    pub(in crate::sys) fn next_chunk(
        &mut self,
        dir: &DescriptorDir,
        most: usize,
        trust: impl FnMut(&Descriptor) -> Trust,
    ) -> Result<Progress, ReadError> {
        let progress = self.walk(dir, most.max(1), trust);
        match progress {
            Ok(Progress::Complete) => {
                self.reserved = 0;
                self.finish();
            }
            Ok(Progress::More) => {}
            Err(_) => self.abandon(),
        }
        progress
    }

    fn walk(
        &mut self,
        dir: &DescriptorDir,
        most: usize,
        mut trust: impl FnMut(&Descriptor) -> Trust,
    ) -> Result<Progress, ReadError> {
        if self.offset == 0 {
            self.looks = 0;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut left = most;
        let progress = loop {
            match self.walk_buffer(dir, &mut buffer, &mut left, &mut trust) {
                Ok(0) => break Ok(Progress::Complete),
                Ok(_) if left == 0 => break Ok(Progress::More),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        self.buffer = buffer;
        progress
    }

    /// Takes one buffer of entries, as many as are left to take; says how many records it saw.
    fn walk_buffer(
        &mut self,
        dir: &DescriptorDir,
        buffer: &mut [u8],
        left: &mut usize,
        trust: &mut impl FnMut(&Descriptor) -> Trust,
    ) -> Result<usize, ReadError> {
        let mut seen = 0;
        for entry in dir.entries(buffer, self.offset)? {
            if *left == 0 {
                break;
            }
            seen += 1;
            self.offset = entry.next;
            if let Some(number) = entry.number {
                *left -= 1;
                self.take(dir, number, trust)?;
            }
        }
        Ok(seen)
    }

    fn take(
        &mut self,
        dir: &DescriptorDir,
        number: u32,
        trust: &mut impl FnMut(&Descriptor) -> Trust,
    ) -> Result<(), ReadError> {
        let remembered = self.remembered(number);
        if let Some((known, path)) = remembered
            && !self.is_due(number)
            && trust(&known) == Trust::Keep
        {
            self.next.push(known);
            self.next_paths.push(path);
            return Ok(());
        }
        if let Some((row, path)) = self.look(dir, number, remembered)? {
            self.next.push(row);
            self.next_paths.push(path);
        }
        Ok(())
    }

    /// Whether this pass has to look at that number, whatever is remembered of it.
    fn is_due(&self, number: u32) -> bool {
        number / BLOCK % LISTING_PASSES_MAX == self.pass % LISTING_PASSES_MAX
    }

    /// The row of a number and the hash of its path; `None` where nothing is open there, by now or at all.
    fn look(
        &mut self,
        dir: &DescriptorDir,
        number: u32,
        remembered: Option<(Descriptor, u64)>,
    ) -> Result<Option<(Descriptor, u64)>, ReadError> {
        self.looks += 1;
        let Some(text) = dir.link(number, &mut self.link)? else { return Ok(None) };
        let link = Link::parse(text);
        let path = if link.is_path() { hash(text) } else { 0 };
        let row = match remembered {
            // The same path as before: a file or a directory, as it was.
            Some((known, seen)) if link.is_path() && seen == path => known,
            Some(_) | None => {
                let link = dir.tell_directory(number, link);
                let (kind, inode, deleted) = (link.kind(), link.inode(), link.is_deleted());
                Descriptor { number, kind, inode, deleted }
            }
        };
        Ok(Some((row, path)))
    }

    /// Entries come by rising number; one that does not is merely looked at.
    fn remembered(&mut self, number: u32) -> Option<(Descriptor, u64)> {
        let rest = self.table.get(self.cursor..)?;
        self.cursor += rest.iter().take_while(|known| known.number < number).count();
        let row = self.table.get(self.cursor).filter(|known| known.number == number)?;
        Some((*row, *self.paths.get(self.cursor)?))
    }

    fn finish(&mut self) {
        std::mem::swap(&mut self.table, &mut self.next);
        std::mem::swap(&mut self.paths, &mut self.next_paths);
        self.pass = self.pass.wrapping_add(1);
        self.abandon();
    }
}

/// Of a path; never 0.
fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(path);
    hasher.finish().max(1)
}

impl Default for Listing {
    fn default() -> Self {
        Self::new()
    }
}
