//! Reading the target's own corner of procfs, bounded, through the directory that was kept when it was adopted.
//!
//! Paths go through `/proc/self/fd/N` of the kept directory, so a later holder of the number is never read: once
//! the target is reaped every read fails.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

/// A process's directory in procfs. Good only while what it was made from is open.
#[derive(Clone, Debug)]
pub(super) struct ProcDir {
    path: PathBuf,
}

impl ProcDir {
    /// The directory behind a kept descriptor.
    pub(super) fn of(dir: BorrowedFd<'_>) -> Self {
        Self { path: PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())) }
    }

    /// At most `max` bytes of a file, as text.
    pub(super) fn text(&self, entry: impl AsRef<Path>, max: u64) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(entry, max)?).into_owned())
    }

    /// At most `max` bytes of a file.
    pub(super) fn bytes(&self, entry: impl AsRef<Path>, max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(entry))?.take(max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The entries of a directory whose names are numbers, ascending, at most `max` of them.
    pub(super) fn numbers(&self, entry: impl AsRef<Path>, max: usize) -> io::Result<Vec<u32>> {
        let entries = fs::read_dir(self.path.join(entry))?;
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        let mut numbers: Vec<u32> = entries.filter_map(|entry| number(entry.ok()?)).take(max).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::process::Command;

    use super::super::tests::support::Bot;
    use super::*;

    #[test]
    fn reads_the_one_it_was_made_for_and_nobody_after_it() {
        let mut bot = Bot::start(Command::new("sh").args(["-c", "echo ready; read order", "60"]));
        assert_eq!(bot.line(), "ready");
        let pid = bot.pid();
        let kept = File::open(format!("/proc/{pid}")).unwrap();
        let dir = ProcDir::of(kept.as_fd());
        assert_eq!(dir.numbers("task", 10).unwrap(), [pid]);
        assert!(dir.text("cmdline", 4096).unwrap().contains("60"));
        assert_eq!(dir.bytes("status", 10).unwrap().len(), 10);
        drop(bot);
        assert!(dir.text("status", 100).is_err() && dir.numbers("fd", 10).is_err());
    }
}
