//! Descriptor limits: of a target, raised from outside, and of this agent, with a few descriptors put by.
//!
//! prlimit64 takes a process number, so the process is held by pidfd and must be alive before *and* after the call:
//! then the number was its own throughout.
#![expect(unsafe_code, reason = "prlimit64 on another process has no safe wrapper")]

use std::fs::{self, File};
use std::io;
use std::ptr;

use nix::libc;

use crate::sys::pidfd::PidFd;

/// The soft and hard limit of open descriptors; the soft one is what EMFILE comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFile {
    /// Enforced now.
    pub soft: u64,
    /// How far the soft one may be raised without privilege.
    pub hard: u64,
}

/// Why a limit could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The process ended before or during the call.
    #[error("process {pid} is gone")]
    Gone {
        /// Its number.
        pid: i32,
    },
    /// Another user's process, or a raise of the hard limit, without the privilege for it.
    #[error("no permission to change the limits of process {pid}")]
    NotPermitted {
        /// Its number.
        pid: i32,
    },
    /// The soft limit would lie above the hard one.
    #[error("a soft limit of {soft} is above the hard limit of {hard}")]
    AboveHard {
        /// Asked for.
        soft: u64,
        /// In force.
        hard: u64,
    },
    /// The hard limit would lie above what the kernel allows any process (`fs.nr_open`).
    #[error("a hard limit of {hard} is above what the kernel allows")]
    AboveKernel {
        /// Asked for.
        hard: u64,
    },
    /// Any other failure.
    #[error("could not access the limits of process {pid}")]
    Failed {
        /// The process.
        pid: i32,
        /// What the kernel said.
        source: io::Error,
    },
}

impl NoFile {
    /// The limits of another process.
    pub fn of(target: &PidFd) -> Result<Self, LimitError> {
        alive(target)?;
        let found = exchange(target.pid(), None).map_err(|source| named(target.pid(), None, source));
        alive(target)?;
        found
    }

    /// The limits of this process.
    pub fn own() -> io::Result<Self> {
        exchange(0, None)
    }

    /// Sets the limits of another process; answers those before.
    pub fn set(self, target: &PidFd) -> Result<Self, LimitError> {
        if self.soft > self.hard {
            return Err(LimitError::AboveHard { soft: self.soft, hard: self.hard });
        }
        alive(target)?;
        let before =
            exchange(target.pid(), Some(self)).map_err(|source| named(target.pid(), Some(self), source));
        alive(target)?;
        before
    }

    /// Raises this process's own soft limit to `soft`, as far as the hard one lets it, and never lowers it; answers
    /// what was in force before.
    pub fn raise_own(soft: u64) -> io::Result<Self> {
        let before = Self::own()?;
        let soft = soft.min(before.hard);
        if soft > before.soft {
            exchange(0, Some(Self { soft, ..before }))?;
        }
        Ok(before)
    }
}

/// Sets this process's own soft and hard limit, to at most the hard one of now; answers what is in force then.
///
/// For a process that shall have few descriptors and no way to more: the demonstration's bot.
pub fn set_own_nofile(limit: u64) -> io::Result<NoFile> {
    let limit = limit.min(NoFile::own()?.hard);
    let wanted = NoFile { soft: limit, hard: limit };
    exchange(0, Some(wanted))?;
    Ok(wanted)
}

/// Whether an error says that no descriptor is left, for this process or for the whole machine.
pub fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// How many descriptors this process has open. One of them, used for counting, is not counted.
pub fn own_count() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count().saturating_sub(1))
}

/// Descriptors put by while there were plenty, to be given up when one is needed and none is left.
#[derive(Debug)]
pub struct Reserve {
    held: Vec<File>,
    size: usize,
}

impl Reserve {
    /// Puts `size` descriptors by.
    pub fn hold(size: usize) -> io::Result<Self> {
        let mut reserve = Self { held: Vec::with_capacity(size), size };
        reserve.refill()?;
        Ok(reserve)
    }

    /// Gives one up, so that the next open of this process succeeds. `false` where none was left.
    pub fn spend(&mut self) -> bool {
        self.held.pop().is_some()
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.held.len()
    }

