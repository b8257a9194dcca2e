//! Where the hierarchies of control groups are mounted.

use std::path::{Path, PathBuf};

/// One hierarchy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hierarchy<'a> {
    /// The one of version 2.
    Unified,
    /// The one of version 1 that has this controller: `freezer`, or `name=systemd`.
    Controller(&'a str),
}

impl Hierarchy<'_> {
    /// Whether a list of controllers, as the kernel writes it, means this hierarchy.
    pub(super) fn is(self, controllers: &str) -> bool {
        match self {
            Self::Unified => controllers.is_empty(),
            Self::Controller(name) => controllers.split(',').any(|controller| controller == name),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Mount {
    /// Controllers with commas; empty for version 2.
    controllers: String,
    /// What part of the hierarchy is seen there.
    root: String,
    point: PathBuf,
}

/// The mounted hierarchies.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mounts {
    rows: Vec<Mount>,
}

impl Mounts {
    /// Reads the text of `mountinfo`; other filesystems and odd lines are passed over.
    pub fn parse(text: &str) -> Self {
        Self { rows: text.lines().filter_map(mount).collect() }
    }

    /// Where a hierarchy is mounted.
    pub fn point(&self, hierarchy: Hierarchy<'_>) -> Option<&Path> {
        self.of(hierarchy).map(|mount| mount.point.as_path())
    }

    /// The directory of a group; `None` where the hierarchy is not mounted or the group is outside of what is.
    pub fn dir(&self, hierarchy: Hierarchy<'_>, path: &str) -> Option<PathBuf> {
        let mount = self.of(hierarchy)?;
        let below = Path::new(path).strip_prefix(&mount.root).ok()?;
        let outside = below.components().any(|part| part == std::path::Component::ParentDir);
        (!outside)
            .then(|| if below.as_os_str().is_empty() { mount.point.clone() } else { mount.point.join(below) })
    }

    /// Whether a directory is the top of a mounted hierarchy.
    pub fn is_root(&self, dir: &Path) -> bool {
        self.rows.iter().any(|mount| mount.point == dir)
    }

    fn of(&self, hierarchy: Hierarchy<'_>) -> Option<&Mount> {
        self.rows.iter().find(|mount| hierarchy.is(&mount.controllers))
    }
}

// id parent device root point options [tags] - type source super-options
fn mount(line: &str) -> Option<Mount> {
    let (front, back) = line.split_once(" - ")?;
    let mut front = front.split(' ').skip(3);
    let (root, point) = (unescape(front.next()?), unescape(front.next()?));
    let mut back = back.split(' ');
    let controllers = match back.next()? {
        "cgroup2" => String::new(),
        "cgroup" => back.nth(1)?.to_owned(),
        _ => return None,
    };
    Some(Mount { controllers, root, point: point.into() })
}

/// Blanks, tabs, newlines and backslashes are written in octal.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
23 18 0:20 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
24 23 0:21 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
25 23 0:22 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
26 23 0:23 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
27 23 0:24 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn each_hierarchy_has_its_place() {
        let mounts = Mounts::parse(HYBRID);
        let dir = |hierarchy, path| mounts.dir(hierarchy, path).map(|dir| dir.display().to_string());
        assert_eq!(dir(Hierarchy::Unified, "/a/b").unwrap(), "/sys/fs/cgroup/unified/a/b");
        assert_eq!(dir(Hierarchy::Unified, "/").unwrap(), "/sys/fs/cgroup/unified");
        assert_eq!(dir(Hierarchy::Controller("cpuacct"), "/x").unwrap(), "/sys/fs/cgroup/cpu,cpuacct/x");
        assert_eq!(dir(Hierarchy::Controller("name=systemd"), "/x").unwrap(), "/sys/fs/cgroup/systemd/x");
        assert_eq!(dir(Hierarchy::Controller("pids"), "/x"), None);
        assert!(mounts.is_root(Path::new("/sys/fs/cgroup/freezer")));
        assert!(!mounts.is_root(Path::new("/sys/fs/cgroup/freezer/x")));
    }

    #[test]
    fn a_container_sees_a_part_and_what_lies_outside_has_no_directory() {
        let line = "31 30 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate\n";
        let mounts = Mounts::parse(line);
        let dir = |path| mounts.dir(Hierarchy::Unified, path);
        assert_eq!(dir("/docker/abc/x").unwrap(), Path::new("/sys/fs/cgroup/x"));
        assert_eq!(dir("/docker/abc").unwrap(), Path::new("/sys/fs/cgroup"));
        assert_eq!(dir("/docker/abd"), None);
        assert_eq!(dir("/docker/abc/../x"), None);
    }

    #[test]
    fn escaped_blanks_are_read() {
        let mounts = Mounts::parse("1 2 0:3 / /mnt/a\\040b rw - cgroup2 none rw");
        assert_eq!(mounts.point(Hierarchy::Unified).unwrap(), Path::new("/mnt/a b"));
    }
}
