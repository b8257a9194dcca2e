//! The dead sockets of a process with their ages: what the agent's ticks have learnt and a fresh dump can't tell.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::name::Remote;

use super::order::Protection;

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

impl AgedSockets {
    /// Those at least so old that `fits` accepts and that are not protected, oldest first.
    pub(super) fn pick<'a>(
        &'a self,
        older: Duration,
        protection: &Protection,
        fits: impl Fn(&AgedSocket) -> bool,
    ) -> Vec<&'a AgedSocket> {
        let free = |socket: &AgedSocket| socket.remote.is_none_or(|remote| !protection.covers(remote));
        let mut picked: Vec<_> = self
            .sockets
            .iter()
            .filter(|socket| socket.age >= older && free(socket) && fits(socket))
            .collect();
        picked.sort_by_key(|socket| (std::cmp::Reverse(socket.age), socket.number));
        picked
    }
}

impl AgedSocket {
    /// Whether it goes to that remote: by name, by address, or by host with any port.
    pub(super) fn is_to(&self, wanted: &Remote) -> bool {
        if self.named.as_ref() == Some(wanted) {
            return true;
        }
        let Some(remote) = self.remote else { return false };
        let address: Option<std::net::IpAddr> = wanted.host().parse().ok();
        address.is_some_and(|address| address.to_canonical() == remote.ip().to_canonical())
            && wanted.port().is_none_or(|port| port == remote.port())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn aged(number: u32, remote: &str, age: u64) -> AgedSocket {
        AgedSocket {
            cookie: Some(u64::from(number)),
            inode: 1_000 + u64::from(number),
            number,
            remote: Some(remote.parse().unwrap()),
            named: None,
            age: Duration::from_secs(age),
            death: Death::CloseWait,
            watched: Watched::No,
        }
    }

    #[test]
    fn the_oldest_come_first_and_the_protected_not_at_all() {
        let all = AgedSockets {
            sockets: vec![
                aged(1, "10.0.0.1:80", 50),
                aged(2, "10.0.0.2:443", 500),
                aged(3, "10.0.0.1:80", 90),
            ],
        };
        let protection =
            Protection { addresses: vec![("10.0.0.2".parse().unwrap(), None)], ..Protection::default() };
        let picked = |older, protection: &Protection| -> Vec<u32> {
            all.pick(Duration::from_secs(older), protection, |_| true).iter().map(|s| s.number).collect()
        };
        assert_eq!(picked(50, &Protection::default()), [2, 3, 1]);
        assert_eq!(picked(51, &protection), [3]);
    }

    #[test]
    fn a_remote_is_met_by_name_address_or_host() {
        let mut socket = aged(1, "[::ffff:10.0.0.1]:5432", 1);
        socket.named = Some(Remote::parse("db:5432").unwrap());
        for (wanted, met) in
            [("db:5432", true), ("10.0.0.1:5432", true), ("10.0.0.1:*", true), ("10.0.0.1:80", false)]
        {
            assert_eq!(socket.is_to(&Remote::parse(wanted).unwrap()), met, "{wanted}");
        }
    }
}
