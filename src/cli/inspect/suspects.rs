//! What is suspicious, in plain sentences with the reason. Pure.
//!
//! The bar is set so that a healthy process passes: a keep-alive pool shows CLOSE_WAIT sockets and reset ones
//! until their next use, a rotated log shows a deleted file. Below the bar there is a hint, above it a suspect.

use std::time::Duration;

use serde::Serialize;

use super::report::{DeadGroup, Report};
use crate::cli::quantity::quantity;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::model::units::{format_ratio, format_span};
use crate::sampler::survey::ORPHAN_MIN;

/// Idle connections that a healthy pool keeps to one remote: urllib3 keeps 10, others 20.
const POOL_MAX: usize = 20;
/// CLOSE_WAIT sockets that an event loop may be about to close.
const LOOP_MAX: usize = 5;
/// CLOSE_WAIT sockets over all remotes that pools of several remotes may show.
const POOLS_MAX: usize = 50;
/// Orphans that pools whose peers reset may show.
const ORPHANS_MAX: f64 = 5.0;
/// Deleted files that rotation and updates leave.
const DELETED_MAX: f64 = 9.0;
/// Epoll sets of a process with few threads; beyond, one for each thread.
const EPOLL_MAX: f64 = 8.0;
/// Descriptors by which a look must have grown before its slope is told.
const GROWTH_MIN: i64 = 3;
/// Share of the limit in use from which exhaustion is near whatever the slope.
const FULL: f64 = 0.8;

/// What is suspicious.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(in crate::cli) struct Suspect {
    pub(in crate::cli) kind: SuspectKind,
    pub(in crate::cli) count: u64,
    pub(in crate::cli) remote: Option<String>,
    /// What was seen.
    pub(in crate::cli) text: String,
    /// What it means.
    pub(in crate::cli) why: String,
}

/// The kinds of suspects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum SuspectKind {
    Rising,
    NearLimit,
    Abandoned,
    Unclosed,
    Growing,
    Orphans,
    DeletedFiles,
    EpollSets,
}

/// The suspects, the most urgent first.
pub(in crate::cli) fn suspects(report: &Report) -> Vec<Suspect> {
    let mut found: Vec<Suspect> = [near_limit(report), rising(report)].into_iter().flatten().collect();
    found.extend(close_wait(report));
    found.extend([orphans(report), deleted(report), epoll(report)].into_iter().flatten());
    found
}

/// What a reader should know beside.
pub(in crate::cli) fn hints(report: &Report) -> Vec<String> {
    let mut hints = Vec::new();
    if report.value(Signal::SocketCloseWait).is_some_and(|count| count > 0.0) {
        hints.push(
            "A healthy idle keep-alive pool shows CLOSE_WAIT too: its sockets vanish at the next use. Abandoned ones \
             stay and grow older."
                .to_owned(),
        );
    }
    if report.value(Signal::SocketOrphans).is_some() && report.looked() < ORPHAN_MIN {
        hints.push(format!(
            "Orphans show only in a look of more than {}: `--for 10s`.",
            format_span(ORPHAN_MIN)
        ));
    }
    if let (Some(soft), Some(hard)) = (report.value(Signal::FdLimit), report.value(Signal::FdHardLimit))
        && hard > soft
    {
        hints
            .push(format!("The soft limit of {soft} may be raised to {hard} while it runs: `raise_nofile`."));
    }
    if !report.look.ended && rising(report).is_none() {
        let looked = format_span(whole(report.looked()));
        hints.push(format!("A slow leak does not show in {looked}: `--for 5m` tells one of 2 a minute."));
    }
    hints
}

/// To the second, below that to the tenth, for people.
pub(in crate::cli) fn whole(span: Duration) -> Duration {
    if span < Duration::from_secs(1) {
        Duration::from_millis(u64::from(span.subsec_millis()) / 100 * 100)
    } else {
        Duration::from_secs((span + Duration::from_millis(500)).as_secs())
    }
}

fn near_limit(report: &Report) -> Option<Suspect> {
    let (open, limit) = (report.value(Signal::FdOpen)?, report.value(Signal::FdLimit)?);
    let ratio = open / limit.max(1.0);
    (ratio >= FULL).then(|| Suspect {
        kind: SuspectKind::NearLimit,
        count: count(open),
        remote: None,
        text: format!("{open} of {limit} descriptors are in use ({})", format_ratio(ratio)),
        why: "at the limit every accept, connect and open fails with EMFILE".to_owned(),
    })
}

fn rising(report: &Report) -> Option<Suspect> {
    let rate = report.value(Signal::FdRate).filter(|rate| *rate > 0.0)?;
    let growth = report.growth.filter(|growth| *growth >= GROWTH_MIN)?;
    let remote = report.remotes.iter().filter(|row| row.growth > 0).max_by_key(|row| row.growth);
    let kind = report.kinds.iter().filter(|row| row.growth > 0).max_by_key(|row| row.growth);
    let place = match (remote, kind) {
        (Some(row), _) if row.growth * 2 >= growth => format!(", most of them to {}", row.now.remote),
        (_, Some(row)) => format!(", most of them of kind {}", row.kind),
        (_, None) => String::new(),
    };
    let limit = report.value(Signal::FdLimit).map_or_else(String::new, |limit| format!(" of {limit}"));
    let end = match report.value(Signal::FdTte).filter(|tte| tte.is_finite()) {
        Some(tte) => {
            let tte = whole(Duration::from_secs_f64(tte.min(1e9)));
            format!("; at this rate the limit{limit} is reached in {}", format_span(tte))
        }
        None => String::new(),
    };
    Some(Suspect {
        kind: SuspectKind::Rising,
        count: u64::try_from(growth).unwrap_or(0),
        remote: remote.map(|row| row.now.remote.to_string()),
        text: format!("descriptors rise {}{place}", quantity(Signal::FdRate, Reading::Known(rate))),
        why: format!("{growth} more in {:.1}s, steadily{end}", report.look.seconds),
    })
}

