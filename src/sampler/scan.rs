//! One full tick of one process: what is asked of the kernel, in which order, at which cost.
//!
//! The socket tables are dumped first and the descriptors listed second: a socket made in between is then
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
use crate::sampler::joined::{Joined, RecordIndex};
use crate::sampler::load::Load;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::survey::{Sight, Survey, Trace, Watch};
use crate::sampler::view::FullView;
use crate::sampler::watching::Watching;
use crate::sys::adopted::Adopted;
use crate::sys::clock::{SystemClock, thread_cpu};
use crate::sys::descriptors::{Descriptor, Listing, Progress, Trust};
use crate::sys::epoll_sets::EpollSets;
use crate::sys::net_text;
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::{Detail, SockDiag, SocketRecord, States, TcpState};
use crate::sys::socket_protocol::{Protocol, ProtocolMemory};

/// Descriptors listed in one go; between two goes the scan checks that it is still within its time.
const CHUNK: usize = 4_096;
/// A scan gives up listing after so long.
const PATIENCE: Duration = Duration::from_secs(5);
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
    /// The host's readings, where they were due.
    pub host: Option<Vec<(Signal, Reading<f64>)>>,
}

/// What is kept between scans, per process and per network namespace.
#[derive(Debug)]
pub struct Memory {
    settings: ScanSettings,
    processes: BTreeMap<ProcessId, Kept>,
    diags: BTreeMap<u64, SockDiag>,
    records: Vec<SocketRecord>,
    index: RecordIndex,
    host: HostEye,
}

#[derive(Debug)]
struct Kept {
    listing: Listing,
    protocols: ProtocolMemory,
    epoll: Option<Watching>,
    trace: Trace,
    load: Load,
    namespace: Option<u64>,
}

impl Memory {
    /// Nothing scanned yet.
    pub fn new(settings: ScanSettings) -> Self {
        Self {
            settings,
            processes: BTreeMap::new(),
            diags: BTreeMap::new(),
            records: Vec::new(),
            index: RecordIndex::default(),
            host: HostEye::new(),
        }
    }

    /// Drops what is kept of a process, and its network namespace's socket where it was the last in it.
    pub fn forget(&mut self, id: ProcessId) {
        self.processes.remove(&id);
        let used: BTreeSet<u64> = self.processes.values().filter_map(|kept| kept.namespace).collect();
        self.diags.retain(|namespace, _| used.contains(namespace));
    }

    /// Scans a process.
    pub fn scan(&mut self, process: &Adopted, book: &RemoteBook) -> Scan {
        let (at, cpu) = (SystemClock.now(), thread_cpu());
        let mut kept = self.processes.remove(&process.id()).unwrap_or_else(Kept::new);
        let sockets = self.dump(process, &mut kept);
        match &sockets {
            Ok(()) => self.index.fill(&self.records),
            Err(_) => self.index.fill(&[]),
        }
        let listed = kept.list(process, &self.index, at);
        let mut view = FullView::blank(at);
        kept.load.read(process, at, &mut view.plain);
        let mut aged = AgedSockets::default();
        match listed {
            Ok(()) => {
                let table = kept.listing.table();
                let joined = match sockets {
                    Ok(()) => Reading::Known(Joined::new(table, &self.records, &self.index)),
                    Err(error) => Reading::Unavailable(error.gap()),
                };
                let mut survey = kept.survey(process, joined.as_ref(), book, at);
                aged.sockets = std::mem::take(&mut survey.aged);
                view.take(survey);
            }
            Err(error) => view.blind(error.gap()),
        }
        self.processes.insert(process.id(), kept);
        view.cost = Duration::from_nanos(thread_cpu().saturating_sub(cpu));
        view.period = self.period_after(view.cost);
        let host = self.host.read(at);
        Scan { process: process.id(), view: Arc::new(view), aged: Arc::new(aged), host }
    }

