//! Where the connections of a pool are, by the names that the pool has for them.

use crate::pool::id::ConnectionId;

/// Connections, and where each is. News of one that is gone meets no other: a name is of one connection alone.
#[derive(Debug)]
pub(in crate::proxy) struct Links<H>(Vec<Option<(ConnectionId, H)>>);

impl<H> Default for Links<H> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<H> Links<H> {
    /// The pool has a new connection.
    pub(in crate::proxy) fn begin(&mut self, connection: ConnectionId, held: H) {
        let slot = usize::from(connection.slot());
        if self.0.len() <= slot {
            self.0.resize_with(slot + 1, || None);
        }
        self.0[slot] = Some((connection, held));
    }

    /// Where a connection is; none where the pool has given it up.
    pub(in crate::proxy) fn get_mut(&mut self, connection: ConnectionId) -> Option<&mut H> {
        let link = self.0.get_mut(usize::from(connection.slot()))?.as_mut();
        link.filter(|(name, _)| *name == connection).map(|(_, held)| held)
    }

    /// Puts a connection elsewhere, and gives where it was; none where the pool has given it up.
    pub(in crate::proxy) fn put(&mut self, connection: ConnectionId, held: H) -> Option<H> {
        self.get_mut(connection).map(|place| std::mem::replace(place, held))
    }

    /// The connection is gone; gives where it was.
    pub(in crate::proxy) fn remove(&mut self, connection: ConnectionId) -> Option<H> {
        let link = self.0.get_mut(usize::from(connection.slot()))?;
        link.take_if(|(name, _)| *name == connection).map(|(_, held)| held)
    }

    /// All of them.
    pub(in crate::proxy) fn iter_mut(&mut self) -> impl Iterator<Item = &mut H> {
        self.0.iter_mut().flatten().map(|(_, held)| held)
    }
}
