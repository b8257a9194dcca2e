//! The rows of `descriptors.tsv`.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::time::Duration;

use crate::model::kind::Kind;
use crate::model::units::format_span;
use crate::sys::adopted::Adopted;
use crate::sys::descriptors::Link;
use crate::sys::sock_diag::SocketRecord;

use super::super::procdir::ProcDir;
use super::super::redact::Redactor;
use super::Row;
use crate::model::aged::AgedSockets;

/// Descriptors looked at; 3 µs each.
const DESCRIPTORS_MAX: usize = 50_000;

/// The columns of `descriptors.tsv`.
pub(super) const COLUMNS: [&str; 9] =
    ["number", "kind", "link", "inode", "remote", "state", "dead_for", "receive_queue", "send_queue"];

/// One descriptor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) inode: Option<u64>,
    link: String,
    dead_for: Option<Duration>,
}

/// Lists the descriptors. One that is closed meanwhile is left out.
pub(super) fn read(process: &Adopted, dir: &ProcDir, aged: Option<&AgedSockets>) -> io::Result<Vec<Listed>> {
    let sockets = aged.map(|aged| aged.sockets.as_slice()).unwrap_or_default();
    let dead: BTreeMap<u64, Duration> = sockets.iter().map(|socket| (socket.inode, socket.age)).collect();
    let listed = |number| {
        let link = process.descriptors().link_text(number).ok()??;
        let seen = Link::parse(link.as_bytes());
        let dead_for = seen.inode().and_then(|inode| dead.get(&inode).copied());
        Some(Listed { number, kind: seen.kind(), inode: seen.inode(), link, dead_for })
    };
    Ok(dir.numbers("fd", DESCRIPTORS_MAX)?.into_iter().filter_map(listed).collect())
}

/// A row of `descriptors.tsv`.
pub(super) fn row(one: &Listed, sockets: &HashMap<u64, &SocketRecord>, redactor: &Redactor) -> Row {
    let record = one.inode.and_then(|inode| sockets.get(&inode));
    let told = |tell: fn(&SocketRecord) -> String| record.map(|record| tell(record)).unwrap_or_default();
    vec![
        one.number.to_string(),
        one.kind.name().to_owned(),
        // What the kernel itself names holds no secret, and there may be thousands of it.
        if one.inode.is_some() { one.link.clone() } else { redactor.text(&one.link) },
        one.inode.map(|inode| inode.to_string()).unwrap_or_default(),
        told(|record| record.remote.to_string()),
        told(|record| record.state.name().to_owned()),
        one.dead_for.map(format_span).unwrap_or_default(),
        told(|record| record.receive_queue.to_string()),
        told(|record| record.send_queue.to_string()),
    ]
}
