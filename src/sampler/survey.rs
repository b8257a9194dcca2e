//! From a table of descriptors and a dump of sockets to the readings of a full tick. Pure.
//!
//! Ages count from first sight: the kernel keeps no time of the FIN. A socket descriptor whose protocol is TCP
//! and which no dump knows is an orphan; it counts as one only after [`ORPHAN_MIN`], because a socket is in no
//! table between its creation and its connect either.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::model::aged::{AgedSocket, Death, Watched};
use crate::model::ages::Ages;
use crate::model::clock::Timestamp;
use crate::model::kind::Kind;
use crate::model::observation::{KindCounts, RemoteSurvey};
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::sampler::joined::{HeldSocket, Joined};
use crate::sampler::precision::thousandths;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::survey::by_remote::End;
use crate::sys::descriptors::Descriptor;
use crate::sys::sock_diag::TcpState;

mod by_remote;

/// How long a TCP socket must be in no table before it is called an orphan.
pub const ORPHAN_MIN: Duration = Duration::from_secs(5);

/// What is kept of a process between two full ticks.
#[derive(Debug, Default)]
pub struct Trace {
    table: Vec<Descriptor>,
    at: Option<Timestamp>,
    /// Dead sockets and when each was first seen dead, by inode.
    first_seen: Vec<(u64, Timestamp)>,
    /// Connected sockets and their other ends, by inode.
    connections: Vec<(u64, SocketAddr)>,
}

/// What one full tick sees.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// When.
    pub at: Timestamp,
    /// The table of descriptors.
    pub table: &'a [Descriptor],
    /// The sockets in the table with what the kernel's tables say of them, or why that can't be had.
    pub sockets: Reading<&'a Joined<'a>>,
    /// Sockets of the network namespace in TIME_WAIT: nobody holds them.
    pub time_wait: Reading<f64>,
    /// Inodes of sockets whose protocol is TCP, of those that no record knows.
    pub unknown_tcp: &'a BTreeSet<u64>,
    /// The sockets that an epoll set watches, or why that can't be seen.
    pub watched: Reading<Watch<'a>>,
    /// Names of remotes.
    pub book: &'a RemoteBook,
}

