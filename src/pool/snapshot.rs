//! A pool as others see it: for signals, the console and `ctl`.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::signal::Signal;
use crate::pool::breaker::BreakerState;
use crate::pool::client::Standing;
use crate::pool::connection::State;
use crate::pool::id::{ClientId, ConnectionId, Generation, Key, UpstreamId};
use crate::pool::mode::Mode;
use crate::pool::reason::CloseReason;
use crate::pool::state::Pool;
use crate::pool::upstream::UpstreamView;

/// The signals `pool[...]` that a pool can tell by itself.
pub const POOL_SIGNALS: [Signal; 10] = [
    Signal::PoolActive,
    Signal::PoolIdle,
    Signal::PoolWaiting,
    Signal::PoolMaxWait,
    Signal::PoolConnects,
    Signal::PoolErrors,
    Signal::PoolQueries,
    Signal::PoolBreaker,
    Signal::PoolClients,
    Signal::PoolClientOldestIdle,
];

/// What the signals `pool[...]` show, and what the console adds to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// How the pool stands.
    pub mode: Mode,
    /// Upstream connections in use.
    pub active: u32,
    /// Upstream connections idle, those just being asked whether they are alive among them.
    pub idle: u32,
    /// Upstream connections being opened.
    pub connecting: u32,
    /// Clients that wait.
    pub waiting: u32,
    /// Wait of the oldest waiter.
    pub max_wait: Duration,
    /// Upstream connections made so far.
    pub connects: u64,
    /// Upstream errors so far.
    pub errors: u64,
    /// Units of work so far.
    pub units: u64,
    /// The best of the breakers: closed while any upstream can be used.
    pub breaker: BreakerState,
    /// Clients.
    pub clients: u32,
    /// Those between units of work.
    pub clients_idle: u32,
    /// Idle time of the client longest idle.
    pub client_oldest_idle: Duration,
    /// Clients that were told to go and have not gone.
    pub clients_leaving: u32,
}

/// One key, for the rows of `SHOW POOLS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyView {
    /// Clients that wait: `cl_waiting`.
    pub waiting: u32,
    /// In the hands of clients: `sv_active`, and clients active with one.
    pub active: u32,
    /// Being cleaned after their client left: `sv_being_canceled`.
    pub cleaning: u32,
    /// `sv_idle`.
    pub idle: u32,
    /// Asked whether they are alive: `sv_tested`.
    pub checking: u32,
    /// `sv_login`.
    pub connecting: u32,
    /// `maxwait`.
    pub max_wait: Duration,
}

/// One connection, for the rows of `SHOW SERVERS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionView {
    /// Its name.
    pub connection: ConnectionId,
    /// What it does.
    pub activity: Activity,
    /// As whom.
    pub key: Key,
    /// Where to.
    pub upstream: UpstreamId,
    /// Who holds it.
    pub holder: Option<ClientId>,
    /// How long it is open.
    pub age: Duration,
    /// How long it does what it does.
    pub since: Duration,
    /// How often it was handed out.
    pub uses: u32,
    /// Between which resets it was opened.
    pub generation: Generation,
    /// Why it is closed when it comes back.
    pub retired: Option<CloseReason>,
}

/// What a connection does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Being opened.
    Connecting,
    /// Idle.
    Idle,
    /// Asked whether it is alive.
    Checking,
    /// In a client's hands.
    Active,
    /// Being cleaned after its client left.
    Cleaning,
}

/// What a client does, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientActivity {
    /// Between units of work.
    Idle(Duration),
    /// In a unit of work.
    Active(Duration),
    /// Waiting for a connection.
    Waiting(Duration),
    /// Told to go.
    Leaving(Duration),
}

impl KeyView {
    /// Counts another one in.
    pub fn add(&mut self, other: &Self) {
        self.waiting += other.waiting;
        self.active += other.active;
        self.cleaning += other.cleaning;
        self.idle += other.idle;
        self.checking += other.checking;
        self.connecting += other.connecting;
        self.max_wait = self.max_wait.max(other.max_wait);
    }

    /// Its connections.
    pub fn size(&self) -> u32 {
        self.active + self.cleaning + self.idle + self.checking + self.connecting
    }
}

