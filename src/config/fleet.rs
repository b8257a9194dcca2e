//! `[fleet]`: how many bots of a group may be stopped at once, over all machines.

use std::time::Duration;

use super::section::{Context, Section};
use super::url::Url;
use super::{defaults, read};
use crate::model::name::Name;

/// The most that may be allowed at once: each is a key that may have to be asked for.
const AT_MOST_MAX: u64 = 64;

/// The budget that the agents of a group share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fleet {
    /// Where etcd answers: one of its nodes, or what stands before them.
    pub etcd: Url,
    /// The group.
    pub group: Name,
    /// So many may be stopped at once.
    pub at_most: u64,
    /// How long a stop has its place where nobody gives it back.
    pub lease: Duration,
}

/// Reads it, where it is present.
pub(super) fn read(root: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Fleet> {
    let mut section = root.present(cx, "fleet")?;
    let etcd = section.need(cx, "etcd", |value, faults| value.parsed(faults, Url::parse));
    let group = section.need(cx, "group", |value, faults| value.parsed(faults, Name::parse));
    let at_most = section.or(cx, "at_most", defaults::FLEET_AT_MOST, read::count(1..=AT_MOST_MAX));
    let span = Duration::from_secs(5)..=Duration::from_hours(1);
    let lease = section.or(cx, "lease", defaults::FLEET_LEASE, read::span(span));
    section.finish(cx);
    Some(Fleet { etcd: etcd?, group: group?, at_most, lease })
}