/// What the epoll sets of a process watched when they were last read.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// Inodes of the sockets in them, in order.
    pub inodes: &'a [u64],
    /// When they were read.
    pub read: Timestamp,
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
    /// How many sockets were dead at the last tick.
    pub(super) fn dead(&self) -> usize {
        self.first_seen.len()
    }

    /// Whether a socket was dead at the last tick already.
    pub(super) fn is_dead(&self, inode: u64) -> bool {
        self.first_seen.binary_search_by_key(&inode, |dead| dead.0).is_ok()
    }

    /// Forgets which sockets were dead, and since when.
    pub(super) fn forget_dead(&mut self) {
        self.first_seen.clear();
    }

    /// Takes in one full tick.
    pub fn survey(&mut self, sight: &Sight<'_>) -> Survey {
        let mut plain = Vec::with_capacity(24);
        let kinds = count_kinds(sight.table, &mut plain);
        self.churn(sight, &mut plain);
        let (leaked, remotes, aged) = match sight.sockets {
            Reading::Known(joined) => {
                let (ages, aged) = self.ages(sight, joined, &mut plain);
                let remotes = self.remotes(sight, joined, &mut plain);
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
        let rate = |count: u32| Reading::Known(thousandths(f64::from(count) / passed));
        plain.push((Signal::FdOpened, rate(opened)));
        plain.push((Signal::FdClosed, rate(closed)));
        plain.push((Signal::FdChurn, rate(opened + closed)));
    }

    fn ages(
        &mut self,
        sight: &Sight<'_>,
        joined: &Joined<'_>,
        plain: &mut Vec<(Signal, Reading<f64>)>,
    ) -> (Ages, Vec<AgedSocket>) {
        let mut aged: Vec<AgedSocket> = Vec::new();
        let mut unread = 0_u32;
        let mut before = std::mem::take(&mut self.first_seen).into_iter().peekable();
        for socket in joined.sockets() {
            let is_dead = match socket.record {
                Some(record) => record.state == TcpState::CloseWait,
                None => sight.unknown_tcp.contains(&socket.inode),
            };
            if !is_dead {
                continue;
            }
            while before.next_if(|old| old.0 < socket.inode).is_some() {}
            let first = before.next_if(|old| old.0 == socket.inode).map_or(sight.at, |old| old.1);
            self.first_seen.push((socket.inode, first));
            let dead = dead_socket(sight, socket, first);
            if dead.death == Death::CloseWait || dead.age >= ORPHAN_MIN {
                aged.push(dead);
            }
            unread += u32::from(socket.record.is_some_and(|record| record.receive_queue > 0));
        }
        aged.sort_by(|a, b| b.age.cmp(&a.age).then(a.number.cmp(&b.number)));
        let mut ages = Ages::default();
        for socket in &aged {
            ages.add(socket.age);
        }
        tell_states(joined, plain);
        plain.push((Signal::SocketTimeWait, sight.time_wait));
        plain.push((Signal::SocketUnreadEof, Reading::Known(f64::from(unread))));
        tell_dead(&aged, sight.watched, plain);
        (ages, by_descriptor(aged, joined))
    }

    fn remotes(
        &mut self,
        sight: &Sight<'_>,
        joined: &Joined<'_>,
        plain: &mut Vec<(Signal, Reading<f64>)>,
    ) -> Vec<RemoteSurvey> {
        let listening = joined.known().filter(|(_, record)| record.state == TcpState::Listen);
        let listening: BTreeSet<u16> = listening.map(|(_, record)| record.local.port()).collect();
        let passed = self.at.map(|before| sight.at.since(before).as_secs_f64().max(1e-3));
        let mut connections = Vec::with_capacity(joined.sockets().len());
        let mut ends = Vec::with_capacity(joined.sockets().len());
        let mut before = self.connections.iter().peekable();
        let mut connects = 0_u32;
        for (inode, record) in joined.known().filter(|(_, record)| record.remote.port() != 0) {
            while before.next_if(|old| old.0 < inode).is_some() {}
            let is_new = before.next_if(|old| **old == (inode, record.remote)).is_none();
            connects += u32::from(is_new && !listening.contains(&record.local.port()));
            connections.push((inode, record.remote));
            ends.push(End { remote: record.remote, state: record.state, is_new });
        }
        self.connections = connections;
        let rate = passed.map_or(Reading::Unavailable(Gap::TooYoung), |passed| {
            Reading::Known(thousandths(f64::from(connects) / passed))
        });
        plain.push((Signal::SocketConnects, rate));
        by_remote::survey(ends, passed, sight.book)
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

fn tell_states(joined: &Joined<'_>, plain: &mut Vec<(Signal, Reading<f64>)>) {
    let (mut established, mut syn_sent, mut fin_wait, mut close_wait) = (0_u32, 0_u32, 0_u32, 0_u32);
    let mut queued = 0.0;
    for (_, record) in joined.known() {
        match record.state {
            TcpState::Established => established += 1,
            TcpState::SynSent => syn_sent += 1,
            TcpState::FinWait1 | TcpState::FinWait2 => fin_wait += 1,
            TcpState::CloseWait => close_wait += 1,
            TcpState::SynReceived
            | TcpState::TimeWait
            | TcpState::Close
            | TcpState::LastAck
            | TcpState::Listen
            | TcpState::Closing
            | TcpState::NewSynReceived
            | TcpState::BoundInactive => {}
        }
        if record.state != TcpState::Listen {
            queued += f64::from(record.receive_queue);
        }
    }
    let known = |count: u32| Reading::Known(f64::from(count));
    plain.push((Signal::SocketEstablished, known(established)));
    plain.push((Signal::SocketSynSent, known(syn_sent)));
    plain.push((Signal::SocketFinWait, known(fin_wait)));
    plain.push((Signal::SocketCloseWait, known(close_wait)));
    plain.push((Signal::SocketRecvQueue, Reading::Known(queued)));
}

fn tell_dead(aged: &[AgedSocket], watched: Reading<Watch<'_>>, plain: &mut Vec<(Signal, Reading<f64>)>) {
    let known = |count: usize| Reading::Known(count as f64);
    let close_wait = || aged.iter().filter(|socket| socket.death == Death::CloseWait);
    plain.push((Signal::SocketOrphans, known(aged.len() - close_wait().count())));
    let oldest = close_wait().map(|socket| socket.age.as_secs_f64()).fold(0.0, f64::max);
    plain.push((Signal::SocketCloseWaitOldest, Reading::Known(thousandths(oldest))));
    let unwatched = close_wait().filter(|socket| socket.watched == Watched::No).count();
    plain.push((Signal::SocketUnwatched, watched.map(|_| unwatched as f64)));
}

/// Each socket once for each descriptor that holds it.
fn by_descriptor(aged: Vec<AgedSocket>, joined: &Joined<'_>) -> Vec<AgedSocket> {
    let mut list = Vec::with_capacity(aged.len());
    for socket in aged {
        let others = joined.holders(socket.inode).filter(|number| *number != socket.number);
        let others: Vec<AgedSocket> = others.map(|number| AgedSocket { number, ..socket.clone() }).collect();
        list.push(socket);
        list.extend(others);
    }
    list
}

fn dead_socket(sight: &Sight<'_>, socket: &HeldSocket<'_>, first: Timestamp) -> AgedSocket {
    let watched = match sight.watched {
        Reading::Known(watch) if watch.inodes.binary_search(&socket.inode).is_ok() => Watched::Yes,
        // It was not dead yet when the sets were read, and may have been another's then.
        Reading::Known(watch) if watch.read < first => Watched::Unknown,
        Reading::Known(_) => Watched::No,
        Reading::Unavailable(_) => Watched::Unknown,
    };
    let record = socket.record;
    AgedSocket {
        cookie: record.and_then(|record| record.cookie),
        inode: socket.inode,
        number: socket.number,
        remote: record.map(|record| record.remote),
        named: record.and_then(|record| sight.book.declared(record.remote).cloned()),
        age: sight.at.since(first),
        death: if record.is_some() { Death::CloseWait } else { Death::Orphan },
        watched,
    }
}

#[cfg(test)]
mod tests;