    /// Puts by again what was spent, as far as there are descriptors; an error leaves what could be had.
    pub fn refill(&mut self) -> io::Result<()> {
        while self.held.len() < self.size {
            self.held.push(File::open("/dev/null")?);
        }
        Ok(())
    }
}

fn alive(target: &PidFd) -> Result<(), LimitError> {
    if target.is_alive() { Ok(()) } else { Err(LimitError::Gone { pid: target.pid() }) }
}

fn exchange(pid: i32, new: Option<NoFile>) -> io::Result<NoFile> {
    let new = new.map(|new| libc::rlimit64 { rlim_cur: new.soft, rlim_max: new.hard });
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut old = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both pointers are null or point to limits that outlive the call; the kernel writes only to `old`.
    let done = unsafe { libc::prlimit64(pid, libc::RLIMIT_NOFILE, new, &raw mut old) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(NoFile { soft: old.rlim_cur, hard: old.rlim_max })
}

fn named(pid: i32, asked: Option<NoFile>, source: io::Error) -> LimitError {
    match (source.raw_os_error(), asked) {
        (Some(libc::ESRCH), _) => LimitError::Gone { pid },
        (Some(libc::EPERM), Some(asked)) if asked.hard > kernel_most() => {
            LimitError::AboveKernel { hard: asked.hard }
        }
        (Some(libc::EPERM | libc::EACCES), _) => LimitError::NotPermitted { pid },
        _ => LimitError::Failed { pid, source },
    }
}

/// The most descriptors any one process may have.
fn kernel_most() -> u64 {
    let text = fs::read_to_string("/proc/sys/fs/nr_open").unwrap_or_default();
    text.trim().parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::sys::pidfd::Signal;

    fn sleeper() -> (Child, PidFd) {
        let child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().expect("sleep starts");
        let pidfd = PidFd::open(i32::try_from(child.id()).expect("fits")).expect("our child");
        (child, pidfd)
    }

    fn end((mut child, pidfd): (Child, PidFd)) {
        pidfd.signal(Signal::KILL).expect("kill");
        child.wait().expect("reaped");
        assert!(matches!(NoFile::of(&pidfd), Err(LimitError::Gone { .. })));
        assert!(matches!(NoFile { soft: 1, hard: 1 }.set(&pidfd), Err(LimitError::Gone { .. })));
    }

    #[test]
    fn a_soft_limit_is_lowered_and_raised_from_outside() {
        let target = sleeper();
        let before = NoFile::of(&target.1).expect("read");
        let lower = NoFile { soft: 64, hard: before.hard };
        assert_eq!(lower.set(&target.1).expect("lowered"), before);
        assert_eq!(NoFile::of(&target.1).expect("read"), lower);
        let text = fs::read_to_string(format!("/proc/{}/limits", target.1.pid())).expect("limits");
        let line = text.lines().find(|line| line.starts_with("Max open files")).expect("a row");
        assert_eq!(line.split_whitespace().nth(3), Some("64"), "what procfs says");
        let raised = NoFile { soft: before.hard, hard: before.hard };
        raised.set(&target.1).expect("raised");
        assert_eq!(NoFile::of(&target.1).expect("read"), raised);
        end(target);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let target = sleeper();
        let above = NoFile { soft: 11, hard: 10 }.set(&target.1);
        assert!(matches!(above, Err(LimitError::AboveHard { soft: 11, hard: 10 })));
        let most = kernel_most();
        let beyond = NoFile { soft: 10, hard: most + 1 }.set(&target.1);
        assert!(matches!(beyond, Err(LimitError::AboveKernel { .. })), "{beyond:?}");
        end(target);
    }

    #[test]
    fn a_reserve_is_spent_one_by_one_and_refilled() {
        let mut reserve = Reserve::hold(3).expect("held");
        assert!(own_count().expect("counted") >= 3);
        assert!(reserve.spend() && reserve.spend());
        assert_eq!(reserve.left(), 1);
        assert!(reserve.spend());
        assert!(!reserve.spend(), "nothing left");
        reserve.refill().expect("refilled");
        assert_eq!(reserve.left(), 3);
    }
}
