//! One proxy inside of the worker: its pool, and who has which of its connections.

use crate::pool::Pool;
use crate::pool::state::Settings;
use crate::proxy::guests::Guests;
use crate::proxy::links::Links;
use crate::proxy::parted::PartedClients;
use crate::proxy::told::Told;
use crate::proxy::transport::Stream;
use crate::proxy::view::Traffic;

/// What a proxy is set to, for its worker.
#[derive(Debug)]
pub(super) struct RoomSettings {
    /// Its name.
    pub(super) name: String,
    /// Who may come.
    pub(super) guests: Guests,
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
    pub(super) links: Links<Held>,
    /// The pool's orders are being carried out: what one of them brings about waits for its turn.
    pub(super) carrying_out: bool,
    /// Clients that this side has closed.
    pub(super) parted: PartedClients,
    /// Trouble with its upstreams that was told.
    pub(super) told: Told,
    /// What has passed through it.
    pub(super) traffic: Traffic,
}

impl Room {
    pub(super) fn new(settings: RoomSettings, pool: Pool) -> Self {
        Self {
            settings,
            pool,
            links: Links::default(),
            carrying_out: false,
            parted: PartedClients::default(),
            told: Told::default(),
            traffic: Traffic::default(),
        }
    }
}
