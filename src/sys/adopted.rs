//! A process taken under guard: held by a pidfd and by kept procfs descriptors, never by its number.
//!
//! # Why the kept descriptors and the pidfd are the same process
//!
//! Call *A* the process whose `/proc/PID` directory was opened, and *B* the one whose pidfd was opened, in
//! this order: (1) directory, (2) pidfd, (3) read `stat` through the directory.
//! A directory of procfs is bound to the kernel's `struct pid`, not to the number, and answers `ESRCH` for
//! ever once that process is reaped. Where (3) answers, A still owned the number after (2). A number has one
//! owner at a time and a process keeps its own from birth to reaping, so at (2) the owner was A, hence B = A.
//! Where (3) does not answer, A is gone and adoption fails; had the order been (2), (1), a reuse in between
//! would pass unnoticed, because A's successor answers (3) happily.
//! The argument needs one pid namespace for both: a proc root whose `self` is not us is refused.
//!
//! Afterwards every read goes through the kept directory, so each sample re-checks the identity by itself.
//!
//! # Cost
//!
//! [`DESCRIPTORS_PER_TARGET`] of the agent's own descriptors for each target; an agent limited to 64 can
//! guard several. `statm` is not kept: `status` gives the same resident memory, and the kernel (6.17 and
//! later) sums its per-CPU counters there exactly.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstatat};
use nix::sys::uio::pread;

use crate::model::process::ProcessId;
use crate::sys::descriptors::{Counting, Descriptor, DescriptorDir, Listing, Progress, Refreshed, Trust};
use crate::sys::limits::NoFile;
use crate::sys::pidfd::{PidFd, PidFdError};
use crate::sys::proc_root::ProcRoot;
use crate::sys::read_error::ReadError;
use crate::sys::stat::Stat;

mod limits;

pub use limits::NofileLimits;

/// How many of the agent's descriptors one target costs: pidfd, its directory, `fd`, `stat`, `status`, `limits`.
pub const DESCRIPTORS_PER_TARGET: usize = 6;

/// Room for one read of a small procfs file; `status` with very many supplementary groups is the longest.
pub(super) const SMALL_FILE: usize = 8192;

/// Why a process could not be adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// No process has that number, or it ended while being adopted.
    #[error("process {pid} has ended")]
    Gone {
        /// The number.
        pid: u32,
    },
    /// The number is of a thread, not of a process.
    #[error("{pid} is the number of a thread")]
    Thread {
        /// The number.
        pid: u32,
    },
    /// The proc filesystem belongs to another pid namespace, or is none.
    #[error("`{}` does not show the pid namespace of the agent", root.display())]
    ForeignProc {
        /// The root that was given.
        root: PathBuf,
    },
    /// The kernel refuses to hold the process.
    #[error("could not hold process {pid}")]
    Hold {
        /// The number.
        pid: u32,
        /// Why.
        source: PidFdError,
    },
    /// Something about it could not be read.
    #[error("could not read process {pid}")]
    Read {
        /// The number.
        pid: u32,
        /// Why.
        source: ReadError,
    },
}

/// A process under guard.
#[derive(Debug)]
pub struct Adopted {
    id: ProcessId,
    boot: String,
    pidfd: PidFd,
    dir: OwnedFd,
    descriptors: DescriptorDir,
    stat: OwnedFd,
    status: OwnedFd,
    limits: OwnedFd,
}

