//! A netlink socket in the network namespace of another process.

use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::fstat;

use crate::sys::adopted::{Adopted, open_in as open_entry};
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::socket;

const WHAT: &str = "ns/net";

/// The inode of our own namespace.
pub(super) fn own() -> Result<u64, ReadError> {
    let namespace = nix::sys::stat::stat("/proc/thread-self/ns/net");
    namespace.map(|stat| stat.st_ino).map_err(|errno| ReadError::of_host(WHAT, errno))
}

/// A socket in the namespace of the process, and the inode of that namespace.
pub(super) fn open_in(process: &Adopted) -> Result<(OwnedFd, u64), ReadError> {
    let namespace = open_entry(process.dir(), WHAT, OFlag::O_RDONLY)?;
    let inode = fstat(&namespace).map_err(|errno| ReadError::of_process(WHAT, errno))?.st_ino;
    if inode == own()? {
        return Ok((socket::open()?, inode));
    }
    // A thread that has moved can't be used for anything else: it ends with the socket made.
    let moved = std::thread::Builder::new().name("netns".to_owned()).spawn(move || {
        setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| ReadError::of_host(WHAT, errno))?;
        socket::open()
    });
    let moved = moved.map_err(|error| ReadError::of_io("a thread for another network namespace", error))?;
    let opened = moved.join().map_err(|_| ReadError::Malformed { what: WHAT })?;
    Ok((opened?, inode))
}
