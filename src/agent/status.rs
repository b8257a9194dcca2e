//! What the agent sees and holds, as a value for the terminal, the API and tests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::action::{Gate, Hold};
use crate::model::clock::WallTime;
use crate::model::name::Name;
use crate::model::reading::Reading;
use crate::model::trading::Trading;
use crate::proxy::view::{GateCounts, GateView};
use crate::sampler::truth::Testimony;

/// The whole agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The agent itself.
    pub agent: AgentStatus,
    /// Its targets.
    pub targets: Vec<TargetStatus>,
    /// Its pools.
    #[serde(default)]
    pub pools: Vec<PoolStatus>,
    /// What happened since it started.
    #[serde(default)]
    pub counts: Counts,
}

/// What happened since the agent started.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Actions and holds by what became of them.
    pub actions: Vec<ActionCount>,
    /// Moves of ladders, by target.
    pub transitions: BTreeMap<Name, u64>,
    /// Starts of the target's command by the agent, by target.
    pub starts: BTreeMap<Name, u64>,
    /// How often a signal was lost, by target.
    pub signal_losses: BTreeMap<Name, u64>,
    /// Notices that could not be delivered, by receiver.
    pub notices_failed: BTreeMap<Name, u64>,
}

/// How often something became of an action or a hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActionCount {
    /// The target.
    pub target: Name,
    /// The word for it, as policies write it.
    pub action: String,
    /// `started`, `dry_run` or `refused`; then `done` or `failed`; then `effective`, `ineffective` or `unknown`.
    pub outcome: String,
    /// How often.
    pub count: u64,
}

/// The agent itself: it counts its own descriptors too.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Version.
    pub version: String,
    /// Its own process number.
    pub pid: u32,
    /// When it started.
    pub since: WallTime,
    /// Whether it only watches.
    pub dry_run: bool,
    /// CPU used since the start.
    pub cpu: Duration,
    /// Its own resident memory in bytes.
    pub rss: Option<u64>,
    /// Its own open descriptors.
    pub descriptors: Option<u64>,
    /// Ticks of the control loop so far.
    pub ticks: u64,
    /// Lateness of the latest tick in the worst case of the last minute.
    pub lateness_max: Duration,
    /// Why the history is not written, where it is not.
    pub history_lost: Option<String>,
}

/// One target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TargetStatus {
    /// Its name.
    pub name: Name,
    /// What is looked for: `unit bot.service`.
    pub sought: String,
    /// Its policies, shadows marked.
    pub policies: Vec<String>,
    /// Whether a person holds every disruptive action back.
    pub human_hold: bool,
    /// Rules that wait for a person.
    pub latched: Vec<String>,
    /// Its processes.
    pub processes: Vec<ProcessStatus>,
}

/// One process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// Its number.
    pub pid: u32,
    /// Its command line, cut short.
    pub command: String,
    /// When it was adopted.
    pub since: WallTime,
    /// Every plain signal, known or not. An infinite one is the text `inf` in JSON.
    #[serde(with = "crate::agent::figures")]
    pub signals: BTreeMap<String, Reading<f64>>,
    /// Descriptors by kind.
    pub kinds: BTreeMap<String, u32>,
    /// Sockets by remote: remote, count, CLOSE_WAIT.
    pub remotes: Vec<(String, u32, u32)>,
    /// Each ladder and its active tier, none for normal.
    pub tiers: BTreeMap<String, Option<Name>>,
    /// The place of each ladder's active tier from 1; 0 is normal.
    #[serde(default)]
    pub levels: BTreeMap<String, usize>,
    /// What is kept up.
    pub holds: Vec<Hold>,
    /// Time between fast ticks now.
    pub period: Duration,
    /// Its descriptors that are clients of a pool, by number.
    #[serde(default)]
    pub clients: Vec<HeldClient>,
}

