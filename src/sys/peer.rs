//! Who is at the other end of a unix socket, as the kernel noted when the connection was made.

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, sockopt};

/// The credentials of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Process at the time of the connection; for telling people, not for acting on.
    pub pid: i32,
}

impl Peer {
    /// The peer of a connected unix stream.
    pub fn of(stream: &impl AsFd) -> io::Result<Self> {
        let found = getsockopt(&stream.as_fd(), sockopt::PeerCredentials)?;
        Ok(Self { uid: found.uid(), gid: found.gid(), pid: found.pid() })
    }
}

/// The effective user of this process.
pub fn own_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn our_own_other_end_is_ourselves() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        let peer = Peer::of(&one).expect("credentials");
        assert_eq!(peer.uid, own_uid());
        assert_eq!(peer.gid, nix::unistd::getegid().as_raw());
        assert_eq!(u32::try_from(peer.pid).ok(), Some(std::process::id()));
    }

    #[test]
    fn a_socket_that_has_no_peer_process_is_an_error_or_nobody() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("bind");
        assert!(!Peer::of(&socket).is_ok_and(|peer| peer.pid != 0));
    }
}
