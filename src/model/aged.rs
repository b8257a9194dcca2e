//! The dead sockets of a process with their ages: what the ticks have learnt and a fresh dump can't tell.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::name::Remote;

/// What one full tick saw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AgedSockets {
    /// CLOSE_WAIT sockets and orphans of the process.
    pub sockets: Vec<AgedSocket>,
}

/// One dead socket, by one of its descriptors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgedSocket {
    /// The kernel's cookie of the socket; none for an orphan, which no table knows.
    pub cookie: Option<u64>,
    /// Its inode.
    pub inode: u64,
    /// A descriptor that holds it; a socket held by several stands here several times.
    pub number: u32,
    /// Its remote; none for an orphan whose remote was never seen.
    pub remote: Option<SocketAddr>,
    /// The remote as the agent's file or the policies name it, where they do.
    pub named: Option<Remote>,
    /// Time since it was first seen dead.
    pub age: Duration,
    /// Whether it is in CLOSE_WAIT, or known to no table.
    pub death: Death,
    /// Whether an epoll set of the process watches it.
    pub watched: Watched,
}

/// How a socket is dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Death {
    /// The peer has closed, the process has not.
    CloseWait,
    /// Closed on both sides, and the process still holds a descriptor.
    Orphan,
}

/// Whether an event loop will hear of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watched {
    /// In an epoll set.
    Yes,
    /// In none.
    No,
    /// The epoll sets could not be read.
    Unknown,
}

impl AgedSocket {
    /// Whether it goes to that remote: by name, by address, or by host with any port.
    pub fn is_to(&self, wanted: &Remote) -> bool {
        if self.named.as_ref() == Some(wanted) {
            return true;
        }
        let Some(remote) = self.remote else { return false };
        let address: Option<std::net::IpAddr> = wanted.host().parse().ok();
        address.is_some_and(|address| address.to_canonical() == remote.ip().to_canonical())
            && wanted.port().is_none_or(|port| port == remote.port())
    }
}
