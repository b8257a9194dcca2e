//! Bytes from one side to the other, and the end of each direction: pieces of the session that know nothing of pools.
//!
//! Nothing more is read of one side while the other does not take what was read before. So what is held in a direction is
//! never more than one read, and a slow reader slows its sender down, as it would without a proxy.

use crate::proxy::transport::{Taken, Transport};

/// Reads of one side in one pass; one that has more waits for the next pass, so that it starves no other.
const READS_MAX: usize = 16;

/// Whether there is something to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reads {
    /// There may be.
    Ready,
    /// Not until the poll says so.
    Drained,
    /// Never again: it has closed its half, and all of it was read.
    Ended,
}

/// Whether a side takes what it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Takes {
    /// It does.
    Yes,
    /// A write has failed: never again. What it still said is read.
    No,
}

/// One side of a session.
#[derive(Debug)]
pub(super) struct End {
    pub(super) transport: Transport,
    pub(super) reads: Reads,
    pub(super) takes: Takes,
}

/// How a direction stands after a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    /// There is more: its turn comes again.
    More,
    /// Nothing to do until the poll says so.
    Still,
    /// The other side takes no more: what it has still to say comes next.
    Refused,
    /// The side that was read broke off.
    Broken,
}

impl End {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport, reads: Reads::Ready, takes: Takes::Yes }
    }

    /// The poll says that there is something to read.
    pub(super) fn ready(&mut self) {
        if self.reads == Reads::Drained {
            self.reads = Reads::Ready;
        }
    }

    /// Sends more of what was kept for it; gives how much went.
    pub(super) fn flush(&mut self) -> usize {
        let before = self.transport.unsent();
        if self.transport.flush().is_err() {
            self.takes = Takes::No;
        }
        before.saturating_sub(self.transport.unsent())
    }

    /// Whether more can be sent to it.
    fn is_open(&self) -> bool {
        self.takes == Takes::Yes && !self.transport.blocked()
    }

    /// Whether nothing is left of both directions between two sides.
    pub(super) fn are_over(one: &Self, other: &Self) -> bool {
        let ended = one.reads == Reads::Ended && other.reads == Reads::Ended;
        let sent = !one.transport.blocked() && !other.transport.blocked();
        let gone = |end: &Self| end.takes == Takes::No && end.reads == Reads::Ended;
        (ended && sent) || gone(one) || gone(other)
    }
}

/// Carries what one side has to say to the other, by way of `room`; gives how many bytes that were.
pub(super) fn carry(from: &mut End, to: &mut End, room: &mut [u8]) -> (u64, After) {
    let mut carried = 0;
    for _ in 0..READS_MAX {
        if from.reads != Reads::Ready || !to.is_open() {
            return (carried, After::Still);
        }
        let count = match from.transport.take(room) {
            Ok(Taken::Bytes(count)) => count,
            Ok(Taken::Last(count)) => {
                from.reads = Reads::Drained;
                count
            }
            Ok(Taken::Nothing) => {
                from.reads = Reads::Drained;
                return (carried, After::Still);
            }
            Ok(Taken::End) => {
                from.reads = Reads::Ended;
                to.transport.finish();
                return (carried, After::Still);
            }
            Err(_) => return (carried, After::Broken),
        };
        carried += count as u64;
        if to.transport.send(&room[..count]).is_err() {
            to.takes = Takes::No;
            to.ready();
            return (carried, After::Refused);
        }
    }
    (carried, After::More)
}

#[cfg(test)]
mod tests;