impl Adopted {
    /// Takes the process that has this number now.
    pub fn open(root: &ProcRoot, pid: u32) -> Result<Self, AdoptError> {
        if root.own_number().ok() != Some(std::process::id()) {
            return Err(AdoptError::ForeignProc { root: root.path().to_owned() });
        }
        let read = |source| match source {
            ReadError::Gone => AdoptError::Gone { pid },
            source => AdoptError::Read { pid, source },
        };
        let dir = open_process(root, pid).map_err(read)?;
        let pidfd = hold(pid)?;
        // From here on the directory proves that both are one process: see the module comment.
        let stat = open_in(dir.as_fd(), "stat", OFlag::O_RDONLY).map_err(read)?;
        let started = Stat::read_from(stat.as_fd()).map_err(read)?.started;
        if !pidfd.is_alive() {
            return Err(AdoptError::Gone { pid });
        }
        let status = open_in(dir.as_fd(), "status", OFlag::O_RDONLY).map_err(read)?;
        let limits = open_in(dir.as_fd(), "limits", OFlag::O_RDONLY).map_err(read)?;
        let descriptors = DescriptorDir::open(dir.as_fd(), Counting::detect(root)).map_err(read)?;
        let exe = executable(dir.as_fd()).map_err(read)?;
        let inode = pidfd.inode().unwrap_or(0);
        let boot = root.text("sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let id = ProcessId { pid, inode, started, exe };
        Ok(Self { id, boot, pidfd, dir, descriptors, stat, status, limits })
    }

    /// Who it is. The executable is `(0, 0)` where the agent may not see it.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// The boot in which [`Self::id`] is unique; empty where the kernel does not tell.
    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// The hold on it, to signal and to wait.
    pub fn pidfd(&self) -> &PidFd {
        &self.pidfd
    }

    /// Whether it has not ended; a zombie has.
    pub fn is_alive(&self) -> bool {
        self.pidfd.is_alive()
    }

    /// Its directory in procfs, opened as a path: for `openat` and its kin, which answer `ESRCH` after its end.
    pub fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Its table of descriptors.
    pub fn descriptors(&self) -> &DescriptorDir {
        &self.descriptors
    }

    /// How many descriptors it has open. Needs no privilege where the kernel tells the size (6.2 and later).
    ///
    /// A process whose first thread has ended while others run shows an empty table there: that is an
    /// error, not a zero.
    pub fn count(&self) -> Result<u64, ReadError> {
        let count = self.descriptors.count()?;
        if count == 0 {
            self.check_first_thread()?;
        }
        Ok(count)
    }

    /// Walks on over its table, at most `most` entries further; `trust` says which remembered rows may stand
    /// without a look. A table is complete only where the process outlived the walk.
    pub fn list(
        &self,
        listing: &mut Listing,
        most: usize,
        trust: impl FnMut(&Descriptor) -> Trust,
    ) -> Result<Progress, ReadError> {
        let progress = listing.next_chunk(&self.descriptors, most, trust)?;
        if progress == Progress::Complete {
            self.check_first_thread()?;
        }
        Ok(progress)
    }

    /// Brings the table of the last walk up to date with at most about `most` looks, where that can be done without another walk.
    pub fn refresh(
        &self,
        listing: &mut Listing,
        most: usize,
        trust: impl FnMut(&Descriptor) -> Trust,
    ) -> Result<Refreshed, ReadError> {
        let refreshed = listing.refresh(&self.descriptors, most, trust)?;
        if refreshed == Refreshed::Current {
            self.check_first_thread()?;
        }
        Ok(refreshed)
    }

    /// Whose first thread has ended has no table in procfs, even where its other threads use one.
    fn check_first_thread(&self) -> Result<(), ReadError> {
        if !self.is_alive() {
            return Err(ReadError::Gone);
        }
        if Stat::read(self)?.is_zombie() {
            return Err(ReadError::Unsupported { what: "descriptors after the end of the first thread" });
        }
        Ok(())
    }

    /// Its limits on descriptors: asked of the kernel, or read where another user's may not be asked for.
    pub fn nofile(&self) -> Result<NofileLimits, ReadError> {
        if let Ok(NoFile { soft, hard }) = NoFile::of(&self.pidfd) {
            return Ok(NofileLimits { soft, hard });
        }
        let mut room = [0; SMALL_FILE];
        NofileLimits::parse(read_small("limits", self.limits.as_fd(), &mut room)?)
    }

    /// Device and inode of its executable now: differs from [`Self::id`] after an `exec`.
    pub fn executable(&self) -> Result<(u64, u64), ReadError> {
        stat_in(self.dir(), "exe").map(|stat| (stat.st_dev, stat.st_ino))
    }

    /// The inode of the network namespace it is in now: it may move.
    pub fn network(&self) -> Result<u64, ReadError> {
        stat_in(self.dir(), "ns/net").map(|stat| stat.st_ino)
    }

    /// The path of its executable, as the process sees it.
    pub fn executable_path(&self) -> Result<PathBuf, ReadError> {
        readlinkat(self.dir(), "exe").map(PathBuf::from).map_err(|errno| named("exe", errno))
    }

    pub(super) fn kept_stat(&self) -> BorrowedFd<'_> {
        self.stat.as_fd()
    }

