//! What protocol a socket descriptor speaks, so that only TCP sockets can be called orphans.
//!
//! Every socket tells its protocol as the extended attribute `system.sockprotoname`, through the link in
//! `/proc/PID/fd` too, to whoever may follow that link (the same user without any privilege). The name was
//! given when the socket was made, so it stays true for sockets that no table knows any more. Tried on Linux
//! 6.18: `TCP`, `TCPv6`, `MPTCP`, `UDP`, `UDPv6`, `UDP-Lite`, `RAW`, `PACKET`, `NETLINK`, `UNIX`, `UNIX-STREAM`,
//! `AF_VSOCK`. That is one question instead of a dump of each of a dozen tables; 4.2 µs, once for each inode.

#![expect(unsafe_code, reason = "getxattr has no safe wrapper")]

use std::collections::HashMap;

use nix::errno::Errno;
use nix::libc;

use crate::sys::adopted::Adopted;
use crate::sys::descriptors::Link;
use crate::sys::read_error::ReadError;

const WHAT: &str = "the protocol of a socket";

/// The protocol of a socket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Protocol {
    /// TCP over IPv4 or IPv6: the socket must be in a table while it lives.
    Tcp,
    /// Multipath TCP: in the TCP tables only where it has fallen back.
    Mptcp,
    /// UDP.
    Udp,
    /// Unix.
    Unix,
    /// Netlink.
    Netlink,
    /// Packet sockets.
    Packet,
    /// Any other.
    Other,
}

impl Protocol {
    fn from_name(name: &[u8]) -> Self {
        match name.split(|byte| *byte == 0).next().unwrap_or_default() {
            b"TCP" | b"TCPv6" => Self::Tcp,
            b"MPTCP" | b"MPTCPv6" => Self::Mptcp,
            b"UDP" | b"UDPv6" => Self::Udp,
            b"UNIX" | b"UNIX-STREAM" => Self::Unix,
            b"NETLINK" => Self::Netlink,
            b"PACKET" => Self::Packet,
            _ => Self::Other,
        }
    }

    /// The protocol of the socket with that inode behind that descriptor; `None` where the number holds
    /// something else by now.
    pub fn of(process: &Adopted, number: u32, inode: u64) -> Result<Option<Self>, ReadError> {
        const NAME: &std::ffi::CStr = c"system.sockprotoname";
        let path = process.descriptors().path_of(number);
        let mut name = [0u8; 32];
        // SAFETY: both strings are NUL-terminated and the buffer is ours and as long as said.
        let length = unsafe {
            libc::getxattr(path.as_c_str().as_ptr(), NAME.as_ptr(), name.as_mut_ptr().cast(), name.len())
        };
        let length = Errno::result(length);
        // The number may have changed hands before the question: inodes are not given out again so soon.
        if process.descriptors().look(number)? != Some(Link::Socket(inode)) {
            return if process.is_alive() { Ok(None) } else { Err(ReadError::Gone) };
        }
        let length = length.map_err(|errno| ReadError::of_process(WHAT, errno))?;
        let length = usize::try_from(length).expect("a length is not negative");
        Ok(Some(Self::from_name(name.get(..length).unwrap_or_default())))
    }
}

/// Protocols by inode: each is asked for once.
#[derive(Debug, Default)]
pub struct ProtocolMemory {
    known: HashMap<u64, Protocol>,
}

impl ProtocolMemory {
    /// The protocol of a socket, from memory where it is known; `None` as in [`Protocol::of`].
    pub fn of(&mut self, process: &Adopted, number: u32, inode: u64) -> Result<Option<Protocol>, ReadError> {
        if let Some(known) = self.known.get(&inode) {
            return Ok(Some(*known));
        }
        let protocol = Protocol::of(process, number, inode)?;
        if let Some(protocol) = protocol {
            self.known.insert(inode, protocol);
        }
        Ok(protocol)
    }

    /// Forgets all inodes that are not held any more. To be called with each complete table, which bounds the
    /// memory.
    pub fn retain(&mut self, is_held: impl Fn(u64) -> bool) {
        self.known.retain(|inode, _| is_held(*inode));
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::victim::Victim;

    const SCRIPT: &str = "
import socket as s, sys
held = [('tcp', s.socket()), ('tcp', s.socket(s.AF_INET6)), ('udp', s.socket(type=s.SOCK_DGRAM)),
    ('unix', s.socketpair()[0]), ('unix', s.socketpair(type=s.SOCK_DGRAM)[0]),
    ('netlink', s.socket(s.AF_NETLINK, s.SOCK_RAW, 0))]
print(' '.join('%s=%d' % (name, x.fileno()) for name, x in held), flush=True)
sys.stdin.read()
";

    #[test]
    fn each_protocol_is_known_and_remembered() {
        let mut victim = Victim::python(SCRIPT);
        let line = victim.line();
        let adopted = victim.adopt();
        let mut memory = ProtocolMemory::default();
        for (name, number) in line.split(' ').map(|pair| pair.split_once('=').unwrap()) {
            let number = number.parse().unwrap();
            let inode = adopted.descriptors().look(number).unwrap().unwrap().inode().unwrap();
            let expected = match name {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                "unix" => Protocol::Unix,
                _ => Protocol::Netlink,
            };
            assert_eq!(memory.of(&adopted, number, inode).unwrap(), Some(expected), "{name}");
            assert_eq!(Protocol::of(&adopted, number, inode + 1).unwrap(), None, "another inode");
            assert_eq!(memory.of(&adopted, 9999, inode).unwrap(), Some(expected), "from memory");
        }
        assert_eq!(memory.len(), 6);
        memory.retain(|_| false);
        assert!(memory.is_empty());
        assert_eq!(Protocol::of(&adopted, 9999, 1).unwrap(), None, "nothing open there");
        assert_eq!(Protocol::of(&adopted, 0, 1).unwrap(), None, "a pipe");
        victim.end();
        assert!(matches!(Protocol::of(&adopted, 0, 1), Err(ReadError::Gone)));
    }
}
