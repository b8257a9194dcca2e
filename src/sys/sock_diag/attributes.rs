//! The attributes behind a record, and the one of them that is read: `tcp_info`.

use std::time::Duration;

use crate::sys::sock_diag::message::{half, word};
use crate::sys::sock_diag::record::TcpInfo;

/// `INET_DIAG_INFO`.
pub(super) const TCP_INFO: u16 = 2;

/// The payload of the first attribute of a kind. What does not fit ends the search.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let length = usize::from(half(rest, 0)?);
        let payload = rest.get(4..length)?;
        if half(rest, 2)? == kind {
            return Some(payload);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// `struct tcp_info`, of which older kernels send a shorter one.
pub(super) fn tcp_info(bytes: &[u8]) -> Option<TcpInfo> {
    Some(TcpInfo {
        since_sent: millis(word(bytes, 44)?),
        since_received: millis(word(bytes, 52)?),
        rtt: Duration::from_micros(word(bytes, 68)?.into()),
        unacknowledged: word(bytes, 24)?,
        retransmits: word(bytes, 100)?,
        bytes_acknowledged: long(bytes, 120),
        bytes_received: long(bytes, 128),
    })
}

fn millis(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_found_behind_others() {
        let bytes = [5, 0, 8, 0, 1, 0, 0, 0, 6, 0, 2, 0, 7, 8, 0, 0];
        assert_eq!(find(&bytes, 8), Some(&[1][..]));
        assert_eq!(find(&bytes, 2), Some(&[7, 8][..]));
        assert_eq!(find(&bytes, 3), None);
        assert_eq!(find(&[3, 0, 2, 0], 2), None, "shorter than its own head");
        assert_eq!(find(&[0, 0, 9, 0], 2), None, "no endless loop");
        assert_eq!(find(&[9, 0, 2, 0], 2), None, "longer than the bytes");
    }

    #[test]
    fn an_old_kernels_tcp_info_has_no_byte_counts() {
        let mut bytes = [0; 104];
        bytes[52] = 5;
        bytes[100] = 3;
        let info = tcp_info(&bytes).unwrap();
        assert_eq!(info.since_received, Duration::from_millis(5));
        assert_eq!((info.retransmits, info.bytes_received), (3, None));
        assert_eq!(tcp_info(&bytes[..103]), None);
    }
}
