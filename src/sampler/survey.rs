//! From a table of descriptors and a dump of sockets to the readings of a full tick. Pure.
//!
//! Ages count from first sight: the kernel keeps no time of the FIN. A socket descriptor whose protocol is TCP
//! and which no dump knows is an orphan; it counts as one only after [`ORPHAN_MIN`], because a socket is in no
//! table between its creation and its connect either.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use crate::model::aged::{AgedSocket, Death, Watched};
use crate::model::ages::Ages;
use crate::model::clock::Timestamp;
use crate::model::kind::Kind;
use crate::model::observation::{KindCounts, REMOTES_MAX, RemoteSurvey};
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::sampler::remotes::RemoteBook;
use crate::sys::descriptors::Descriptor;
use crate::sys::sock_diag::{SocketRecord, TcpState};

/// How long a TCP socket must be in no table before it is called an orphan.
pub const ORPHAN_MIN: Duration = Duration::from_secs(5);

/// What is kept of a process between two full ticks.
#[derive(Debug, Default)]
pub struct Trace {
    table: Vec<Descriptor>,
    at: Option<Timestamp>,
    first_seen: HashMap<u64, Timestamp>,
    connections: BTreeMap<u64, SocketAddr>,
}

/// What one full tick sees.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// When.
    pub at: Timestamp,
    /// The table of descriptors.
    pub table: &'a [Descriptor],
    /// TCP sockets of the network namespace, all states, or why there are none.
    pub sockets: Reading<&'a [SocketRecord]>,
    /// Inodes of sockets whose protocol is TCP, of those that no record knows.
    pub unknown_tcp: &'a BTreeSet<u64>,
    /// Inodes and numbers that an epoll set watches, or why that can't be seen.
    pub watched: Reading<&'a BTreeSet<u64>>,
    /// Names of remotes.
    pub book: &'a RemoteBook,
}

/// The readings of one full tick.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Descriptors by kind.
    pub kinds: KindCounts,
    /// Ages of CLOSE_WAIT sockets and orphans.
    pub leaked: Reading<Ages>,
    /// Sockets by remote.
    pub remotes: Reading<Vec<RemoteSurvey>>,
    /// Plain signals.
    pub plain: Vec<(Signal, Reading<f64>)>,
    /// CLOSE_WAIT sockets and orphans, oldest first.
    pub aged: Vec<AgedSocket>,
}

impl Trace {
    /// Takes in one full tick.
    pub fn survey(&mut self, sight: &Sight<'_>) -> Survey {
        let mut plain = Vec::with_capacity(24);
        let kinds = count_kinds(sight.table, &mut plain);
        self.churn(sight, &mut plain);
        let (leaked, remotes, aged) = match sight.sockets {
            Reading::Known(records) => {
                let (ages, aged) = self.ages(sight, records, &mut plain);
                let remotes = self.remotes(sight, records, &mut plain);
                (Reading::Known(ages), Reading::Known(remotes), aged)
            }
            Reading::Unavailable(gap) => {
                plain.extend(SOCKET_SIGNALS.map(|signal| (signal, Reading::Unavailable(gap))));
                (Reading::Unavailable(gap), Reading::Unavailable(gap), Vec::new())
            }
        };
        self.table.clear();
        self.table.extend_from_slice(sight.table);
        self.at = Some(sight.at);
        Survey { kinds, leaked, remotes, plain, aged }
    }

    /// Descriptors that came and went since the tick before, by number and what stands there.
    fn churn(&self, sight: &Sight<'_>, plain: &mut Vec<(Signal, Reading<f64>)>) {
        let Some(before) = self.at else {
            let young = Reading::Unavailable(Gap::TooYoung);
            plain.extend([Signal::FdOpened, Signal::FdClosed, Signal::FdChurn].map(|signal| (signal, young)));
            return;
        };
        let passed = sight.at.since(before).as_secs_f64().max(1e-3);
        let (mut old, mut new) = (self.table.iter().peekable(), sight.table.iter().peekable());
        let (mut opened, mut closed) = (0_u32, 0_u32);
        loop {
            match (old.peek(), new.peek()) {
                (Some(a), Some(b)) if a.number == b.number => {
                    if (a.kind, a.inode) != (b.kind, b.inode) {
                        opened += 1;
                        closed += 1;
                    }
                    old.next();
                    new.next();
                }
                (Some(a), Some(b)) if a.number < b.number => {
                    closed += 1;
                    old.next();
                }
                (Some(_) | None, Some(_)) => {
                    opened += 1;
                    new.next();
                }
                (Some(_), None) => {
                    closed += 1;
                    old.next();
                }
                (None, None) => break,
            }
        }
        let rate = |count: u32| Reading::Known(f64::from(count) / passed);
        plain.push((Signal::FdOpened, rate(opened)));
        plain.push((Signal::FdClosed, rate(closed)));
        plain.push((Signal::FdChurn, rate(opened + closed)));
    }

