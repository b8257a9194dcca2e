//! The folder of one evidence bundle: written aside, bounded, private, put in place at once.
//!
//! ```text
//! NAME.partial/ (0700) ── files (0600, created anew) ──► synced ──► renamed to NAME/ ──► oldest removed
//! ```
//!
//! No symbolic link inside the evidence folder is ever followed: files are only created where nothing is, the
//! folder itself must be a real one, and removal does not leave it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::model::clock::WallTime;

/// Ends the name of a bundle that is not complete.
const PARTIAL: &str = ".partial";
/// Of a bundle's bytes, so many are kept for its last file.
const FOR_LAST: u64 = 64 * 1024;
/// An incomplete bundle that old was left by an agent that died.
const STALE: Duration = Duration::from_hours(1);

/// How much evidence is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of one bundle.
    pub bundle: u64,
    /// Bundles; the oldest goes first.
    pub number: usize,
}

impl Default for Bounds {
    /// 2 MiB a file, 8 MiB a bundle, 20 bundles.
    fn default() -> Self {
        Self { file: 2 << 20, bundle: 8 << 20, number: 20 }
    }
}

/// Why a bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    /// The evidence folder is a link or a file.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Something in the filesystem failed.
    #[error("could not {action} {}", path.display())]
    Failed {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// One file of a bundle, for its summary.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Written {
    pub(super) name: &'static str,
    pub(super) bytes: u64,
    /// Lines that found no room.
    pub(super) lines_left_out: u64,
}

/// A bundle being written. Dropped before [`Bundle::finish`], it is removed.
#[derive(Debug)]
pub(super) struct Bundle {
    folder: PathBuf,
    name: String,
    bounds: Bounds,
    left: u64,
    written: Vec<Written>,
    finished: bool,
}

impl Bundle {
    /// Opens a bundle of that name in the evidence folder, which is made where it is missing.
    pub(super) fn open(folder: &Path, name: String, bounds: Bounds) -> Result<Self, BundleError> {
        private_folder(folder, true).map_err(|source| failed("make", folder, source))?;
        let kind = fs::symlink_metadata(folder).map_err(|source| failed("look at", folder, source))?;
        if !kind.is_dir() {
            return Err(BundleError::NotAFolder(folder.to_owned()));
        }
        let partial = folder.join(format!("{name}{PARTIAL}"));
        private_folder(&partial, false).map_err(|source| failed("make", &partial, source))?;
        // Only now there is something of ours to remove when this is dropped.
        let left = bounds.bundle.saturating_sub(FOR_LAST);
        let bundle =
            Self { folder: folder.to_owned(), name, bounds, left, written: Vec::new(), finished: false };
        Ok(bundle)
    }

    /// Writes a file line by line, as far as there is room.
    pub(super) fn file(
        &mut self,
        name: &'static str,
        lines: impl IntoIterator<Item = String>,
    ) -> Result<(), BundleError> {
        let path = self.partial().join(name);
        let written = self.write(name, &path, lines).map_err(|source| failed("write", &path, source))?;
        self.left = self.left.saturating_sub(written.bytes);
        self.written.push(written);
        Ok(())
    }

    /// Writes the last file, for which room was kept.
    pub(super) fn last_file(&mut self, name: &'static str, text: String) -> Result<(), BundleError> {
        self.left += FOR_LAST;
        self.file(name, [text])
    }

    /// What was written so far.
    pub(super) fn written(&self) -> &[Written] {
        &self.written
    }

    /// Puts the bundle in place and removes the oldest beyond the number kept. Gives its path.
    pub(super) fn finish(mut self, now: WallTime) -> Result<PathBuf, BundleError> {
        let (partial, path) = (self.partial(), self.folder.join(&self.name));
        fs::rename(&partial, &path).map_err(|source| failed("name", &path, source))?;
        self.finished = true;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failed("sync", &self.folder, source))?;
        self.tidy(now).map_err(|source| failed("tidy", &self.folder, source))?;
        Ok(path)
    }

    fn partial(&self) -> PathBuf {
        self.folder.join(format!("{}{PARTIAL}", self.name))
    }

    fn write(
        &self,
        name: &'static str,
        path: &Path,
        lines: impl IntoIterator<Item = String>,
    ) -> io::Result<Written> {
        let room = self.bounds.file.min(self.left);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut out = BufWriter::new(file);
        let (mut bytes, mut lines_left_out) = (0, 0);
        for line in lines {
            let length = line.len() as u64 + 1;
            if lines_left_out > 0 || bytes + length > room {
                lines_left_out += 1;
                continue;
            }
            bytes += length;
            writeln!(out, "{line}")?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(Written { name, bytes, lines_left_out })
    }

    fn tidy(&self, now: WallTime) -> io::Result<()> {
        let mut complete = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !entry.file_type()?.is_dir() || !is_bundle(&name) {
                continue;
            }
            if !name.ends_with(PARTIAL) {
                complete.push(name);
            } else if is_stale(&entry, now) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        complete.sort_unstable();
        let over = complete.len().saturating_sub(self.bounds.number.max(1));
        for name in complete.iter().take(over) {
            fs::remove_dir_all(self.folder.join(name))?;
        }
        Ok(())
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing more can be done about a folder that won't go; the next bundle tries again once it is stale.
            drop(fs::remove_dir_all(self.partial()));
        }
    }
}

