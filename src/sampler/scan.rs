//! One full tick of one process: what is asked of the kernel, in which order, at which cost.
//!
//! The socket tables are asked first and the descriptors listed second: a socket made in between is then
//! missing from the dump and looks like an orphan for one tick, which the orphan's minimum age covers; the other
//! order would call live sockets somebody else's. The period to the next scan follows from the CPU that this
//! one took and the share of a core that scans may use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::aged::AgedSockets;
use crate::model::clock::{Clock as _, Timestamp};
use crate::model::kind::Kind;
use crate::model::process::ProcessId;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::sampler::host::HostEye;
use crate::sampler::joined::Joined;
use crate::sampler::load::Load;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::scan::manner::Manner;
use crate::sampler::survey::{Sight, Survey, Trace, Watch};
use crate::sampler::tables::Tables;
use crate::sampler::view::FullView;
use crate::sampler::watching::Watching;
use crate::sys::adopted::Adopted;
use crate::sys::clock::{SystemClock, thread_cpu};
use crate::sys::descriptors::{Descriptor, Listing, Progress, Refreshed, Trust};
use crate::sys::epoll_sets::EpollSets;
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::TcpState;
use crate::sys::socket_protocol::{Protocol, ProtocolMemory};
use crate::sys::sockstat;

mod manner;

/// Descriptors listed in one go; between two goes the scan checks that it is still within its time.
const CHUNK: usize = 4_096;
/// A scan gives up listing after so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sockets in CLOSE_WAIT that are looked at in each scan; where there are more, these take turns, but for those that have just died.
const DEAD_MAX: usize = 256;
/// Descriptors that are no sockets, and so without any evidence but a look, are looked at in each scan up to so many; where there
/// are more, each at least every [`LISTING_PASSES_MAX`](crate::sys::descriptors::LISTING_PASSES_MAX)th scan.
const OTHERS_MAX: usize = 256;
/// A table older than this is not built on. Within it an inode tells a socket as surely as a cookie: the kernel gives
/// one out again only after four thousand million others.
const MEMORY_MAX: Duration = Duration::from_mins(10);
/// No scan is put off longer than this, whatever it cost.
const PERIOD_MAX: Duration = Duration::from_mins(1);

/// How scans are paced.
#[derive(Clone, Copy, Debug)]
pub struct ScanSettings {
    /// Time between two scans where they are cheap.
    pub period: Duration,
    /// Share of one core that the scans of one process may use.
    pub share: f64,
}

impl Default for ScanSettings {
    fn default() -> Self {
        Self { period: Duration::from_secs(1), share: 0.005 }
    }
}

/// What one scan found.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The process.
    pub process: ProcessId,
    /// Its readings.
    pub view: Arc<FullView>,
    /// Its CLOSE_WAIT sockets and orphans, oldest first.
    pub aged: Arc<AgedSockets>,
    /// Its sockets: inode and descriptor, by inode; none where they were not seen.
    pub sockets: Option<Arc<[(u64, u32)]>>,
    /// The host's readings, where they were due.
    pub host: Option<Vec<(Signal, Reading<f64>)>>,
}

/// What is kept between scans, per process and per network namespace.
#[derive(Debug)]
pub struct Memory {
    settings: ScanSettings,
    processes: BTreeMap<ProcessId, Kept>,
    tables: Tables,
    host: HostEye,
}

/// What a scan got from the kernel, beside the tables themselves.
struct Taken {
    dumped: Result<(), ReadError>,
    listed: Result<(), ReadError>,
    unknown_tcp: BTreeSet<u64>,
}

#[derive(Debug)]
struct Kept {
    manner: Manner,
    listing: Listing,
    listed: Option<Timestamp>,
    turn: u32,
    protocols: ProtocolMemory,
    epoll: Option<Watching>,
    trace: Trace,
    load: Load,
    /// The network namespace that the process was in when it was last looked at.
    home: Option<u64>,
    /// The one whose tables are asked; none where they are read as text.
    namespace: Option<u64>,
    /// The one it was in before, as long as sockets that it holds may be in that.
    former: Option<u64>,
}

impl Memory {
    /// Nothing scanned yet.
    pub fn new(settings: ScanSettings) -> Self {
        Self { settings, processes: BTreeMap::new(), tables: Tables::default(), host: HostEye::new() }
    }

