//! One proxy inside of a worker: its pool, its server connections, and what its clients share.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::pool::Pool;
use crate::pool::id::{ConnectionId, Key, UpstreamId};
use crate::pool::state::Settings;
use crate::proxy::parted::PartedClients;
use crate::proxy::postgres::cache::{Cache, CacheSettings};
use crate::proxy::postgres::side::{Keeps, Mode};
use crate::proxy::postgres::statements::Statements;
use crate::proxy::postgres::worker::Server;
use crate::proxy::told::Told;

/// The most users and databases of one proxy.
const KEYS_MAX: usize = 1_024;

/// What a proxy is set to, for its worker.
#[derive(Clone, Debug)]
pub(crate) struct RoomSettings {
    /// Its name.
    pub(crate) name: String,
    /// For how long a client keeps a server connection.
    pub(crate) mode: Mode,
    /// What becomes of session state that can't be shared.
    pub(crate) keeps: Keeps,
    /// How long a statement may take.
    pub(crate) command_timeout: Option<Duration>,
    /// How long a transaction may be idle.
    pub(crate) idle_transaction: Option<Duration>,
    /// Prepared statements kept on each server connection.
    pub(crate) statements_max: usize,
    /// As whom to log in at the server, where not as the client.
    pub(crate) user: Option<String>,
    /// Which database to use there, where not the client's.
    pub(crate) database: Option<String>,
    /// Which reads are answered without the server; none where that is not wanted.
    pub(crate) cache: Option<CacheSettings>,
    /// Its pool.
    pub(crate) pool: Settings,
}

/// One user and database.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) user: Vec<u8>,
    pub(super) database: Vec<u8>,
    /// What a new client is greeted with, once a server connection has told it.
    pub(super) greeting: Option<Rc<Greeting>>,
    /// What the server said last when it refused a connection.
    pub(super) refused: Vec<u8>,
}

/// What the server reports of itself at login.
#[derive(Debug)]
pub(super) struct Greeting {
    /// In its order.
    pub(super) parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A connection of the pool.
#[derive(Debug)]
struct Slot {
    name: ConnectionId,
    upstream: UpstreamId,
    key: Key,
    /// None while it is being connected.
    server: Option<Box<Server>>,
}

/// One proxy.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) settings: RoomSettings,
    pub(super) pool: Pool,
    servers: Vec<Option<Slot>>,
    pub(super) statements: Statements,
    pub(super) cache: Option<Box<Cache>>,
    doors: Vec<Door>,
    keys: HashMap<(Vec<u8>, Vec<u8>), Key>,
    /// The pool's orders are being carried out: what one of them brings about waits for its turn.
    pub(super) carrying_out: bool,
    pub(super) parted: PartedClients,
    /// Trouble with its upstreams that was told.
    pub(super) told: Told,
}

impl Room {
    pub(super) fn new(settings: RoomSettings, pool: Pool) -> Self {
        let cache = settings.cache.as_ref().map(|cache| Box::new(Cache::of(cache)));
        Self {
            settings,
            pool,
            servers: Vec::new(),
            statements: Statements::default(),
            cache,
            doors: Vec::new(),
            keys: HashMap::new(),
            carrying_out: false,
            parted: PartedClients::default(),
            told: Told::default(),
        }
    }

    #[inline]
    fn slot(&self, connection: ConnectionId) -> Option<&Slot> {
        self.servers.get(usize::from(connection.slot()))?.as_ref().filter(|slot| slot.name == connection)
    }

    #[inline]
    fn slot_mut(&mut self, connection: ConnectionId) -> Option<&mut Slot> {
        let slot = self.servers.get_mut(usize::from(connection.slot()))?;
        slot.as_mut().filter(|slot| slot.name == connection)
    }

    /// The connection in this slot.
    pub(super) fn connection_at(&self, slot: u16) -> Option<ConnectionId> {
        self.servers.get(usize::from(slot))?.as_ref().map(|slot| slot.name)
    }

    /// The server connection of this name, unless it is gone or not there yet.
    #[inline]
    pub(super) fn server(&self, connection: ConnectionId) -> Option<&Server> {
        self.slot(connection)?.server.as_deref()
    }

    /// The server connection of this name, unless it is gone or not there yet.
    #[inline]
    pub(super) fn server_mut(&mut self, connection: ConnectionId) -> Option<&mut Server> {
        self.slot_mut(connection)?.server.as_deref_mut()
    }

    /// The server connection, and beside it what its messages need.
    #[inline]
    pub(super) fn server_and_books(
        &mut self,
        connection: ConnectionId,
    ) -> Option<(&mut Server, &mut Statements, Option<&mut Cache>)> {
        let slot = self.servers.get_mut(usize::from(connection.slot()))?;
        let slot = slot.as_mut().filter(|slot| slot.name == connection)?;
        Some((slot.server.as_deref_mut()?, &mut self.statements, self.cache.as_deref_mut()))
    }

    /// The pool has a new connection, which is being connected.
    pub(super) fn begin(&mut self, name: ConnectionId, upstream: UpstreamId, key: Key) {
        let slot = usize::from(name.slot());
        if self.servers.len() <= slot {
            self.servers.resize_with(slot + 1, || None);
        }
        self.servers[slot] = Some(Slot { name, upstream, key, server: None });
    }

    /// Where a connection goes to, and as whom.
    pub(super) fn place_of(&self, connection: ConnectionId) -> Option<(UpstreamId, Key)> {
        self.slot(connection).map(|slot| (slot.upstream, slot.key))
    }

    /// A connection is there; gives the server back where the pool has given the connection up meanwhile.
    pub(super) fn insert(
        &mut self,
        connection: ConnectionId,
        server: Box<Server>,
    ) -> Result<(), Box<Server>> {
        match self.slot_mut(connection) {
            Some(slot) => {
                slot.server = Some(server);
                Ok(())
            }
            None => Err(server),
        }
    }

    /// The pool has given the connection up.
    pub(super) fn remove(&mut self, connection: ConnectionId) -> Option<Box<Server>> {
        self.slot(connection)?;
        self.servers[usize::from(connection.slot())].take()?.server
    }

    /// All server connections.
    pub(super) fn servers(&self) -> impl Iterator<Item = (ConnectionId, &Server)> {
        self.servers.iter().flatten().filter_map(|slot| Some((slot.name, slot.server.as_deref()?)))
    }

    /// The key of a user and database; none where there are too many.
    pub(super) fn key(&mut self, user: &str, database: &str) -> Option<Key> {
        let user = self.settings.user.as_deref().unwrap_or(user).as_bytes().to_vec();
        let database = self.settings.database.as_deref().unwrap_or(database).as_bytes().to_vec();
        if let Some(key) = self.keys.get(&(user.clone(), database.clone())) {
            return Some(*key);
        }
        if self.doors.len() >= KEYS_MAX {
            return None;
        }
        let key = Key(u16::try_from(self.doors.len()).ok()?);
        self.keys.insert((user.clone(), database.clone()), key);
        self.doors.push(Door { user, database, greeting: None, refused: Vec::new() });
        Some(key)
    }

    /// All users and databases, in the order of their keys.
    pub(super) fn doors(&self) -> &[Door] {
        &self.doors
    }

    pub(super) fn door(&self, key: Key) -> Option<&Door> {
        self.doors.get(key.index())
    }

    pub(super) fn door_mut(&mut self, key: Key) -> Option<&mut Door> {
        self.doors.get_mut(key.index())
    }
}
