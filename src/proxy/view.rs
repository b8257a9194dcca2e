//! A proxy as others see it at one moment: its pool, its clients, its server connections.
//!
//! Made by the thread that owns them, when it is asked, as one value: what stands in it was true together. What is
//! long is bounded, so that a pool with very many clients costs its thread no more than a moment.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::action::Gate as Closed;
use crate::model::clock::Timestamp;
use crate::model::trading::Trading;
use crate::model::units::format_span;
use crate::pool::Pool;
use crate::pool::counters::Counters;
use crate::pool::gate::{Gate, Supply};
use crate::pool::id::ConnectionId;
use crate::pool::limits::Limits;
use crate::pool::reason::CloseReason;
use crate::pool::snapshot::{Activity, ClientActivity, ConnectionView, KeyView, Snapshot};

/// The most clients that are told of one by one; those longest without work come first.
pub const CLIENTS_SHOWN_MAX: usize = 1_024;

/// A proxy at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// When.
    pub at: Timestamp,
    /// The pool as a whole.
    pub pool: Snapshot,
    /// Its limits as they stand.
    pub limits: Limits,
    /// How new clients are let in.
    pub gate: Gate,
    /// Whether those that its clients belong to have descriptors left.
    pub supply: Supply,
    /// What was opened, closed and refused so far, by reason.
    pub counters: Counters,
    /// Clients, those longest without work first, at most [`CLIENTS_SHOWN_MAX`].
    pub clients: Vec<ClientView>,
    /// Clients beyond those.
    pub clients_more: usize,
    /// Clients that were told to go of late, those of most recent first.
    pub parted: Vec<Parted>,
    /// Server connections.
    pub servers: Vec<ServerView>,
    /// Users and databases that have clients or server connections.
    pub doors: Vec<DoorView>,
    /// Bytes that have passed, where they are counted.
    pub traffic: Option<Traffic>,
    /// Its streams as one, where it carries WebSockets.
    pub stream: Option<StreamView>,
    /// Its requests, where it carries some.
    pub requests: Option<RequestView>,
    /// Its read cache, where it has one.
    pub cache: Option<CacheView>,
    /// Its order gate, where it has one.
    pub trading: Option<GateView>,
}

/// An order gate at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GateView {
    /// What passes.
    pub state: Trading,
    /// How far policies have closed it.
    pub policy: Option<Closed>,
    /// How far a person has.
    pub hand: Option<Closed>,
    /// For how long the person's word still counts, where that has an end.
    pub left: Option<Duration>,
    /// What it has seen.
    pub counts: GateCounts,
}

impl fmt::Display for GateView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trading is {}", self.state)?;
        match (self.hand, self.left) {
            (Some(_), Some(left)) => write!(f, "; by hand for {}", format_span(rounded(left)))?,
            (Some(_), None) => f.write_str("; by hand until `active`")?,
            (None, _) => {}
        }
        match self.policy {
            Some(gate) => write!(f, "; a policy holds it {}", Trading::under(Some(gate))),
            None => Ok(()),
        }
    }
}

/// To whole seconds, so that it reads well.
pub fn rounded(span: Duration) -> Duration {
    Duration::from_secs((span + Duration::from_millis(500)).as_secs())
}

/// What an order gate has seen so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GateCounts {
    /// Orders passed on.
    pub orders: u64,
    /// Orders passed on that can only reduce risk.
    pub reducing: u64,
    /// Cancels passed on.
    pub cancels: u64,
    /// Passed on while trading was active, and only its body would have told what it is.
    pub unread: u64,
    /// Orders refused.
    pub refused: u64,
}

/// The requests of a proxy at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RequestView {
    /// Those that wait, or whose answer is not at its end.
    pub in_flight: usize,
    /// Those that failed so far.
    pub failed: u64,
    /// From the head of a request to that of its answer: the median of the last minute; none where there were no answers.
    pub latency: Option<Duration>,
}

/// All streams of a proxy at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamView {
    /// The state of the one that is worst off, by its place in [`STREAM_STATES`](crate::model::signal::STREAM_STATES).
    pub state: usize,
    /// The longest time that one had no data; none without clients.
    pub silence: Option<Duration>,
    /// Messages of data to clients so far.
    pub messages: u64,
    /// Lost connections replaced so far.
    pub reconnects: u64,
    /// Messages that went nowhere, or were replaced by newer ones.
    pub dropped: u64,
    /// Gaps that were told.
    pub gaps: u64,
    /// The latest changes of state, in order.
    pub changes: Vec<StreamChange>,
}

