//! The kernel's socket tables of each network namespace, asked as cheaply as the questions allow.
//!
//! A dump has what a process can hold: not TIME_WAIT, which nobody does, and not sockets that are bound and neither
//! connected nor listening, because looking for them walks a table of its own. Those are asked for only where a
//! descriptor's socket is in no other state, and might be an orphan.
//!
//! Nearly all of a dump of thousands is what rests in ESTABLISHED, and says again what the one before said. Where the kernel's
//! counters prove that no connection of the namespace was opened or ended since ([`TcpTurnover`]), those stand, and only the
//! sockets in other states are asked for: the dump is as exact as a whole one, but for bytes received and not read, which
//! are at most [`BUILDS_MAX`] dumps old.

use std::collections::{BTreeMap, BTreeSet};

use crate::sampler::joined::{Joined, RecordIndex};
use crate::sys::adopted::Adopted;
use crate::sys::descriptors::Descriptor;
use crate::sys::net_text;
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::{Detail, SockDiag, SocketRecord, States, TcpState};
use crate::sys::tcp_turnover::{TcpTurnover, tcp_turnover};

/// What a process can hold, but for bound sockets.
const HELD: States = States::ALL.without(&[TcpState::TimeWait, TcpState::BoundInactive]);
const BOUND: States = States::of(&[TcpState::BoundInactive]);
/// What is asked for where those in ESTABLISHED stand.
const UNSETTLED: States = HELD.without(&[TcpState::Established]);
/// On their way into ESTABLISHED.
const CONNECTING: States = States::of(&[TcpState::SynSent, TcpState::SynReceived, TcpState::NewSynReceived]);
/// Dumps that build on a whole one, before the next whole one.
const BUILDS_MAX: u32 = 3;
/// Where fewer sockets were found than so many, a whole dump is as cheap as the counters.
const BUILD_LEAST: usize = 256;

/// The last dump, and a netlink socket for each namespace.
#[derive(Debug, Default)]
pub(super) struct Tables {
    diags: BTreeMap<u64, SockDiag>,
    records: Vec<SocketRecord>,
    /// Room for what a dump adds that builds on another one.
    unsettled: Vec<SocketRecord>,
    index: RecordIndex,
    basis: Option<Basis>,
}

/// A whole dump, and what was counted before it.
#[derive(Clone, Copy, Debug)]
struct Basis {
    namespace: u64,
    turnover: TcpTurnover,
    builds: u32,
}

impl Tables {
    /// Replaces the dump by that of the namespace of the process; `namespace` is kept by the caller for the next
    /// time. After an error the dump is empty.
    pub(super) fn dump(&mut self, process: &Adopted, namespace: &mut Option<u64>) -> Result<(), ReadError> {
        let counted = (self.records.len() >= BUILD_LEAST).then(|| tcp_turnover(process).ok()).flatten();
        if self.build(*namespace, counted) {
            self.index.fill(&self.records);
            return Ok(());
        }
        let answer = self.ask(process, namespace);
        if answer.is_err() {
            self.records.clear();
        }
        let is_settled = !self.records.iter().any(|record| CONNECTING.has(record.state));
        if let (Some(namespace), Some(turnover), true) = (*namespace, counted, is_settled) {
            self.basis = Some(Basis { namespace, turnover, builds: 0 });
        }
        self.index.fill(&self.records);
        answer
    }

    /// Brings the dump up to date where what it has in ESTABLISHED stands; whether it does.
    fn build(&mut self, namespace: Option<u64>, counted: Option<TcpTurnover>) -> bool {
        let Some(mut basis) = self.basis.take() else { return false };
        let stands = Some(basis.namespace) == namespace
            && Some(basis.turnover) == counted
            && basis.builds < BUILDS_MAX;
        let diag = self.diags.get_mut(&basis.namespace).filter(|_| stands);
        let Some(diag) = diag else { return false };
        if diag.dump(UNSETTLED, Detail::Plain, &mut self.unsettled).is_err() {
            return false;
        }
        settle(&mut self.records, &mut self.unsettled);
        basis.builds += 1;
        self.basis = Some(basis);
        true
    }

