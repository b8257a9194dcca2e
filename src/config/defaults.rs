//! Every default with its reason, in one place.

use std::time::Duration;

use crate::model::units::Quota;

const KIB: u64 = 1 << 10;
const MIB: u64 = KIB * KIB;

/// Window of the slope that sees a fast leak: a sawtooth of two minutes fits into it with room to spare, and a leak
/// of 250 a minute is told more than a minute before 1024 are reached.
pub const WINDOW_SHORT: Duration = Duration::from_mins(3);
/// Window of the slope that sees a slow leak: 2.5 descriptors a minute are 25 in it, well above noise.
pub const WINDOW_LONG: Duration = Duration::from_mins(10);

/// Shortest time between fast ticks: at 1,000 descriptors a second it sees every tenth one, and costs under
/// 0.1 % of a core.
pub const TICK_FAST_MIN: Duration = Duration::from_millis(10);
/// Longest time between fast ticks, where nothing moves: a storm of 1,000 descriptors a second is seen after a
/// hundred of them, and a look costs microseconds.
pub const TICK_FAST_MAX: Duration = Duration::from_millis(100);
/// Time between full ticks while the budget lasts: the step in which ages of sockets are told.
pub const TICK_FULL: Duration = Duration::from_secs(1);
/// Share of one core for ticks; a full tick over a huge table stretches its period to stay under it.
/// With the fast ticks that makes less than 0.2 %.
pub const TICK_CPU: f64 = 0.0015;

/// Descriptors kept back for a kill, an evidence file and a notice when everything else is used up.
pub const RESERVE: u64 = 16;
/// What is logged: what the agent did and could not do, not each tick.
pub const LOG: super::LogLevel = super::LogLevel::Info;

/// One evidence bundle: 20,000 descriptors with their sockets in text stay below it.
pub const EVIDENCE_SIZE: u64 = 16 * MIB;
/// Evidence bundles kept: a bad week at three a day.
pub const EVIDENCE_KEEP: u64 = 20;

/// History kept: a month, so that a policy can be replayed over the last monthly settlement.
pub const HISTORY_FOR: Duration = Duration::from_hours(24 * 30);
/// History kept on disk at most.
pub const HISTORY_SIZE: u64 = 512 * MIB;
/// `fleet.at_most`
pub const FLEET_AT_MOST: u64 = 1;
/// `fleet.lease`
pub const FLEET_LEASE: Duration = Duration::from_mins(1);

/// A probe's answer: local services answer in milliseconds, and a stuck bot must not look busy.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// A hook's run: cancelling all orders at a slow venue takes seconds.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// Until a venue shows what a hook has done: its own list of orders lags behind by seconds.
pub const HOOK_UNTIL: Duration = Duration::from_secs(20);

/// One attempt to deliver a notice.
pub const NOTIFY_TIMEOUT: Duration = Duration::from_secs(5);
/// Notices within this time go out as one.
pub const NOTIFY_GROUP: Duration = Duration::from_secs(10);
/// Notices to one receiver: Slack takes about one a second, a person far fewer.
pub const NOTIFY_RATE: Quota = Quota { count: 10, per: Duration::from_mins(1) };
/// Attempts after the first, with growing pauses.
pub const NOTIFY_RETRIES: u64 = 3;

/// First pause before a child is started again.
pub const RESTART_BACKOFF: Duration = Duration::from_secs(1);
/// Longest pause: a venue's session limit needs a minute to forget the old connection.
pub const RESTART_BACKOFF_MAX: Duration = Duration::from_mins(1);
/// Restarts of a child: a bot that dies more often needs a person.
pub const RESTART_MAX: Quota = Quota { count: 6, per: Duration::from_hours(1) };

/// Between TERM and KILL: time to flush and log out.
pub const STOP_GRACE: Duration = Duration::from_secs(10);

