//! The TCP sockets of a network namespace, from the kernel's own tables (inet_diag over netlink).
//!
//! A state mask is applied in the kernel, which makes "CLOSE_WAIT only" ten times cheaper than all. Both families come
//! in one walk: the older request `TCPDIAG_GETSOCK` takes no family, while `SOCK_DIAG_BY_FAMILY` walks the
//! hash tables once for each. Reading asks for no privilege; only entering another network namespace does.
//!
//! # What is in no table
//!
//! A socket descriptor whose TCP socket is in no dump is an *orphan*: dead, and still holding its slot. Tried on
//! Linux 6.18, these are absent: reset by the peer; connect refused or timed out; destroyed; closed on both
//! sides (CLOSE_WAIT then `shutdown`, or `shutdown` then the peer's FIN: what shows as TIME_WAIT has inode 0
//! and belongs to nobody). Present are: listening; bound and not connected (reported as CLOSE, since 6.8); a
//! fallen-back MPTCP client, under the inode of its descriptor.
//!
//! So an absent one is not always dead. It is alive where
//! - it was just created and not yet bound or connected: only its age from first sight, by inode, can tell, and one
//!   that stays so for minutes holds a slot for nothing as well;
//! - it was made between the dump and the listing of descriptors: dump first, list second, and take the age;
//! - it belongs to another network namespace (passed over a unix socket, or made before the process moved);
//! - it is no TCP socket: UDP, unix, netlink, packet. [`super::socket_protocol`] tells, once for each inode.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;

use crate::sys::adopted::Adopted;
use crate::sys::read_error::ReadError;

mod attributes;
mod message;
mod namespace;
mod record;
mod revisit;
mod socket;
mod state;

pub use record::{Family, SocketRecord, TcpInfo};
pub(super) use record::{address, family};
pub use state::{States, TcpState};

use message::{Message, Messages};

pub(super) const WHAT: &str = "the socket tables";

/// No dump may have more records; beyond, the answer is that there is no room.
pub const SOCKETS_MAX: usize = 1 << 18;
/// How often a dump that was torn by a change of the tables is begun again.
const TRIES_MAX: usize = 3;

/// Whether to ask for `tcp_info`; it makes a dump about a third dearer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Addresses, queues and identity only.
    Plain,
    /// `tcp_info` as well.
    TcpInfo,
}

/// A netlink socket that sees one network namespace. Costs the agent one descriptor.
#[derive(Debug)]
pub struct SockDiag {
    socket: OwnedFd,
    namespace: u64,
    sequence: u32,
    buffer: Vec<u8>,
}

impl SockDiag {
    /// One for the namespace of the agent.
    pub fn open() -> Result<Self, ReadError> {
        Ok(Self::with(socket::open()?, namespace::own()?))
    }

    /// One for the namespace the process is in now.
    ///
    /// Where it is not our own, a thread of its own enters it, opens the socket there and ends; a socket keeps the
    /// namespace it was born in. Asks for `CAP_SYS_ADMIN` then; without, see [`super::net_text`].
    pub fn in_namespace_of(process: &Adopted) -> Result<Self, ReadError> {
        let (socket, namespace) = namespace::open_in(process)?;
        Ok(Self::with(socket, namespace))
    }

    /// The inode of its namespace: to see that a process has moved, and to share one between processes.
    pub fn namespace(&self) -> u64 {
        self.namespace
    }

    /// The bare netlink socket, in the same namespace: for requests of another kind.
    pub fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// Replaces `records` by the TCP sockets in the given states.
    pub fn dump(
        &mut self,
        states: States,
        detail: Detail,
        records: &mut Vec<SocketRecord>,
    ) -> Result<(), ReadError> {
        for _ in 0..TRIES_MAX {
            records.clear();
            match self.attempt(states, detail, records)? {
                Ended::Whole => return Ok(()),
                Ended::Torn => {}
            }
        }
        Err(ReadError::of_host(WHAT, Errno::EINTR))
    }