/// The name of a bundle: sorts by time, is safe as a file name whatever the parts hold.
pub(super) fn name(at: WallTime, parts: &str) -> String {
    let time: String = at.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    format!("{time}-{}", parts.chars().map(safe).take(80).collect::<String>())
}

/// Whether a name was given by [`name`]: other things in the folder are nobody's business.
fn is_bundle(name: &str) -> bool {
    let shape = |(place, c): (usize, u8)| match place {
        8 => c == b'T',
        15 => c == b'Z',
        16 => c == b'-',
        _ => c.is_ascii_digit(),
    };
    name.len() > 17 && name.bytes().take(17).enumerate().all(shape)
}

fn is_stale(entry: &fs::DirEntry, now: WallTime) -> bool {
    let changed = entry.metadata().and_then(|metadata| metadata.modified()).ok();
    let since_epoch = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let millis = since_epoch.and_then(|at| i64::try_from(at.as_millis()).ok());
    millis.is_some_and(|at| now.since(WallTime::from_millis(at)) > STALE)
}

fn private_folder(path: &Path, even_if_there: bool) -> io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(even_if_there).create(path)
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> BundleError {
    BundleError::Failed { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_700_000_000_000);

    fn lines(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|i| format!("line {i:04}"))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_bundle_is_private_bounded_and_appears_at_once() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("evidence");
        let bounds = Bounds { file: 100, bundle: FOR_LAST + 150, number: 2 };
        let mut bundle = Bundle::open(&folder, name(NOW, "bot/../1"), bounds).unwrap();
        bundle.file("a.txt", lines(3)).unwrap();
        bundle.file("b.txt", lines(50)).unwrap();
        bundle.file("c.txt", lines(50)).unwrap();
        let left_out: Vec<_> = bundle.written().iter().map(|w| (w.bytes, w.lines_left_out)).collect();
        assert_eq!(left_out, [(30, 0), (100, 40), (20, 48)]);
        assert_eq!(names(&folder), ["20231114T221320Z-bot____1.partial"]);
        let path = bundle.finish(NOW).unwrap();
        assert_eq!(names(&folder), ["20231114T221320Z-bot____1"]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&folder), mode(&path), mode(&path.join("a.txt"))), (0o700, 0o700, 0o600));
    }

    #[test]
    fn the_oldest_go_and_nothing_else() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "x").unwrap();
        symlink(outside.path(), folder.join("20000101T000000Z-link")).unwrap();
        fs::write(folder.join("20000101T000000Z-file"), "x").unwrap();
        fs::create_dir(folder.join("notes")).unwrap();
        let stale = folder.join("20000101T000000Z-x.partial");
        fs::create_dir(&stale).unwrap();
        File::open(&stale).unwrap().set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000)).unwrap();
        let bounds = Bounds { number: 2, ..Bounds::default() };
        for day in 0..4 {
            let at = WallTime::from_millis(NOW.as_millis() + day * 86_400_000);
            let mut bundle = Bundle::open(folder, name(at, "bot"), bounds).unwrap();
            bundle.file("a.txt", lines(1)).unwrap();
            bundle.finish(at).unwrap();
        }
        let left = names(folder);
        assert_eq!(
            left,
            [
                "20000101T000000Z-file",
                "20000101T000000Z-link",
                "20231116T221320Z-bot",
                "20231117T221320Z-bot",
                "notes"
            ]
        );
        assert!(outside.path().join("precious").exists());
    }

    #[test]
    fn a_planted_link_is_not_followed_and_a_given_up_bundle_leaves_nothing() {
        let room = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let link = room.path().join("evidence");
        symlink(outside.path(), &link).unwrap();
        let opened = Bundle::open(&link, name(NOW, "bot"), Bounds::default());
        assert!(matches!(opened, Err(BundleError::NotAFolder(_))));
        let folder = room.path().join("real");
        fs::create_dir(&folder).unwrap();
        symlink(outside.path(), folder.join("20231114T221320Z-bot.partial")).unwrap();
        assert!(Bundle::open(&folder, name(NOW, "bot"), Bounds::default()).is_err());
        let mut bundle = Bundle::open(&folder, name(NOW, "other"), Bounds::default()).unwrap();
        bundle.file("a.txt", lines(1)).unwrap();
        symlink(outside.path().join("target"), bundle.partial().join("b.txt")).unwrap();
        assert!(bundle.file("b.txt", lines(1)).is_err());
        drop(bundle);
        assert_eq!(names(&folder), ["20231114T221320Z-bot.partial"]);
        assert!(names(outside.path()).is_empty());
    }
}
