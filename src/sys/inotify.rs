//! Being told that one of a few files may have changed.
//!
//! The folders are watched, not the files: editors write a new file and rename it over the old one, and a mounted
//! Kubernetes `ConfigMap` swaps a symbolic link (`..data`) beside the names, after which a watch on the old file would see
//! nothing. Where a file is a link, the folder of its target is watched too. Events are hints: many may come for one
//! change, so the caller waits for quiet, reads, and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

/// Folders behind one chain of links that are watched.
const LINKS_MAX: usize = 8;
/// The name that Kubernetes swaps below a mounted `ConfigMap` or Secret.
const KUBERNETES_LINK: &str = "..data";

/// Watches some files; readable (see [`AsFd`]) when [`FileWatch::changed`] may have something to tell.
#[derive(Debug)]
pub struct FileWatch {
    inotify: Inotify,
    files: Vec<PathBuf>,
    folders: BTreeMap<PathBuf, WatchDescriptor>,
}

/// Why files could not be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The kernel's bound on instances or watches (`fs.inotify.*`) is reached, or we are out of descriptors.
    #[error("no more file watches to be had")]
    Exhausted,
    /// The folder of a file does not exist or cannot be read.
    #[error("could not watch {}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FileWatch {
    /// Watches these files; one that does not exist yet is watched for its coming, as long as its folder exists.
    pub fn new(files: Vec<PathBuf>) -> Result<Self, WatchError> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
            .map_err(|_| WatchError::Exhausted)?;
        let mut watch = Self { inotify, files, folders: BTreeMap::new() };
        watch.watch_folders()?;
        Ok(watch)
    }

    /// The files that may have changed since the last call, each once, in the order given. Does not block.
    ///
    /// After an overflow of the kernel's queue, or where a folder was replaced, all of a folder's files are named.
    pub fn changed(&mut self) -> Result<Vec<PathBuf>, WatchError> {
        let mut touched = Touched::default();
        loop {
            match self.inotify.read_events() {
                Ok(events) => events.into_iter().for_each(|event| touched.note(event)),
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(_) => return Err(WatchError::Exhausted),
            }
        }
        if touched.nothing() {
            return Ok(Vec::new());
        }
        let changed: Vec<PathBuf> =
            self.files.iter().filter(|file| self.concerns(file, &touched)).cloned().collect();
        self.folders.retain(|_, watched| !touched.lost.contains(watched));
        // Links may lead elsewhere now.
        self.watch_folders()?;
        Ok(changed)
    }

    fn concerns(&self, file: &Path, touched: &Touched) -> bool {
        touched.overflow
            || places(file).iter().any(|place| {
                let Some(watched) = folder(place).and_then(|folder| self.folders.get(&folder)) else {
                    return false;
                };
                let named = |name: &OsString| touched.names.contains(&(*watched, name.clone()));
                let link = named(&KUBERNETES_LINK.into());
                touched.lost.contains(watched)
                    || link
                    || place.file_name().is_some_and(|name| named(&name.into()))
            })
    }

    fn watch_folders(&mut self) -> Result<(), WatchError> {
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let wanted: BTreeSet<PathBuf> =
            self.files.iter().flat_map(|file| places(file)).filter_map(|place| folder(&place)).collect();
        let stale = self.folders.extract_if(.., |folder, _| !wanted.contains(folder));
        for (_, watched) in stale {
            // A watch whose folder is gone has been removed by the kernel.
            let _gone = self.inotify.rm_watch(watched);
        }
        for folder in wanted {
            match self.inotify.add_watch(&folder, flags) {
                Ok(watched) => self.replace(folder, watched),
                Err(Errno::ENOSPC | Errno::ENOMEM) => return Err(WatchError::Exhausted),
                Err(errno) => return Err(WatchError::Folder { folder, source: errno.into() }),
            }
        }
        Ok(())
    }

    /// Notes the watch of a folder; a path may lead to another folder than before.
    fn replace(&mut self, folder: PathBuf, watched: WatchDescriptor) {
        let former = self.folders.insert(folder, watched).filter(|former| *former != watched);
        if let Some(former) = former.filter(|former| !self.folders.values().any(|used| used == former)) {
            // A watch whose folder is gone has been removed by the kernel.
            let _gone = self.inotify.rm_watch(former);
        }
    }
}