    fn ages(
        &mut self,
        sight: &Sight<'_>,
        records: &[SocketRecord],
        plain: &mut Vec<(Signal, Reading<f64>)>,
    ) -> (Ages, Vec<AgedSocket>) {
        let by_inode = owned(sight.table, records);
        let mut aged: Vec<AgedSocket> = Vec::new();
        let mut holders: HashMap<u64, Vec<u32>> = HashMap::new();
        for row in sight.table.iter().filter(|row| row.kind == Kind::Socket) {
            let Some(inode) = row.inode else { continue };
            let held = holders.entry(inode).or_default();
            held.push(row.number);
            if held.len() > 1 {
                continue;
            }
            let record = by_inode.get(&inode).copied();
            let is_dead = match record {
                Some(record) => record.state == TcpState::CloseWait,
                None => sight.unknown_tcp.contains(&inode),
            };
            if is_dead {
                let first = *self.first_seen.entry(inode).or_insert(sight.at);
                aged.push(dead_socket(sight, (row.number, inode), record, sight.at.since(first)));
            }
        }
        let dead: BTreeSet<u64> = aged.iter().map(|socket| socket.inode).collect();
        self.first_seen.retain(|inode, _| dead.contains(inode));
        aged.retain(|socket| socket.death == Death::CloseWait || socket.age >= ORPHAN_MIN);
        aged.sort_by(|a, b| b.age.cmp(&a.age).then(a.number.cmp(&b.number)));
        let mut ages = Ages::default();
        for socket in &aged {
            ages.add(socket.age);
        }
        tell_states(&by_inode, records, plain);
        let unread =
            |socket: &&AgedSocket| by_inode.get(&socket.inode).is_some_and(|record| record.receive_queue > 0);
        let unread = aged.iter().filter(|socket| socket.death == Death::CloseWait).filter(unread).count();
        plain.push((Signal::SocketUnreadEof, Reading::Known(unread as f64)));
        tell_dead(&aged, sight.watched, plain);
        (ages, by_descriptor(&aged, &holders))
    }

    fn remotes(
        &mut self,
        sight: &Sight<'_>,
        records: &[SocketRecord],
        plain: &mut Vec<(Signal, Reading<f64>)>,
    ) -> Vec<RemoteSurvey> {
        let by_inode = owned(sight.table, records);
        let listening: BTreeSet<u16> = by_inode
            .values()
            .filter(|record| record.state == TcpState::Listen)
            .map(|record| record.local.port())
            .collect();
        let passed = self.at.map(|before| sight.at.since(before).as_secs_f64().max(1e-3));
        let mut surveys: BTreeMap<crate::model::name::Remote, RemoteSurvey> = BTreeMap::new();
        let mut connections = BTreeMap::new();
        let mut connects = 0_u32;
        for (inode, record) in &by_inode {
            let is_outgoing = record.remote.port() != 0 && !listening.contains(&record.local.port());
            if record.remote.port() == 0 {
                continue;
            }
            connections.insert(*inode, record.remote);
            let is_new = self.connections.get(inode) != Some(&record.remote);
            connects += u32::from(is_new && is_outgoing);
            let name = sight.book.name(record.remote);
            let survey = surveys.entry(name.clone()).or_insert_with(|| blank(name));
            tally(survey, record.state);
            if let Some(passed) = passed
                && is_new
            {
                survey.connect_rate += 1.0 / passed;
            }
        }
        self.connections = connections;
        let rate = passed.map_or(Reading::Unavailable(Gap::TooYoung), |passed| {
            Reading::Known(f64::from(connects) / passed)
        });
        plain.push((Signal::SocketConnects, rate));
        most_sockets(surveys, sight.book)
    }
}

/// Signals that need the socket tables.
pub(super) const SOCKET_SIGNALS: [Signal; 11] = [
    Signal::SocketCloseWait,
    Signal::SocketCloseWaitOldest,
    Signal::SocketOrphans,
    Signal::SocketEstablished,
    Signal::SocketSynSent,
    Signal::SocketFinWait,
    Signal::SocketTimeWait,
    Signal::SocketRecvQueue,
    Signal::SocketUnreadEof,
    Signal::SocketUnwatched,
    Signal::SocketConnects,
];

fn count_kinds(table: &[Descriptor], plain: &mut Vec<(Signal, Reading<f64>)>) -> KindCounts {
    let mut kinds: KindCounts = [0; Kind::COUNT];
    for row in table {
        kinds[row.kind as usize] += 1;
    }
    let of = |kind: Kind| Reading::Known(f64::from(kinds[kind as usize]));
    plain.push((Signal::FdSockets, of(Kind::Socket)));
    plain.push((Signal::FdFiles, of(Kind::File)));
    plain.push((Signal::FdPipes, of(Kind::Pipe)));
    plain.push((Signal::FdEpoll, of(Kind::Epoll)));
    plain.push((Signal::FdEventfd, of(Kind::Eventfd)));
    let deleted = table.iter().filter(|row| row.deleted).count();
    plain.push((Signal::FdDeleted, Reading::Known(deleted as f64)));
    kinds
}

