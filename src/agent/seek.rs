//! Which processes a target is, now.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::config::Match;
use crate::model::clock::{Clock as _, Timestamp, WallTime};
use crate::sys::cgroup::{self, Mounts};
use crate::sys::clock::SystemClock;
use crate::sys::find::{self, FindError};
use crate::sys::proc_root::ProcRoot;

/// Finds processes by the target's own words. Numbers only: each is adopted, and so pinned, before anything
/// else happens to it.
#[derive(Debug)]
pub(super) struct Seeker {
    root: ProcRoot,
}

/// Where a number was written, to tell one writing from the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edition {
    /// In the agent's own file: never written anew while the target stays the same.
    Settings,
    /// In a pidfile.
    File {
        /// Its inode: most writers replace the file.
        inode: u64,
        /// When it was changed, which nobody can set back; seconds and nanoseconds.
        changed: (i64, i64),
    },
}

impl Seeker {
    pub(super) fn new(root: ProcRoot) -> Self {
        Self { root }
    }

    /// The numbers of the processes that match now; a child is not sought, it is started.
    pub(super) fn seek(&self, matches: &Match) -> Result<Vec<u32>, FindError> {
        match matches {
            Match::Pid(pid) => Ok(vec![*pid]),
            Match::Pidfile(path) => Ok(find::by_pidfile(path)?.into_iter().collect()),
            Match::Unit(unit) => find::by_unit(&self.mounts()?, unit),
            Match::Cgroup(path) => find::by_cgroup(&self.mounts()?, Path::new(path)),
            Match::Command(pattern) => find::by_command(&self.root, pattern.regex()),
            Match::Child(_) => Ok(Vec::new()),
        }
    }

    /// Which writing of the target's number this is; none where it is no number that names the process.
    ///
    /// A number names one process once. When that one has ended, a stranger may be given the number while the
    /// pidfile is still the old: it must be written anew before it names anybody again.
    pub(super) fn edition(matches: &Match) -> Option<Edition> {
        match matches {
            Match::Pid(_) => Some(Edition::Settings),
            Match::Pidfile(path) => std::fs::metadata(path)
                .ok()
                .map(|file| Edition::File { inode: file.ino(), changed: (file.ctime(), file.ctime_nsec()) }),
            Match::Unit(_) | Match::Cgroup(_) | Match::Command(_) | Match::Child(_) => None,
        }
    }

    /// Whether a file was changed before a process of that start was there: a pidfile is written by a process
    /// that lives, so such a number has changed hands. A second is allowed for coarse clocks.
    pub(super) fn is_older(path: &Path, started: Timestamp) -> bool {
        let Ok(file) = std::fs::metadata(path) else { return false };
        let changed = WallTime::from_millis(file.ctime().saturating_mul(1_000));
        let file_age = SystemClock.wall().since(changed);
        let process_age = SystemClock.now().since(started);
        file_age > process_age + Duration::from_secs(2)
    }

    /// Read anew each time: a hierarchy may be mounted later than the agent starts.
    fn mounts(&self) -> Result<Mounts, FindError> {
        Ok(cgroup::mounts(&self.root)?)
    }
}
