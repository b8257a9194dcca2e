//! One proxy inside of the worker: its pool, and who has which of its connections.

use crate::pool::Pool;
use crate::pool::id::ConnectionId;
use crate::pool::state::Settings;
use crate::proxy::guests::{Guests, Seen};
use crate::proxy::parted::PartedClients;
use crate::proxy::transport::Stream;
use crate::proxy::view::Traffic;

/// Whether clients of other machines are let in: there is nothing by which they could show who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Strangers {
    /// They are: the settings expose the proxy to them.
    Welcome,
    /// They are not.
    Refused,
}

/// What a proxy is set to, for its worker.
#[derive(Debug)]
pub(super) struct RoomSettings {
    /// Its name.
    pub(super) name: String,
    /// Who may come.
    pub(super) guests: Guests,
    /// Whether others may.
    pub(super) strangers: Strangers,
    /// The most bytes held for one client, in each direction.
    pub(super) buffer: usize,
    /// Its pool.
    pub(super) pool: Settings,
}

/// A connection of the pool, and where it is.
#[derive(Debug)]
pub(super) enum Held {
    /// On its way.
    Connecting,
    /// Open, and given to nobody yet.
    Open(Stream),
    /// In the session of that place.
    Session(usize),
}

/// One proxy.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) settings: RoomSettings,
    pub(super) pool: Pool,
    links: Vec<Option<(ConnectionId, Held)>>,
    /// The pool's orders are being carried out: what one of them brings about waits for its turn.
    pub(super) carrying_out: bool,
    /// Clients that this side has closed.
    pub(super) parted: PartedClients,
    /// What has passed through it.
    pub(super) traffic: Traffic,
}

impl Room {
    pub(super) fn new(settings: RoomSettings, pool: Pool) -> Self {
        Self {
            settings,
            pool,
            links: Vec::new(),
            carrying_out: false,
            parted: PartedClients::default(),
            traffic: Traffic::default(),
        }
    }

    /// The pool has a new connection, which is being connected.
    pub(super) fn begin(&mut self, connection: ConnectionId) {
        let slot = usize::from(connection.slot());
        if self.links.len() <= slot {
            self.links.resize_with(slot + 1, || None);
        }
        self.links[slot] = Some((connection, Held::Connecting));
    }

    /// Puts a connection elsewhere, and gives where it was; none where the pool has given it up.
    pub(super) fn put(&mut self, connection: ConnectionId, held: Held) -> Option<Held> {
        let link = self.links.get_mut(usize::from(connection.slot()))?.as_mut();
        let (_, place) = link.filter(|(name, _)| *name == connection)?;
        Some(std::mem::replace(place, held))
    }

    /// The connection is gone; gives where it was.
    pub(super) fn remove(&mut self, connection: ConnectionId) -> Option<Held> {
        let link = self.links.get_mut(usize::from(connection.slot()))?;
        link.take_if(|(name, _)| *name == connection).map(|(_, held)| held)
    }

    /// Whether a client may come, by what the kernel says of it.
    pub(super) fn judge(&self, seen: Seen) -> Result<(), String> {
        match (seen, self.settings.strangers) {
            (Seen::Foreign, Strangers::Welcome) => Ok(()),
            (Seen::User(..) | Seen::Foreign | Seen::Gone | Seen::Unknown, _) => {
                self.settings.guests.judge(seen)
            }
        }
    }
}
