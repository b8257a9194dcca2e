//! What was seen, as plain values: the JSON is this, the text is drawn from this.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::blind::{self, Unseen};
use super::look::Seen;
use super::suspects::{self, Suspect};
use crate::model::aged::{AgedSocket, Death, Watched};
use crate::model::kind::Kind;
use crate::model::observation::{Observation, RemoteSurvey};
use crate::model::reading::Reading;
use crate::model::signal::{Argument, CATALOGUE, Signal, Source};
use crate::sys::ability::Ability;
use crate::sys::user;

/// Numbers of descriptors shown for a group.
const NUMBERS_SHOWN: usize = 6;
/// Paths of deleted files shown.
const PATHS_SHOWN: usize = 12;

/// The report.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Report {
    pub(in crate::cli) process: Identity,
    pub(in crate::cli) look: Look,
    /// Every signal of the fast and the full tick, by name: a value, or why there is none.
    #[serde(serialize_with = "signals")]
    pub(in crate::cli) signals: BTreeMap<Signal, Reading<f64>>,
    /// Descriptors at the end less those at the beginning.
    pub(in crate::cli) growth: Option<i64>,
    /// The fewest and the most descriptors of the look.
    pub(in crate::cli) range: Option<(f64, f64)>,
    pub(in crate::cli) kinds: Vec<KindRow>,
    pub(in crate::cli) remotes: Vec<RemoteRow>,
    pub(in crate::cli) dead: Vec<DeadGroup>,
    pub(in crate::cli) deleted: Vec<DeletedFile>,
    pub(in crate::cli) suspects: Vec<Suspect>,
    pub(in crate::cli) hints: Vec<String>,
    pub(in crate::cli) unseen: Vec<Unseen>,
}

/// Who it is.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Identity {
    pub(in crate::cli) pid: u32,
    pub(in crate::cli) command: String,
    pub(in crate::cli) executable: Option<String>,
    pub(in crate::cli) uid: Option<u32>,
    pub(in crate::cli) user: Option<String>,
    pub(in crate::cli) parent: Option<u32>,
}

/// How it was looked at.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::cli) struct Look {
    pub(in crate::cli) seconds: f64,
    pub(in crate::cli) looks: u32,
    pub(in crate::cli) scans: u32,
    /// The process ended meanwhile: the report is of before.
    pub(in crate::cli) ended: bool,
}

/// Descriptors of one kind.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct KindRow {
    pub(in crate::cli) kind: Kind,
    pub(in crate::cli) count: u32,
    pub(in crate::cli) growth: i64,
}

/// TCP sockets to one remote.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct RemoteRow {
    #[serde(flatten)]
    pub(in crate::cli) now: RemoteSurvey,
    pub(in crate::cli) growth: i64,
    pub(in crate::cli) close_wait_growth: i64,
}

/// Dead sockets alike.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct DeadGroup {
    pub(in crate::cli) remote: Option<String>,
    /// `close_wait` or `orphan`.
    pub(in crate::cli) death: &'static str,
    /// Whether an epoll set of the process watches them: `yes`, `no`, `unknown`.
    pub(in crate::cli) watched: &'static str,
    pub(in crate::cli) sockets: usize,
    /// Since the oldest was first seen, within this look.
    pub(in crate::cli) oldest_seconds: f64,
    /// Some of the descriptors.
    pub(in crate::cli) descriptors: Vec<u32>,
}

/// A deleted file held open.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct DeletedFile {
    pub(in crate::cli) path: String,
    pub(in crate::cli) descriptors: u32,
    /// One of them.
    pub(in crate::cli) number: u32,
}

impl Report {
    /// Draws it up.
    pub(super) fn of(seen: &Seen, ability: &Ability) -> Self {
        let mut report = Self {
            process: identity(seen),
            look: Look {
                seconds: seen.looked.as_secs_f64(),
                looks: seen.looks,
                scans: seen.scans,
                ended: seen.ended,
            },
            signals: told(&seen.last),
            growth: growth(seen),
            range: seen.range,
            kinds: kinds(seen),
            remotes: remotes(seen),
            dead: dead(&seen.aged.sockets),
            deleted: deleted(seen),
            suspects: Vec::new(),
            hints: Vec::new(),
            unseen: Vec::new(),
        };
        report.unseen = blind::unseen(&report, ability);
        report.suspects = suspects::suspects(&report);
        report.hints = suspects::hints(&report);
        report
    }

    /// A signal's reading.
    pub(in crate::cli) fn reading(&self, signal: Signal) -> Reading<f64> {
        self.signals[&signal]
    }

    /// A signal's value, where it is known.
    pub(in crate::cli) fn value(&self, signal: Signal) -> Option<f64> {
        self.reading(signal).known()
    }

    /// How long was looked.
    pub(in crate::cli) fn looked(&self) -> Duration {
        Duration::from_secs_f64(self.look.seconds)
    }
}