/// A pool of the agent's own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PoolStatus {
    /// Its name.
    pub name: Name,
    /// How it stands: running, paused, disabled, draining; empty before its first answer.
    pub mode: String,
    /// How long ago the question was put that is answered here.
    pub asked: Option<Duration>,
    /// Its signals, late where it does not answer.
    #[serde(with = "crate::agent::figures")]
    pub signals: BTreeMap<String, Reading<f64>>,
    /// Server connections being opened.
    pub connecting: u32,
    /// Clients between units of work.
    pub clients_idle: u32,
    /// New clients a second, where they are throttled.
    pub throttle: Option<f64>,
    /// Whether the process of a client has nearly no descriptors left, so that it lets in its reserve alone.
    pub scarce: bool,
    /// The best of its breakers.
    pub breaker: String,
    /// What happened so far, by reason: `closed.reset`, `refused.throttled`; without what never did.
    pub counters: BTreeMap<String, u64>,
    /// Server connections, the oldest first.
    pub servers: Vec<PoolServer>,
    /// Clients, those longest without work first.
    pub clients: Vec<PoolClient>,
    /// Clients that are not among those.
    pub clients_more: usize,
    /// Bytes that have passed, where they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<PoolTraffic>,
    /// Its streams as one, where it carries WebSockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<PoolStream>,
    /// Its read cache, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<PoolCache>,
    /// Its order gate, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trading: Option<PoolTrading>,
    /// What its upstreams say themselves, where they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truth: Vec<PoolTruth>,
}

/// What an upstream itself said last of a pool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PoolTruth {
    /// The upstream, as the settings name it.
    pub upstream: String,
    /// How long ago it was asked.
    pub asked: Duration,
    /// What it said.
    pub told: Told,
}

/// What an upstream said, or why it said nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// What it said.
    Seen(Testimony),
    /// Why nothing.
    Failed(String),
}

/// Bytes that have passed through a pool or for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PoolTraffic {
    /// From clients to servers.
    pub up: u64,
    /// From servers to clients.
    pub down: u64,
}

/// All streams of a pool as one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PoolStream {
    /// The state of the one that is worst off.
    pub state: String,
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
}

/// The order gate of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PoolTrading {
    /// What passes.
    pub state: Trading,
    /// How far policies have closed it.
    pub policy: Option<Gate>,
    /// How far a person has.
    pub hand: Option<Gate>,
    /// For how long that still counts, where it has an end.
    pub left: Option<Duration>,
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

impl PoolTrading {
    /// As the proxy tells it.
    pub const fn of(seen: GateView) -> Self {
        let GateView { state, policy, hand, left, counts } = seen;
        let GateCounts { orders, reducing, cancels, unread, refused } = counts;
        Self { state, policy, hand, left, orders, reducing, cancels, unread, refused }
    }
}

/// The read cache of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PoolCache {
    /// Answers that are kept.
    pub entries: u64,
    /// Their bytes, with all that keeping them costs.
    pub bytes: u64,
    /// Questions answered by it.
    pub hits: u64,
    /// Questions of declared reads that went to the server, to be kept.
    pub misses: u64,
    /// Answers dropped because of a write, or by hand.
    pub dropped: u64,
}

impl PoolStatus {
    /// A pool of which nothing is known.
    pub(crate) fn blank() -> Self {
        Self {
            name: Name::parse("unknown").expect("a constant name is right"),
            mode: String::new(),
            asked: None,
            signals: BTreeMap::new(),
            connecting: 0,
            clients_idle: 0,
            throttle: None,
            scarce: false,
            breaker: String::new(),
            counters: BTreeMap::new(),
            servers: Vec::new(),
            clients: Vec::new(),
            clients_more: 0,
            traffic: None,
            stream: None,
            cache: None,
            trading: None,
            truth: Vec::new(),
        }
    }
}

/// A server connection of a pool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PoolServer {
    /// As whom it logged in.
    pub user: String,
    /// To which database.
    pub database: String,
    /// What it does.
    pub state: String,
    /// For how long.
    pub since: Duration,
    /// For how long it is open.
    pub age: Duration,
    /// How often it was handed out.
    pub uses: u32,
    /// The number of the server's process.
    pub backend: Option<u32>,
    /// The place of the client that has it.
    pub holder: Option<u32>,
    /// Why it is closed when it comes back.
    pub retired: Option<String>,
}

/// A client of a pool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PoolClient {
    /// Its place.
    pub place: u32,
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
    /// The inode of its socket.
    pub inode: Option<u64>,
    /// What it does.
    pub state: String,
    /// For how long.
    pub since: Duration,
    /// For how long it is there.
    pub age: Duration,
    /// Whether it keeps its server connection beyond its work.
    pub pinned: bool,
    /// Bytes that have passed, where they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<PoolTraffic>,
}

/// A descriptor of a guarded process that is a client of a pool, or was one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HeldClient {
    /// Its number in the process.
    pub descriptor: u32,
    /// The pool.
    pub pool: Name,
    /// What the client calls itself.
    pub application: String,
    /// For how long it is open.
    pub opened: Option<Duration>,
    /// For how long it was not used; for an abandoned one, how long ago its pool has closed it.
    pub unused: Duration,
    /// Whether the pool has closed it and the process keeps its descriptor.
    pub abandoned: bool,
}
