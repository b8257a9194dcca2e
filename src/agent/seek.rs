//! Which processes a target is, now: looked for on a thread of its own, because a walk over /proc takes as long as the
//! host is full, and a read there can hang.
//!
//! ```text
//!  control loop ── ask ──► fdg-seek ── Found: numbers ──► control loop: pin each, and see that it still fits
//! ```
//!
//! Between the walk and the adoption a number can change hands. So a process is looked at once more when it is
//! pinned: what was found is a hint, what is adopted is verified.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::config::Match;
use crate::model::chain::chain;
use crate::model::clock::{Clock as _, Timestamp, WallTime};
use crate::model::name::Name;
use crate::sys::adopted::Adopted;
use crate::sys::cgroup::{self, Memberships, Mounts};
use crate::sys::clock::SystemClock;
use crate::sys::command;
use crate::sys::find::{self, FindError, Owner};
use crate::sys::proc_root::ProcRoot;

/// Targets that may wait for their turn; beyond, they are asked for at the next turn of the loop.
const WAITING_MAX: usize = 256;
/// Clocks of files are coarse: a file is older than a process only by more than this.
const COARSE: Duration = Duration::from_secs(2);

/// The hand that reaches the thread.
#[derive(Debug)]
pub(super) struct Seeker {
    jobs: SyncSender<Wanted>,
}

/// What is looked for.
#[derive(Debug)]
struct Wanted {
    target: Name,
    matches: Match,
}

/// What was found. Numbers only: each is adopted, and so pinned, before anything else happens to it.
#[derive(Debug)]
pub struct Found {
    /// The target it was looked for.
    pub(super) target: Name,
    /// By what; the target may be sought by something else by now.
    pub(super) matches: Match,
    /// The numbers, or why nothing could be looked for.
    pub(super) numbers: Result<Vec<u32>, String>,
    /// Which writing of the target's number this is; none where it is no number that names the process.
    pub(super) edition: Option<Edition>,
    /// Who could have written another number there; the target may be sought otherwise.
    pub(super) owner: Option<Owner>,
    group: Option<Group>,
}

/// The control group in which they were found.
#[derive(Debug)]
struct Group {
    mounts: Mounts,
    dir: PathBuf,
}

/// Where a number was written, to tell one writing from the next.
///
/// A number names one process once. When that one has ended, a stranger may be given the number while the
/// pidfile is still the old: it must be written anew before it names anybody again.
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

/// Whether a target is being looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// It is.
    Yes,
    /// Too many others wait.
    NoRoom,
}

impl Seeker {
    /// Starts the thread. `found` is called on it after each look.
    pub(super) fn start(root: ProcRoot, found: impl Fn(Found) + Send + 'static) -> io::Result<Self> {
        let (jobs, inbox) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new().name("fdg-seek".to_owned()).stack_size(512 * 1_024);
        thread.spawn(move || work(&root, &inbox, found))?;
        Ok(Self { jobs })
    }

    /// Asks for the processes that match now. Never waits. A child is not sought, it is started.
    pub(super) fn ask(&self, target: &Name, matches: &Match) -> Asked {
        let wanted = Wanted { target: target.clone(), matches: matches.clone() };
        match self.jobs.try_send(wanted) {
            Ok(()) => Asked::Yes,
            Err(_) => Asked::NoRoom,
        }
    }
}

fn work(root: &ProcRoot, inbox: &Receiver<Wanted>, found: impl Fn(Found)) {
    while let Ok(Wanted { target, matches }) = inbox.recv() {
        // Before the number: a file that is written in between counts as the older writing, and is read again.
        let edition = edition(&matches);
        let (numbers, group) = match look(root, &matches) {
            Ok((numbers, group)) => (Ok(numbers), group),
            Err(error) => (Err(chain(&error)), None),
        };
        let owner = match &matches {
            // One that is gone meanwhile names nobody.
            Match::Pidfile(path) => find::stranger_behind(path).ok().flatten(),
            Match::Pid(_) | Match::Unit(_) | Match::Cgroup(_) | Match::Command(_) | Match::Child(_) => None,
        };
        found(Found { target, matches, numbers, edition, owner, group });
    }
}

fn look(root: &ProcRoot, matches: &Match) -> Result<(Vec<u32>, Option<Group>), FindError> {
    let plain = |numbers| Ok((numbers, None));
    match matches {
        Match::Pid(pid) => plain(vec![*pid]),
        Match::Pidfile(path) => plain(find::by_pidfile(path)?.into_iter().collect()),
        Match::Unit(unit) => {
            // Read anew each time: a hierarchy may be mounted later than the agent starts.
            let mounts = cgroup::mounts(root)?;
            let dir = find::group_of_unit(&mounts, unit)?;
            in_group(mounts, dir)
        }
        Match::Cgroup(path) => {
            let mounts = cgroup::mounts(root)?;
            let dir = find::group_at(&mounts, Path::new(path));
            in_group(mounts, dir)
        }
        Match::Command(pattern) => plain(find::by_command(root, pattern.regex())?),
        Match::Child(_) => plain(Vec::new()),
    }
}

