//! Names of sockets in the poll: which one, and of which of the sessions that had its place one after another.

use crate::proxy::view::Traffic;

/// A socket of the worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// One side of a session, by the session's place and the turn of that place.
    Side {
        /// Its place.
        place: usize,
        /// Its turn.
        turn: u32,
        /// Which side.
        side: Side,
    },
    /// A listener.
    Ear(usize),
}

/// A side of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// The client's.
    Client,
    /// The server's.
    Server,
}

impl Side {
    /// The other one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Counts bytes that came from this side.
    pub(super) fn count(self, traffic: &mut Traffic, bytes: u64) {
        match self {
            Self::Client => traffic.up += bytes,
            Self::Server => traffic.down += bytes,
        }
    }
}

/// Set for listeners.
const EAR: usize = 1 << 63;
/// Set for servers.
const SERVER: usize = 1 << 62;
/// The lower half.
const LOW: usize = 0xffff_ffff;

impl Token {
    /// What wakes the worker.
    pub(super) const INBOX: mio::Token = mio::Token(usize::MAX);
    /// The bits of a turn.
    pub(super) const TURN: u32 = 0x3fff_ffff;

    /// As the poll knows it.
    pub(super) const fn name(self) -> mio::Token {
        mio::Token(match self {
            Self::Side { place, turn, side } => {
                let bits = ((turn & Self::TURN) as usize) << 32 | (place & LOW);
                match side {
                    Side::Client => bits,
                    Side::Server => SERVER | bits,
                }
            }
            Self::Ear(place) => EAR | (place & LOW),
        })
    }

    /// From the poll's.
    pub(super) fn of(name: mio::Token) -> Self {
        let (bits, place) = (name.0, name.0 & LOW);
        if bits & EAR != 0 {
            return Self::Ear(place);
        }
        let turn = u32::try_from(bits >> 32 & Self::TURN as usize).unwrap_or(u32::MAX);
        let side = if bits & SERVER == 0 { Side::Client } else { Side::Server };
        Self::Side { place, turn, side }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let mut tokens = vec![Token::Ear(0), Token::Ear(77)];
        for place in [0, 1, LOW] {
            for turn in [0, 1, Token::TURN] {
                tokens.extend([Side::Client, Side::Server].map(|side| Token::Side { place, turn, side }));
            }
        }
        for token in &tokens {
            assert_ne!(token.name(), Token::INBOX);
            assert_eq!(Token::of(token.name()), *token);
            assert_eq!(tokens.iter().filter(|other| other.name() == token.name()).count(), 1);
        }
    }
}