/// The records of sockets that stand in the table, by inode.
fn owned<'a>(table: &[Descriptor], records: &'a [SocketRecord]) -> HashMap<u64, &'a SocketRecord> {
    let inodes: std::collections::HashSet<u64> =
        table.iter().filter(|row| row.kind == Kind::Socket).filter_map(|row| row.inode).collect();
    let held = |record: &&SocketRecord| record.inode != 0 && inodes.contains(&u64::from(record.inode));
    records.iter().filter(held).map(|record| (u64::from(record.inode), record)).collect()
}

fn tell_states(
    owned: &HashMap<u64, &SocketRecord>,
    all: &[SocketRecord],
    plain: &mut Vec<(Signal, Reading<f64>)>,
) {
    let count = |states: &[TcpState]| {
        Reading::Known(owned.values().filter(|record| states.contains(&record.state)).count() as f64)
    };
    plain.push((Signal::SocketEstablished, count(&[TcpState::Established])));
    plain.push((Signal::SocketSynSent, count(&[TcpState::SynSent])));
    plain.push((Signal::SocketFinWait, count(&[TcpState::FinWait1, TcpState::FinWait2])));
    plain.push((Signal::SocketCloseWait, count(&[TcpState::CloseWait])));
    let time_wait = all.iter().filter(|record| record.state == TcpState::TimeWait).count();
    plain.push((Signal::SocketTimeWait, Reading::Known(time_wait as f64)));
    let not_listening = owned.values().filter(|record| record.state != TcpState::Listen);
    let queued: f64 = not_listening.map(|record| f64::from(record.receive_queue)).sum();
    plain.push((Signal::SocketRecvQueue, Reading::Known(queued)));
}

fn tell_dead(aged: &[AgedSocket], watched: Reading<&BTreeSet<u64>>, plain: &mut Vec<(Signal, Reading<f64>)>) {
    let known = |count: usize| Reading::Known(count as f64);
    let close_wait = || aged.iter().filter(|socket| socket.death == Death::CloseWait);
    plain.push((Signal::SocketOrphans, known(aged.len() - close_wait().count())));
    let oldest = close_wait().map(|socket| socket.age.as_secs_f64()).fold(0.0, f64::max);
    plain.push((Signal::SocketCloseWaitOldest, Reading::Known(oldest)));
    let unwatched = close_wait().filter(|socket| socket.watched == Watched::No).count();
    plain.push((Signal::SocketUnwatched, watched.map(|_| unwatched as f64)));
}

/// Each socket once for each descriptor that holds it.
fn by_descriptor(aged: &[AgedSocket], holders: &HashMap<u64, Vec<u32>>) -> Vec<AgedSocket> {
    let numbers = |socket: &AgedSocket| holders.get(&socket.inode).map_or(&[][..], Vec::as_slice);
    aged.iter()
        .flat_map(|socket| {
            numbers(socket).iter().map(|number| AgedSocket { number: *number, ..socket.clone() })
        })
        .collect()
}

fn dead_socket(
    sight: &Sight<'_>,
    (number, inode): (u32, u64),
    record: Option<&SocketRecord>,
    age: Duration,
) -> AgedSocket {
    let watched = match sight.watched {
        Reading::Known(watched) if watched.contains(&inode) => Watched::Yes,
        Reading::Known(_) => Watched::No,
        Reading::Unavailable(_) => Watched::Unknown,
    };
    AgedSocket {
        cookie: record.and_then(|record| record.cookie),
        inode,
        number,
        remote: record.map(|record| record.remote),
        named: record.and_then(|record| sight.book.declared(record.remote).cloned()),
        age,
        death: if record.is_some() { Death::CloseWait } else { Death::Orphan },
        watched,
    }
}

fn blank(remote: crate::model::name::Remote) -> RemoteSurvey {
    RemoteSurvey {
        remote,
        count: 0,
        established: 0,
        close_wait: 0,
        syn_sent: 0,
        fin_wait: 0,
        connect_rate: 0.0,
    }
}

fn tally(survey: &mut RemoteSurvey, state: TcpState) {
    survey.count += 1;
    match state {
        TcpState::Established => survey.established += 1,
        TcpState::CloseWait => survey.close_wait += 1,
        TcpState::SynSent => survey.syn_sent += 1,
        TcpState::FinWait1 | TcpState::FinWait2 => survey.fin_wait += 1,
        TcpState::SynReceived
        | TcpState::TimeWait
        | TcpState::Close
        | TcpState::LastAck
        | TcpState::Listen
        | TcpState::Closing
        | TcpState::NewSynReceived
        | TcpState::BoundInactive => {}
    }
}

/// Declared remotes always, then those with most sockets, within the bound.
fn most_sockets(
    surveys: BTreeMap<crate::model::name::Remote, RemoteSurvey>,
    book: &RemoteBook,
) -> Vec<RemoteSurvey> {
    let mut list: Vec<RemoteSurvey> = surveys.into_values().collect();
    list.sort_by(|a, b| {
        let declared = |survey: &RemoteSurvey| book.is_declared(&survey.remote);
        declared(b).cmp(&declared(a)).then(b.count.cmp(&a.count)).then_with(|| a.remote.cmp(&b.remote))
    });
    list.truncate(REMOTES_MAX);
    list
}

#[cfg(test)]
mod tests;
