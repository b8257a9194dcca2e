//! `reap_descriptors`: closes dead sockets inside the target. Break-glass.
//!
//! What is picked: aged, CLOSE_WAIT or orphan, not seen in an epoll set, surely not to a protected remote, oldest
//! first. (The scan reads epoll sets rarely: of what died since it knows nothing, and the look below tells.) What was
//! picked is looked at once more while every thread of the target stands still, in the kernel and not in the agent's
//! memory:
//!
//! - still in CLOSE_WAIT under the same cookie, or closed and in no table;
//! - its remote not protected;
//! - in no epoll set of the table as it is then.
//!
//! Anything that can't be verified is left open. That no sleeping call uses the number, and that it still is
//! the same socket, `sys::ptrace` sees to itself. The clock is looked at between all steps: what the time did not
//! reach is left open and told.
//!
//! A process whose event loop keeps its books by descriptor number is refused: no epoll set shows what such a loop
//! still has in its books, and the number comes back as a new connection's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::model::decision::Done;
use crate::model::kind::Kind;
use crate::model::units::format_span;
use crate::sys::adopted::Adopted;
use crate::sys::books::Books;
use crate::sys::descriptors::{Descriptor, Listing, Progress, Trust};
use crate::sys::epoll_sets::EpollSets;
use crate::sys::ptrace::reap::{Doomed, ReapReport, Refusal, Stopped, Verdict, close_in};
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::TcpState;
use crate::sys::socket_look::{Look, TcpLook, look};

use super::aged::Pick as _;
use super::kit::Kit;
use super::order::{Order, Protection, Subject};
use super::worker::Wanted;
use crate::model::aged::{AgedSocket, AgedSockets, Watched};
use crate::model::chain::chain;

/// How long the target may stand still.
const STOP_MAX: Duration = Duration::from_millis(250);
/// Entries of the table walked between two looks at the clock: some 3 ms where each is looked at.
const CHUNK: usize = 1_024;

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
    let said = |error: ReadError| chain(&error);
    let mut check = Check::new(subject, doomed).map_err(said)?;
    if let Some(books) = check.books().map_err(said)? {
        return Err(format!("refused: {books}"));
    }
    if !wanted.still() {
        return Err("given up".to_owned());
    }
    let asked: Vec<Doomed> = check.doomed.keys().copied().collect();
    let report = close_in(subject.process.pidfd(), &asked, STOP_MAX, &mut |stopped| check.verdicts(stopped));
    report.map(|report| summary(&report)).map_err(|error| chain(&error))
}

/// Those that the agent's own memory lets pass. Whether an epoll set watches them is read anew inside the stop. An
/// orphan whose remote was never seen may have been to a protected one: where any is, it stays.
fn pick<'a>(aged: &'a AgedSockets, older: Duration, protection: &Protection) -> Vec<&'a AgedSocket> {
    let unprotected = |socket: &AgedSocket| socket.remote.is_some() || protection.addresses.is_empty();
    aged.pick(older, protection, |socket| socket.watched != Watched::Yes && unprotected(socket))
}

/// The look inside the stop. Everything that takes time or opens something is made ready before.
struct Check<'a> {
    subject: &'a Subject,
    doomed: BTreeMap<Doomed, &'a AgedSocket>,
    listing: Listing,
    epoll: EpollSets,
}

impl<'a> Check<'a> {
    fn new(subject: &'a Subject, doomed: BTreeMap<Doomed, &'a AgedSocket>) -> Result<Self, ReadError> {
        let mut check = Self { subject, doomed, listing: Listing::new(), epoll: EpollSets::new()? };
        let whole = check.list(|_| Trust::Look, || true)?;
        debug_assert_eq!(whole, Progress::Complete, "nobody ends it early");
        Ok(check)
    }

    /// What keeps books by number in the target, where anything does.
    fn books(&self) -> Result<Option<Books>, ReadError> {
        Books::kept_by(&self.subject.process, self.listing.table())
    }

    /// A verdict for each candidate. What fails leaves everything open.
    fn verdicts(&mut self, stopped: &Stopped<'_>) -> Vec<Verdict> {
        let all = |why| vec![Verdict::Refuse(why); stopped.candidates.len()];
        match self.read_sets(|| !stopped.left().is_zero()) {
            Ok(Progress::Complete) => {}
            Ok(Progress::More) => return all(Refusal::TimeUp),
            Err(_) => return all(Refusal::Unverified),
        }
        let each = |one: &Doomed| {
            if stopped.left().is_zero() { Verdict::Refuse(Refusal::TimeUp) } else { self.verdict(*one) }
        };
        stopped.candidates.iter().map(each).collect()
    }

    /// Reads which sockets any epoll set watches, as far as the time goes.
    fn read_sets(&mut self, may_go_on: impl Fn() -> bool) -> Result<Progress, ReadError> {
        // A socket row of a moment ago can't have become an epoll set that knows one of the dead sockets.
        let trust = |row: &Descriptor| if row.kind == Kind::Socket { Trust::Keep } else { Trust::Look };
        match self.list(trust, &may_go_on)? {
            Progress::Complete => {
                self.epoll.read_while(&self.subject.process, self.listing.table(), may_go_on)
            }
            Progress::More => Ok(Progress::More),
        }
    }

    fn verdict(&self, one: Doomed) -> Verdict {
        let Some(socket) = self.doomed.get(&one) else { return Verdict::Refuse(Refusal::Unverified) };
        let row =
            Descriptor { number: one.number, kind: Kind::Socket, inode: Some(one.inode), deleted: false };
        if self.epoll.watches(&row) {
            return Verdict::Refuse(Refusal::Watched);
        }
        match look(self.subject.process.pidfd(), one.number) {
            Ok(Look::Tcp(now)) if now.inode == one.inode => self.verdict_on(socket, now),
            Ok(Look::Tcp(_)) => Verdict::Refuse(Refusal::ChangedInode),
            Ok(Look::Other) => Verdict::Refuse(Refusal::StateChanged),
            Ok(Look::Nothing) => Verdict::Refuse(Refusal::Closed),
            Err(_) => Verdict::Refuse(Refusal::Unverified),
        }
    }

    fn verdict_on(&self, socket: &AgedSocket, now: TcpLook) -> Verdict {
        let same = match (now.state, socket.cookie) {
            (TcpState::CloseWait, known) => known == Some(now.cookie),
            // An orphan is in no table, so its cookie may never have been seen.
            (TcpState::Close, known) => known.is_none_or(|cookie| cookie == now.cookie),
            _ => false,
        };
        if !same {
            return Verdict::Refuse(Refusal::StateChanged);
        }
        if now.remote.is_some_and(|remote| self.subject.protection.covers(remote)) {
            return Verdict::Refuse(Refusal::Protected);
        }
        Verdict::Close
    }

    /// Walks over the table, as far as `may_go_on` lets it.
    fn list(
        &mut self,
        trust: impl Fn(&Descriptor) -> Trust,
        may_go_on: impl Fn() -> bool,
    ) -> Result<Progress, ReadError> {
        let process: &Adopted = &self.subject.process;
        while process.list(&mut self.listing, CHUNK, &trust)? == Progress::More {
            if !may_go_on() {
                return Ok(Progress::More);
            }
        }
        Ok(Progress::Complete)
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
