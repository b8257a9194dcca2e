//! Standing a target still, for a bounded time, by the gentlest means there is.
//!
//! ```text
//!  the target's own cgroup? ──yes──► v2 cgroup.freeze, or v1 freezer.state   (unseen by its parent)
//!         │ no
//!         └──────────────────────► SIGSTOP to each process, by pidfd
//! ```
//! "Its own" means: every process in the cgroup is one of those to freeze, it is not the root, and it does not hold this
//! agent. The keeper is told *before* anything is frozen, and thaws at the time limit or at our death: there is no
//! moment in which a bot is frozen and nobody is bound to thaw it.
//!
//! What freezing does to a bot is for the caller to weigh: its orders stay live, its connections stay open, its
//! dead-man's switch at the venue stops being refreshed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use crate::sys::deadline::{Deadline, Stopwatch};
use crate::sys::keeper::{Keeper, KeeperError, Undo, UndoId};
use crate::sys::pidfd::{PidFd, PidFdError, Signal};

mod cgroup;

use cgroup::OwnCgroup;

/// How long a freeze may take to reach every task.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);
const NAP: Duration = Duration::from_micros(200);

/// How a target was frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The freezer of cgroup v2: SIGKILL still works, parents notice nothing.
    CgroupV2,
    /// The freezer of cgroup v1: a SIGKILL waits for the thaw.
    CgroupV1,
    /// SIGSTOP: parents see a stopped child, and anybody's SIGCONT undoes it.
    Signals,
}

