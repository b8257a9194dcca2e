//! One socket, as the kernel's tables tell it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use crate::sys::sock_diag::attributes;
use crate::sys::sock_diag::message::word;
use crate::sys::sock_diag::state::TcpState;

/// `struct inet_diag_msg`.
const BODY: usize = 72;

/// The family a socket was made with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// IPv6, speaking IPv4: its addresses are given as IPv4.
    Mapped,
}

/// What `tcp_info` adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpInfo {
    /// Since data was last sent.
    pub since_sent: Duration,
    /// Since data was last received, from the start of the connection on; a FIN does not count.
    pub since_received: Duration,
    /// Smoothed round trip time.
    pub rtt: Duration,
    /// Segments sent and not acknowledged.
    pub unacknowledged: u32,
    /// Segments sent again so far.
    pub retransmits: u32,
    /// Bytes the peer has acknowledged so far (Linux 4.1).
    pub bytes_acknowledged: Option<u64>,
    /// Bytes received so far (Linux 4.1).
    pub bytes_received: Option<u64>,
}

/// One TCP socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketRecord {
    /// The family it was made with.
    pub family: Family,
    /// Its state.
    pub state: TcpState,
    /// Its own end; addresses mapped into IPv6 are given as IPv4.
    pub local: SocketAddr,
    /// The other end; port 0 where there is none.
    pub remote: SocketAddr,
    /// The inode of its descriptors; 0 where no process holds it.
    pub inode: u32,
    /// The user who made it.
    pub uid: u32,
    /// Its identity in this boot; inodes are given out again, cookies are not. `None` from text files.
    pub cookie: Option<u64>,
    /// Bytes received and not read; in CLOSE_WAIT the unread end counts as one. For a listener: connections
    /// waiting to be accepted.
    pub receive_queue: u32,
    /// Bytes sent and not acknowledged. For a listener: how many may wait, 0 from text files.
    pub send_queue: u32,
    /// Only where it was asked for: in a box, since a dump of thousands that does without is to be small.
    pub info: Option<Box<TcpInfo>>,
}

impl SocketRecord {
    /// One between two ends of examples, for tests.
    #[cfg(test)]
    pub(crate) fn example(inode: u32, state: TcpState) -> Self {
        Self {
            family: Family::V4,
            state,
            local: SocketAddr::from(([127, 0, 0, 1], 40_000)),
            remote: SocketAddr::from(([10, 0, 0, 1], 443)),
            inode,
            uid: 0,
            cookie: None,
            receive_queue: 0,
            send_queue: 0,
            info: None,
        }
    }

    /// Reads the payload of one message; `None` where it is too short or of no known family or state.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let state = TcpState::from_code(*payload.get(1)?)?;
        let scope = word(payload, 40)?;
        let (family, local, remote) = match i32::from(*payload.first()?) {
            nix::libc::AF_INET => (Family::V4, v4(payload, 8)?.into(), v4(payload, 24)?.into()),
            nix::libc::AF_INET6 => {
                let (local, remote) = (v6(payload, 8)?, v6(payload, 24)?);
                (family(local, remote), IpAddr::from(local), IpAddr::from(remote))
            }
            _ => return None,
        };
        let info = payload.get(BODY..)?;
        Some(Self {
            family,
            state,
            local: address(local, port(payload, 4)?, scope),
            remote: address(remote, port(payload, 6)?, scope),
            inode: word(payload, 68)?,
            uid: word(payload, 64)?,
            cookie: Some(u64::from(word(payload, 44)?) | u64::from(word(payload, 48)?) << 32),
            receive_queue: word(payload, 56)?,
            send_queue: word(payload, 60)?,
            info: attributes::find(info, attributes::TCP_INFO).and_then(attributes::tcp_info).map(Box::new),
        })
    }
}

/// A pair of IPv6 addresses is mapped where either end says so; the other is then mapped or unspecified.
pub(in crate::sys) fn family(local: Ipv6Addr, remote: Ipv6Addr) -> Family {
    if local.to_ipv4_mapped().or(remote.to_ipv4_mapped()).is_some() { Family::Mapped } else { Family::V6 }
}

/// An address with its port, mapped ones as IPv4.
pub(in crate::sys) fn address(ip: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), port),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
    }
}

fn v4(payload: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = payload.get(at..at + 4)?.try_into().ok()?;
    Some(octets.into())
}

fn v6(payload: &[u8], at: usize) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = payload.get(at..at + 16)?.try_into().ok()?;
    Some(octets.into())
}

fn port(payload: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(payload.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(family: u8, local: &[u8], remote: &[u8]) -> Vec<u8> {
        let mut bytes = vec![family, 8, 0, 0, 0x1f, 0x90, 0, 53];
        for address in [local, remote] {
            let mut octets = address.to_vec();
            octets.resize(16, 0);
            bytes.extend(octets);
        }
        for value in [0u32, 5, 1, 0, 17, 9, 1000, 4242] {
            bytes.extend(value.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn a_v4_socket_is_read() {
        let record = SocketRecord::parse(&payload(2, &[127, 0, 0, 1], &[10, 0, 0, 2])).unwrap();
        assert_eq!((record.family, record.state), (Family::V4, TcpState::CloseWait));
        assert_eq!(
            (record.local.to_string(), record.remote.to_string()),
            ("127.0.0.1:8080".into(), "10.0.0.2:53".into())
        );
        assert_eq!((record.inode, record.uid, record.cookie), (4242, 1000, Some(5 | 1 << 32)));
        assert_eq!((record.receive_queue, record.send_queue, record.info), (17, 9, None));
    }

    #[test]
    fn a_mapped_socket_is_given_as_v4_and_remembers_it() {
        let mapped = Ipv4Addr::new(10, 1, 2, 3).to_ipv6_mapped().octets();
        let record = SocketRecord::parse(&payload(10, &mapped, &mapped)).unwrap();
        assert_eq!((record.family, record.local.to_string()), (Family::Mapped, "10.1.2.3:8080".into()));
        let real = SocketRecord::parse(&payload(10, &Ipv6Addr::LOCALHOST.octets(), &[0; 16])).unwrap();
        assert_eq!((real.family, real.remote.to_string()), (Family::V6, "[::]:53".into()));
    }

    #[test]
    fn an_unknown_family_state_or_a_cut_record_is_none() {
        let whole = payload(2, &[1, 2, 3, 4], &[0; 4]);
        assert_eq!(SocketRecord::parse(&payload(1, &[], &[])), None);
        assert!((0..whole.len()).all(|cut| SocketRecord::parse(&whole[..cut]).is_none()));
        let mut state = whole;
        state[1] = 99;
        assert_eq!(SocketRecord::parse(&state), None);
    }
}