    /// Drops what is kept of a process, and its network namespace's socket where it was the last in it.
    pub fn forget(&mut self, id: ProcessId) {
        self.processes.remove(&id);
        self.drop_unused();
    }

    fn drop_unused(&mut self) {
        let used = self.processes.values().flat_map(|kept| [kept.namespace, kept.former]);
        self.tables.keep(&used.flatten().collect());
    }

    /// Scans a process.
    pub fn scan(&mut self, process: &Adopted, book: &RemoteBook) -> Scan {
        let (at, cpu) = (SystemClock.now(), thread_cpu());
        let mut kept = self.processes.remove(&process.id()).unwrap_or_else(Kept::new);
        let former = kept.former;
        kept.follow(process);
        let Taken { dumped, listed, unknown_tcp } = kept.take_in(process, &mut self.tables, at);
        let has_left = former.is_some() && kept.former != former;
        let mut view = FullView::blank(at);
        kept.load.read(process, at, &mut view.plain);
        let mut aged = AgedSockets::default();
        let mut sockets = None;
        match listed {
            Ok(()) => {
                let joined = match dumped {
                    Ok(()) => Reading::Known(self.tables.joined(kept.listing.table())),
                    Err(error) => Reading::Unavailable(error.gap()),
                };
                let mut survey = kept.survey(process, joined.as_ref(), &unknown_tcp, (book, at));
                aged.sockets = std::mem::take(&mut survey.aged);
                if let Reading::Known(joined) = joined.as_ref() {
                    sockets = Some(joined.descriptors());
                }
                view.take(survey);
            }
            Err(error) => view.blind(error.gap()),
        }
        self.processes.insert(process.id(), kept);
        if has_left {
            self.drop_unused();
        }
        view.cost = cpu_since(cpu);
        view.period = self.period_after(view.cost);
        let host = self.host.read(at);
        Scan { process: process.id(), view: Arc::new(view), aged: Arc::new(aged), sockets, host }
    }

    fn period_after(&self, cost: Duration) -> Duration {
        let affordable = cost.div_f64(self.settings.share.max(1e-6));
        affordable.clamp(self.settings.period, PERIOD_MAX.max(self.settings.period))
    }
}

impl Kept {
    fn new() -> Self {
        Self {
            manner: Manner::default(),
            listing: Listing::new(),
            listed: None,
            turn: 0,
            protocols: ProtocolMemory::default(),
            epoll: EpollSets::new().ok().map(Watching::new),
            trace: Trace::default(),
            load: Load::default(),
            home: None,
            namespace: None,
            former: None,
        }
    }

    /// A process may move to another network namespace at any time. The sockets that it makes from then on are in the
    /// tables there; those of before stay where they were, and are not judged any more.
    fn follow(&mut self, process: &Adopted) {
        // Whoever may not see it reads what the process's own files tell of sockets: they follow it.
        let Ok(now) = process.network() else { return };
        if self.home.replace(now).is_none_or(|before| before == now) {
            return;
        }
        self.former = self.namespace.take();
        self.manner.forget();
        self.trace.forget_dead();
    }

    /// Sockets first, descriptors second. Where the sockets that are known were asked for one by one and there is another
    /// one, all of it is done again by a walk.
    fn take_in(&mut self, process: &Adopted, tables: &mut Tables, start: Timestamp) -> Taken {
        if let Some(known) = self.manner.questions() {
            let before = thread_cpu();
            let was_asked = tables.revisit(self.namespace, known);
            self.manner.asked(cpu_since(before));
            let listed = if was_asked { self.list(process, tables, start) } else { Ok(()) };
            if listed.is_err() || was_asked && self.strange_tcp(process, tables).is_empty() {
                self.manner.asked_enough();
                return Taken { dumped: Ok(()), listed, unknown_tcp: BTreeSet::new() };
            }
            self.manner.asked_in_vain();
        }
        let before = thread_cpu();
        let dumped = tables.dump(process, &mut self.namespace);
        self.manner.walked(cpu_since(before));
        self.manner.forget();
        let listed = self.list(process, tables, start);
        let mut unknown_tcp = BTreeSet::new();
        if dumped.is_ok() && listed.is_ok() {
            unknown_tcp = self.strange_tcp(process, tables);
            if unknown_tcp.is_empty() {
                self.former = None;
                self.manner.know(tables.joined(self.listing.table()).known().map(|(_, record)| record));
            } else {
                tables.exempt_bound(self.namespace, &mut unknown_tcp);
                tables.exempt_former(self.former, &mut unknown_tcp);
            }
        }
        Taken { dumped, listed, unknown_tcp }
    }