/// Why a target was not frozen; it runs on in every case.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// Nothing to freeze.
    #[error("no process to freeze")]
    Nobody,
    /// This agent is among the processes.
    #[error("the agent would freeze itself")]
    Ourselves,
    /// One process has ended.
    #[error("process {pid} is gone")]
    Gone {
        /// Its number.
        pid: i32,
    },
    /// One process is stopped already, by somebody whose business it is.
    #[error("process {pid} is stopped already")]
    AlreadyStopped {
        /// Its number.
        pid: i32,
    },
    /// The cgroup is frozen already, by somebody whose business it is.
    #[error("the cgroup is frozen already")]
    AlreadyFrozen,
    /// Nobody would thaw the target if this agent died.
    #[error("no keeper to thaw the target")]
    NoKeeper {
        /// Why.
        #[source]
        source: KeeperError,
    },
    /// It was not wholly frozen in time, and was thawed again.
    #[error("the target did not freeze in time")]
    NotInTime,
    /// A process could not be stopped.
    #[error("could not stop a process")]
    Signal {
        /// Why.
        #[source]
        source: PidFdError,
    },
    /// The cgroup could not be written.
    #[error("could not write the cgroup's freezer")]
    Cgroup {
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Why a thaw could not be carried out by us. The keeper still does it at the time limit.
#[derive(Debug, thiserror::Error)]
#[error("could not thaw the target")]
pub struct ThawError {
    #[source]
    source: io::Error,
}

/// A frozen target. Thawed by [`Frozen::thaw`], on drop, at the time limit, and at the agent's death.
#[derive(Debug)]
pub struct Frozen {
    held: Held,
    processes: Vec<PidFd>,
    kept: Option<UndoId>,
    since: Stopwatch,
    until: Deadline,
}

#[derive(Debug)]
enum Held {
    Cgroup(OwnCgroup),
    Stopped,
    Released,
}

impl Frozen {
    /// Freezes `processes` (all of one target) for at most `limit`.
    pub fn freeze(keeper: &mut Keeper, processes: Vec<PidFd>, limit: Duration) -> Result<Self, FreezeError> {
        check(&processes)?;
        let pids: Vec<i32> = processes.iter().map(PidFd::pid).collect();
        let until = Deadline::after(limit);
        let no_keeper = |source| FreezeError::NoKeeper { source };
        let cgroup = OwnCgroup::of(&pids);
        let kept = match &cgroup {
            Some(cgroup) if cgroup.is_frozen() => return Err(FreezeError::AlreadyFrozen),
            Some(cgroup) => {
                keeper.keep(cgroup.undo(), Some(limit), &[cgroup.freezer()]).map_err(no_keeper)?
            }
            None => {
                let on: Vec<BorrowedFd<'_>> = processes.iter().map(AsFd::as_fd).collect();
                keeper.keep(Undo::Continue, Some(limit), &on).map_err(no_keeper)?
            }
        };
        let held = cgroup.map_or(Held::Stopped, Held::Cgroup);
        // From here any way out thaws.
        let frozen = Self { held, processes, kept: Some(kept), since: Stopwatch::start(), until };
        frozen.apply()?;
        Ok(frozen)
    }

    /// How the target is frozen.
    pub fn means(&self) -> Means {
        match &self.held {
            Held::Cgroup(cgroup) => cgroup.means(),
            Held::Stopped | Held::Released => Means::Signals,
        }
    }

    /// How long it has been frozen.
    pub fn frozen_for(&self) -> Duration {
        self.since.elapsed()
    }

    /// How long until the keeper thaws it whatever we do.
    pub fn left(&self) -> Duration {
        self.until.left()
    }

    /// Lets the target go on. The keeper, which is not told yet, would do the same at the limit once more.
    pub fn go_on(&mut self) -> Result<(), ThawError> {
        self.let_go().map_err(|source| ThawError { source })
    }

    /// Lets the target go on, and tells the keeper so.
    pub fn thaw(mut self, keeper: &Keeper) -> Result<(), ThawError> {
        self.go_on()?;
        if let Some(kept) = self.kept.take() {
            // A keeper that cannot be told thaws once more at the limit, which changes nothing for a running target.
            let _told = keeper.release(kept);
        }
        Ok(())
    }

    fn apply(&self) -> Result<(), FreezeError> {
        let deadline = Deadline::after(SETTLE_WITHIN);
        match &self.held {
            Held::Cgroup(cgroup) => {
                cgroup.freeze().map_err(|source| FreezeError::Cgroup { source })?;
                settle(deadline, || cgroup.is_frozen())
            }
            Held::Stopped => {
                for process in &self.processes {
                    process.signal(Signal::STOP).map_err(|source| FreezeError::Signal { source })?;
                }
                settle(deadline, || self.processes.iter().all(|one| stands_still(one.pid())))
            }
            Held::Released => Ok(()),
        }
    }

    fn let_go(&mut self) -> io::Result<()> {
        match &self.held {
            Held::Released => return Ok(()),
            Held::Cgroup(cgroup) => cgroup.thaw()?,
            Held::Stopped => {
                for process in &self.processes {
                    match process.signal(Signal::CONT) {
                        // One that has ended needs no thaw; one that refuses must not keep the others stopped.
                        Ok(()) | Err(PidFdError::Gone { .. }) => {}
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
            }
        }
        self.held = Held::Released;
        Ok(())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // What fails here the keeper does at the limit.
        let _left_to_the_keeper = self.let_go();
    }
}

fn check(processes: &[PidFd]) -> Result<(), FreezeError> {
    let own = i32::try_from(std::process::id()).expect("a process number fits an int");
    if processes.is_empty() {
        return Err(FreezeError::Nobody);
    }
    for process in processes {
        let pid = process.pid();
        if pid == own {
            return Err(FreezeError::Ourselves);
        }
        if !process.is_alive() {
            return Err(FreezeError::Gone { pid });
        }
        if stands_still(pid) {
            return Err(FreezeError::AlreadyStopped { pid });
        }
    }
    Ok(())
}

/// Whether a process is stopped by a signal (or has ended, and so stands still for good).
fn stands_still(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // The name may hold anything, also parentheses and spaces: the state follows the last one.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 'Z', 'X']))
}

fn settle(deadline: Deadline, mut is_still: impl FnMut() -> bool) -> Result<(), FreezeError> {
    while !is_still() {
        if deadline.passed() {
            return Err(FreezeError::NotInTime);
        }
        thread::sleep(NAP);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
