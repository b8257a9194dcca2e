//! Finding targets: by pidfile, control group, systemd unit, command line.
//!
//! What is found are numbers, good for nothing but to be adopted at once: adoption verifies them.
//! A unit is found as the directory of that name below the mounted hierarchies: that asks neither a bus nor a
//! subprocess, and gives all its processes and not only the main one.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::sys::adopted::Adopted;
use crate::sys::cgroup::{Hierarchy, Memberships, Mounts, groups};
use crate::sys::command::line_of;
use crate::sys::peer::own_uid;
use crate::sys::proc_root::{ProcRoot, bounded_text};
use crate::sys::read_error::ReadError;

/// No more processes are looked at.
pub const PROCESSES_MAX: usize = 65_536;
/// No more processes may match one pattern: it was meant for one bot.
pub const MATCHES_MAX: usize = 64;

/// Why nothing was found. That no process matches (yet) is no error.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The pidfile is there and holds no number.
    #[error("`{}` holds no process number", path.display())]
    Pidfile {
        /// The file.
        path: PathBuf,
    },
    /// Several groups have the name of the unit, such as those of several users.
    #[error("unit `{unit}` is in several places, name the control group instead: {}", listed(places))]
    Ambiguous {
        /// The unit.
        unit: String,
        /// Where it is.
        places: Vec<PathBuf>,
    },
    /// The pattern fits more processes than could be meant.
    #[error("the pattern fits more than {MATCHES_MAX} processes")]
    TooMany,
    /// The name is not one of a unit.
    #[error("`{unit}` is no name of a unit")]
    UnitName {
        /// As it was given.
        unit: String,
    },
    /// A source could not be read.
    #[error("could not look for the process")]
    Read {
        /// Why.
        #[from]
        source: ReadError,
    },
}

/// The process whose number is in a file; none where the file is missing or empty.
pub fn by_pidfile(path: &Path) -> Result<Option<u32>, FindError> {
    const PIDFILE_MAX: u64 = 64;
    let text = match bounded_text(path, PIDFILE_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReadError::of_io("the pidfile", error).into()),
    };
    match text.trim() {
        "" => Ok(None),
        number => match number.parse() {
            Ok(pid) if pid > 0 => Ok(Some(pid)),
            _ => Err(FindError::Pidfile { path: path.to_owned() }),
        },
    }
}

/// Who has a say in what a pidfile names, beside root and this process's own user; none where nobody has. Whoever may
/// write the file, or put another in its place, could name any process.
pub fn stranger_behind(path: &Path) -> io::Result<Option<Owner>> {
    // A group of the owner's own is its choice.
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let file = std::fs::symlink_metadata(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::fs::metadata(folder)?;
    // Where it is a link, of whom the file is that it leads to says nothing.
    let link_or_file = [file.uid(), folder.uid()];
    if let Some(uid) = link_or_file.into_iter().find(|uid| *uid != 0 && *uid != own_uid()) {
        return Ok(Some(Owner::User(uid)));
    }
    let anybody = |mode: u32| mode & OTHERS_WRITE != 0;
    let is_open =
        anybody(folder.mode()) && folder.mode() & STICKY == 0 || !file.is_symlink() && anybody(file.mode());
    Ok(is_open.then_some(Owner::Anybody))
}

/// Somebody who is not trusted with every process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// This user.
    User(u32),
    /// Others than its owner may write it.
    Anybody,
}

/// The directory of a group; none where there is no such group. The path is that of a directory, or of a group as
/// the kernel tells it (`/system.slice/bot.service`). Without links, so that what lies below it can be told.
pub fn group_at(mounts: &Mounts, path: &Path) -> Option<PathBuf> {
    let candidates = if path.is_dir() {
        vec![path.to_owned()]
    } else {
        let told = path.to_string_lossy();
        UNITS_IN.iter().filter_map(|hierarchy| mounts.dir(*hierarchy, &told)).collect()
    };
    candidates.into_iter().find(|dir| dir.is_dir())?.canonicalize().ok()
}

/// A unit's whole name: one without a suffix is a service.
pub fn whole_name(unit: &str) -> String {
    if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") }
}

/// The service that a process belongs to, as the path of its group tells; none for what a person's session or a
/// container runs.
pub fn service_of(process: &Adopted) -> Option<String> {
    let groups = Memberships::read(process).ok()?;
    let path = UNITS_IN.iter().find_map(|hierarchy| groups.path(*hierarchy))?;
    service_in(path).map(str::to_owned)
}

/// The innermost service of a path. A user's services lie below `user@1000.service`, which runs the whole session and is
/// none itself; below a service there may be groups of its own.
fn service_in(path: &str) -> Option<&str> {
    path.rsplit('/').find(|part| part.ends_with(".service")).filter(|unit| !unit.starts_with("user@"))
}

/// The directory of a systemd unit's group; none where it does not run. A name without a suffix is a service.
pub fn group_of_unit(mounts: &Mounts, unit: &str) -> Result<Option<PathBuf>, FindError> {
    let name = whole_name(unit);
    if name.contains('/') || name.starts_with('.') {
        return Err(FindError::UnitName { unit: unit.to_owned() });
    }
    for point in UNITS_IN.iter().filter_map(|hierarchy| mounts.point(*hierarchy)) {
        let all = groups(point)?;
        let mut places: Vec<_> = all.into_iter().filter(|dir| dir.ends_with(&name)).collect();
        match places.len() {
            0 => {}
            1 => return Ok(places.pop()),
            _ => return Err(FindError::Ambiguous { unit: name, places }),
        }
    }
    Ok(None)
}

