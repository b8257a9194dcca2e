//! Where clients come in, whatever they speak: the listeners of a worker, the descriptor put by for when there are none,
//! and the kernel's word on whose a client is.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use mio::{Registry, Token};

use crate::model::clock::Timestamp;
use crate::proxy::ear::{Accepted, Ear};
use crate::proxy::guests::{Origin, Seen};
use crate::proxy::transport::Stream;
use crate::sys::limits::{Reserve, is_exhausted};
use crate::sys::sock_diag::SockDiag;

/// Clients taken from one listener in one pass.
pub(in crate::proxy) const ACCEPTS_MAX: usize = 64;
/// Descriptors put by to tell clients that there are none.
pub(in crate::proxy) const RESERVE: usize = 1;
/// The same trouble is told again after this time.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// The listeners of a worker.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Porch {
    ears: Vec<(u16, Ear)>,
    reserve: Option<Reserve>,
    diag: Option<SockDiag>,
    /// A listener that could not be emptied is tried again in the next sweep.
    stalled: Vec<usize>,
    told: Option<Timestamp>,
}

impl Porch {
    /// With these listeners, and the room that each leads to.
    pub(in crate::proxy) fn new(ears: Vec<(u16, Ear)>) -> Self {
        // Without a reserve clients wait unheard while there are no descriptors; without the tables those that come by
        // TCP can't be told apart. Both are told when it matters.
        let (reserve, diag) = (Reserve::hold(RESERVE).ok(), SockDiag::open().ok());
        Self { ears, reserve, diag, ..Self::default() }
    }

    /// Has the poll tell of clients.
    pub(in crate::proxy) fn register(&mut self, registry: &Registry, name: impl Fn(usize) -> Token) {
        for (place, (_, ear)) in self.ears.iter_mut().enumerate() {
            if let Err(error) = ear.register(registry, name(place)) {
                tracing::error!(%error, "a listener can't be polled");
            }
        }
    }

    /// Duplicates of the listeners, in their order, for a poll of another kind.
    pub(in crate::proxy) fn descriptors(&self) -> impl Iterator<Item = io::Result<OwnedFd>> {
        self.ears.iter().map(|(_, ear)| ear.as_fd().try_clone_to_owned())
    }

    /// The room that a listener leads to.
    pub(in crate::proxy) fn room(&self, place: usize) -> Option<u16> {
        self.ears.get(place).map(|(room, _)| *room)
    }

    /// Whether to tell of trouble once more.
    pub(in crate::proxy) fn tell(&mut self, now: Timestamp) -> bool {
        let due = self.told.is_none_or(|told| now.since(told) >= TELL_EVERY);
        if due {
            self.told = Some(now);
        }
        due
    }

    /// The next client of a listener. Where there is no descriptor for it, `refuse` tells it so by the one put by.
    pub(in crate::proxy) fn next(
        &mut self,
        place: usize,
        now: Timestamp,
        refuse: impl Fn(Stream),
    ) -> Option<Accepted> {
        for _ in 0..ACCEPTS_MAX {
            let error = match self.ears.get(place)?.1.accept() {
                Ok(accepted) => return Some(accepted),
                Err(error) => error,
            };
            match error.kind() {
                io::ErrorKind::WouldBlock => return None,
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                _ => {}
            }
            if self.tell(now) {
                tracing::error!(%error, "clients can't be accepted");
            }
            if !is_exhausted(&error) || !self.refuse_one(place, &refuse) {
                self.stalled.push(place);
                return None;
            }
        }
        self.stalled.push(place);
        None
    }

    /// Accepts one client by giving up the reserve, and tells it that there is no room.
    fn refuse_one(&mut self, place: usize, refuse: impl Fn(Stream)) -> bool {
        let Some(reserve) = &mut self.reserve else { return false };
        let accepted = reserve.spend().then(|| self.ears[place].1.accept());
        let refused = matches!(accepted, Some(Ok(_)));
        if let Some(Ok((stream, _))) = accepted {
            refuse(stream);
        }
        // Where somebody else was quicker the next one waits.
        let _held = reserve.refill();
        refused
    }

    /// Whose client it is.
    pub(in crate::proxy) fn look(&mut self, (stream, ends): &Accepted) -> (Origin, Seen) {
        match ends {
            Some(ends) => self.look_at(*ends),
            None => Origin::of_unix(stream),
        }
    }

    /// Whose client it is that is at the first of these addresses, connected to the second.
    pub(in crate::proxy) fn look_at(&mut self, (address, local): (SocketAddr, SocketAddr)) -> (Origin, Seen) {
        Origin::of_tcp(address, local, self.diag.as_mut())
    }

    /// Listeners that could not be emptied, to be tried again.
    pub(in crate::proxy) fn take_stalled(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.stalled)
    }
}
