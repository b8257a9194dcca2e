//! A process held by descriptor: the only way this program signals, waits for, or names a process it acts on.
//!
//! A process number can be given to a stranger the moment its owner is reaped; a pidfd cannot. While [`PidFd::is_alive`]
//! is true the number in [`PidFd::pid`] belongs to the same process, which is what lets number-only interfaces (procfs,
//! ptrace, prlimit) be used safely: check, use, check again.
#![expect(unsafe_code, reason = "pidfd system calls have no safe wrapper")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::sys::deadline::Deadline;

mod signal;
mod together;

pub use signal::Signal;
pub use together::wait_all;

/// The magic of the filesystem behind pidfds since Linux 6.9, where their inode names one process for good.
const PIDFS_MAGIC: i64 = 0x5049_4446;

/// One process, for as long as this value lives; the number cannot be reused under it unnoticed.
#[derive(Debug)]
pub struct PidFd {
    fd: OwnedFd,
    pid: i32,
}

/// Why a process could not be held, signalled or waited for.
#[derive(Debug, thiserror::Error)]
pub enum PidFdError {
    /// The process has ended (and may have been reaped).
    #[error("process {pid} is gone")]
    Gone {
        /// Its number while it lived.
        pid: i32,
    },
    /// The kernel refuses for want of privilege.
    #[error("no permission to {action} process {pid}")]
    NotPermitted {
        /// What was tried.
        action: &'static str,
        /// The process number.
        pid: i32,
    },
    /// The process is not a child of this one, so its exit status is not ours to have.
    #[error("process {pid} is not a child of this process")]
    NotOurChild {
        /// The process number.
        pid: i32,
    },
    /// Any other failure.
    #[error("could not {action} process {pid}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// The process number.
        pid: i32,
        /// What the kernel said.
        source: io::Error,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal of this number.
    Killed(i32),
}

/// What a bounded wait for the end of a process came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The process ended within the time.
    Ended,
    /// It still ran when the time was up.
    StillRunning,
}

impl PidFd {
    /// Takes hold of the process that has this number now.
    ///
    /// The caller must check afterwards that it is the one meant (executable, cgroup, parent): until this returns, the
    /// number could change hands.
    pub fn open(pid: i32) -> Result<Self, PidFdError> {
        // SAFETY: pidfd_open takes two integers and returns a new descriptor or -1.
        let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let raw = checked(raw).map_err(|source| named("open", pid, source))?;
        let raw = RawFd::try_from(raw).expect("a descriptor number fits an int");
        // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(Self { fd, pid })
    }

    /// The number of the process in our pid namespace; it names this process only while [`Self::is_alive`].
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The inode of the pidfd: the identity of the process until reboot, where the kernel has pidfs (6.9 and later).
    ///
    /// `None` on older kernels, where all pidfds share one inode.
    pub fn inode(&self) -> Option<u64> {
        let filesystem = nix::sys::statfs::fstatfs(&self.fd).ok()?;
        #[allow(clippy::useless_conversion, reason = "the width of the magic differs between architectures")]
        let magic = i64::from(filesystem.filesystem_type().0);
        if magic != PIDFS_MAGIC {
            return None;
        }
        nix::sys::stat::fstat(&self.fd).ok().map(|stat| stat.st_ino)
    }

    /// Whether the process has not ended yet. A zombie has ended.
    pub fn is_alive(&self) -> bool {
        // A poll that fails says nothing of the process: only its end does.
        !matches!(self.wait(PollTimeout::ZERO), Ok(Waited::Ended))
    }

    /// Sends a signal to exactly this process; never to a later holder of its number.
    pub fn signal(&self, signal: Signal) -> Result<(), PidFdError> {
        raw_signal(self.as_fd(), signal).map_err(|source| named("signal", self.pid, source))
    }

