//! Which processes a target is, now.

use std::path::Path;

use crate::config::Match;
use crate::sys::cgroup::{self, Mounts};
use crate::sys::find::{self, FindError};
use crate::sys::proc_root::ProcRoot;

/// Finds processes by the target's own words. Numbers only: each is adopted, and so pinned, before anything
/// else happens to it.
#[derive(Debug)]
pub(super) struct Seeker {
    root: ProcRoot,
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

    /// Read anew each time: a hierarchy may be mounted later than the agent starts.
    fn mounts(&self) -> Result<Mounts, FindError> {
        Ok(cgroup::mounts(&self.root)?)
    }
}
