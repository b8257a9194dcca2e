//! The epoll sets of a process, read no oftener than is worth it.
//!
//! Reading a set costs a microsecond for each of its watches, held under the set's lock. Only dead sockets are
//! judged by it, so where none is dead nobody reads, and otherwise a reading stands for [`KEPT`]. Whoever closes a
//! descriptor reads anew.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::kind::Kind;
use crate::model::reading::{Gap, Reading};
use crate::sampler::survey::Watch;
use crate::sys::adopted::Adopted;
use crate::sys::descriptors::Descriptor;
use crate::sys::epoll_sets::EpollSets;

/// How long a reading stands.
const KEPT: Duration = Duration::from_secs(5);

/// What was last read of the epoll sets of one process.
#[derive(Debug)]
pub(super) struct Watching {
    sets: EpollSets,
    read: Option<Timestamp>,
    gap: Option<Gap>,
    inodes: Vec<u64>,
}

impl Watching {
    pub(super) fn new(sets: EpollSets) -> Self {
        Self { sets, read: None, gap: None, inodes: Vec::new() }
    }

    /// The sockets that are watched, as of now or not long ago.
    pub(super) fn read(
        &mut self,
        process: &Adopted,
        table: &[Descriptor],
        at: Timestamp,
    ) -> Reading<Watch<'_>> {
        let read = match self.read {
            Some(read) if at.since(read) < KEPT => read,
            Some(_) | None => {
                self.gap = self.sets.read(process, table).err().map(|error| error.gap());
                let sockets = table.iter().filter(|row| row.kind == Kind::Socket && self.sets.watches(row));
                self.inodes.clear();
                self.inodes.extend(sockets.filter_map(|row| row.inode));
                self.inodes.sort_unstable();
                self.read = Some(at);
                at
            }
        };
        match self.gap {
            Some(gap) => Reading::Unavailable(gap),
            None => Reading::Known(Watch { inodes: &self.inodes, read }),
        }
    }
}
