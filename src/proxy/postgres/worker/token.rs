//! Names of sockets in the poll: which one, and which of those that had its place one after another.

use crate::pool::id::ConnectionId;

/// A socket of the worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A client, by its place and the turn of that place.
    Client {
        /// Its place.
        place: usize,
        /// Its turn.
        turn: u32,
    },
    /// A server connection of a room.
    Server {
        /// The room.
        room: usize,
        /// The connection's slot.
        slot: u16,
        /// The turn of that slot.
        turn: u16,
    },
}

/// Set for server connections.
const SERVER: usize = 1 << 63;

impl Token {
    /// What wakes the worker.
    pub(super) const INBOX: mio::Token = mio::Token(usize::MAX);

    /// A server connection's.
    pub(super) fn server(room: usize, connection: ConnectionId) -> Self {
        Self::Server { room, slot: connection.slot(), turn: connection.turn() }
    }

    /// As the poll knows it.
    pub(super) fn name(self) -> mio::Token {
        mio::Token(match self {
            Self::Client { place, turn } => ((turn as usize & 0x7fff_ffff) << 32) | (place & 0xffff_ffff),
            Self::Server { room, slot, turn } => {
                SERVER | (room << 32) | (usize::from(turn) << 16) | usize::from(slot)
            }
        })
    }

    /// From the poll's.
    pub(super) fn of(name: mio::Token) -> Self {
        let bits = name.0;
        let low = (bits & 0xffff_ffff) as u32;
        let high = ((bits >> 32) & 0x7fff_ffff) as u32;
        if bits & SERVER == 0 {
            return Self::Client { place: low as usize, turn: high };
        }
        Self::Server { room: high as usize, slot: (low & 0xffff) as u16, turn: (low >> 16) as u16 }
    }
}