    /// The socket whose own end is `local` and whose other end is `remote`; none where no process holds one. Costs
    /// one exchange with the kernel, however many sockets there are.
    ///
    /// For the owner of a client on this machine: ask with the client's address first. An IPv6 socket that speaks
    /// IPv4 is found under its IPv4 addresses.
    pub fn find(&mut self, local: SocketAddr, remote: SocketAddr) -> Result<Option<SocketRecord>, ReadError> {
        let (local, remote) = (canonical(local), canonical(remote));
        if local.is_ipv4() != remote.is_ipv4() {
            return Ok(None);
        }
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = Vec::new();
        message::request_one(&mut request, self.sequence, (local, remote), None);
        socket::send(&self.socket, &request)?;
        loop {
            let datagram = socket::receive(&self.socket, &mut self.buffer)?;
            for message in Messages::new(datagram) {
                let (head, message) = message.map_err(|_| ReadError::Malformed { what: WHAT })?;
                if head.sequence != self.sequence {
                    continue;
                }
                match message {
                    Message::Record(bytes) => {
                        let record = SocketRecord::parse(bytes).ok_or(ReadError::Malformed { what: WHAT })?;
                        // Without an inode nobody holds it any more, and its user reads as root.
                        return Ok(Some(record).filter(|record| record.inode != 0));
                    }
                    Message::Error(error) if error == Errno::ENOENT as i32 => return Ok(None),
                    Message::Done(error) | Message::Error(error) => {
                        return Err(ReadError::of_host(WHAT, Errno::from_raw(error)));
                    }
                    Message::Nothing => {}
                }
            }
        }
    }

    fn with(socket: OwnedFd, namespace: u64) -> Self {
        Self { socket, namespace, sequence: 0, buffer: vec![0; socket::BUFFER] }
    }

    fn attempt(
        &mut self,
        states: States,
        detail: Detail,
        records: &mut Vec<SocketRecord>,
    ) -> Result<Ended, ReadError> {
        self.sequence = self.sequence.wrapping_add(1);
        socket::send(&self.socket, &message::request(self.sequence, states, detail))?;
        let mut ended = Ended::Whole;
        loop {
            let datagram = socket::receive(&self.socket, &mut self.buffer)?;
            match take(datagram, self.sequence, records)? {
                Part { last: true, torn } => return Ok(if torn { Ended::Torn } else { ended }),
                Part { last: false, torn: true } => ended = Ended::Torn,
                Part { last: false, torn: false } => {}
            }
        }
    }
}

/// An address as the tables have it: mapped ones as IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// How a dump ended.
enum Ended {
    Whole,
    /// The tables changed in a way that makes the dump inconsistent.
    Torn,
}

/// What one datagram said of the dump.
struct Part {
    last: bool,
    torn: bool,
}

/// Adds the records of one datagram. Answers to an earlier request, given up on, are passed over.
fn take(datagram: &[u8], sequence: u32, records: &mut Vec<SocketRecord>) -> Result<Part, ReadError> {
    let mut part = Part { last: false, torn: false };
    for message in Messages::new(datagram) {
        let (head, message) = message.map_err(|_| ReadError::Malformed { what: WHAT })?;
        if head.sequence != sequence {
            continue;
        }
        part.torn |= head.torn;
        match message {
            Message::Record(bytes) => {
                let record = SocketRecord::parse(bytes).ok_or(ReadError::Malformed { what: WHAT })?;
                if records.len() == SOCKETS_MAX {
                    return Err(ReadError::NoRoom { what: WHAT });
                }
                records.push(record);
            }
            Message::Done(0) => part.last = true,
            Message::Done(error) | Message::Error(error) => {
                return Err(ReadError::of_host(WHAT, Errno::from_raw(error)));
            }
            Message::Nothing => {}
        }
    }
    Ok(part)
}

#[cfg(test)]
mod tests;
