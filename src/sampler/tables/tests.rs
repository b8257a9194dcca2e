//! Dumps that build on others, alone and against whole ones of a real namespace.

use super::*;
use crate::sys::sock_diag::Family;

fn record(inode: u32, state: TcpState) -> SocketRecord {
    SocketRecord {
        family: Family::V4,
        state,
        local: "127.0.0.1:40000".parse().unwrap(),
        remote: "10.0.0.1:443".parse().unwrap(),
        inode,
        uid: 0,
        cookie: None,
        receive_queue: 0,
        send_queue: 0,
        info: None,
    }
}

fn states(records: &[SocketRecord]) -> Vec<(u32, TcpState)> {
    let mut states: Vec<_> = records.iter().map(|record| (record.inode, record.state)).collect();
    states.sort_unstable();
    states
}

#[test]
fn what_is_established_stays_and_the_rest_is_new() {
    use TcpState::{CloseWait, Established, FinWait2, Listen};
    let mut records = [(1, Established), (2, Established), (3, CloseWait), (4, Listen), (5, Established)]
        .map(|(inode, state)| record(inode, state))
        .to_vec();
    // 2 has heard the other side's end, 3 has gone, and one that nobody holds any more has no inode.
    let mut unsettled =
        [(4, Listen), (2, CloseWait), (0, FinWait2)].map(|(inode, state)| record(inode, state)).to_vec();
    settle(&mut records, &mut unsettled);
    let expected = [(0, FinWait2), (1, Established), (2, CloseWait), (4, Listen), (5, Established)];
    assert_eq!(states(&records), expected);
    assert!(unsettled.is_empty());
    // Dead now: what it was when it was alive is not told again.
    settle(&mut records, &mut vec![record(4, Listen)]);
    assert_eq!(states(&records), [(1, Established), (4, Listen), (5, Established)]);
}
