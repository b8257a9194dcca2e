//! `reap_descriptors`: closes dead sockets inside the target. Break-glass.
//!
//! What is picked: aged, CLOSE_WAIT or orphan, not seen in an epoll set, surely not to a protected remote, oldest
//! first. (The scan reads epoll sets rarely: of what died since it knows nothing, and the look below tells.) What was picked is looked at once more while every thread of the target stands still, in the
//! kernel's tables and not in the agent's memory:
//!
//! - still in CLOSE_WAIT under the same cookie, or in no table and a TCP socket;
//! - its remote not protected;
//! - in no epoll set of the table as it is then.
//!
//! Anything that can't be verified is left open. That no sleeping call uses the number, and that it still is
//! the same socket, `sys::ptrace` sees to itself.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::model::decision::Done;
use crate::model::kind::Kind;
use crate::model::units::format_span;
use crate::sys::adopted::Adopted;
use crate::sys::descriptors::{Descriptor, Listing, Progress, Trust};
use crate::sys::epoll_sets::EpollSets;
use crate::sys::ptrace::reap::{Doomed, ReapReport, Refusal, Stopped, Verdict, close_in};
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::{Detail, SockDiag, SocketRecord, States, TcpState};
use crate::sys::socket_protocol::Protocol;

use super::aged::Pick as _;
use super::kit::Kit;
use super::order::{Order, Protection, Subject};
use super::worker::Wanted;
use crate::model::aged::{AgedSocket, AgedSockets, Watched};
use crate::model::chain::chain;

/// How long the target may stand still.
const STOP_MAX: Duration = Duration::from_millis(250);
/// Entries of the table walked at once.
const CHUNK: usize = 4_096;

/// Closes at most `max` dead sockets of at least that age.
pub(super) async fn reap(kit: &Kit, order: &Order, age: Duration, max: u32) -> Result<Done, String> {
    let aged = order.aged.clone().ok_or("the ages of its sockets are not known")?;
    let subject = Arc::clone(&order.subject);
    if let Some(remote) = subject.protection.unresolved.first() {
        return Err(format!("the address of the protected remote {remote} is not known"));
    }
    let reaped = kit.worker.run(move |wanted| reap_now(&subject, &aged, (age, max), wanted)).await;
    reaped.map_err(|error| error.to_string())?.map(|summary| Done { summary })
}

fn reap_now(
    subject: &Subject,
    aged: &AgedSockets,
    (older, max): (Duration, u32),
    wanted: &Wanted,
) -> Result<String, String> {
    let picked = pick(aged, older, &subject.protection);
    let doomed: BTreeMap<Doomed, &AgedSocket> = picked
        .into_iter()
        .take(usize::try_from(max).unwrap_or(usize::MAX))
        .map(|socket| (Doomed { number: socket.number, inode: socket.inode }, socket))
        .collect();
    if doomed.is_empty() {
        return Ok(format!(
            "closed 0 descriptors: no socket is dead for {} and free to close",
            format_span(older)
        ));
    }
    let mut check = Check::new(subject, doomed).map_err(|error| chain(&error))?;
    if !wanted.still() {
        return Err("given up".to_owned());
    }
    let asked: Vec<Doomed> = check.doomed.keys().copied().collect();
    let report = close_in(subject.process.pidfd(), &asked, STOP_MAX, &mut |stopped| check.verdicts(stopped));
    report.map(|report| summary(&report)).map_err(|error| chain(&error))
}

/// Those that the agent's own memory lets pass. Whether an epoll set watches them is read anew inside the stop. An orphan whose remote was never seen may have been to a
/// protected one: where any is, it stays.
fn pick<'a>(aged: &'a AgedSockets, older: Duration, protection: &Protection) -> Vec<&'a AgedSocket> {
    let unprotected = |socket: &AgedSocket| socket.remote.is_some() || protection.addresses.is_empty();
    aged.pick(older, protection, |socket| socket.watched != Watched::Yes && unprotected(socket))
}

/// The look inside the stop. Everything that takes time or opens something is made ready before.
struct Check<'a> {
    subject: &'a Subject,
    doomed: BTreeMap<Doomed, &'a AgedSocket>,
    diag: SockDiag,
    listing: Listing,
    epoll: EpollSets,
}

