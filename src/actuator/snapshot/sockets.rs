//! The rows of `sockets.tsv`, with what tcp_info adds.

use std::collections::HashMap;

use crate::sys::adopted::Adopted;
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::{Detail, SockDiag, SocketRecord, States};

use super::Row;

/// The columns of `sockets.tsv`; times in milliseconds.
pub(super) const COLUMNS: [&str; 15] = [
    "inode",
    "cookie",
    "state",
    "local",
    "remote",
    "uid",
    "receive_queue",
    "send_queue",
    "since_sent_ms",
    "since_received_ms",
    "rtt_ms",
    "unacknowledged",
    "retransmits",
    "bytes_acknowledged",
    "bytes_received",
];

/// All TCP sockets of the target's network namespace.
pub(super) fn dump(process: &Adopted) -> Result<Vec<SocketRecord>, ReadError> {
    let mut records = Vec::new();
    SockDiag::in_namespace_of(process)?.dump(States::ALL, Detail::TcpInfo, &mut records)?;
    Ok(records)
}

/// Sockets that some process holds, by the inode of their descriptors.
pub(super) fn by_inode(records: &[SocketRecord]) -> HashMap<u64, &SocketRecord> {
    records
        .iter()
        .filter(|record| record.inode != 0)
        .map(|record| (u64::from(record.inode), record))
        .collect()
}

/// A row of `sockets.tsv`.
pub(super) fn row(record: &SocketRecord) -> Row {
    let mut row = vec![
        record.inode.to_string(),
        record.cookie.map(|cookie| format!("{cookie:x}")).unwrap_or_default(),
        record.state.name().to_owned(),
        record.local.to_string(),
        record.remote.to_string(),
        record.uid.to_string(),
        record.receive_queue.to_string(),
        record.send_queue.to_string(),
    ];
    if let Some(info) = &record.info {
        let count = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
        row.extend([
            info.since_sent.as_millis().to_string(),
            info.since_received.as_millis().to_string(),
            format!("{:.3}", info.rtt.as_secs_f64() * 1_000.0),
            info.unacknowledged.to_string(),
            info.retransmits.to_string(),
            count(info.bytes_acknowledged),
            count(info.bytes_received),
        ]);
    }
    row.resize(COLUMNS.len(), String::new());
    row
}
