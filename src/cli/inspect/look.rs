//! The look itself: the agent's own eye and scan, for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::actuator::Redactor;
use crate::model::aged::AgedSockets;
use crate::model::clock::Clock as _;
use crate::model::observation::Observation;
use crate::model::process::ProcessId;
use crate::model::reading::Reading;
use crate::model::signal::Signal;
use crate::sampler::eye::{Eye, EyeSettings, started};
use crate::sampler::pace::PaceBounds;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::scan::{Memory, ScanSettings};
use crate::sampler::view::FullView;
use crate::sys::adopted::Adopted;
use crate::sys::clock::SystemClock;
use crate::sys::command;
use crate::sys::descriptors::{Listing, Progress, Trust};
use crate::sys::pidfd::Waited;
use crate::sys::stat::{Stat, Status};

/// Between two full scans; a person waits, so they may use a quarter of a core.
const SCANS: ScanSettings = ScanSettings { period: Duration::from_secs(1), share: 0.25 };
/// Nobody can tell a leak from a moment: shorter looks tell none.
const WINDOW_MIN: Duration = Duration::from_secs(1);
/// Descriptors of deleted files whose path is looked up.
const PATHS_MAX: usize = 2_000;

/// All that was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) id: ProcessId,
    pub(super) command: String,
    pub(super) executable: Option<String>,
    pub(super) uid: Option<u32>,
    pub(super) parent: Option<u32>,
    pub(super) looked: Duration,
    pub(super) looks: u32,
    pub(super) scans: u32,
    /// Descriptors at the first look.
    pub(super) open_before: Reading<f64>,
    /// The fewest and the most descriptors of all looks.
    pub(super) range: Option<(f64, f64)>,
    /// The first full scan.
    pub(super) before: Arc<FullView>,
    /// What is known at the end.
    pub(super) last: Observation,
    pub(super) aged: Arc<AgedSockets>,
    /// Deleted files that are held open: path, how many descriptors, one of them.
    pub(super) deleted: BTreeMap<String, (u32, u32)>,
    /// The process ended during the look.
    pub(super) ended: bool,
}

/// Looks for so long, or until the process ends.
pub(super) fn look(process: &Arc<Adopted>, length: Duration) -> Seen {
    let id = process.id();
    let window = length.max(WINDOW_MIN);
    let settings = EyeSettings { pace: PaceBounds::default(), short: window, long: window };
    let mut eye = Eye::new(Arc::clone(process), Some(started(&id)), &settings);
    let mut memory = Memory::new(SCANS);
    let book = RemoteBook::default();
    let began = SystemClock.now();
    let open_before = eye.look(began, SystemClock.wall()).plain(Signal::FdOpen);
    let mut range = widened(None, open_before);
    let first = memory.scan(process, &book);
    let (before, mut aged) = (Arc::clone(&first.view), Arc::clone(&first.aged));
    let (mut due, mut looks, mut scans, mut ended) = (began + first.view.period, 1, 1, false);
    eye.absorb(first.view);
    while !ended {
        let left = length.saturating_sub(SystemClock.now().since(began));
        if left.is_zero() {
            break;
        }
        // A wait that fails tells nothing of the process; the time passes all the same.
        ended = matches!(process.pidfd().wait_exit(eye.period().min(left)), Ok(Waited::Ended));
        let now = SystemClock.now();
        range = widened(range, eye.look(now, SystemClock.wall()).plain(Signal::FdOpen));
        looks += 1;
        // The last scan is made when the time is up, so that the report is of the end of the look.
        if due <= now || now.since(began) >= length {
            let scan = memory.scan(process, &book);
            due = now + scan.view.period;
            if process.is_alive() {
                aged = Arc::clone(&scan.aged);
                eye.absorb(scan.view);
                scans += 1;
            }
        }
    }
    Seen {
        id,
        command: told_command(process),
        executable: process.executable_path().ok().map(|path| path.display().to_string()),
        uid: Status::read(process).ok().map(|status| status.uid),
        parent: Stat::read(process).ok().map(|stat| stat.parent),
        looked: SystemClock.now().since(began),
        looks,
        scans,
        open_before,
        range,
        before,
        last: eye.latest().clone(),
        aged,
        deleted: deleted(process),
        ended,
    }
}

fn widened(range: Option<(f64, f64)>, open: Reading<f64>) -> Option<(f64, f64)> {
    let Reading::Known(open) = open else { return range };
    let (low, peak) = range.unwrap_or((open, open));
    Some((low.min(open), peak.max(open)))
}

/// What it was started as, without secrets; its name in brackets where it shows no command line.
fn told_command(process: &Adopted) -> String {
    let line = command::line(process).map(|line| Redactor::new().text(&line)).unwrap_or_default();
    if line.trim().is_empty() {
        command::name(process).map_or_else(|_| "?".to_owned(), |name| format!("[{name}]"))
    } else {
        line
    }
}

/// Deleted files by path.
fn deleted(process: &Adopted) -> BTreeMap<String, (u32, u32)> {
    let mut listing = Listing::new();
    let mut found = BTreeMap::new();
    if !matches!(process.list(&mut listing, usize::MAX, |_| Trust::Look), Ok(Progress::Complete)) {
        return found;
    }
    for row in listing.table().iter().filter(|row| row.deleted).take(PATHS_MAX) {
        let Ok(Some(path)) = process.descriptors().link_text(row.number) else { continue };
        let path = path.trim_end_matches(" (deleted)").to_owned();
        found.entry(path).or_insert((0, row.number)).0 += 1;
    }
    found
}