    pub(super) fn kept_status(&self) -> BorrowedFd<'_> {
        self.status.as_fd()
    }

    /// Reads an entry that is not kept, at most `max` bytes of it.
    pub(super) fn bytes(&self, entry: &'static str, max: usize) -> Result<Vec<u8>, ReadError> {
        let file = open_in(self.dir(), entry, OFlag::O_RDONLY)?;
        let mut bytes = Vec::new();
        read_into(entry, file.as_fd(), &mut bytes, max)?;
        Ok(bytes)
    }
}

/// One read of a kept file from its start, into the caller's room.
pub(super) fn read_small<'a>(
    what: &'static str,
    file: BorrowedFd<'_>,
    room: &'a mut [u8],
) -> Result<&'a [u8], ReadError> {
    let length = pread(file, room, 0).map_err(|errno| ReadError::of_process(what, errno))?;
    room.get(..length).ok_or(ReadError::Malformed { what })
}

/// Appends a file to `bytes` up to `max` bytes in all.
pub(super) fn read_into(
    what: &'static str,
    file: BorrowedFd<'_>,
    bytes: &mut Vec<u8>,
    max: usize,
) -> Result<(), ReadError> {
    const STEP: usize = 4096;
    let mut offset = 0;
    while bytes.len() < max {
        let filled = bytes.len();
        bytes.resize((filled + STEP.max(filled)).min(max), 0);
        let read = pread(file, bytes.get_mut(filled..).unwrap_or_default(), offset);
        let length = *read.as_ref().unwrap_or(&0);
        bytes.truncate(filled + length);
        match read {
            Ok(0) => return Ok(()),
            Ok(length) => offset += i64::try_from(length).expect("a read is not longer than its buffer"),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(ReadError::of_process(what, errno)),
        }
    }
    Ok(())
}

/// Opens an entry of a process's directory; a missing one tells whether the process or the entry is missing.
pub(super) fn open_in(dir: BorrowedFd<'_>, entry: &'static str, flags: OFlag) -> Result<OwnedFd, ReadError> {
    openat(dir, entry, flags | OFlag::O_CLOEXEC, Mode::empty()).map_err(|errno| named(entry, errno))
}

fn open_process(root: &ProcRoot, pid: u32) -> Result<OwnedFd, ReadError> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    nix::fcntl::open(&root.process(pid), flags, Mode::empty()).map_err(|errno| match errno {
        Errno::ENOENT => ReadError::Gone,
        errno => named("its directory", errno),
    })
}

fn hold(pid: u32) -> Result<PidFd, AdoptError> {
    let number = i32::try_from(pid).map_err(|_| AdoptError::Gone { pid })?;
    PidFd::open(number).map_err(|error| match error {
        PidFdError::Gone { .. } => AdoptError::Gone { pid },
        PidFdError::Failed { ref source, .. } if is_thread(source) => AdoptError::Thread { pid },
        source => AdoptError::Hold { pid, source },
    })
}

/// `pidfd_open` answers `EINVAL` for a thread, `ENOENT` since 6.15.
fn is_thread(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EINVAL | Errno::ENOENT))
}

fn executable(dir: BorrowedFd<'_>) -> Result<(u64, u64), ReadError> {
    match stat_in(dir, "exe") {
        Ok(stat) => Ok((stat.st_dev, stat.st_ino)),
        Err(ReadError::Denied { .. } | ReadError::Unsupported { .. }) => Ok((0, 0)),
        Err(error) => Err(error),
    }
}

fn stat_in(dir: BorrowedFd<'_>, entry: &'static str) -> Result<FileStat, ReadError> {
    fstatat(dir, entry, AtFlags::empty()).map_err(|errno| named(entry, errno))
}

fn named(what: &'static str, errno: Errno) -> ReadError {
    ReadError::of_process(what, errno)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod unprivileged_tests;