    /// Brings the table up to date. A socket that the dump knows alive stands without a look; a dead one is looked at,
    /// so that nobody is accused by a row of yesterday.
    fn list(&mut self, process: &Adopted, tables: &Tables, start: Timestamp) -> Result<(), ReadError> {
        if self.listed.is_some_and(|before| start.since(before) > MEMORY_MAX) {
            self.listing.forget();
        }
        self.turn = self.turn.wrapping_add(1);
        let (turn, trace) = (self.turn, &self.trace);
        let turns = u32::try_from(trace.dead().div_ceil(DEAD_MAX)).unwrap_or(u32::MAX).max(1);
        let others = self.listing.table().iter().filter(|row| row.kind != Kind::Socket).count();
        let mut near = 0;
        let mut trust = |row: &Descriptor| {
            let state = row.inode.and_then(|inode| Some((inode, tables.state(inode, &mut near)?)));
            let has_evidence = match state {
                _ if row.kind != Kind::Socket => others > OTHERS_MAX,
                Some((inode, TcpState::CloseWait)) => {
                    trace.is_dead(inode) && spread(row.number) % turns != turn % turns
                }
                Some(_) => true,
                None => false,
            };
            if has_evidence { Trust::Keep } else { Trust::Look }
        };
        if process.refresh(&mut self.listing, CHUNK, &mut trust)? == Refreshed::Doubtful {
            while process.list(&mut self.listing, CHUNK, &mut trust)? == Progress::More {
                if SystemClock.now().since(start) > PATIENCE {
                    self.listing.abandon();
                    return Err(ReadError::Late { what: "the table of descriptors" });
                }
            }
        }
        self.listed = Some(start);
        Ok(())
    }

    /// Sockets in the table that no record knows and whose protocol is TCP: dead, or bound and no more.
    fn strange_tcp(&mut self, process: &Adopted, tables: &Tables) -> BTreeSet<u64> {
        let (mut strange, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for row in self.listing.table().iter().filter(|row| row.kind == Kind::Socket) {
            let Some(inode) = row.inode.filter(|inode| !tables.index().knows(*inode)) else { continue };
            strange.insert(inode);
            // A socket whose protocol can't be told is not accused.
            if matches!(self.protocols.of(process, row.number, inode), Ok(Some(Protocol::Tcp))) {
                unknown.insert(inode);
            }
        }
        self.protocols.retain(|inode| strange.contains(&inode));
        unknown
    }

    fn survey(
        &mut self,
        process: &Adopted,
        sockets: Reading<&Joined<'_>>,
        unknown_tcp: &BTreeSet<u64>,
        (book, at): (&RemoteBook, Timestamp),
    ) -> Survey {
        let table = self.listing.table();
        let is_any_waiting = sockets
            .known()
            .is_some_and(|joined| joined.known().any(|(_, record)| record.state == TcpState::CloseWait));
        let watched = match &mut self.epoll {
            Some(watching) if is_any_waiting || !unknown_tcp.is_empty() => watching.read(process, table, at),
            Some(_) => Reading::Known(Watch { inodes: &[], read: at }),
            None => Reading::Unavailable(Gap::NoRoom),
        };
        let time_wait = sockstat::time_wait(process).map(|count| count as f64);
        let time_wait = time_wait.map_err(|error| error.gap()).into();
        let sight = Sight { at, table, sockets, time_wait, unknown_tcp, watched, book };
        self.trace.survey(&sight)
    }
}

/// CPU that this thread has used since.
fn cpu_since(before: u64) -> Duration {
    Duration::from_nanos(thread_cpu().saturating_sub(before))
}

/// Numbers that differ by a constant, as those of alike sockets do, get turns of their own.
fn spread(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1) >> 16
}

/// The plain signals that a process's own files give; for the list of what a blind scan lacks.
pub(super) const TABLE_SIGNALS: [Signal; 9] = [
    Signal::FdSockets,
    Signal::FdFiles,
    Signal::FdPipes,
    Signal::FdEpoll,
    Signal::FdEventfd,
    Signal::FdDeleted,
    Signal::FdOpened,
    Signal::FdClosed,
    Signal::FdChurn,
];

#[cfg(test)]
mod tests;
