//! Dumps that build on others, alone and against whole ones of a real namespace.

use super::*;

fn states(records: &[SocketRecord]) -> Vec<(u32, TcpState)> {
    let mut states: Vec<_> = records.iter().map(|record| (record.inode, record.state)).collect();
    states.sort_unstable();
    states
}

#[test]
fn what_is_established_stays_and_the_rest_is_new() {
    use TcpState::{CloseWait, Established, FinWait2, Listen};
    let mut records = [(1, Established), (2, Established), (3, CloseWait), (4, Listen), (5, Established)]
        .map(|(inode, state)| SocketRecord::example(inode, state))
        .to_vec();
    // 2 has heard the other side's end, 3 has gone, and one that nobody holds any more has no inode.
    let mut unsettled = [(4, Listen), (2, CloseWait), (0, FinWait2)]
        .map(|(inode, state)| SocketRecord::example(inode, state))
        .to_vec();
    settle(&mut records, &mut unsettled);
    let expected = [(0, FinWait2), (1, Established), (2, CloseWait), (4, Listen), (5, Established)];
    assert_eq!(states(&records), expected);
    assert!(unsettled.is_empty());
    // Dead now: what it was when it was alive is not told again.
    settle(&mut records, &mut vec![SocketRecord::example(4, Listen)]);
    assert_eq!(states(&records), [(1, Established), (4, Listen), (5, Established)]);
}
