//! Ending one TCP socket of another process from outside, through the kernel's `SOCK_DESTROY`.
//!
//! The socket is named by its whole diagnostic identity, cookie included: a filter with a mistake matches nothing or
//! too much, an identity matches one socket or none. Its owner wakes with an error and may then close its descriptor;
//! the descriptor itself is not freed. Whether it helped is a second dump's business, not this module's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

const SOCK_DESTROY: u16 = 21;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLMSG_ERROR: u16 = 2;
const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
/// The kernel answers at once; this only bounds a fault.
const ANSWER_MILLIS: i64 = 1000;
/// Answers to other requests that are passed over before giving up.
const STRAY_ANSWERS_MAX: usize = 16;

/// The family a socket was made for; an IPv6 socket may well speak to IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketFamily {
    /// `AF_INET`
    V4,
    /// `AF_INET6`, addresses of IPv4 peers in mapped form.
    V6,
}

/// One TCP socket, as a diagnostic dump named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketIdentity {
    /// The family of the dump it was in.
    pub family: SocketFamily,
    /// Its own end.
    pub local: SocketAddr,
    /// Its peer.
    pub remote: SocketAddr,
    /// The interface it is bound to; 0 for none.
    pub interface: u32,
    /// The kernel's number for this very socket, never used twice.
    pub cookie: u64,
    /// The state it was seen in, as the kernel numbers TCP states.
    pub state: u8,
}

/// Why a socket was not destroyed.
#[derive(Debug, thiserror::Error)]
pub enum DestroyError {
    /// No such socket any more.
    #[error("the socket is gone")]
    Gone,
    /// `CAP_NET_ADMIN` in the target's network namespace is missing.
    #[error("no permission to destroy sockets")]
    NotPermitted,
    /// The kernel was built without `SOCK_DESTROY`.
    #[error("this kernel cannot destroy sockets")]
    Unsupported,
    /// The addresses do not fit the family: nothing was asked of the kernel.
    #[error("the addresses do not belong to the socket's family")]
    WrongFamily,
    /// The kernel did not answer.
    #[error("no answer from the kernel")]
    NoAnswer,
    /// Any other failure.
    #[error("could not destroy the socket")]
    Failed {
        /// What the kernel said.
        source: io::Error,
    },
}

/// A diagnostic socket in the network namespace whose sockets are to be destroyed.
#[derive(Debug)]
pub struct Destroyer {
    socket: OwnedFd,
    sequence: u32,
}

impl Destroyer {
    /// For our own network namespace.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket =
            socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkSockDiag)?;
        Self::over(socket)
    }

    /// For the namespace in which `socket` (`NETLINK_SOCK_DIAG`, without requests under way) was opened.
    pub fn over(socket: OwnedFd) -> io::Result<Self> {
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(ANSWER_MILLIS))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Destroys exactly this socket.
    pub fn destroy(&mut self, which: &SocketIdentity) -> Result<(), DestroyError> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(which, self.sequence).ok_or(DestroyError::WrongFamily)?;
        let kernel = NetlinkAddr::new(0, 0);
        sendto(self.socket.as_raw_fd(), &request, &kernel, MsgFlags::empty()).map_err(named)?;
        let mut answer = [0u8; 512];
        for _ in 0..STRAY_ANSWERS_MAX {
            let got = loop {
                match recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty()) {
                    Err(Errno::EINTR) => {}
                    other => break other.map_err(named)?,
                }
            };
            if let Some(errno) = acknowledged(answer.get(..got).unwrap_or_default(), self.sequence) {
                return if errno == 0 { Ok(()) } else { Err(named(Errno::from_raw(errno))) };
            }
        }
        Err(DestroyError::NoAnswer)
    }
}

fn named(errno: Errno) -> DestroyError {
    match errno {
        Errno::ENOENT | Errno::ESTALE => DestroyError::Gone,
        Errno::EPERM | Errno::EACCES => DestroyError::NotPermitted,
        Errno::EOPNOTSUPP | Errno::EINVAL | Errno::EPROTONOSUPPORT => DestroyError::Unsupported,
        Errno::EAGAIN => DestroyError::NoAnswer,
        other => DestroyError::Failed { source: other.into() },
    }
}

/// `nlmsghdr` and `inet_diag_req_v2` (`linux/inet_diag.h`), in the byte order each field has.
fn request(which: &SocketIdentity, sequence: u32) -> Option<[u8; REQUEST]> {
    let mut bytes = Vec::with_capacity(REQUEST);
    bytes.extend(u32::try_from(REQUEST).ok()?.to_ne_bytes());
    bytes.extend(SOCK_DESTROY.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    let family = if which.family == SocketFamily::V4 { libc::AF_INET } else { libc::AF_INET6 };
    bytes.extend([u8::try_from(family).ok()?, u8::try_from(libc::IPPROTO_TCP).ok()?, 0, 0]);
    bytes.extend(1u32.checked_shl(which.state.into())?.to_ne_bytes());
    bytes.extend(which.local.port().to_be_bytes());
    bytes.extend(which.remote.port().to_be_bytes());
    bytes.extend(address(which.family, which.local.ip())?);
    bytes.extend(address(which.family, which.remote.ip())?);
    bytes.extend(which.interface.to_ne_bytes());
    // The cookie is two 32-bit words, the low one first, each in the machine's order.
    let low = u32::try_from(which.cookie & u64::from(u32::MAX)).ok()?;
    let high = u32::try_from(which.cookie >> 32).ok()?;
    bytes.extend(low.to_ne_bytes());
    bytes.extend(high.to_ne_bytes());
    bytes.try_into().ok()
}

fn address(family: SocketFamily, ip: IpAddr) -> Option<[u8; 16]> {
    match (family, ip) {
        (SocketFamily::V4, IpAddr::V4(v4)) => {
            let mut wide = [0; 16];
            wide.first_chunk_mut().map(|first| *first = v4.octets())?;
            Some(wide)
        }
        (SocketFamily::V6, IpAddr::V6(v6)) => Some(v6.octets()),
        (SocketFamily::V6, IpAddr::V4(v4)) => Some(v4.to_ipv6_mapped().octets()),
        (SocketFamily::V4, IpAddr::V6(_)) => None,
    }
}

/// The errno of the answer to our request (0 for done); `None` where the message is something else.
fn acknowledged(message: &[u8], sequence: u32) -> Option<i32> {
    let word = |at: usize| message.get(at..)?.first_chunk::<4>().copied();
    let kind = u16::from_ne_bytes(message.get(4..)?.first_chunk::<2>().copied()?);
    let ours = u32::from_ne_bytes(word(8)?) == sequence;
    if kind != NLMSG_ERROR || !ours {
        return None;
    }
    i32::from_ne_bytes(word(HEADER)?).checked_neg()
}

#[cfg(test)]
mod tests;
