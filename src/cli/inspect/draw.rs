//! The report as text.

use std::time::Duration;

use super::report::{DeadGroup, RemoteRow, Report};
use super::suspects::{is_young, whole};
use crate::cli::columns::{Columns, Lean};
use crate::cli::page::{Page, Tone};
use crate::cli::quantity::quantity;
use crate::model::reading::Reading;
use crate::model::signal::{Argument, CATALOGUE, Row, Signal, Source};
use crate::model::units::{format_ratio, format_span};

/// Remotes shown; JSON holds all.
const REMOTES_SHOWN: usize = 15;
/// Remotes of one host with one socket each that still have a row of their own.
const CLIENTS_APART: usize = 3;
/// Groups of dead sockets shown.
const GROUPS_SHOWN: usize = 15;

/// Draws it.
pub(super) fn page(report: &Report) -> Page {
    let mut page = Page::for_output();
    onto(report, &mut page);
    page
}

pub(super) fn onto(report: &Report, page: &mut Page) {
    identity(report, page);
    descriptors(report, page);
    remotes(report, page);
    dead(report, page);
    deleted(report, page);
    suspects(report, page);
    unseen(report, page);
}

fn identity(report: &Report, page: &mut Page) {
    let process = &report.process;
    page.heading(&format!("pid {}", process.pid), "");
    page.line(&format!("  {}", process.command));
    let user = match (&process.user, process.uid) {
        (Some(name), _) => format!("user {name}"),
        (None, Some(uid)) => format!("uid {uid}"),
        (None, None) => "user ?".to_owned(),
    };
    let parent = process.parent.map_or_else(String::new, |parent| format!(", parent {parent}"));
    let shown = |signal| quantity(signal, report.reading(signal));
    let up = report
        .value(Signal::ProcessUptime)
        .map_or_else(|| "?".to_owned(), |up| format_span(whole(Duration::from_secs_f64(up))));
    page.sentences(
        2,
        &format!(
            "{user}{parent}, up {up}, {}, {} thread(s), {} resident, CPU {}, children {}",
            shown(Signal::ProcessState),
            shown(Signal::ProcessThreads),
            shown(Signal::ProcessRss),
            shown(Signal::ProcessCpu),
            shown(Signal::ProcessChildren),
        ),
    );
    let ended = if report.look.ended { "; IT ENDED MEANWHILE" } else { "" };
    page.aside(
        2,
        &format!(
            "looked for {}: {} counts, {} full scan(s){ended}",
            format_span(whole(report.looked())),
            report.look.looks,
            report.look.scans
        ),
    );
}

fn descriptors(report: &Report, page: &mut Page) {
    let (open, limit) = (report.reading(Signal::FdOpen), report.reading(Signal::FdLimit));
    let ratio =
        report.value(Signal::FdRatio).map_or_else(String::new, |ratio| format!(" ({})", format_ratio(ratio)));
    page.heading(
        "DESCRIPTORS",
        &format!(
            "{} of {}{ratio}, hard limit {}",
            quantity(Signal::FdOpen, open),
            limit_text(limit),
            limit_text(report.reading(Signal::FdHardLimit))
        ),
    );
    let growth = report.growth.map_or_else(|| "?".to_owned(), signed);
    let slope = if is_young(report) {
        "rate and time to exhaustion: too young to tell, look longer with `--for`".to_owned()
    } else {
        let tte = match report.reading(Signal::FdTte) {
            Reading::Known(seconds) if seconds.is_finite() => {
                format_span(whole(Duration::from_secs_f64(seconds.min(1e9))))
            }
            reading => quantity(Signal::FdTte, reading),
        };
        format!(
            "sustained rise {}, exhausted in {tte}",
            quantity(Signal::FdRate, report.reading(Signal::FdRate))
        )
    };
    page.sentences(2, &format!("{growth} in {}; {slope}", format_span(whole(report.looked()))));
    if report.kinds.is_empty() {
        return;
    }
    let mut table = Columns::new(&[("kind", Lean::Left), ("now", Lean::Right), ("change", Lean::Right)]);
    for row in &report.kinds {
        table.row([row.kind.to_string(), row.count.to_string(), signed(row.growth)]);
    }
    page.columns(2, &table);
}

fn remotes(report: &Report, page: &mut Page) {
    if report.remotes.is_empty() {
        return;
    }
    page.heading("TCP SOCKETS BY REMOTE", "");
    let mut table = Columns::new(&[
        ("remote", Lean::Left),
        ("all", Lean::Right),
        ("established", Lean::Right),
        ("CLOSE_WAIT", Lean::Right),
        ("SYN_SENT", Lean::Right),
        ("FIN_WAIT", Lean::Right),
        ("change", Lean::Right),
    ]);
    let rows = folded(&report.remotes);
    for row in rows.iter().take(REMOTES_SHOWN) {
        let counts = row.counts.map(|count| if count == 0 { "-".to_owned() } else { count.to_string() });
        table.row(std::iter::once(row.remote.clone()).chain(counts).chain([signed(row.growth)]));
    }
    page.columns(2, &table);
    more(page, rows.len(), REMOTES_SHOWN);
}

/// A row of the table of remotes.
struct Remotes {
    remote: String,
    counts: [u32; 5],
    growth: i64,
}

