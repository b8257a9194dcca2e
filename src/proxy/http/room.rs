//! One proxy inside of the thread: its pool, and who has which of its connections.

use std::time::Duration;

use tokio::task::AbortHandle;

use crate::config::proxy::{HostRule, OrderGate};
use crate::model::action::Gate;
use crate::pool::Pool;
use crate::pool::id::{ConnectionId, UpstreamId};
use crate::pool::state::Settings;
use crate::proxy::guests::Guests;
use crate::proxy::http::forward::{ForwardSettings, Goals};
use crate::proxy::http::gate::RoomGate;
use crate::proxy::http::requests::Requests;
use crate::proxy::http::side::Side;
use crate::proxy::http::websocket::{StreamSettings, Tally};
use crate::proxy::links::Links;
use crate::proxy::parted::PartedClients;
use crate::proxy::place::Place;
use crate::proxy::tls::Connector;
use crate::proxy::told::Told;
use crate::proxy::view::Traffic;

/// What a proxy is set to, for its thread.
pub(super) struct RoomSettings {
    /// Its name.
    pub(super) name: String,
    /// Who may come.
    pub(super) guests: Guests,
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
    /// What its streams are set to, where it carries WebSockets.
    pub(super) stream: Option<StreamSettings>,
    /// Where it leads, where it goes wherever its clients ask.
    pub(super) forward: Option<ForwardSettings>,
    /// Its order gate.
    pub(super) gate: Option<OrderGate>,
    /// How far a person had closed it before, and for how long still.
    pub(super) closed: Option<(Gate, Option<Duration>)>,
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

impl Held {
    /// The connection, where it is with nobody.
    fn link(&mut self) -> Option<&mut Link> {
        match self {
            Self::Here(link) => Some(link),
            Self::Connecting(_) | Self::Lent(_) => None,
        }
    }
}

/// One proxy.
pub(super) struct Room {
    pub(super) pool: Pool,
    pub(super) links: Links<Held>,
    /// What the keys of the pool stand for, where it leads anywhere.
    pub(super) goals: Goals,
    /// The pool's orders are being carried out: what one of them brings about waits for its turn.
    pub(super) carrying_out: bool,
    /// Clients that this side has closed.
    pub(super) parted: PartedClients,
    /// Trouble with its upstreams that was told.
    pub(super) told: Told,
    /// What is wanted of its streams, and what those have counted that are gone.
    pub(super) tally: Tally,
    /// What came of its requests.
    pub(super) requests: Requests,
    /// What has passed through it.
    pub(super) traffic: Traffic,
    /// How its order gate stands, where it has one.
    pub(super) gate: Option<RoomGate>,
}

impl Room {
    pub(super) fn new(pool: Pool, gate: Option<RoomGate>) -> Self {
        Self {
            pool,
            links: Links::default(),
            goals: Goals::default(),
            carrying_out: false,
            parted: PartedClients::default(),
            told: Told::default(),
            tally: Tally::default(),
            requests: Requests::default(),
            traffic: Traffic::default(),
            gate,
        }
    }

    /// A connection that is here.
    pub(super) fn here(&mut self, connection: ConnectionId) -> Option<&mut Link> {
        self.links.get_mut(connection).and_then(Held::link)
    }

    /// Those that are here.
    pub(super) fn all_here(&mut self) -> impl Iterator<Item = &mut Link> {
        self.links.iter_mut().filter_map(Held::link)
    }
}
