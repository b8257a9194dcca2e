//! `destroy_sockets`: SOCK_DESTROY on aged CLOSE_WAIT sockets, counted by a second dump.
//!
//! An event loop hears of it and closes; an abandoned object keeps its descriptor. So what is counted here are
//! sockets, and whether it helped is judged on descriptors by the expectation.
//!
//! Only what the process still holds and the kernel still shows in CLOSE_WAIT under the same cookie is destroyed, by its
//! full id: never an established one, never one to a protected remote, never a stranger's that took over the addresses
//! or was given the socket.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::decision::Done;
use crate::model::name::Remote;
use crate::model::units::format_span;
use crate::sys::descriptors::Link;
use crate::sys::destroy::{DestroyError, Destroyer, SocketFamily, SocketIdentity};
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::{Detail, Family, SockDiag, SocketRecord, States, TcpState};

use super::aged::Pick as _;
use super::kit::Kit;
use super::order::{Order, Subject};
use super::worker::Wanted;
use crate::model::aged::AgedSockets;
use crate::model::chain::chain;

/// Which sockets are meant.
#[derive(Clone, Debug)]
struct Meant {
    older: Duration,
    remote: Option<Remote>,
    max: u32,
}

/// Destroys at most `max` CLOSE_WAIT sockets of at least that age, to that remote where one is given.
pub(super) async fn destroy(
    kit: &Kit,
    order: &Order,
    (age, remote, max): (Duration, Option<&Remote>, u32),
) -> Result<Done, String> {
    let aged = order.aged.clone().ok_or("the ages of its sockets are not known")?;
    let subject = Arc::clone(&order.subject);
    if let Some(remote) = subject.protection.unresolved.first() {
        return Err(format!("the address of the protected remote {remote} is not known"));
    }
    let meant = Meant { older: age, remote: remote.cloned(), max };
    let destroyed = kit.worker.run(move |wanted| destroy_now(&subject, &aged, &meant, wanted)).await;
    destroyed.map_err(|error| error.to_string())?.map(|summary| Done { summary })
}

fn destroy_now(
    subject: &Subject,
    aged: &AgedSockets,
    meant: &Meant,
    wanted: &Wanted,
) -> Result<String, String> {
    let said = |error: ReadError| chain(&error);
    let mut diag = SockDiag::in_namespace_of(&subject.process).map_err(said)?;
    let doomed = still_dead(&mut diag, subject, &pick(subject, aged, meant)).map_err(said)?;
    let doomed = &doomed[..doomed.len().min(usize::try_from(meant.max).unwrap_or(usize::MAX))];
    if doomed.is_empty() {
        return Ok(format!("0 destroyed: no socket is in CLOSE_WAIT for {}", format_span(meant.older)));
    }
    let failed = destroy_each(subject, doomed, wanted)?;
    let left =
        close_wait(&mut diag).map_err(|error| format!("destroyed, but not confirmed: {}", said(error)))?;
    let left: BTreeSet<u64> = left.iter().filter_map(|record| record.cookie).collect();
    let gone =
        doomed.iter().filter(|record| record.cookie.is_some_and(|cookie| !left.contains(&cookie))).count();
    let text = format!("{gone} of {} sockets destroyed", doomed.len());
    match failed {
        Some(why) if gone == 0 => Err(format!("0 destroyed: {why}")),
        Some(why) => Ok(format!("{text}, then: {why}")),
        None => Ok(text),
    }
}

/// Destroys them one by one; gives what stopped it. One that went by itself meanwhile does not.
fn destroy_each(
    subject: &Subject,
    doomed: &[SocketRecord],
    wanted: &Wanted,
) -> Result<Option<String>, String> {
    let socket = SockDiag::in_namespace_of(&subject.process).map_err(|error| chain(&error))?.into_socket();
    let mut destroyer = Destroyer::over(socket).map_err(|error| error.to_string())?;
    for record in doomed {
        if !wanted.still() {
            return Err("given up".to_owned());
        }
        match identity(record).map_or(Err(DestroyError::Gone), |which| destroyer.destroy(&which)) {
            Ok(()) | Err(DestroyError::Gone) => {}
            Err(error) => return Ok(Some(chain(&error))),
        }
    }
    Ok(None)
}

fn identity(record: &SocketRecord) -> Option<SocketIdentity> {
    let family = match record.family {
        Family::V4 => SocketFamily::V4,
        Family::V6 | Family::Mapped => SocketFamily::V6,
    };
    let (local, remote, state) = (record.local, record.remote, record.state as u8);
    Some(SocketIdentity { family, local, remote, interface: 0, cookie: record.cookie?, state })
}

/// Cookies of those meant that the process holds now, oldest first, each socket once however many descriptors hold it.
fn pick(subject: &Subject, aged: &AgedSockets, meant: &Meant) -> Vec<u64> {
    let to = |socket: &crate::model::aged::AgedSocket| {
        meant.remote.as_ref().is_none_or(|remote| socket.is_to(remote))
    };
    let held = |socket: &crate::model::aged::AgedSocket| {
        let link = subject.process.descriptors().look(socket.number);
        matches!(link, Ok(Some(Link::Socket(inode))) if inode == socket.inode)
    };
    let mut seen = BTreeSet::new();
    let picked = aged.pick(meant.older, &subject.protection, to).into_iter();
    picked
        .filter(|socket| held(socket))
        .filter_map(|socket| socket.cookie)
        .filter(|cookie| seen.insert(*cookie))
        .collect()
}

/// Those of `cookies` that are in CLOSE_WAIT now and not protected, in the same order.
fn still_dead(
    diag: &mut SockDiag,
    subject: &Subject,
    cookies: &[u64],
) -> Result<Vec<SocketRecord>, ReadError> {
    let records = close_wait(diag)?;
    let now = |cookie: &u64| {
        let record = records.iter().find(|record| record.cookie == Some(*cookie))?;
        (!subject.protection.covers(record.remote)).then_some(record.clone())
    };
    Ok(cookies.iter().filter_map(now).collect())
}

fn close_wait(diag: &mut SockDiag) -> Result<Vec<SocketRecord>, ReadError> {
    let mut records = Vec::new();
    diag.dump(States::CLOSE_WAIT, Detail::Plain, &mut records)?;
    // The mask is the kernel's word; destroying the wrong one would be ours.
    records.retain(|record| record.state == TcpState::CloseWait);
    Ok(records)
}
