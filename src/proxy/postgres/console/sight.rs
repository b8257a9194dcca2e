//! What the console sees: pools that its visitor may know of, each with its view of this moment.

use crate::model::clock::WallTime;
use crate::model::name::Name;
use crate::pool::mode::Mode;
use crate::pool::snapshot::Snapshot;
use crate::proxy::guests::Guests;
use crate::proxy::place::Place;
use crate::proxy::postgres::side;
use crate::proxy::view::View;

/// A pool as the settings have it.
#[derive(Clone, Debug)]
pub(in crate::proxy::postgres) struct Sight {
    pub(in crate::proxy::postgres) name: Name,
    /// Who may use its console.
    pub(in crate::proxy::postgres) guests: Guests,
    /// For how long a client keeps a server connection.
    pub(in crate::proxy::postgres) mode: side::Mode,
    /// As whom to log in, where not as the client.
    pub(in crate::proxy::postgres) user: Option<String>,
    /// To which database, where not the client's.
    pub(in crate::proxy::postgres) database: Option<String>,
    /// Its upstreams.
    pub(in crate::proxy::postgres) places: Vec<Place>,
}

/// A pool and what it said.
pub(super) struct Look<'s> {
    pub(super) sight: &'s Sight,
    pub(super) view: Box<View>,
    /// When, by the civil clock.
    pub(super) wall: WallTime,
}

impl Look<'_> {
    pub(super) fn name(&self) -> &Name {
        &self.sight.name
    }

    /// The word of the settings for its mode.
    pub(super) fn mode(&self) -> &'static str {
        match self.sight.mode {
            side::Mode::Session => "session",
            side::Mode::Transaction => "transaction",
            side::Mode::Statement => "statement",
        }
    }

    pub(super) fn pool(&self) -> &Snapshot {
        &self.view.pool
    }

    pub(super) fn is_paused(&self) -> bool {
        is_paused(&self.view)
    }

    pub(super) fn is_disabled(&self) -> bool {
        matches!(self.view.pool.mode, Mode::Disabled)
    }

    /// Its server connections, whatever they do.
    pub(super) fn size(&self) -> u32 {
        let pool = self.pool();
        pool.active + pool.idle + pool.connecting
    }
}

pub(super) fn is_paused(view: &View) -> bool {
    matches!(view.pool.mode, Mode::Paused { .. })
}
