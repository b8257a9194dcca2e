//! Connections counted by their other end. An address is named only once it is known to be told: a name is text,
//! and a server has a thousand remotes of which the most are passing.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::model::name::Remote;
use crate::model::observation::{REMOTES_MAX, RemoteSurvey};
use crate::sampler::precision::thousandths;
use crate::sampler::remotes::RemoteBook;
use crate::sys::sock_diag::TcpState;

/// The other end of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Its address.
    pub(super) remote: SocketAddr,
    /// The state of our end.
    pub(super) state: TcpState,
    /// Whether it was not there at the tick before.
    pub(super) is_new: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u32,
    established: u32,
    close_wait: u32,
    syn_sent: u32,
    fin_wait: u32,
    new: u32,
}

/// Declared remotes always, then those with most sockets, within the bound. `passed` is the time since the tick
/// before in seconds, where there was one.
pub(super) fn survey(mut ends: Vec<End>, passed: Option<f64>, book: &RemoteBook) -> Vec<RemoteSurvey> {
    ends.sort_unstable_by_key(|end| end.remote);
    let mut declared: BTreeMap<&Remote, Tally> = BTreeMap::new();
    let mut others: Vec<(SocketAddr, Tally)> = Vec::new();
    for group in ends.chunk_by(|a, b| a.remote == b.remote) {
        let address = group[0].remote;
        let tally = if let Some(remote) = book.declared(address) {
            declared.entry(remote).or_default()
        } else {
            others.push((address, Tally::default()));
            &mut others.last_mut().expect("just pushed").1
        };
        for end in group {
            tally.add(*end);
        }
    }
    let mut declared: Vec<(&Remote, Tally)> = declared.into_iter().collect();
    declared.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.count));
    others.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.count));
    let declared = declared.into_iter().map(|(remote, tally)| tally.told(remote.clone(), passed));
    let others = others.into_iter().map(|(address, tally)| tally.told(Remote::from(address), passed));
    declared.chain(others).take(REMOTES_MAX).collect()
}

impl Tally {
    fn add(&mut self, end: End) {
        self.count += 1;
        self.new += u32::from(end.is_new);
        match end.state {
            TcpState::Established => self.established += 1,
            TcpState::CloseWait => self.close_wait += 1,
            TcpState::SynSent => self.syn_sent += 1,
            TcpState::FinWait1 | TcpState::FinWait2 => self.fin_wait += 1,
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

    fn told(self, remote: Remote, passed: Option<f64>) -> RemoteSurvey {
        RemoteSurvey {
            remote,
            count: self.count,
            established: self.established,
            close_wait: self.close_wait,
            syn_sent: self.syn_sent,
            fin_wait: self.fin_wait,
            connect_rate: passed.map_or(0.0, |passed| thousandths(f64::from(self.new) / passed)),
        }
    }
}