/// The signals that one process alone gives.
fn told(last: &Observation) -> BTreeMap<Signal, Reading<f64>> {
    let own = |source| matches!(source, Source::FastTick | Source::FullTick);
    let rows = CATALOGUE.iter().filter(|row| own(row.source) && row.argument == Argument::None);
    rows.map(|row| (row.signal, last.plain(row.signal))).collect()
}

fn signals<S: serde::Serializer>(
    signals: &BTreeMap<Signal, Reading<f64>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let shown = signals.iter().map(|(signal, reading)| {
        let value: Value = match reading {
            // JSON has no infinity.
            Reading::Known(value) if value.is_infinite() => json!({ "known": "infinite" }),
            Reading::Known(value) => json!({ "known": value }),
            Reading::Unavailable(gap) => json!({ "unavailable": gap }),
        };
        (signal.name(), value)
    });
    serializer.collect_map(shown)
}

fn identity(seen: &Seen) -> Identity {
    Identity {
        pid: seen.id.pid,
        command: seen.command.clone(),
        executable: seen.executable.clone(),
        uid: seen.uid,
        user: seen.uid.and_then(user::name_of),
        parent: seen.parent,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "counts of descriptors")]
fn growth(seen: &Seen) -> Option<i64> {
    let now = seen.last.plain(Signal::FdOpen).known()?;
    Some((now - seen.open_before.known()?) as i64)
}

fn kinds(seen: &Seen) -> Vec<KindRow> {
    let (Reading::Known(now), Reading::Known(before)) = (&seen.last.kinds, &seen.before.kinds) else {
        return Vec::new();
    };
    let mut rows: Vec<KindRow> = Kind::ALL
        .iter()
        .map(|kind| (*kind, now[*kind as usize], before[*kind as usize]))
        .filter(|(_, now, before)| *now > 0 || *before > 0)
        .map(|(kind, now, before)| KindRow { kind, count: now, growth: i64::from(now) - i64::from(before) })
        .collect();
    rows.sort_by(|a, b| b.count.cmp(&a.count).then(a.kind.cmp(&b.kind)));
    rows
}

fn remotes(seen: &Seen) -> Vec<RemoteRow> {
    let Reading::Known(now) = &seen.last.remotes else { return Vec::new() };
    let before = seen.before.remotes.clone().known().unwrap_or_default();
    now.iter()
        .map(|now| {
            let then = before.iter().find(|one| one.remote == now.remote);
            let less = |now: u32, then: Option<u32>| i64::from(now) - i64::from(then.unwrap_or(0));
            RemoteRow {
                growth: less(now.count, then.map(|one| one.count)),
                close_wait_growth: less(now.close_wait, then.map(|one| one.close_wait)),
                now: now.clone(),
            }
        })
        .collect()
}

fn dead(sockets: &[AgedSocket]) -> Vec<DeadGroup> {
    type Key = (Option<String>, &'static str, &'static str);
    let mut groups: BTreeMap<Key, (BTreeSet<u64>, DeadGroup)> = BTreeMap::new();
    for socket in sockets {
        let remote = socket.remote.map(|remote| remote.to_string());
        let death = match socket.death {
            Death::CloseWait => "close_wait",
            Death::Orphan => "orphan",
        };
        let watched = match socket.watched {
            Watched::Yes => "yes",
            Watched::No => "no",
            Watched::Unknown => "unknown",
        };
        let key = (remote.clone(), death, watched);
        let (inodes, group) = groups.entry(key).or_insert_with(|| {
            let group = DeadGroup {
                remote,
                death,
                watched,
                sockets: 0,
                oldest_seconds: 0.0,
                descriptors: Vec::new(),
            };
            (BTreeSet::new(), group)
        });
        inodes.insert(socket.inode);
        group.sockets = inodes.len();
        group.oldest_seconds = group.oldest_seconds.max(socket.age.as_secs_f64());
        group.descriptors.push(socket.number);
    }
    let mut groups: Vec<DeadGroup> = groups.into_values().map(|(_, group)| group).collect();
    groups.sort_by(|a, b| b.sockets.cmp(&a.sockets).then_with(|| a.remote.cmp(&b.remote)));
    for group in &mut groups {
        group.descriptors.sort_unstable();
        group.descriptors.truncate(NUMBERS_SHOWN);
    }
    groups
}

fn deleted(seen: &Seen) -> Vec<DeletedFile> {
    let mut files: Vec<DeletedFile> = seen
        .deleted
        .iter()
        .map(|(path, (descriptors, number))| DeletedFile {
            path: path.clone(),
            descriptors: *descriptors,
            number: *number,
        })
        .collect();
    files.sort_by(|a, b| b.descriptors.cmp(&a.descriptors).then_with(|| a.number.cmp(&b.number)));
    files.truncate(PATHS_SHOWN);
    files
}