impl<'a> Check<'a> {
    fn new(subject: &'a Subject, doomed: BTreeMap<Doomed, &'a AgedSocket>) -> Result<Self, ReadError> {
        let diag = SockDiag::in_namespace_of(&subject.process)?;
        let mut check = Self { subject, doomed, diag, listing: Listing::new(), epoll: EpollSets::new()? };
        check.list(|_| Trust::Look)?;
        Ok(check)
    }

    /// A verdict for each candidate. What fails leaves everything open.
    fn verdicts(&mut self, stopped: &Stopped<'_>) -> Vec<Verdict> {
        match self.look(stopped.candidates) {
            Ok(verdicts) => verdicts,
            Err(_) => vec![Verdict::Refuse(Refusal::Unverified); stopped.candidates.len()],
        }
    }

    fn look(&mut self, candidates: &[Doomed]) -> Result<Vec<Verdict>, ReadError> {
        // A socket row of a moment ago can't have become an epoll set that knows one of the dead sockets.
        self.list(|row| if row.kind == Kind::Socket { Trust::Keep } else { Trust::Look })?;
        self.epoll.read(&self.subject.process, self.listing.table())?;
        let mut known = self.dump(States::CLOSE_WAIT)?;
        if candidates.iter().any(|one| !known.contains_key(&one.inode)) {
            // Dearer, and needed only to tell a socket in another state from one in no table.
            known = self.dump(States::ALL)?;
        }
        Ok(candidates.iter().map(|one| self.verdict(*one, known.get(&one.inode))).collect())
    }

    fn verdict(&self, one: Doomed, record: Option<&SocketRecord>) -> Verdict {
        let Some(socket) = self.doomed.get(&one) else { return Verdict::Refuse(Refusal::Unverified) };
        let row =
            Descriptor { number: one.number, kind: Kind::Socket, inode: Some(one.inode), deleted: false };
        if self.epoll.watches(&row) {
            return Verdict::Refuse(Refusal::Watched);
        }
        match record {
            Some(record) => self.verdict_on_close_wait(socket, record),
            None => match Protocol::of(&self.subject.process, one.number, one.inode) {
                Ok(Some(Protocol::Tcp)) => Verdict::Close,
                Ok(Some(_)) => Verdict::Refuse(Refusal::StateChanged),
                Ok(None) => Verdict::Refuse(Refusal::ChangedInode),
                Err(_) => Verdict::Refuse(Refusal::Unverified),
            },
        }
    }

    fn verdict_on_close_wait(&self, socket: &AgedSocket, record: &SocketRecord) -> Verdict {
        let same = socket.cookie.is_some() && socket.cookie == record.cookie;
        if !same || record.state != TcpState::CloseWait {
            return Verdict::Refuse(Refusal::StateChanged);
        }
        if self.subject.protection.covers(record.remote) {
            return Verdict::Refuse(Refusal::Protected);
        }
        Verdict::Close
    }

    /// Sockets in these states by inode.
    fn dump(&mut self, states: States) -> Result<HashMap<u64, SocketRecord>, ReadError> {
        let mut records = Vec::new();
        self.diag.dump(states, Detail::Plain, &mut records)?;
        Ok(records.into_iter().map(|record| (u64::from(record.inode), record)).collect())
    }

    fn list(&mut self, trust: impl Fn(&Descriptor) -> Trust) -> Result<(), ReadError> {
        let process: &Adopted = &self.subject.process;
        while process.list(&mut self.listing, CHUNK, &trust)? == Progress::More {}
        Ok(())
    }
}

fn summary(report: &ReapReport) -> String {
    let ReapReport { closed, refused, threads, stopped_for, restarted: _, interrupted } = report;
    let micros = stopped_for.as_micros();
    let mut text =
        format!("closed {} descriptors, {threads} threads stood still for {micros} µs", closed.len());
    let mut reasons: BTreeMap<Refusal, usize> = BTreeMap::new();
    for (_, reason) in refused {
        *reasons.entry(*reason).or_default() += 1;
    }
    for (reason, count) in reasons {
        let _ = write!(text, "; {count} left: {reason}");
    }
    if *interrupted > 0 {
        let _ = write!(text, "; {interrupted} calls of the target answered EINTR");
    }
    text
}
