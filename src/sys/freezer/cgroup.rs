//! The cgroup that a set of processes has to itself, if any, and its freezer.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use super::Means;
use crate::sys::keeper::Undo;

/// Cgroups below a target's own that are looked through for strangers.
const DEPTH_MAX: usize = 16;

/// A cgroup whose members are all to be frozen.
#[derive(Debug)]
pub(super) struct OwnCgroup {
    means: Means,
    path: PathBuf,
    freezer: File,
}

/// One hierarchy that has a freezer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hierarchy {
    means: Means,
    mount: PathBuf,
    /// What of the hierarchy is mounted; `/` outside of containers.
    root: PathBuf,
}

impl OwnCgroup {
    /// The cgroup that holds exactly these processes (threads and children below it included), v2 before v1.
    pub(super) fn of(pids: &[i32]) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mut found = hierarchies(&mounts);
        found.sort_by_key(|hierarchy| hierarchy.means == Means::CgroupV1);
        found.iter().find_map(|hierarchy| Self::within(hierarchy, pids))
    }

    fn within(hierarchy: &Hierarchy, pids: &[i32]) -> Option<Self> {
        let place = common_place(hierarchy.means, pids)?;
        let ours =
            fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| place_in(hierarchy.means, &text))?;
        if place == Path::new("/") || ours.starts_with(&place) {
            return None;
        }
        let path = hierarchy.mount.join(place.strip_prefix(&hierarchy.root).ok()?);
        let allowed: BTreeSet<i32> = pids.iter().copied().collect();
        if path == hierarchy.mount || !members(&path, DEPTH_MAX)?.is_subset(&allowed) {
            return None;
        }
        let file = if hierarchy.means == Means::CgroupV2 { "cgroup.freeze" } else { "freezer.state" };
        let freezer = OpenOptions::new().write(true).open(path.join(file)).ok()?;
        Some(Self { means: hierarchy.means, path, freezer })
    }

    pub(super) fn means(&self) -> Means {
        self.means
    }

    /// The opened file that thaws, for the keeper.
    pub(super) fn freezer(&self) -> BorrowedFd<'_> {
        self.freezer.as_fd()
    }

    pub(super) fn undo(&self) -> Undo {
        if self.means == Means::CgroupV2 { Undo::ThawV2 } else { Undo::ThawV1 }
    }

    pub(super) fn freeze(&self) -> io::Result<()> {
        self.write(if self.means == Means::CgroupV2 { b"1" } else { b"FROZEN" })
    }

    pub(super) fn thaw(&self) -> io::Result<()> {
        match self.write(if self.means == Means::CgroupV2 { b"0" } else { b"THAWED" }) {
            // The cgroup has been removed: nobody is left in it.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(NO_DEVICE) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// Whether every task in it stands still.
    pub(super) fn is_frozen(&self) -> bool {
        if self.means == Means::CgroupV2 {
            let events = fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
            events.lines().any(|line| line == "frozen 1")
        } else {
            // Reading also makes a v1 freezer look again whether all its tasks have arrived.
            fs::read_to_string(self.path.join("freezer.state")).is_ok_and(|state| state.trim() == "FROZEN")
        }
    }

    fn write(&self, word: &[u8]) -> io::Result<()> {
        (&self.freezer).write_all(word)
    }
}

/// What the kernel answers to a write into a cgroup that is gone.
const NO_DEVICE: i32 = nix::libc::ENODEV;

/// The one cgroup that all these processes are in.
fn common_place(means: Means, pids: &[i32]) -> Option<PathBuf> {
    let mut places = pids.iter().map(|pid| {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        place_in(means, &text)
    });
    let first = places.next()??;
    places.all(|place| place.as_ref() == Some(&first)).then_some(first)
}

/// The path of a process in one hierarchy, from its cgroup file.
fn place_in(means: Means, text: &str) -> Option<PathBuf> {
    text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let wanted = match means {
            Means::CgroupV2 => number == "0" && controllers.is_empty(),
            Means::CgroupV1 => controllers.split(',').any(|controller| controller == "freezer"),
            Means::Signals => false,
        };
        wanted.then(|| PathBuf::from(path))
    })
}

/// The mounted hierarchies that can freeze.
fn hierarchies(mountinfo: &str) -> Vec<Hierarchy> {
    mountinfo.lines().filter_map(hierarchy).collect()
}

fn hierarchy(line: &str) -> Option<Hierarchy> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(3);
    let (root, mount) = (fields.next()?, fields.next()?);
    let mut kind = after.split(' ');
    let (filesystem, options) = (kind.next()?, kind.nth(1).unwrap_or(""));
    let means = match filesystem {
        "cgroup2" => Means::CgroupV2,
        "cgroup" if options.split(',').any(|option| option == "freezer") => Means::CgroupV1,
        _ => return None,
    };
    Some(Hierarchy { means, mount: mount.into(), root: root.into() })
}

/// Every process in the cgroup and those below it; `None` where that cannot be told.
fn members(path: &Path, depth: usize) -> Option<BTreeSet<i32>> {
    let listed = fs::read_to_string(path.join("cgroup.procs")).ok()?;
    let mut found: BTreeSet<i32> = listed.lines().map(|line| line.parse().ok()).collect::<Option<_>>()?;
    for entry in fs::read_dir(path).ok()? {
        let entry = entry.ok()?;
        if entry.file_type().ok()?.is_dir() {
            found.extend(members(&entry.path(), depth.checked_sub(1)?)?);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_hierarchy_are_found_in_a_mount_table() {
        let table = "29 23 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
            33 23 0:30 /box /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n\
            34 23 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
            35 23 0:32 / /proc rw - proc proc rw\n";
        let found = hierarchies(table);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].means, found[0].mount.as_path()),
            (Means::CgroupV2, Path::new("/sys/fs/cgroup/unified"))
        );
        assert_eq!((found[1].means, found[1].root.as_path()), (Means::CgroupV1, Path::new("/box")));
    }

    #[test]
    fn a_process_has_one_place_in_each_hierarchy() {
        let text = "6:cpu,freezer:/bots/one\n1:name=systemd:/x\n0::/bots/v2:odd\n";
        assert_eq!(place_in(Means::CgroupV2, text).as_deref(), Some(Path::new("/bots/v2:odd")));
        assert_eq!(place_in(Means::CgroupV1, text).as_deref(), Some(Path::new("/bots/one")));
        assert_eq!(place_in(Means::CgroupV1, "0::/x\n"), None);
    }
}