/// Many remotes of one host with a socket each are its clients: one row for all of them.
fn folded(rows: &[RemoteRow]) -> Vec<Remotes> {
    let is_client = |row: &&RemoteRow| row.now.count == 1;
    let clients =
        |host: &str| rows.iter().filter(is_client).filter(|row| row.now.remote.host() == host).count();
    let mut folded: Vec<Remotes> = Vec::new();
    for row in rows {
        let now = &row.now;
        let of_host = if is_client(&row) { clients(now.remote.host()) } else { 1 };
        let remote = if of_host > CLIENTS_APART {
            format!("{} ({of_host} ports)", now.remote.host())
        } else {
            now.remote.to_string()
        };
        let counts = [now.count, now.established, now.close_wait, now.syn_sent, now.fin_wait];
        match folded.iter_mut().find(|one| one.remote == remote) {
            Some(one) => {
                one.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                one.growth += row.growth;
            }
            None => folded.push(Remotes { remote, counts, growth: row.growth }),
        }
    }
    folded
}

fn dead(report: &Report, page: &mut Page) {
    let shown = |signal| quantity(signal, report.reading(signal));
    if report.value(Signal::SocketCloseWait).is_none() {
        return;
    }
    page.heading(
        "DEAD SOCKETS",
        &format!(
            "{} CLOSE_WAIT ({} with the end unread, {} in no epoll set), {} orphan(s)",
            shown(Signal::SocketCloseWait),
            shown(Signal::SocketUnreadEof),
            shown(Signal::SocketUnwatched),
            shown(Signal::SocketOrphans),
        ),
    );
    if report.dead.is_empty() {
        return;
    }
    let mut table = Columns::new(&[
        ("remote", Lean::Left),
        ("state", Lean::Left),
        ("sockets", Lean::Right),
        ("seen for", Lean::Right),
        ("watched", Lean::Left),
        ("descriptors", Lean::Left),
    ]);
    for group in report.dead.iter().take(GROUPS_SHOWN) {
        table.row(group_cells(group));
    }
    page.columns(2, &table);
    more(page, report.dead.len(), GROUPS_SHOWN);
    page.aside(2, "The kernel keeps no time of the hang-up: ages count from the first sight in this look.");
}

fn group_cells(group: &DeadGroup) -> [String; 6] {
    let numbers: Vec<String> = group.descriptors.iter().map(ToString::to_string).collect();
    let dots = if group.sockets > numbers.len() { " …" } else { "" };
    [
        group.remote.clone().unwrap_or_else(|| "?".to_owned()),
        if group.death == "orphan" { "orphan" } else { "CLOSE_WAIT" }.to_owned(),
        group.sockets.to_string(),
        format_span(whole(Duration::from_millis(millis(group.oldest_seconds)))),
        group.watched.to_owned(),
        format!("{}{dots}", numbers.join(" ")),
    ]
}

fn deleted(report: &Report, page: &mut Page) {
    if report.deleted.is_empty() {
        return;
    }
    let total = quantity(Signal::FdDeleted, report.reading(Signal::FdDeleted));
    page.heading("DELETED FILES", &format!("{total} descriptor(s)"));
    let mut table =
        Columns::new(&[("path", Lean::Left), ("descriptors", Lean::Right), ("first", Lean::Right)]);
    for file in &report.deleted {
        table.row([file.path.clone(), file.descriptors.to_string(), file.number.to_string()]);
    }
    page.columns(2, &table);
}

fn suspects(report: &Report, page: &mut Page) {
    if report.suspects.is_empty() {
        let none = page.tinted(Tone::Good, "none in this look");
        page.heading("LEAK SUSPECTS", &none);
    } else {
        page.heading("LEAK SUSPECTS", &report.suspects.len().to_string());
    }
    for suspect in &report.suspects {
        page.item(Tone::Alarm, "!", &suspect.text);
        page.sentences(4, &suspect.why);
    }
    for hint in &report.hints {
        page.item(Tone::Faint, "-", hint);
    }
}

fn unseen(report: &Report, page: &mut Page) {
    if report.unseen.is_empty() {
        return;
    }
    page.heading("NOT SEEN", "");
    for group in &report.unseen {
        page.item(Tone::Doubt, "?", &format!("{}: {}", group.why, families(&group.signals)));
        if let Some(grant) = &group.grant {
            page.sentences(4, &format!("would be seen: {grant}"));
        }
    }
}

/// A family of signals that is missing altogether is named once.
fn families(missing: &[&str]) -> String {
    let family = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let all = |group: &str| {
        let own = |row: &&Row| {
            matches!(row.source, Source::FastTick | Source::FullTick) && row.argument == Argument::None
        };
        CATALOGUE.iter().filter(own).filter(|row| family(row.name) == group).count()
    };
    let mut told: Vec<String> = Vec::new();
    for name in missing {
        let group = family(name);
        let count = missing.iter().filter(|other| family(other) == group).count();
        let name = if count == all(&group) { format!("{group}.* ({count})") } else { (*name).to_owned() };
        if told.last() != Some(&name) {
            told.push(name);
        }
    }
    told.join(", ")
}

fn more(page: &mut Page, all: usize, shown: usize) {
    if all > shown {
        page.aside(2, &format!("and {} more; `--json` holds them", all - shown));
    }
}

fn limit_text(limit: Reading<f64>) -> String {
    match limit {
        Reading::Known(limit) if limit.is_infinite() => "no limit".to_owned(),
        limit => quantity(Signal::FdLimit, limit),
    }
}

fn signed(count: i64) -> String {
    if count == 0 { "0".to_owned() } else { format!("{count:+}") }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an age within a look")]
fn millis(seconds: f64) -> u64 {
    (seconds * 10.0).round() as u64 * 100
}
