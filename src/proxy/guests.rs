//! Who may come. The kernel says whose socket it is: for a unix socket by the peer's credentials, for TCP on this
//! machine by the owner of the other end. Nothing that a client says of itself counts here.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::proxy::{Access, Id};
use crate::sys::peer::{Peer, own_uid};
use crate::sys::sock_diag::SockDiag;
use crate::sys::user;

/// The most users that are learnt.
const RESIDENTS_MAX: usize = 1_024;

/// The users that guarded processes run as, as they are found; they may use every proxy that does not say who may.
#[derive(Clone, Debug, Default)]
pub struct Residents(Arc<Mutex<BTreeSet<u32>>>);

impl Residents {
    /// A guarded process runs as this user.
    pub fn learn(&self, uid: u32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < RESIDENTS_MAX {
            known.insert(uid);
        }
    }

    fn knows(&self, uid: u32) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&uid)
    }
}

/// A user or a group of the settings that this machine does not know.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// No such user.
    #[error("no user is called {0}")]
    User(String),
    /// No such group.
    #[error("no group is called {0}")]
    Group(String),
    /// The database of users can't be asked.
    #[error("users can't be looked up")]
    LookUp(#[from] io::Error),
}

/// Whether clients of other machines are let in: there is nothing by which they could show who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Strangers {
    /// They are: the settings expose the proxy to them.
    Welcome,
    /// They are not.
    Refused,
}

/// Who may use a proxy. Root and the agent's own user always may: they could anyway.
#[derive(Clone, Debug)]
pub(crate) struct Guests {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
    residents: Option<Residents>,
    strangers: Strangers,
}

impl Guests {
    /// As the settings say; the users of guarded processes where they say nothing.
    pub(super) fn of(access: Option<&Access>, residents: &Residents) -> Result<Self, GuestError> {
        let mut guests = Self {
            users: BTreeSet::from([0, own_uid()]),
            groups: BTreeSet::new(),
            residents: access.is_none().then(|| residents.clone()),
            strangers: Strangers::Refused,
        };
        let Some(access) = access else { return Ok(guests) };
        for id in &access.users {
            guests.users.insert(match id {
                Id::Number(uid) => *uid,
                Id::Name(name) => user::lookup(name)?.ok_or_else(|| GuestError::User(name.clone()))?.uid,
            });
        }
        for id in &access.groups {
            guests.groups.insert(match id {
                Id::Number(gid) => *gid,
                Id::Name(name) => user::group(name)?.ok_or_else(|| GuestError::Group(name.clone()))?,
            });
        }
        Ok(guests)
    }

    /// The same, and all of other machines, where the settings expose a proxy that asks for no password.
    pub(super) fn exposed(self, expose: bool) -> Self {
        let strangers = if expose { Strangers::Welcome } else { Strangers::Refused };
        Self { strangers, ..self }
    }

    /// Whether a user may come; `gid` is the group it came with, where that is known.
    pub(crate) fn admit(&self, uid: u32, gid: Option<u32>) -> bool {
        self.users.contains(&uid)
            || self.residents.as_ref().is_some_and(|residents| residents.knows(uid))
            || gid.is_some_and(|gid| self.groups.contains(&gid))
            || (!self.groups.is_empty()
                && user::groups_of(uid).iter().any(|group| self.groups.contains(group)))
    }

    /// Whether a client may come, by what the kernel says of it alone; why not, in words for people.
    pub(crate) fn judge(&self, seen: Seen) -> Result<(), String> {
        match seen {
            Seen::User(uid, gid) if self.admit(uid, gid) => Ok(()),
            Seen::User(uid, _) => Err(format!("user {uid} of this machine may not use this proxy")),
            Seen::Foreign if self.strangers == Strangers::Welcome => Ok(()),
            Seen::Foreign => Err("clients of other machines can't be told apart".to_owned()),
            Seen::Unknown => Err("the kernel does not say whose this client is".to_owned()),
            Seen::Gone => Err("nobody holds the other end of this connection any more".to_owned()),
        }
    }
}

