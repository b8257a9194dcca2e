//! Netlink messages as bytes: the request of a dump, and a pure walk over what comes back.
//!
//! No bytes make it panic or read past their end; a length that does not fit ends the walk with
//! [`MalformedMessage`].

use std::net::{IpAddr, SocketAddr};

use crate::sys::sock_diag::state::States;
use crate::sys::sock_diag::{Detail, attributes};

/// `struct nlmsghdr`.
const HEAD: usize = 16;
/// `struct inet_diag_sockid`.
const SOCKET_ID: usize = 48;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;
/// `INET_DIAG_NOCOOKIE`.
const ANY_COOKIE: u64 = u64::MAX;

/// The bytes are no netlink messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a netlink message is cut short")]
pub(super) struct MalformedMessage;

/// What matters of the head of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// That of the request it answers.
    pub(super) sequence: u32,
    /// Whether the kernel says that the dump is inconsistent.
    pub(super) torn: bool,
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Message<'a> {
    /// One socket: `struct inet_diag_msg` and attributes.
    Record(&'a [u8]),
    /// The end of a dump; with an error number where it was cut off.
    Done(i32),
    /// The request failed with this error number; 0 acknowledges.
    Error(i32),
    /// Nothing to us.
    Nothing,
}

/// The request for a dump of TCP sockets of both families.
pub(super) fn request(sequence: u32, states: States, detail: Detail) -> Vec<u8> {
    let wanted = match detail {
        Detail::Plain => 0,
        Detail::TcpInfo => 1 << (attributes::TCP_INFO - 1),
    };
    let length = HEAD + 4 + SOCKET_ID + 8;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).expect("a short message").to_ne_bytes());
    bytes.extend(TCPDIAG_GETSOCK.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]); // port: the kernel
    // struct inet_diag_req: family, source length, destination length, attributes wanted.
    bytes.extend([0, 0, 0, wanted]);
    bytes.extend([0; SOCKET_ID]);
    bytes.extend(states.bits().to_ne_bytes());
    bytes.extend([0; 4]); // no dump of the bind buckets
    bytes
}

/// Appends the request for the one TCP socket between these ends, seen from its own side; both of one family. With a
/// cookie it is for that socket and none that had the same ends later.
pub(super) fn request_one(
    bytes: &mut Vec<u8>,
    sequence: u32,
    (local, remote): (SocketAddr, SocketAddr),
    cookie: Option<u64>,
) {
    let length = HEAD + 8 + SOCKET_ID;
    bytes.extend(u32::try_from(length).expect("a short message").to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]); // port: the kernel
    // struct inet_diag_req_v2: family, protocol, attributes wanted, padding, states.
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    bytes.extend([family, IPPROTO_TCP, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    for end in [local, remote] {
        let mut address = [0; 16];
        match end.ip() {
            IpAddr::V4(ip) => address[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => address = ip.octets(),
        }
        bytes.extend(address);
    }
    bytes.extend([0; 4]); // any interface
    let cookie = cookie.unwrap_or(ANY_COOKIE);
    // The lower half first, each in the machine's order.
    for half in [cookie & u64::from(u32::MAX), cookie >> 32] {
        bytes.extend(u32::try_from(half).expect("half of its bits").to_ne_bytes());
    }
}

/// Walks over the messages of one datagram; ends after the first malformed one.
pub(super) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(super) fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    fn split(&mut self) -> Option<(Head, Message<'a>)> {
        let length = usize::try_from(word(self.rest, 0)?).ok()?;
        let kind = half(self.rest, 4)?;
        let flags = half(self.rest, 6)?;
        let sequence = word(self.rest, 8)?;
        let payload = self.rest.get(HEAD..length)?;
        let padded = length.checked_next_multiple_of(4)?;
        self.rest = self.rest.get(padded..).unwrap_or_default();
        let message = match kind {
            TCPDIAG_GETSOCK | SOCK_DIAG_BY_FAMILY => Message::Record(payload),
            NLMSG_DONE => Message::Done(error_number(payload).unwrap_or(0)),
            NLMSG_ERROR => Message::Error(error_number(payload)?),
            _ => Message::Nothing,
        };
        Some((Head { sequence, torn: flags & NLM_F_DUMP_INTR != 0 }, message))
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<(Head, Message<'a>), MalformedMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let split = self.split().ok_or(MalformedMessage);
        if split.is_err() {
            self.rest = &[];
        }
        Some(split)
    }
}

/// The kernel sends the number negated.
fn error_number(payload: &[u8]) -> Option<i32> {
    Some(word(payload, 0)?.cast_signed().wrapping_neg())
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEAD + payload.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(9u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn walk(bytes: &[u8]) -> Vec<Result<(Head, Message<'_>), MalformedMessage>> {
        Messages::new(bytes).collect()
    }

    #[test]
    fn messages_are_told_apart() {
        let minus = |number: i32| (-number).to_ne_bytes();
        let bytes = [
            message(SOCK_DIAG_BY_FAMILY, 2, b"abcde"),
            message(1, 0, b""),
            message(77, 0, b"x"),
            message(NLMSG_ERROR, 0, &minus(13)),
            message(NLMSG_DONE, NLM_F_DUMP_INTR, &minus(0)),
        ]
        .concat();
        let messages: Vec<_> = walk(&bytes).into_iter().map(Result::unwrap).collect();
        let expected = [
            Message::Record(b"abcde"),
            Message::Nothing,
            Message::Nothing,
            Message::Error(13),
            Message::Done(0),
        ];
        assert!(messages.iter().map(|(_, message)| *message).eq(expected));
        assert_eq!(messages[0].0, Head { sequence: 9, torn: false });
        assert!(messages[4].0.torn);
    }

    #[test]
    fn a_cut_message_is_the_last_and_malformed() {
        let whole = message(SOCK_DIAG_BY_FAMILY, 0, b"abcdefgh");
        for cut in 1..whole.len() {
            assert_eq!(walk(&whole[..cut]), [Err(MalformedMessage)], "{cut}");
        }
        let mut short = whole.clone();
        short[0] = 15; // shorter than its own head
        assert_eq!(walk(&short), [Err(MalformedMessage)]);
        let mut endless = whole;
        endless[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(walk(&endless), [Err(MalformedMessage)]);
    }

    #[test]
    fn a_request_is_as_long_as_it_says() {
        let request = request(7, States::CLOSE_WAIT, Detail::TcpInfo);
        assert_eq!(word(&request, 0), Some(72 + 4));
        assert_eq!(request.len(), 76);
        assert_eq!(request[19], 2, "INET_DIAG_INFO");
        assert_eq!(word(&request, 68), Some(0x100));
    }
}