/// Names of upstreams are looked up again: a failover by DNS is seen within this time.
pub const PROXY_LOOKUP: Duration = Duration::from_secs(30);
/// For busy connections at shutdown: orders in flight are answered, a stuck report is not waited for.
pub const PROXY_DRAIN: Duration = Duration::from_secs(10);

/// Connections kept open: none, so that a resting bot holds nothing.
pub const POOL_MIN: u32 = 0;
/// Connections at most: a bot of one loop needs one or two at a time; ten serve bursts and spare the server.
pub const POOL_MAX: u32 = 10;
/// Waiting for one: longer than any burst of such a bot, shorter than its own timeouts.
pub const POOL_WAIT: Duration = Duration::from_secs(5);
/// Clients that wait: ten for each connection.
pub const POOL_WAITERS: u32 = 1_000;
/// Unused connections: long enough for a bot that asks every few seconds.
pub const POOL_IDLE: Duration = Duration::from_secs(30);
/// Age of a connection: what a server's session gathers, and a failover that nobody saw, ends with it.
pub const POOL_LIFETIME: Duration = Duration::from_mins(10);
/// A connect with its login: three handshakes and a SYN sent again.
pub const POOL_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connects at once: a server that comes back is not met by all at once.
pub const POOL_CONNECTS: u32 = 2;
/// Rest after which a ping comes first: firewalls forget silently after about a minute.
pub const POOL_CHECK: Duration = Duration::from_secs(30);
/// Rest inside a transaction: it holds locks and one of few connections.
pub const POOL_IDLE_TRANSACTION: Duration = Duration::from_mins(1);
/// Prepared statements kept on each connection: drivers that prepare everything know about a hundred.
pub const POOL_STATEMENTS: u32 = 200;
/// State beyond a transaction: programs written for a server of their own go on working.
pub const POOL_STATE: super::proxy::SessionState = super::proxy::SessionState::Pin;
/// Between two clients: `DISCARD ALL` costs a round trip that most transactions give no reason for.
pub const POOL_RESET: super::proxy::Reset = super::proxy::Reset::Smart;

/// Clients: a leak of hours, seen and counted before anybody is turned away.
pub const CLIENTS_MAX: u32 = 200;
/// Of them, for the console and for what must come through a throttle.
pub const CLIENTS_RESERVE: u32 = 4;
/// Descriptors that a client's process has left when new clients would be its end: enough to cancel orders with, and for a leak in a hurry to be noticed.
pub const CLIENTS_SCARCE: u32 = 16;
/// Rest of a client: a leaked one is given back, one of a slow strategy is not.
pub const CLIENTS_IDLE: Duration = Duration::from_mins(15);
/// Login of a client: it is on this machine.
pub const CLIENTS_LOGIN: Duration = Duration::from_secs(10);
/// Failed logins of one user: a person mistypes, a guesser needs thousands.
pub const CLIENTS_TRIES: Quota = Quota { count: 10, per: Duration::from_mins(1) };
/// Held for one client in each direction: rows that one write takes.
pub const CLIENTS_BUFFER: u64 = 64 * KIB;

/// Connections of a proxy for HTTP: what a bot with a client for each venue and each task opens at its busiest.
pub const HTTP_MAX: u32 = 100;
/// Of them, to one upstream: venues count connections of one address.
pub const HTTP_PER_HOST: u32 = 30;
/// A connect, TLS included, over a far network that loses a packet.
pub const HTTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connects at once: a burst of requests is not to wait for one handshake after the other.
pub const HTTP_CONNECTS: u32 = 8;
/// Silence of an upstream that has been asked: longer than a slow query, shorter than a client's own patience.
pub const HTTP_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// From a request to the head of its answer.
pub const HTTP_TOTAL_TIMEOUT: Duration = Duration::from_mins(1);
/// The head of a request: its client is on this machine.
pub const HTTP_HEAD: Duration = Duration::from_secs(10);
/// Of a body, read before the order gate decides: a batch of fifty orders has a fifth of it.
pub const GATE_BODY: u64 = 64 * KIB;
/// A refused order: clients take it for an outage of the venue, and come again.
pub const GATE_STATUS: u32 = 503;
/// What a refused order is answered with.
pub const GATE_TYPE: &str = "application/json";
/// Names of HTTP upstreams are looked up again: they are behind load balancers that tell addresses for minutes.
pub const HTTP_LOOKUP: Duration = Duration::from_mins(5);
/// A tunnel that has rested for so long makes room for a client that waits: sooner than its wait is over, for a client that opens
/// several at once keeps the first ones while it waits for the last.
pub const FORWARD_SPARE: Duration = Duration::from_secs(3);

