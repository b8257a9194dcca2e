//! Names of what a pool deals with: small numbers, so that the loop finds things by index.

/// A client, by its place in the loop's slab. The loop gives it and may reuse it after `detach`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ClientId(pub u32);

impl ClientId {
    /// Its place in a slab.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A connection: a slot that is reused, and the turn of that slot. The pool gives it.
///
/// News of a connection that the pool has closed meanwhile carries an old turn and is passed over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ConnectionId(u32);

impl ConnectionId {
    pub(super) const fn new(slot: u16, turn: u16) -> Self {
        Self((turn as u32) << 16 | slot as u32)
    }

    /// Its place in a slab of at most [`crate::pool::limits::CONNECTIONS_MAX`].
    pub const fn slot(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// How often that place was used before, modulo 65,536.
    pub const fn turn(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

/// An upstream, by its place in the pool's settings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct UpstreamId(pub u16);

impl UpstreamId {
    /// Its place in the settings.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What connections are interchangeable by: those of one key serve each other's clients.
///
/// The loop numbers them from 0 as they come up: in PostgreSQL one for each user and database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Key(pub u16);

impl Key {
    /// The key of the connections that are kept warm.
    pub const HOME: Self = Self(0);

    /// Its place in tables.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which connections belong together between two resets; only ever grows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Generation(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_carries_slot_and_turn() {
        let id = ConnectionId::new(65_535, 3);
        assert_eq!((id.slot(), id.turn()), (65_535, 3));
        assert_ne!(id, ConnectionId::new(65_535, 4));
    }
}