    fn period_after(&self, cost: Duration) -> Duration {
        let affordable = cost.div_f64(self.settings.share.max(1e-6));
        affordable.clamp(self.settings.period, PERIOD_MAX.max(self.settings.period))
    }

    /// Fills `records` with the sockets of the process's network namespace.
    fn dump(&mut self, process: &Adopted, kept: &mut Kept) -> Result<(), ReadError> {
        if kept.namespace.is_none_or(|namespace| !self.diags.contains_key(&namespace)) {
            match SockDiag::in_namespace_of(process) {
                Ok(diag) => {
                    kept.namespace = Some(diag.namespace());
                    self.diags.entry(diag.namespace()).or_insert(diag);
                }
                Err(_) => return net_text::read(process, States::ALL, &mut self.records),
            }
        }
        let diag = kept.namespace.and_then(|namespace| self.diags.get_mut(&namespace));
        let answer = match diag {
            Some(diag) => diag.dump(States::ALL, Detail::Plain, &mut self.records),
            None => Err(ReadError::Unsupported { what: "the socket tables" }),
        };
        if answer.is_err() {
            // A broken netlink socket is not asked twice.
            kept.namespace.take().and_then(|namespace| self.diags.remove(&namespace));
            return net_text::read(process, States::ALL, &mut self.records);
        }
        answer
    }
}

impl Kept {
    fn new() -> Self {
        Self {
            listing: Listing::new(),
            protocols: ProtocolMemory::default(),
            epoll: EpollSets::new().ok().map(Watching::new),
            trace: Trace::default(),
            load: Load::default(),
            namespace: None,
        }
    }

    /// Walks over the whole table. A remembered socket row stands where the dump still knows its inode.
    fn list(&mut self, process: &Adopted, alive: &RecordIndex, start: Timestamp) -> Result<(), ReadError> {
        let trust = |row: &Descriptor| match row.inode {
            Some(inode) if row.kind == Kind::Socket && alive.knows(inode) => Trust::Keep,
            Some(_) | None => Trust::Look,
        };
        while process.list(&mut self.listing, CHUNK, trust)? == Progress::More {
            if SystemClock.now().since(start) > PATIENCE {
                self.listing.abandon();
                return Err(ReadError::Late { what: "the table of descriptors" });
            }
        }
        Ok(())
    }

    fn survey(
        &mut self,
        process: &Adopted,
        sockets: Reading<&Joined<'_>>,
        book: &RemoteBook,
        at: Timestamp,
    ) -> Survey {
        let table = self.listing.table();
        let unknown_tcp = match sockets {
            Reading::Known(joined) => unknown_tcp(process, joined, &mut self.protocols),
            Reading::Unavailable(_) => BTreeSet::new(),
        };
        let waits =
            |joined: &&Joined<'_>| joined.known().any(|(_, record)| record.state == TcpState::CloseWait);
        let is_any_dead = !unknown_tcp.is_empty() || sockets.known().is_some_and(|joined| waits(&joined));
        let watched = match &mut self.epoll {
            Some(watching) if is_any_dead => watching.read(process, table, at),
            Some(_) => Reading::Known(Watch { inodes: &[], read: at }),
            None => Reading::Unavailable(Gap::NoRoom),
        };
        let sight = Sight { at, table, sockets, unknown_tcp: &unknown_tcp, watched, book };
        self.trace.survey(&sight)
    }
}

/// Sockets in the table that no record knows and whose protocol is TCP.
fn unknown_tcp(process: &Adopted, joined: &Joined<'_>, protocols: &mut ProtocolMemory) -> BTreeSet<u64> {
    let mut unknown = BTreeSet::new();
    for socket in joined.sockets().iter().filter(|socket| socket.record.is_none()) {
        // A socket whose protocol can't be told is not accused.
        if matches!(protocols.of(process, socket.number, socket.inode), Ok(Some(Protocol::Tcp))) {
            unknown.insert(socket.inode);
        }
    }
    protocols.retain(|inode| joined.holds(inode));
    unknown
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