/// A ping on an open WebSocket: venues and firewalls close what is silent for half a minute to a few minutes.
pub const STREAM_HEARTBEAT: Duration = Duration::from_secs(20);
/// Its answer: several round trips over a far network.
pub const STREAM_PONG: Duration = Duration::from_secs(10);
/// Pauses between tries of a lost WebSocket, the first try coming at once.
pub const STREAM_PAUSES: [Duration; 4] =
    [Duration::from_secs(10), Duration::from_secs(30), Duration::from_mins(1), Duration::from_mins(2)];
/// Tries in a row: with the pauses above they take less than four minutes.
pub const STREAM_TRIES: u32 = 5;
/// A connection that held so long was no accident.
pub const STREAM_STABLE: Duration = Duration::from_secs(30);
/// From probe to probe where no try is left: venues that are down for maintenance come back by themselves.
pub const STREAM_PROBE: Duration = Duration::from_mins(5);
/// The answer to a close.
pub const STREAM_CLOSE: Duration = Duration::from_secs(5);
/// The longest message: the snapshot of a deep book has a few MiB.
pub const STREAM_MESSAGE: u64 = 16 * MIB;
/// Where subscriptions name their topics.
pub const STREAM_TOPICS: &str = "/params";
/// Topics in one message that is said again.
pub const STREAM_BATCH: u32 = 100;
/// From one of these messages to the next: venues take about five a second.
pub const STREAM_PACE: Duration = Duration::from_millis(200);
/// Where an answer says that it refuses, as it does in JSON-RPC and most of what is like it.
pub const STREAM_REFUSED: &str = "/error";
/// Numbers that are not above the last one for so long are a new count.
pub const STREAM_RECOUNT: Duration = Duration::from_secs(30);
/// From poll to poll.
pub const POLL_EVERY: Duration = Duration::from_secs(2);
/// The answer to a poll.
pub const POLL_TIMEOUT: Duration = Duration::from_secs(5);
/// What a polled item becomes: itself.
pub const POLL_MESSAGE: &str = "\"{}\"";
/// It stays in polls at least so long: each way up costs a connection.
pub const POLL_DWELL: Duration = Duration::from_secs(30);
/// From a connection that is open again to its service.
pub const POLL_PRIME: Duration = Duration::from_secs(10);

/// All cached answers.
pub const CACHE_SIZE: u64 = 16 * MIB;
/// The answers of one read.
pub const CACHE_QUERY_SIZE: u64 = MIB;

/// What the upstream itself says of a pool: a leak past it takes minutes.
pub const TRUTH_EVERY: Duration = Duration::from_secs(10);
/// One such question: it reads a table in memory.
pub const TRUTH_TIMEOUT: Duration = Duration::from_secs(2);
/// Where it is asked: every server has this database.
pub const TRUTH_DATABASE: &str = "postgres";

/// Connects and units of work that must have ended, half of them badly, until an upstream is left alone: fewer tell
/// little.
pub const BREAKER_FAILURES: u32 = 5;
/// The time they are counted in.
pub const BREAKER_WINDOW: Duration = Duration::from_secs(30);
/// For so long: a server restarts in about this time.
pub const BREAKER_OPEN: Duration = Duration::from_secs(10);
