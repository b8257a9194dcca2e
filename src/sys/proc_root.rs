//! Where `/proc` is: handed in, so that tests can give a tree of their own.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No text read whole from `/proc` may be larger; what is longer is cut there.
pub const TEXT_MAX: u64 = 1 << 20;

/// The root of a proc filesystem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcRoot {
    path: PathBuf,
}

impl ProcRoot {
    /// The proc filesystem mounted there, or a directory that looks like one.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of an entry below it, for example `sys/fs/file-nr`.
    pub fn join(&self, entry: impl AsRef<Path>) -> PathBuf {
        self.path.join(entry)
    }

    /// The directory of one process.
    pub fn process(&self, pid: u32) -> PathBuf {
        self.path.join(pid.to_string())
    }

    /// The text of an entry, at most [`TEXT_MAX`] bytes of it; bytes that are no UTF-8 are replaced.
    pub fn text(&self, entry: impl AsRef<Path>) -> io::Result<String> {
        bounded_text(&self.join(entry), TEXT_MAX)
    }

    /// The number that this filesystem gives the calling process, by its `self` link.
    ///
    /// Differs from `getpid` where the mount belongs to another pid namespace: numbers read there must
    /// then not be given to system calls.
    pub fn own_number(&self) -> io::Result<u32> {
        let link = std::fs::read_link(self.join("self"))?;
        let text = link.to_str().unwrap_or_default();
        text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "`self` is no number"))
    }

    /// The numbers of all processes, unordered, at most `max`.
    pub fn pids(&self, max: usize) -> io::Result<Vec<u32>> {
        let entries = std::fs::read_dir(&self.path)?;
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(numbers.take(max).collect())
    }
}

impl Default for ProcRoot {
    fn default() -> Self {
        Self::new("/proc")
    }
}

/// The first `max` bytes of a file as text; bytes that are no UTF-8 are replaced.
pub(super) fn bounded_text(path: &Path, max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_tree_is_read_and_bounded() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("17")).unwrap();
        std::fs::create_dir(tree.path().join("fs")).unwrap();
        std::fs::write(tree.path().join("fs/x"), b"ab\xffcd").unwrap();
        let root = ProcRoot::new(tree.path());
        assert_eq!(root.pids(10).unwrap(), [17]);
        assert_eq!(root.text("fs/x").unwrap(), "ab\u{fffd}cd");
        assert_eq!(bounded_text(&root.join("fs/x"), 2).unwrap(), "ab");
        assert!(root.own_number().is_err());
    }

    #[test]
    fn the_real_one_knows_our_number() {
        assert_eq!(ProcRoot::default().own_number().unwrap(), std::process::id());
    }
}