fn in_group(mounts: Mounts, dir: Option<PathBuf>) -> Result<(Vec<u32>, Option<Group>), FindError> {
    let Some(dir) = dir else { return Ok((Vec::new(), None)) };
    Ok((cgroup::members(&dir)?, Some(Group { mounts, dir })))
}

fn edition(matches: &Match) -> Option<Edition> {
    match matches {
        Match::Pid(_) => Some(Edition::Settings),
        Match::Pidfile(path) => std::fs::metadata(path)
            .ok()
            .map(|file| Edition::File { inode: file.ino(), changed: (file.ctime(), file.ctime_nsec()) }),
        Match::Unit(_) | Match::Cgroup(_) | Match::Command(_) | Match::Child(_) => None,
    }
}

impl Found {
    /// Whether a process, held by now, is one of those that are looked for. Its number may have been another's
    /// when it was found.
    pub(super) fn fits(&self, process: &Adopted) -> bool {
        match (&self.matches, &self.group) {
            (Match::Pid(_) | Match::Pidfile(_) | Match::Child(_), _) => true,
            (Match::Command(pattern), _) => {
                command::line(process).is_ok_and(|line| pattern.regex().is_match(&line))
            }
            (Match::Unit(_) | Match::Cgroup(_), Some(Group { mounts, dir })) => {
                Memberships::read(process).is_ok_and(|all| all.any_below(mounts, dir))
            }
            (Match::Unit(_) | Match::Cgroup(_), None) => false,
        }
    }

    /// Whether the number is what names the process, so that one that has ended is worth a word.
    pub(super) fn is_by_number(&self) -> bool {
        matches!(self.matches, Match::Pid(_) | Match::Pidfile(_))
    }

    /// Whether the pidfile was written before a process of that start was there: it is written by a process that
    /// lives, so such a number has changed hands.
    pub(super) fn is_older(&self, started: Timestamp) -> bool {
        let Some(Edition::File { changed, .. }) = self.edition else { return false };
        let changed = WallTime::from_millis(changed.0.saturating_mul(1_000));
        let file_age = SystemClock.wall().since(changed);
        let process_age = SystemClock.now().since(started);
        file_age > process_age + COARSE
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc::{RecvTimeoutError, channel};

    use super::*;
    use crate::config::Pattern;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    fn pattern(text: &str) -> Match {
        Match::Command(Pattern::parse(text).expect("a pattern"))
    }

    /// A command line that can't be read, as that of a process whose memory is being mapped: the walk hangs there.
    #[test]
    fn a_walk_that_hangs_holds_up_nobody_who_asks() {
        let tree = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(tree.path().join("17")).expect("made");
        let pipe = tree.path().join("17/cmdline");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let (sender, found) = channel();
        let tell = move |what| drop(sender.send(what));
        let seeker = Seeker::start(ProcRoot::new(tree.path()), tell).expect("a thread");
        assert_eq!(seeker.ask(&name("bot"), &pattern("^bot")), Asked::Yes);
        let asked = (0..=WAITING_MAX).map(|_| seeker.ask(&name("feed"), &Match::Pid(4)));
        assert!(asked.filter(|asked| *asked == Asked::NoRoom).count() > 0, "nobody waits for room");
        let nothing = found.recv_timeout(Duration::from_millis(50));
        assert!(matches!(nothing, Err(RecvTimeoutError::Timeout)), "{nothing:?}");
        std::fs::write(&pipe, "bot\0--live\0").expect("somebody reads");
        let first = found.recv_timeout(PATIENCE).expect("the walk goes on");
        assert_eq!((first.target, first.numbers), (name("bot"), Ok(vec![17])));
        let second = found.recv_timeout(PATIENCE).expect("the next one's turn");
        assert_eq!((second.numbers, second.edition), (Ok(vec![4]), Some(Edition::Settings)));
    }

    #[test]
    fn a_process_that_got_the_number_of_another_does_not_fit() {
        let root = ProcRoot::default();
        let own = Adopted::open(&root, std::process::id()).expect("ourselves");
        let line = command::line(&own).expect("ours");
        let found = |matches: Match| {
            let (numbers, group) = look(&root, &matches).expect("looked");
            Found { target: name("bot"), matches, numbers: Ok(numbers), edition: None, owner: None, group }
        };
        assert!(found(pattern(&format!("^{}", regex_lite::escape(&line)))).fits(&own));
        assert!(!found(pattern("^no such program$")).fits(&own));
        assert!(!found(Match::Cgroup("/no/such/group".to_owned())).fits(&own));
        assert!(!found(Match::Unit("no-such.service".to_owned())).fits(&own));
        assert!(found(Match::Pid(1)).fits(&own));
    }
}
