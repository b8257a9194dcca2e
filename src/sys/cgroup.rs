//! Control groups: which one a process is in, where that is in the file tree, who else is in it.
//!
//! Three layouts occur: v2 alone; v1 with one mount for each controller; and both at once (hybrid). A
//! path in `/proc/PID/cgroup` is relative to the reader's cgroup namespace; a mount may show only a part of
//! the hierarchy (its *root*), as in a container.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::sys::adopted::Adopted;
use crate::sys::proc_root::{ProcRoot, TEXT_MAX, bounded_text};
use crate::sys::read_error::ReadError;

mod mounts;
mod own;

pub use mounts::{Hierarchy, Mounts};
pub use own::{ChildGroup, Delegated, NotDelegated};

const WHAT: &str = "cgroup";
/// No tree of groups is walked further.
pub const GROUPS_MAX: usize = 4096;
/// No more processes of a group are told.
pub const MEMBERS_MAX: usize = 65_536;

/// The groups of one process, one for each hierarchy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memberships {
    rows: Vec<(String, String)>,
}

impl Memberships {
    /// Reads them.
    pub fn read(process: &Adopted) -> Result<Self, ReadError> {
        let bytes = process.bytes(WHAT, 1 << 16)?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// Reads rows `number:controllers:path`; v2 has no controllers there.
    pub fn parse(text: &str) -> Self {
        let row = |line: &str| {
            let mut parts = line.splitn(3, ':').skip(1);
            Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
        };
        Self { rows: text.lines().filter_map(row).collect() }
    }

    /// The path of its group in that hierarchy, as the kernel tells it.
    pub fn path(&self, hierarchy: Hierarchy<'_>) -> Option<&str> {
        let found = self.rows.iter().find(|(controllers, _)| hierarchy.is(controllers));
        found.map(|(_, path)| path.as_str())
    }

    /// The directory of its group in that hierarchy; `None` where it is not mounted.
    pub fn dir(&self, mounts: &Mounts, hierarchy: Hierarchy<'_>) -> Option<PathBuf> {
        mounts.dir(hierarchy, self.path(hierarchy)?)
    }

    /// Whether any of its groups is that directory or lies below it.
    pub fn any_below(&self, mounts: &Mounts, dir: &Path) -> bool {
        self.rows.iter().any(|(controllers, path)| {
            let hierarchy = match controllers.split(',').next() {
                None | Some("") => Hierarchy::Unified,
                Some(first) => Hierarchy::Controller(first),
            };
            mounts.dir(hierarchy, path).is_some_and(|group| group.starts_with(dir))
        })
    }
}

/// Whether a group may be stopped as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exclusivity {
    /// It holds processes of the set only.
    Own,
    /// It is the root group of its hierarchy, or what a container sees of it.
    Root,
    /// It or a group below holds others too; this is one of them.
    Shared(u32),
    /// Nobody is in it.
    Empty,
}

/// Whether a group, with all below it, holds processes of `set` only.
///
/// Holds at the moment of asking: whoever freezes the group asks again afterwards.
pub fn exclusivity(mounts: &Mounts, dir: &Path, set: &BTreeSet<u32>) -> Result<Exclusivity, ReadError> {
    if mounts.is_root(dir) {
        return Ok(Exclusivity::Root);
    }
    let members = members(dir)?;
    let stranger = members.iter().find(|pid| !set.contains(pid));
    Ok(match stranger {
        Some(pid) => Exclusivity::Shared(*pid),
        None if members.is_empty() => Exclusivity::Empty,
        None => Exclusivity::Own,
    })
}

/// The processes in a group and all below it, ascending. A group that is removed meanwhile has none; more than
/// [`GROUPS_MAX`] groups or [`MEMBERS_MAX`] processes are refused.
pub fn members(dir: &Path) -> Result<Vec<u32>, ReadError> {
    let mut pids = BTreeSet::new();
    for group in groups(dir)? {
        let text = match bounded_text(&group.join("cgroup.procs"), TEXT_MAX) {
            Ok(text) => text,
            // Removed, or a threaded group, whose processes the group above names.
            Err(error) if group != dir && is_vanished(&error) => continue,
            Err(error) => return Err(ReadError::of_io(WHAT, error)),
        };
        // A process of a pid namespace that we don't see is told as 0: a stranger all the same.
        pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        if pids.len() > MEMBERS_MAX {
            return Err(ReadError::NoRoom { what: WHAT });
        }
    }
    Ok(pids.into_iter().collect())
}

/// A group and all below it.
pub(super) fn groups(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut found = vec![dir.to_owned()];
    let mut next = 0;
    while let Some(group) = found.get(next).cloned() {
        next += 1;
        let entries = match std::fs::read_dir(&group) {
            Ok(entries) => entries,
            Err(error) if group != dir && is_vanished(&error) => continue,
            Err(error) => return Err(ReadError::of_io(WHAT, error)),
        };
        let below =
            entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        found.extend(below.map(|entry| entry.path()));
        if found.len() > GROUPS_MAX {
            return Err(ReadError::NoRoom { what: WHAT });
        }
    }
    Ok(found)
}

fn is_vanished(error: &std::io::Error) -> bool {
    use nix::libc::{ENODEV, ENOENT, EOPNOTSUPP};
    matches!(error.raw_os_error(), Some(ENOENT | ENODEV | EOPNOTSUPP))
}

/// The mounted hierarchies of the agent.
pub fn mounts(root: &ProcRoot) -> Result<Mounts, ReadError> {
    const FILE: &str = "self/mountinfo";
    root.text(FILE).map(|text| Mounts::parse(&text)).map_err(|error| ReadError::of_io(FILE, error))
}

#[cfg(test)]
mod tests;