/// Where a client comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Origin {
    /// Its address; none for a unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// The user that owns its socket.
    pub(crate) uid: Option<u32>,
    /// The inode of its socket.
    pub(crate) inode: Option<u64>,
    /// The process that connected.
    pub(crate) pid: Option<i32>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => address.fmt(f),
            None => f.write_str("unix"),
        }
    }
}

/// What the kernel says of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// A process of this user holds its socket; the group is known for unix sockets.
    User(u32, Option<u32>),
    /// It is on another machine.
    Foreign,
    /// It was on this machine and has gone.
    Gone,
    /// It is on this machine, and the kernel does not say whose it is.
    Unknown,
}

impl Origin {
    /// The client behind a unix socket.
    pub(crate) fn of_unix(stream: &impl std::os::fd::AsFd) -> (Self, Seen) {
        match Peer::of(stream) {
            Ok(peer) => {
                let pid = (peer.pid > 0).then_some(peer.pid);
                let origin = Self { uid: Some(peer.uid), pid, ..Self::default() };
                (origin, Seen::User(peer.uid, Some(peer.gid)))
            }
            Err(_) => (Self::default(), Seen::Unknown),
        }
    }

    /// The client at `address`, connected to our `local` end.
    pub(crate) fn of_tcp(
        address: SocketAddr,
        local: SocketAddr,
        diag: Option<&mut SockDiag>,
    ) -> (Self, Seen) {
        let origin = Self { address: Some(address), ..Self::default() };
        let here = address.ip().to_canonical();
        if !here.is_loopback() && here != local.ip().to_canonical() {
            return (origin, Seen::Foreign);
        }
        match diag.map(|diag| diag.find(address, local)) {
            Some(Ok(Some(socket))) => {
                let inode = Some(u64::from(socket.inode));
                (Self { uid: Some(socket.uid), inode, ..origin }, Seen::User(socket.uid, None))
            }
            Some(Ok(None)) => (origin, Seen::Gone),
            Some(Err(_)) | None => (origin, Seen::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user that no machine has.
    const NOBODY: u32 = 4_000_000_000;

    #[test]
    fn without_a_word_the_users_of_targets_may_come() {
        let residents = Residents::default();
        let guests = Guests::of(None, &residents).unwrap();
        assert!(guests.admit(0, None) && guests.admit(own_uid(), None));
        assert!(!guests.admit(NOBODY, None));
        residents.learn(NOBODY);
        assert!(guests.admit(NOBODY, None));
        let named = Access { users: vec![Id::Number(NOBODY - 1)], groups: Vec::new() };
        let named = Guests::of(Some(&named), &residents).unwrap();
        assert!(named.admit(NOBODY - 1, None) && !named.admit(NOBODY, None), "who is named counts alone");
    }

    #[test]
    fn groups_count_by_the_peer_or_by_the_database_of_users() {
        let access =
            Access { users: Vec::new(), groups: vec![Id::Name("daemon".to_owned()), Id::Number(NOBODY)] };
        let guests = Guests::of(Some(&access), &Residents::default()).unwrap();
        assert!(guests.admit(NOBODY, Some(NOBODY)) && !guests.admit(NOBODY, Some(NOBODY - 1)));
        let daemon = user::lookup("daemon").unwrap().unwrap();
        assert!(guests.admit(daemon.uid, None));
    }

    #[test]
    fn names_that_are_unknown_are_told() {
        let unknown = || vec![Id::Name("no such one".to_owned())];
        let residents = Residents::default();
        let users = Access { users: unknown(), groups: Vec::new() };
        assert!(matches!(Guests::of(Some(&users), &residents), Err(GuestError::User(_))));
        let groups = Access { users: Vec::new(), groups: unknown() };
        assert!(matches!(Guests::of(Some(&groups), &residents), Err(GuestError::Group(_))));
    }
}
