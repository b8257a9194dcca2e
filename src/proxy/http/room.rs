//! One proxy inside of the thread: its pool, and who has which of its connections.

use std::time::Duration;

use tokio::task::AbortHandle;

use crate::config::proxy::HostRule;
use crate::pool::Pool;
use crate::pool::id::{ConnectionId, UpstreamId};
use crate::pool::state::Settings;
use crate::proxy::guests::{Guests, Seen};
use crate::proxy::http::side::Side;
use crate::proxy::parted::PartedClients;
use crate::proxy::place::Place;
use crate::proxy::tls::Connector;
use crate::proxy::view::Traffic;

/// Whether clients of other machines are let in: there is nothing by which they could show who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Strangers {
    /// They are: the settings expose the proxy to them.
    Welcome,
    /// They are not.
    Refused,
}

/// What a proxy is set to, for its thread.
pub(super) struct RoomSettings {
    /// Its name.
    pub(super) name: String,
    /// Who may come.
    pub(super) guests: Guests,
    /// Whether others may.
    pub(super) strangers: Strangers,
    /// The most bytes read at once, in each direction.
    pub(super) buffer: usize,
    /// Where its upstreams are.
    pub(super) places: Vec<Place>,
    /// The line `Host` of each.
    pub(super) hosts: Vec<Vec<u8>>,
    /// What an upstream is told as `Host`.
    pub(super) host: HostRule,
    /// TLS towards them.
    pub(super) tls: Option<Connector>,
    /// A connect may take so long.
    pub(super) connect_within: Duration,
    /// An upstream that is waited for may be silent for so long.
    pub(super) read_within: Duration,
    /// From a request to the head of its answer.
    pub(super) total: Option<Duration>,
    /// A client may take so long for a head.
    pub(super) head_within: Duration,
    /// Its pool.
    pub(super) pool: Settings,
}

/// A server connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: ConnectionId,
    pub(super) side: Side,
    pub(super) upstream: UpstreamId,
    /// Whether it has served before.
    pub(super) used: bool,
}

/// A connection of the pool, and where it is.
#[derive(Debug)]
pub(super) enum Held {
    /// On its way.
    Connecting(AbortHandle),
    /// Open, and with nobody.
    Here(Link),
    /// With the session of that place.
    Lent(usize),
}

/// One proxy.
pub(super) struct Room {
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
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            links: Vec::new(),
            carrying_out: false,
            parted: PartedClients::default(),
            traffic: Traffic::default(),
        }
    }

    /// The pool has a new connection, which is being connected.
    pub(super) fn begin(&mut self, connection: ConnectionId, dialling: AbortHandle) {
        let slot = usize::from(connection.slot());
        if self.links.len() <= slot {
            self.links.resize_with(slot + 1, || None);
        }
        self.links[slot] = Some((connection, Held::Connecting(dialling)));
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

    /// A connection that is here.
    pub(super) fn here(&mut self, connection: ConnectionId) -> Option<&mut Link> {
        let link = self.links.get_mut(usize::from(connection.slot()))?.as_mut();
        match link.filter(|(name, _)| *name == connection) {
            Some((_, Held::Here(link))) => Some(link),
            Some((_, Held::Connecting(_) | Held::Lent(_))) | None => None,
        }
    }

    /// Those that are here.
    pub(super) fn all_here(&mut self) -> impl Iterator<Item = &mut Link> {
        self.links.iter_mut().flatten().filter_map(|(_, held)| match held {
            Held::Here(link) => Some(link),
            Held::Connecting(_) | Held::Lent(_) => None,
        })
    }
}

impl RoomSettings {
    /// Whether a client may come, by what the kernel says of it.
    pub(super) fn judge(&self, seen: Seen) -> Result<(), String> {
        match (seen, self.strangers) {
            (Seen::Foreign, Strangers::Welcome) => Ok(()),
            (Seen::User(..) | Seen::Foreign | Seen::Gone | Seen::Unknown, _) => self.guests.judge(seen),
        }
    }
}
