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
    /// A listener.
    Ear(usize),
    /// A client that has not yet said what it wants.
    Knocker {
        /// Its place.
        place: usize,
        /// Its turn.
        turn: u32,
    },
}

/// Set for server connections.
const SERVER: usize = 1 << 63;
/// Set for listeners, and for clients that have not yet said what they want.
const HALL: usize = 1 << 62;
/// Of the latter, set for listeners.
const EAR: usize = 1 << 61;

impl Token {
    /// What wakes the worker.
    pub(super) const INBOX: mio::Token = mio::Token(usize::MAX);

    /// The bits of a client's turn.
    pub(super) const CLIENT_TURN: u32 = 0x3fff_ffff;
    /// The bits of a knocker's turn.
    pub(super) const KNOCKER_TURN: u32 = 0x1fff_ffff;

    /// A server connection's.
    pub(super) fn server(room: usize, connection: ConnectionId) -> Self {
        Self::Server { room, slot: connection.slot(), turn: connection.turn() }
    }

    /// As the poll knows it.
    pub(super) fn name(self) -> mio::Token {
        mio::Token(match self {
            Self::Client { place, turn } => {
                ((turn & Self::CLIENT_TURN) as usize) << 32 | (place & 0xffff_ffff)
            }
            Self::Server { room, slot, turn } => {
                SERVER | (room << 32) | (usize::from(turn) << 16) | usize::from(slot)
            }
            Self::Ear(place) => HALL | EAR | place,
            Self::Knocker { place, turn } => {
                HALL | ((turn & Self::KNOCKER_TURN) as usize) << 32 | (place & 0xffff_ffff)
            }
        })
    }

    /// From the poll's.
    pub(super) fn of(name: mio::Token) -> Self {
        let bits = name.0;
        let low = (bits & 0xffff_ffff) as u32;
        let high = ((bits >> 32) & 0x7fff_ffff) as u32;
        match (bits & SERVER, bits & HALL, bits & EAR) {
            (0, 0, _) => return Self::Client { place: low as usize, turn: high & Self::CLIENT_TURN },
            (0, _, 0) => return Self::Knocker { place: low as usize, turn: high & Self::KNOCKER_TURN },
            (0, _, _) => return Self::Ear(low as usize),
            (_, _, _) => {}
        }
        Self::Server { room: high as usize, slot: (low & 0xffff) as u16, turn: (low >> 16) as u16 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let turn = |turn| [0, 1, turn];
        let mut tokens = vec![Token::Ear(0), Token::Ear(77)];
        for place in [0, 1, 0xffff_ffff] {
            tokens.extend(turn(Token::CLIENT_TURN).map(|turn| Token::Client { place, turn }));
            tokens.extend(turn(Token::KNOCKER_TURN).map(|turn| Token::Knocker { place, turn }));
        }
        for (room, slot, turn) in [(0, 0, 0), (7, 9, 11), (0xffff, 0xffff, 0xfffe)] {
            tokens.push(Token::Server { room, slot, turn });
        }
        for token in &tokens {
            assert_ne!(token.name(), Token::INBOX);
            assert_eq!(Token::of(token.name()), *token);
        }
    }
}