    /// Replaces the dump by what the tables say now of these sockets of an earlier one. False where they can't be asked; the dump
    /// is to be made anew then.
    pub(super) fn revisit(&mut self, namespace: Option<u64>, known: &[SocketRecord]) -> bool {
        let Some(diag) = namespace.and_then(|namespace| self.diags.get_mut(&namespace)) else { return false };
        self.basis = None;
        self.records.clear();
        let asked = diag.revisit(known, &mut self.records).is_ok();
        if !asked {
            // A broken netlink socket is not asked twice.
            namespace.and_then(|namespace| self.diags.remove(&namespace));
            self.records.clear();
        }
        self.index.fill(&self.records);
        asked
    }

    /// The sockets of a table of descriptors with their records.
    pub(super) fn joined(&self, table: &[Descriptor]) -> Joined<'_> {
        Joined::new(table, &self.records, &self.index)
    }

    /// The last dump.
    #[cfg(test)]
    pub(super) fn records(&self) -> &[SocketRecord] {
        &self.records
    }

    /// How many dumps build on each other by now.
    #[cfg(test)]
    pub(super) fn builds(&self) -> u32 {
        self.basis.map_or(0, |basis| basis.builds)
    }

    /// The records of the last dump by inode.
    pub(super) fn index(&self) -> &RecordIndex {
        &self.index
    }

    /// The state of a socket in the last dump; `None` where the dump does not know it. `near` is kept from one to the
    /// next.
    pub(super) fn state(&self, inode: u64, near: &mut usize) -> Option<TcpState> {
        Some(self.records.get(self.index.place(inode, near)?)?.state)
    }

    /// Takes those out that are merely bound now. Where that can't be asked none is taken out, as text files never
    /// tell it either.
    pub(super) fn exempt_bound(&mut self, namespace: Option<u64>, suspects: &mut BTreeSet<u64>) {
        self.exempt(namespace, BOUND, suspects);
    }

    /// Takes those out that live in another namespace, in which the process was before.
    pub(super) fn exempt_former(&mut self, namespace: Option<u64>, suspects: &mut BTreeSet<u64>) {
        self.exempt(namespace, States::ALL.without(&[TcpState::TimeWait]), suspects);
    }

    fn exempt(&mut self, namespace: Option<u64>, states: States, suspects: &mut BTreeSet<u64>) {
        let Some(diag) = namespace.and_then(|namespace| self.diags.get_mut(&namespace)) else { return };
        let mut alive = Vec::new();
        if diag.dump(states, Detail::Plain, &mut alive).is_ok() {
            for record in alive {
                suspects.remove(&u64::from(record.inode));
            }
        }
    }

    /// Drops the sockets of namespaces in which no process is left.
    pub(super) fn keep(&mut self, used: &BTreeSet<u64>) {
        self.diags.retain(|namespace, _| used.contains(namespace));
    }

    fn ask(&mut self, process: &Adopted, namespace: &mut Option<u64>) -> Result<(), ReadError> {
        if namespace.is_none_or(|namespace| !self.diags.contains_key(&namespace)) {
            match SockDiag::in_namespace_of(process) {
                Ok(diag) => {
                    *namespace = Some(diag.namespace());
                    self.diags.entry(diag.namespace()).or_insert(diag);
                }
                Err(_) => return net_text::read(process, HELD, &mut self.records),
            }
        }
        let diag = namespace.and_then(|namespace| self.diags.get_mut(&namespace));
        let answer = match diag {
            Some(diag) => diag.dump(HELD, Detail::Plain, &mut self.records),
            None => Err(ReadError::Unsupported { what: "the socket tables" }),
        };
        if answer.is_err() {
            // A broken netlink socket is not asked twice.
            namespace.take().and_then(|namespace| self.diags.remove(&namespace));
            return net_text::read(process, HELD, &mut self.records);
        }
        answer
    }
}

/// Those in ESTABLISHED stay, but for any that is in another state now; all others are replaced.
fn settle(records: &mut Vec<SocketRecord>, unsettled: &mut Vec<SocketRecord>) {
    unsettled.sort_unstable_by_key(|record| record.inode);
    let has_moved = |inode: u32| unsettled.binary_search_by_key(&inode, |record| record.inode).is_ok();
    records.retain(|record| record.state == TcpState::Established && !has_moved(record.inode));
    records.append(unsettled);
}

#[cfg(test)]
mod tests;
