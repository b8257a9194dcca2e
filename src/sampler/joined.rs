//! The sockets of a process with what the kernel's tables say of them: both sides are put in order once, and
//! everything that follows is a walk. Hashing them anew for each question cost more than asking the kernel.

use std::sync::Arc;

use crate::model::kind::Kind;
use crate::sys::descriptors::Descriptor;
use crate::sys::sock_diag::SocketRecord;

/// Where the record of an inode stands, by inode. Kept between scans for its room.
#[derive(Debug, Default)]
pub struct RecordIndex {
    places: Vec<(u32, u32)>,
}

impl RecordIndex {
    /// Puts the records of a dump in order. Those that no process holds are left out; of two with one inode,
    /// as a socket that changed its state within the dump has them, the later one counts.
    pub fn fill(&mut self, records: &[SocketRecord]) {
        self.places.clear();
        let inodes = records.iter().map(|record| record.inode);
        self.places.extend(inodes.zip(0..).filter(|(inode, _)| *inode != 0));
        self.places.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        self.places.dedup_by_key(|(inode, _)| *inode);
    }

    /// Whether there is a record of that inode.
    pub fn knows(&self, inode: u64) -> bool {
        self.place(inode, &mut 0).is_some()
    }

    /// Where the record of that inode stands. `near` is where the last one was found: sockets that were made one after
    /// the other, as neighbours in a table of descriptors mostly were, stand one after the other here.
    pub fn place(&self, inode: u64, near: &mut usize) -> Option<usize> {
        let inode = u32::try_from(inode).ok()?;
        let next = self.places.get(*near + 1).filter(|place| place.0 == inode);
        let place = match next {
            Some(_) => *near + 1,
            None => self.places.binary_search_by_key(&inode, |place| place.0).ok()?,
        };
        *near = place;
        usize::try_from(self.places.get(place)?.1).ok()
    }
}

/// The sockets of a process, by inode, each once.
#[derive(Clone, Debug, Default)]
pub struct Joined<'a> {
    holders: Vec<(u64, u32)>,
    sockets: Vec<HeldSocket<'a>>,
}

/// A socket that the process holds.
#[derive(Clone, Copy, Debug)]
pub struct HeldSocket<'a> {
    /// Its inode.
    pub inode: u64,
    /// Its lowest descriptor.
    pub number: u32,
    /// What the kernel's tables say of it, where they know it.
    pub record: Option<&'a SocketRecord>,
}

impl<'a> Joined<'a> {
    /// Joins a table of descriptors with the records of a dump and their index.
    pub fn new(table: &[Descriptor], records: &'a [SocketRecord], index: &RecordIndex) -> Self {
        let sockets = table.iter().filter(|row| row.kind == Kind::Socket);
        let mut holders: Vec<(u64, u32)> =
            sockets.filter_map(|row| row.inode.map(|inode| (inode, row.number))).collect();
        holders.sort_unstable();
        let mut places = index.places.iter().peekable();
        let mut sockets: Vec<HeldSocket<'_>> = Vec::with_capacity(holders.len());
        for (inode, number) in &holders {
            if sockets.last().is_some_and(|last| last.inode == *inode) {
                continue;
            }
            while places.next_if(|place| u64::from(place.0) < *inode).is_some() {}
            let place = places.peek().filter(|place| u64::from(place.0) == *inode);
            let record = place.and_then(|place| records.get(usize::try_from(place.1).ok()?));
            sockets.push(HeldSocket { inode: *inode, number: *number, record });
        }
        Self { holders, sockets }
    }

    /// The sockets, by inode.
    pub fn sockets(&self) -> &[HeldSocket<'a>] {
        &self.sockets
    }

    /// The sockets that the tables know, with what they say.
    pub fn known(&self) -> impl Iterator<Item = (u64, &'a SocketRecord)> {
        self.sockets.iter().filter_map(|socket| Some((socket.inode, socket.record?)))
    }

    /// Every socket's inode with its first descriptor, by inode.
    pub fn descriptors(&self) -> Arc<[(u64, u32)]> {
        self.sockets.iter().map(|socket| (socket.inode, socket.number)).collect()
    }

    /// The descriptors that hold a socket.
    pub fn holders(&self, inode: u64) -> impl Iterator<Item = u32> {
        let from = self.holders.partition_point(|holder| holder.0 < inode);
        let rest = self.holders.get(from..).unwrap_or_default().iter();
        rest.take_while(move |holder| holder.0 == inode).map(|holder| holder.1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::sys::sock_diag::TcpState;

    proptest! {
        #[test]
        fn it_is_the_join_that_a_map_gives(
            held in prop::collection::vec((0u64..30, any::<bool>()), 0..40),
            dumped in prop::collection::vec((0u32..30, any::<bool>()), 0..40),
        ) {
            let row = |(number, (inode, socket)): (u32, &(u64, bool))| Descriptor {
                number,
                kind: if *socket { Kind::Socket } else { Kind::Pipe },
                inode: Some(*inode),
                deleted: false,
            };
            let table: Vec<Descriptor> = (0..).zip(&held).map(row).collect();
            let state = |waits: bool| if waits { TcpState::CloseWait } else { TcpState::Established };
            let records: Vec<SocketRecord> =
                dumped.iter().map(|(inode, waits)| SocketRecord::example(*inode, state(*waits))).collect();
            let mut index = RecordIndex::default();
            index.fill(&records);
            let joined = Joined::new(&table, &records, &index);

            let by_inode: BTreeMap<u64, &SocketRecord> =
                records.iter().filter(|one| one.inode != 0).map(|one| (u64::from(one.inode), one)).collect();
            let mut numbers: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
            for row in table.iter().filter(|row| row.kind == Kind::Socket) {
                numbers.entry(row.inode.unwrap()).or_default().push(row.number);
            }
            prop_assert!(joined.sockets().iter().map(|socket| socket.inode).eq(numbers.keys().copied()));
            for socket in joined.sockets() {
                prop_assert_eq!(socket.record, by_inode.get(&socket.inode).copied());
                prop_assert_eq!(index.knows(socket.inode), by_inode.contains_key(&socket.inode));
                prop_assert_eq!(socket.number, numbers[&socket.inode][0]);
                prop_assert_eq!(joined.holders(socket.inode).collect::<Vec<_>>(), &numbers[&socket.inode][..]);
            }
        }
    }
}