/// A change of state of one client's stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamChange {
    /// Its number among all of the proxy.
    pub number: u64,
    /// The client.
    pub client: String,
    /// From which state.
    pub from: &'static str,
    /// To which one.
    pub to: &'static str,
    /// Why.
    pub why: &'static str,
}

/// A read cache at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheView {
    /// Answers that are kept.
    pub entries: u64,
    /// Their bytes, with all that keeping them costs.
    pub bytes: u64,
    /// Questions answered here.
    pub hits: u64,
    /// Questions of declared reads that went to the server.
    pub misses: u64,
    /// Answers dropped because of a write.
    pub dropped: u64,
}

/// One user and database of a proxy.
#[derive(Clone, Debug)]
pub struct DoorView {
    /// As whom its server connections log in.
    pub user: String,
    /// To which database.
    pub database: String,
    /// Clients, whatever they do; all of them count here.
    pub clients: u32,
    /// Its share of the pool.
    pub pool: KeyView,
}

/// Bytes that have passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// From clients to servers.
    pub up: u64,
    /// From servers to clients.
    pub down: u64,
}

/// Who a client is, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// The user it logged in as.
    pub user: String,
    /// The database it asked for.
    pub database: String,
    /// What it calls itself.
    pub application: String,
    /// Its address, or `unix`.
    pub address: String,
    /// The user that owns its socket.
    pub uid: Option<u32>,
    /// The process that connected, where the kernel says.
    pub pid: Option<i32>,
    /// The inode of its socket, by which its descriptor is found.
    pub inode: Option<u64>,
}

/// One client.
#[derive(Clone, Debug)]
pub struct ClientView {
    /// Its place in the worker.
    pub place: u32,
    /// Which of those that had this place one after the other it is.
    pub turn: u32,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// What it does, and for how long.
    pub activity: ClientActivity,
    /// For how long it is there.
    pub age: Duration,
    /// For how long it has begun and ended no work.
    pub unused: Duration,
    /// Whether it keeps its server connection beyond its work.
    pub pinned: bool,
    /// Bytes that have passed, where they are counted.
    pub traffic: Option<Traffic>,
}

/// A client whose socket this side has closed.
#[derive(Clone, Debug)]
pub struct Parted {
    /// Who it was.
    pub identity: Arc<Identity>,
    /// How long ago.
    pub since: Duration,
}

/// One server connection.
#[derive(Clone, Debug)]
pub struct ServerView {
    /// Its name within the pool.
    pub connection: ConnectionId,
    /// What it does.
    pub activity: Activity,
    /// For how long.
    pub since: Duration,
    /// For how long it is open.
    pub age: Duration,
    /// How often it was handed out.
    pub uses: u32,
    /// Which upstream of the settings it goes to.
    pub upstream: u16,
    /// As whom.
    pub user: String,
    /// To which database.
    pub database: String,
    /// The number of the server's process; none while it is being connected.
    pub backend: Option<u32>,
    /// The place of the client that has it.
    pub holder: Option<u32>,
    /// Why it is closed when it comes back.
    pub retired: Option<CloseReason>,
}

/// Keeps those of clients that are told of one by one, the longest without work first; how many there are beyond.
pub(in crate::proxy) fn longest_unused<C>(
    clients: &mut Vec<(usize, &C)>,
    active: impl Fn(&C) -> Timestamp,
) -> usize {
    let more = clients.len().saturating_sub(CLIENTS_SHOWN_MAX);
    if more > 0 {
        clients.select_nth_unstable_by_key(CLIENTS_SHOWN_MAX, |(_, client)| active(client));
        clients.truncate(CLIENTS_SHOWN_MAX);
    }
    clients.sort_unstable_by_key(|(_, client)| active(client));
    more
}

/// The server connections of a pool, the oldest first.
pub(in crate::proxy) fn servers(
    pool: &Pool,
    now: Timestamp,
    view: impl Fn(ConnectionView) -> ServerView,
) -> Vec<ServerView> {
    let mut connections: Vec<ConnectionView> = pool.connections(now).collect();
    connections.sort_by_key(|seen| Reverse(seen.age));
    connections.into_iter().map(view).collect()
}

impl ServerView {
    /// What the pool knows of it; no protocol logs in.
    pub(in crate::proxy) fn of(seen: ConnectionView) -> Self {
        Self {
            connection: seen.connection,
            activity: seen.activity,
            since: seen.since,
            age: seen.age,
            uses: seen.uses,
            upstream: seen.upstream.0,
            user: String::new(),
            database: String::new(),
            backend: None,
            holder: seen.holder.map(|client| client.0),
            retired: seen.retired,
        }
    }
}