/// The processes whose command line, with blanks between the arguments, fits a pattern, ascending; never the
/// agent itself.
pub fn by_command(root: &ProcRoot, pattern: &Regex) -> Result<Vec<u32>, FindError> {
    let pids = root.pids(PROCESSES_MAX).map_err(|error| ReadError::of_io("the processes", error))?;
    let own = std::process::id();
    let fits = |pid: &u32| {
        let line = line_of(root, *pid).filter(|line| !line.is_empty());
        *pid != own && line.is_some_and(|line| pattern.is_match(&line))
    };
    let mut found: Vec<_> = pids.into_iter().filter(fits).take(MATCHES_MAX + 1).collect();
    if found.len() > MATCHES_MAX {
        return Err(FindError::TooMany);
    }
    found.sort_unstable();
    Ok(found)
}

/// Where systemd keeps its units: in the unified hierarchy, or in one of its own beside version 1.
const UNITS_IN: [Hierarchy<'_>; 2] = [Hierarchy::Unified, Hierarchy::Controller("name=systemd")];

fn listed(places: &[PathBuf]) -> String {
    places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::cgroup::members;
    use crate::sys::victim::Victim;

    #[test]
    fn a_path_tells_its_service_and_no_session() {
        assert_eq!(service_in("/system.slice/bot.service"), Some("bot.service"));
        assert_eq!(
            service_in("/system.slice/system-bot.slice/bot@eth.service/worker"),
            Some("bot@eth.service")
        );
        let own = "/user.slice/user-1000.slice/user@1000.service/app.slice/bot.service";
        assert_eq!(service_in(own), Some("bot.service"));
        assert_eq!(service_in("/user.slice/user-1000.slice/user@1000.service/session.slice"), None);
        assert_eq!(service_in("/user.slice/user-1000.slice/session-3.scope"), None);
        assert_eq!(service_in("/"), None);
    }

    #[test]
    fn a_pidfile_may_be_missing_empty_good_or_bad() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bot.pid");
        assert_eq!(by_pidfile(&path).unwrap(), None);
        for (text, pid) in [("", None), ("\n", None), ("4021\n", Some(4021)), (" 7 ", Some(7))] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(by_pidfile(&path).unwrap(), pid, "{text:?}");
        }
        for text in ["0", "-1", "bot", "4 5", "99999999999"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(by_pidfile(&path), Err(FindError::Pidfile { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_unit_is_found_wherever_its_group_is() {
        let tree = tempfile::tempdir().unwrap();
        let group = |path: &str, procs: &str| {
            let dir = tree.path().join(path);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("cgroup.procs"), procs).unwrap();
        };
        group("system.slice", "");
        group("system.slice/bot.service", "11\n");
        group("system.slice/bot.service/worker", "12\n");
        group("user.slice/u2", "");
        group("user.slice/u1/feed.service", "13\n");
        group("user.slice/u2/feed.service", "14\n");
        let mounts = Mounts::parse(&format!("1 2 0:3 / {} rw - cgroup2 none rw", tree.path().display()));
        let of = |dir: Option<PathBuf>| dir.map_or(Vec::new(), |dir| members(&dir).unwrap());
        let by_unit = |unit: &str| group_of_unit(&mounts, unit).map(of);
        let by_path = |path: &Path| of(group_at(&mounts, path));
        assert_eq!(by_unit("bot").unwrap(), [11, 12]);
        assert_eq!(by_unit("bot.service").unwrap(), [11, 12]);
        assert_eq!(by_unit("bo").unwrap(), [0u32; 0]);
        assert!(matches!(by_unit("feed"), Err(FindError::Ambiguous { places, .. }) if places.len() == 2));
        assert!(matches!(by_unit("../bot.service"), Err(FindError::UnitName { .. })));
        assert_eq!(by_path(Path::new("/user.slice/u2")), [14]);
        assert_eq!(by_path(&tree.path().join("system.slice")), [11, 12]);
        assert_eq!(by_path(Path::new("/none")), [0u32; 0]);
    }

    #[test]
    fn a_command_is_found_and_the_agent_never_is() {
        let mark = format!("fdguard-find-{}", std::process::id());
        let spawn = || Victim::command(std::process::Command::new("sleep").args(["60", "0", "--"]).arg("0"));
        let marked = || Victim::command(std::process::Command::new("sh").args(["-c", "read x", &mark]));
        let (first, second, _other) = (marked(), marked(), spawn());
        let pattern = Regex::new(&format!("^sh -c read x {mark}$")).unwrap();
        let mut expected = [first.pid(), second.pid()];
        expected.sort_unstable();
        // A process is there a moment before its command line is.
        let mut found = Vec::new();
        for _ in 0..500 {
            found = by_command(&ProcRoot::default(), &pattern).unwrap();
            if found == expected {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(found, expected);

        let own = line_of(&ProcRoot::default(), std::process::id()).unwrap();
        let all = Regex::new(&regex_lite::escape(&own)).unwrap();
        assert!(!by_command(&ProcRoot::default(), &all).unwrap().contains(&std::process::id()));
    }

    #[test]
    fn a_pattern_that_fits_everything_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        for pid in 1..=100 {
            let dir = tree.path().join(pid.to_string());
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join("cmdline"), if pid > 70 { "" } else { "bot\0--live\0" }).unwrap();
        }
        let root = ProcRoot::new(tree.path());
        assert!(matches!(by_command(&root, &Regex::new("bot").unwrap()), Err(FindError::TooMany)));
        assert_eq!(by_command(&root, &Regex::new("^$").unwrap()).unwrap(), [0u32; 0]);
    }
}