impl Snapshot {
    /// What [`POOL_SIGNALS`] read, in their order, in the units of the catalogue.
    pub fn figures(&self) -> [f64; POOL_SIGNALS.len()] {
        [
            self.active.into(),
            self.idle.into(),
            self.waiting.into(),
            self.max_wait.as_secs_f64(),
            self.connects as f64,
            self.errors as f64,
            self.units as f64,
            // In the order of the words of the signal.
            f64::from(self.breaker as u8),
            self.clients.into(),
            self.client_oldest_idle.as_secs_f64(),
        ]
    }
}

impl Pool {
    /// The pool as a whole. Looks at every client, so not at every turn of a loop.
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let census = self.connections.total();
        let since = |client: ClientId| now.since(self.clients.get(client).since);
        let oldest_idle = self.clients.resting().map(|(_, at)| now.since(at)).max();
        Snapshot {
            mode: self.mode,
            active: census.leased(),
            idle: census.idle() + census.checking(),
            connecting: census.connecting(),
            waiting: self.clients.queue.len(),
            max_wait: self.clients.oldest().map(since).unwrap_or_default(),
            connects: self.counters.connects,
            errors: self.counters.errors(),
            units: self.counters.units,
            breaker: self.upstreams.state(),
            clients: self.clients.attached(),
            clients_idle: self.clients.at_rest(),
            client_oldest_idle: oldest_idle.unwrap_or_default(),
            clients_leaving: self.clients.count(Standing::Leaving),
        }
    }

    /// The first so many keys, in their order.
    pub fn keys(&self, count: usize, now: Timestamp) -> Vec<KeyView> {
        let mut cleaning = vec![0_u32; count];
        for seen in self.connections(now).filter(|seen| seen.activity == Activity::Cleaning) {
            cleaning.get_mut(seen.key.index()).into_iter().for_each(|cleaning| *cleaning += 1);
        }
        let keys = (0..=u16::MAX).map(Key);
        keys.zip(cleaning).map(|(key, cleaning)| self.key(key, cleaning, now)).collect()
    }

    fn key(&self, key: Key, cleaning: u32, now: Timestamp) -> KeyView {
        let census = self.connections.of_key(key);
        let oldest = self.clients.oldest_for(key);
        KeyView {
            waiting: self.clients.waiting_for(key),
            active: census.leased() - cleaning,
            cleaning,
            idle: census.idle(),
            checking: census.checking(),
            connecting: census.connecting(),
            max_wait: oldest.map(|client| now.since(self.clients.get(client).since)).unwrap_or_default(),
        }
    }

    /// Every connection.
    pub fn connections(&self, now: Timestamp) -> impl Iterator<Item = ConnectionView> {
        self.connections.iter().filter_map(move |(slot, seen)| {
            let activity = match (seen.state, seen.holder) {
                (State::Free, _) => return None,
                (State::Connecting, _) => Activity::Connecting,
                (State::Idle, _) => Activity::Idle,
                (State::Checking, _) => Activity::Checking,
                (State::Leased, Some(_)) => Activity::Active,
                (State::Leased, None) => Activity::Cleaning,
            };
            Some(ConnectionView {
                connection: seen.id(slot),
                activity,
                key: seen.key,
                upstream: seen.upstream,
                holder: seen.holder,
                age: now.since(seen.opened),
                since: now.since(seen.since),
                uses: seen.uses,
                generation: seen.generation,
                retired: seen.retired,
            })
        })
    }

    /// One client; none where it is not attached.
    pub fn client(&self, client: ClientId, now: Timestamp) -> Option<ClientActivity> {
        let seen = self.clients.get(client);
        let span = now.since(seen.since);
        match seen.standing {
            Standing::Absent => None,
            Standing::Resting | Standing::Refused => Some(ClientActivity::Idle(span)),
            Standing::Working => Some(ClientActivity::Active(span)),
            Standing::Waiting => Some(ClientActivity::Waiting(span)),
            Standing::Leaving => Some(ClientActivity::Leaving(span)),
        }
    }

    /// One upstream of the settings.
    pub fn upstream(&self, upstream: UpstreamId) -> UpstreamView {
        let seen = self.upstreams.get(upstream);
        let census = self.connections.of_upstream(upstream);
        UpstreamView {
            breaker: seen.breaker.state(),
            failures: seen.failures,
            size: census.size(),
            leased: census.leased(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::BREAKER_STATES;

    #[test]
    fn breaker_states_stand_in_the_order_of_the_catalogue() {
        for (state, word) in [
            (BreakerState::Closed, "closed"),
            (BreakerState::HalfOpen, "half_open"),
            (BreakerState::Open, "open"),
        ] {
            assert_eq!(BREAKER_STATES[state as usize], word);
        }
    }
}