fn close_wait(report: &Report) -> Vec<Suspect> {
    let groups = || report.dead.iter().filter(|group| group.death == "close_wait");
    let mut found: Vec<Suspect> = groups().filter_map(|group| of_group(report, group)).collect();
    let unwatched: usize = groups().filter(|group| group.watched != "yes").map(|group| group.sockets).sum();
    if unwatched > POOLS_MAX && found.is_empty() {
        found.push(Suspect {
            kind: SuspectKind::Abandoned,
            count: unwatched as u64,
            remote: None,
            text: format!("{unwatched} CLOSE_WAIT sockets to many remotes {}", unwatched_words(report)),
            why: never_closed(report),
        });
    }
    found.extend(report.remotes.iter().filter(|row| row.close_wait_growth >= GROWTH_MIN).map(|row| {
        Suspect {
            kind: SuspectKind::Growing,
            count: u64::try_from(row.close_wait_growth).unwrap_or(0),
            remote: Some(row.now.remote.to_string()),
            text: format!(
                "CLOSE_WAIT sockets to {} grow: {} more in this look",
                row.now.remote, row.close_wait_growth
            ),
            why: "the peer hangs up, new connections are made, and the old ones are not closed".to_owned(),
        }
    }));
    found
}

fn of_group(report: &Report, group: &DeadGroup) -> Option<Suspect> {
    let remote = group.remote.as_deref().unwrap_or("an unknown remote");
    let (kind, words, why) = match group.watched {
        "yes" if group.sockets > LOOP_MAX => (
            SuspectKind::Unclosed,
            "are in an epoll set, and nobody closes them",
            "the loop is told of the end each time, and the handler does not close".to_owned(),
        ),
        "yes" => return None,
        _ if group.sockets > POOL_MAX => {
            (SuspectKind::Abandoned, unwatched_words(report), never_closed(report))
        }
        _ => return None,
    };
    Some(Suspect {
        kind,
        count: group.sockets as u64,
        remote: group.remote.clone(),
        text: format!("{} CLOSE_WAIT sockets to {remote} {words}", group.sockets),
        why,
    })
}

fn unwatched_words(report: &Report) -> &'static str {
    match report.reading(Signal::SocketUnwatched) {
        Reading::Known(_) if report.value(Signal::FdEpoll) == Some(0.0) => {
            "and no epoll set at all: abandoned, or a pool larger than usual"
        }
        Reading::Known(_) => "in no epoll set: abandoned",
        Reading::Unavailable(_) => "(whether a loop watches them can't be seen)",
    }
}

fn never_closed(report: &Report) -> String {
    let total = report.value(Signal::SocketCloseWait);
    let unread = report.value(Signal::SocketUnreadEof);
    match (total, unread) {
        (Some(_), Some(0.0)) => {
            "their end was read, and close() did not follow: a bug in the handling of the end".to_owned()
        }
        (Some(total), Some(unread)) if unread >= total => {
            "the peer has closed, the end was never read: dropped or forgotten without close()".to_owned()
        }
        (Some(total), Some(unread)) => {
            format!(
                "of {total} CLOSE_WAIT sockets {unread} have an end that was never read, the others lack a close()"
            )
        }
        (None, _) | (_, None) => "the peer has closed, the process has not".to_owned(),
    }
}

fn orphans(report: &Report) -> Option<Suspect> {
    let orphans = report.value(Signal::SocketOrphans).filter(|count| *count > ORPHANS_MAX)?;
    Some(Suspect {
        kind: SuspectKind::Orphans,
        count: count(orphans),
        remote: None,
        text: format!("{orphans} orphans: socket descriptors that no protocol table knows any more"),
        why: "reset by the peer or closed on both sides, and still holding their slots: only close() frees them".to_owned(),
    })
}

fn deleted(report: &Report) -> Option<Suspect> {
    let deleted = report.value(Signal::FdDeleted).filter(|count| *count > DELETED_MAX)?;
    let most = report.deleted.first().map_or_else(String::new, |file| format!(", first {}", file.path));
    Some(Suspect {
        kind: SuspectKind::DeletedFiles,
        count: count(deleted),
        remote: None,
        text: format!("{deleted} descriptors of deleted files{most}"),
        why: "opened, removed and never closed: their room on the disk is not freed either".to_owned(),
    })
}

fn epoll(report: &Report) -> Option<Suspect> {
    let sets = report.value(Signal::FdEpoll)?;
    let threads = report.value(Signal::ProcessThreads).unwrap_or(0.0);
    (sets > EPOLL_MAX.max(threads)).then(|| Suspect {
        kind: SuspectKind::EpollSets,
        count: count(sets),
        remote: None,
        text: format!("{sets} epoll sets in {threads} thread(s)"),
        why: "an event loop is made again and again and never closed; each takes two or three descriptors"
            .to_owned(),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of descriptors")]
fn count(value: f64) -> u64 {
    value as u64
}

/// Whether the slope could not be told because the look was short.
pub(in crate::cli) fn is_young(report: &Report) -> bool {
    report.reading(Signal::FdRate).gap() == Some(Gap::TooYoung)
}

#[cfg(test)]
mod tests;
