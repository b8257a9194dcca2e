//! The netlink socket.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recvfrom,
    send as send_on, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::WHAT;

/// Room for one datagram: the kernel fills at most 32 KiB in a dump.
pub(super) const BUFFER: usize = 64 << 10;

/// How long one part of a dump may take. The kernel answers within the call; this bounds a kernel that does not.
const PATIENCE: i64 = 1_000;

/// Opens one in the network namespace of the calling thread.
pub(super) fn open() -> Result<OwnedFd, ReadError> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd =
        socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag).map_err(named)?;
    setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::milliseconds(PATIENCE)).map_err(named)?;
    connect(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(named)?;
    Ok(fd)
}

/// Sends a request to the kernel.
pub(super) fn send(socket: &OwnedFd, request: &[u8]) -> Result<(), ReadError> {
    loop {
        match send_on(socket.as_raw_fd(), request, MsgFlags::empty()) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(named(errno)),
        }
    }
}

/// Receives one datagram of the kernel; what others send is dropped.
pub(super) fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8]) -> Result<&'a [u8], ReadError> {
    loop {
        match recvfrom::<NetlinkAddr>(socket.as_raw_fd(), buffer) {
            Ok((length, Some(sender))) if sender.pid() == 0 => {
                return buffer.get(..length).ok_or(ReadError::Malformed { what: WHAT });
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(named(errno)),
        }
    }
}

fn named(errno: Errno) -> ReadError {
    ReadError::of_host(WHAT, errno)
}