    /// Sends a signal to the process group that this process leads, also where only other members are left.
    ///
    /// The group is named by the pidfd, so it cannot be another one that got the number (Linux 6.9). Where the kernel
    /// cannot do that, only the process itself is signalled.
    pub fn signal_group(&self, signal: Signal) -> Result<(), PidFdError> {
        match group_signal(self.as_fd(), signal) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => self.signal(signal),
            other => other.map_err(|source| named("signal", self.pid, source)),
        }
    }

    /// Waits until the process has ended, at most `limit`. Works on any process, not only on children.
    pub fn wait_exit(&self, limit: Duration) -> Result<Waited, PidFdError> {
        let deadline = Deadline::after(limit);
        loop {
            let timeout = PollTimeout::try_from(deadline.poll_millis()).unwrap_or(PollTimeout::MAX);
            match self.wait(timeout) {
                Ok(Waited::Ended) => return Ok(Waited::Ended),
                Ok(Waited::StillRunning) if deadline.passed() => return Ok(Waited::StillRunning),
                Ok(Waited::StillRunning) | Err(nix::Error::EINTR) => {}
                Err(error) => return Err(named("wait for", self.pid, error.into())),
            }
        }
    }

    /// Takes the exit status of our own child, once it has ended; `None` while it still runs.
    ///
    /// The child is reaped: a second call answers [`PidFdError::NotOurChild`].
    pub fn reap(&self) -> Result<Option<Ended>, PidFdError> {
        // SAFETY: siginfo_t is plain data for which all zeroes is a valid value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let id = libc::id_t::try_from(self.fd.as_raw_fd()).expect("an open descriptor is not negative");
        let options = libc::WEXITED | libc::WNOHANG;
        // SAFETY: the descriptor is open, `info` outlives the call and is written by the kernel only.
        let found = unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut info, options) };
        checked(found.into()).map_err(|source| match source.raw_os_error() {
            Some(libc::ECHILD) => PidFdError::NotOurChild { pid: self.pid },
            _ => named("reap", self.pid, source),
        })?;
        // SAFETY: waitid has filled the child fields, or left the zeroes of ours.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        if pid == 0 {
            return Ok(None);
        }
        Ok(Some(if info.si_code == libc::CLD_EXITED { Ended::Exited(status) } else { Ended::Killed(status) }))
    }

    /// The signal by which this child of ours stands still now, where it does. Nothing is taken from others who wait for it: the
    /// stops of one that is traced are its tracer's.
    pub fn stopped_by(&self) -> Option<i32> {
        // SAFETY: siginfo_t is plain data for which all zeroes is a valid value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let id = libc::id_t::try_from(self.fd.as_raw_fd()).ok()?;
        let options = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: the descriptor is open, `info` outlives the call and is written by the kernel only.
        let found = unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut info, options) };
        // SAFETY: waitid has filled the child fields, or left the zeroes of ours.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        (found == 0 && pid != 0 && info.si_code == libc::CLD_STOPPED).then_some(status)
    }

    fn wait(&self, timeout: PollTimeout) -> nix::Result<Waited> {
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        Ok(if poll(&mut fds, timeout)? > 0 { Waited::Ended } else { Waited::StillRunning })
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for PidFd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Signals the process behind any pidfd.
pub(super) fn raw_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    send(pidfd, signal, 0)
}

/// Signals the group whose leader is (or was) behind a pidfd; EINVAL before Linux 6.9.
pub(super) fn group_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    const PROCESS_GROUP: libc::c_uint = 1 << 2;
    send(pidfd, signal, PROCESS_GROUP)
}

/// Owns a descriptor that came in a message.
pub(super) fn adopt_received(number: RawFd) -> OwnedFd {
    // SAFETY: the kernel has just put this descriptor into our table for us; nobody else knows of it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

fn send(pidfd: BorrowedFd<'_>, signal: Signal, flags: libc::c_uint) -> io::Result<()> {
    let (fd, number) = (pidfd.as_raw_fd(), signal.number());
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a valid pidfd, a signal number, no siginfo, and known flags.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, no_info, flags) };
    checked(sent).map(drop)
}

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn named(action: &'static str, pid: i32, source: io::Error) -> PidFdError {
    match source.raw_os_error() {
        Some(libc::ESRCH) => PidFdError::Gone { pid },
        Some(libc::EPERM | libc::EACCES) => PidFdError::NotPermitted { action, pid },
        _ => PidFdError::Failed { action, pid, source },
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn sleeper() -> (Child, PidFd) {
        let child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().expect("sleep starts");
        let pid = i32::try_from(child.id()).expect("a pid fits");
        (child, PidFd::open(pid).expect("our child can be held"))
    }

    #[test]
    fn a_signalled_child_ends_and_its_status_is_taken_once() {
        let (_child, pidfd) = sleeper();
        assert!(pidfd.is_alive());
        assert_eq!(pidfd.reap().expect("running"), None);
        assert_eq!(pidfd.wait_exit(Duration::from_millis(5)).expect("wait"), Waited::StillRunning);
        pidfd.signal(Signal::TERM).expect("signal");
        assert_eq!(pidfd.wait_exit(LONG).expect("wait"), Waited::Ended);
        assert!(!pidfd.is_alive(), "a zombie is not alive");
        assert_eq!(pidfd.reap().expect("reap"), Some(Ended::Killed(15)));
        assert!(matches!(pidfd.reap(), Err(PidFdError::NotOurChild { .. })));
        assert!(matches!(pidfd.signal(Signal::TERM), Err(PidFdError::Gone { .. })));
    }

    #[test]
    fn an_exit_code_is_kept() {
        #[expect(clippy::zombie_processes, reason = "reaped through the pidfd")]
        let child = Command::new("sh").args(["-c", "exit 7"]).spawn().expect("sh starts");
        let pidfd = PidFd::open(i32::try_from(child.id()).expect("fits")).expect("hold");
        pidfd.wait_exit(LONG).expect("wait");
        assert_eq!(pidfd.reap().expect("reap"), Some(Ended::Exited(7)));
    }

    #[test]
    fn two_holds_of_one_process_share_the_inode_and_two_processes_do_not() {
        let own = i32::try_from(std::process::id()).expect("fits");
        let (mut child, other) = sleeper();
        let (first, second) = (PidFd::open(own).expect("self"), PidFd::open(own).expect("self"));
        assert_eq!(first.inode(), second.inode());
        if let Some(inode) = first.inode() {
            assert_ne!(Some(inode), other.inode());
        }
        other.signal(Signal::KILL).expect("kill");
        child.wait().expect("reaped");
    }

    #[test]
    fn nobody_at_home_is_gone() {
        // The largest number a 64-bit kernel hands out is 2^22; the one above is never in use.
        assert!(matches!(
            PidFd::open((1 << 22) + 1),
            Err(PidFdError::Gone { .. } | PidFdError::Failed { .. })
        ));
    }
}