impl AsFd for FileWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl AsRawFd for FileWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.inotify.as_fd().as_raw_fd()
    }
}

/// What one batch of events has named.
#[derive(Debug, Default)]
struct Touched {
    names: BTreeSet<(WatchDescriptor, OsString)>,
    lost: BTreeSet<WatchDescriptor>,
    overflow: bool,
}

impl Touched {
    fn note(&mut self, event: InotifyEvent) {
        let gone = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            self.overflow = true;
        } else if event.mask.intersects(gone) {
            self.lost.insert(event.wd);
        } else if let Some(name) = event.name {
            self.names.insert((event.wd, name));
        }
    }

    fn nothing(&self) -> bool {
        self.names.is_empty() && self.lost.is_empty() && !self.overflow
    }
}

/// The file, and what it leads to link by link.
fn places(file: &Path) -> Vec<PathBuf> {
    let mut found = vec![file.to_owned()];
    let mut at = file.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = std::fs::read_link(&at) else { break };
        at = folder(&at).unwrap_or_default().join(target);
        found.push(at.clone());
    }
    found
}

fn folder(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    Some(if parent.as_os_str().is_empty() { ".".into() } else { parent.into() })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::poll::{PollFd, PollFlags, poll};

    use super::*;

    fn waits(watch: &FileWatch) -> bool {
        let mut fds = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, 0u8).expect("poll") == 0
    }

    #[test]
    fn a_write_a_rename_over_and_a_coming_file_are_told_and_a_neighbour_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("one"), "1").expect("written");
        let mut watch = FileWatch::new(vec![at("one"), at("later")]).expect("watched");
        assert!(waits(&watch));
        assert!(watch.changed().expect("read").is_empty());
        fs::write(at("neighbour"), "n").expect("written");
        assert!(watch.changed().expect("read").is_empty(), "a neighbour");
        fs::write(at("one"), "2").expect("written");
        assert!(!waits(&watch), "readable");
        assert_eq!(watch.changed().expect("read"), [at("one")]);
        fs::write(at("one.new"), "3").expect("written");
        fs::rename(at("one.new"), at("one")).expect("renamed");
        fs::write(at("later"), "4").expect("written");
        assert_eq!(watch.changed().expect("read"), [at("one"), at("later")]);
        fs::write(at("one"), "5").expect("written");
        assert_eq!(watch.changed().expect("read"), [at("one")], "the new file is watched as the old one was");
    }

    #[test]
    fn a_swapped_config_map_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "old"), ("..2", "new"), ("..3", "newest")] {
            fs::create_dir(at(version)).expect("made");
            fs::write(at(version).join("policy.toml"), text).expect("written");
        }
        symlink("..1", at("..data")).expect("linked");
        symlink("..data/policy.toml", at("policy.toml")).expect("linked");
        let mut watch = FileWatch::new(vec![at("policy.toml")]).expect("watched");
        for version in ["..2", "..3"] {
            symlink(version, at("..tmp")).expect("linked");
            fs::rename(at("..tmp"), at("..data")).expect("swapped");
            assert_eq!(watch.changed().expect("read"), [at("policy.toml")], "{version}");
        }
    }

    #[test]
    fn the_target_of_a_link_in_another_folder_is_watched() {
        let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
        let (link, file) = (folder.path().join("link"), other.path().join("file"));
        fs::write(&file, "1").expect("written");
        symlink(&file, &link).expect("linked");
        let mut watch = FileWatch::new(vec![link.clone()]).expect("watched");
        fs::write(&file, "2").expect("written");
        assert_eq!(watch.changed().expect("read"), [link]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let refused = FileWatch::new(vec!["/nonexistent/fdguard/policy.toml".into()]);
        assert!(matches!(refused, Err(WatchError::Folder { .. })));
    }
}
