//! Which sockets are watched by any epoll set of a process, from the `fdinfo` of its epoll descriptors.
//!
//! `tfd:` is the number at the time of adding and may be another file's by now, or nobody's; what counts is
//! `ino:` with `sdev:` (Linux 4.13), of which only sockets are kept. Older kernels give numbers alone.
//! A socket watched by `select`, `poll`, io_uring, or an epoll set of another process is in no set here.
//! The kernel holds the set's lock while it writes the text, so the process may wait for that long to add or
//! remove a watch, not to wait for events: about 1.1 µs for each watch (2.9 ms for a set of 2,500), so it is to be
//! read only where there is a CLOSE_WAIT socket to judge.

use std::collections::HashSet;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::stat::{fstat, major, minor};

use crate::model::kind::Kind;
use crate::sys::adopted::Adopted;
use crate::sys::descriptors::{Descriptor, Progress};
use crate::sys::read_error::ReadError;
use crate::sys::stat::{number, words};

const WHAT: &str = "epoll sets";

/// The sockets that some epoll set watches. Buffers are kept between reads.
#[derive(Debug)]
pub struct EpollSets {
    /// The device number of all sockets, as `fdinfo` writes it.
    sockets: u64,
    inodes: HashSet<u64>,
    numbers: HashSet<u32>,
    text: Vec<u8>,
}

/// One `tfd:` line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Watch {
    number: u32,
    /// Inode and device of the file.
    file: Option<(u64, u64)>,
}

impl EpollSets {
    /// Nothing watched yet. Opens and closes a socket, to learn the device number of sockets.
    pub fn new() -> Result<Self, ReadError> {
        let probe = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
        let device = probe.and_then(fstat).map_err(|errno| ReadError::of_host(WHAT, errno))?.st_dev;
        let sockets = major(device) << 20 | minor(device);
        Ok(Self { sockets, inodes: HashSet::new(), numbers: HashSet::new(), text: Vec::new() })
    }

    /// Reads all sets in a table anew. A set that was closed meanwhile is passed over.
    pub fn read(&mut self, process: &Adopted, table: &[Descriptor]) -> Result<(), ReadError> {
        self.read_while(process, table, || true).map(drop)
    }

    /// The same, as long as `may_go_on` says so before each set; it says whether all were read.
    pub fn read_while(
        &mut self,
        process: &Adopted,
        table: &[Descriptor],
        may_go_on: impl Fn() -> bool,
    ) -> Result<Progress, ReadError> {
        self.inodes.clear();
        self.numbers.clear();
        for epoll in table.iter().filter(|row| row.kind == Kind::Epoll) {
            if !may_go_on() {
                return Ok(Progress::More);
            }
            self.text.clear();
            match process.descriptors().info(epoll.number, &mut self.text) {
                Ok(()) => {}
                Err(ReadError::Unsupported { .. }) if process.is_alive() => continue,
                Err(ReadError::Unsupported { .. }) => return Err(ReadError::Gone),
                Err(error) => return Err(error),
            }
            for watch in watches(&self.text) {
                match watch.file {
                    Some((inode, device)) if device == self.sockets => {
                        self.inodes.insert(inode);
                    }
                    Some(_) => {}
                    None => {
                        self.numbers.insert(watch.number);
                    }
                }
            }
        }
        Ok(Progress::Complete)
    }

    /// Whether some set watches that socket.
    pub fn watches(&self, socket: &Descriptor) -> bool {
        socket.inode.is_some_and(|inode| self.inodes.contains(&inode))
            || self.numbers.contains(&socket.number)
    }

    /// How many sockets are watched.
    pub fn len(&self) -> usize {
        self.inodes.len() + self.numbers.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn watches(text: &[u8]) -> impl Iterator<Item = Watch> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let rest = line.strip_prefix(b"tfd:")?;
        let target = u32::try_from(number(words(rest).next()?)?).ok()?;
        let inode = words(rest).find_map(|word| hexadecimal(word.strip_prefix(b"ino:")?));
        let device = words(rest).find_map(|word| hexadecimal(word.strip_prefix(b"sdev:")?));
        Some(Watch { number: target, file: inode.zip(device) })
    })
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sys::descriptors::{Listing, Trust};
    use crate::sys::victim::Victim;

    #[test]
    fn lines_of_old_and_new_kernels_are_read() {
        let text = b"pos:\t0\nflags:\t02\nmnt_id:\t17\n\
            tfd:        6 events:       19 data: 2020202000000006  pos:0 ino:3536f sdev:f\n\
            tfd:        7 events:       19 data:                7\n\
            tfd:        x events:       19\n";
        let read: Vec<_> = watches(text).collect();
        let expected = [Watch { number: 6, file: Some((0x3536f, 0xf)) }, Watch { number: 7, file: None }];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_watched_socket_is_told_from_others_by_its_inode() {
        let mut victim = Victim::python(
            "
import os, select, socket, sys
sets = [select.epoll(), select.epoll()]
a, b = socket.socketpair(); c, d = socket.socketpair()
sets[0].register(a, 1); sets[1].register(c, 1); sets[0].register(os.pipe()[0], 1)
moved = os.dup(a.fileno()); number = a.fileno(); os.close(number)
assert os.dup2(d.fileno(), number) == number
print(moved, number, b.fileno(), c.fileno(), flush=True)
sys.stdin.read()
",
        );
        let line = victim.line();
        let adopted = victim.adopt();
        let mut listing = Listing::new();
        assert_eq!(adopted.list(&mut listing, usize::MAX, |_| Trust::Look).unwrap(), Progress::Complete);
        let mut sets = EpollSets::new().unwrap();
        sets.read(&adopted, listing.table()).unwrap();
        let watched: Vec<bool> = line
            .split(' ')
            .map(|number| number.parse::<u32>().unwrap())
            .map(|number| listing.table().iter().find(|row| row.number == number).unwrap())
            .map(|row| sets.watches(row))
            .collect();
        // The duplicate is watched though no set names its number; the number that a set names is another's.
        assert_eq!(watched, [true, false, false, true]);
        assert_eq!(sets.len(), 2, "the pipe is none");
        victim.end();
        assert!(matches!(sets.read(&adopted, listing.table()), Err(ReadError::Gone)));
        assert!(sets.is_empty());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(tfd:[ 0-9a-f:\n]{0,40}|ino:[0-9a-f]{0,20}|sdev:|[ \n])*") {
            prop_assert!(watches(text.as_bytes()).count() <= text.len() / 4);
        }
    }
}
