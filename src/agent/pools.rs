//! The agent's own proxies as the control loop knows them: what each said last, and what is told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::status::{
    HeldClient, PoolCache, PoolClient, PoolServer, PoolStatus, PoolStream, PoolTrading, PoolTraffic,
    PoolTruth, Told,
};
use crate::model::clock::Timestamp;
use crate::model::event::Fact;
use crate::model::name::Name;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::STREAM_STATES;
use crate::pool::breaker::BreakerState;
use crate::pool::counters::Counters;
use crate::pool::gate::{Gate, Supply};
use crate::pool::mode::Mode;
use crate::pool::reason::{CloseReason, Farewell, OpenReason, Refusal};
use crate::pool::snapshot::{Activity, ClientActivity};
use crate::proxy::view::{CacheView, ClientView, Parted, ServerView, StreamView, Traffic, View};
use crate::proxy::{Command, Proxies};
use crate::sampler::pools::{PoolAnswer, PoolAnswers};
use crate::sampler::truth::Testimony;

/// The proxies.
#[derive(Debug, Default)]
pub(super) struct Pools {
    proxies: Option<Proxies>,
    views: BTreeMap<Name, (Timestamp, Box<View>)>,
    answers: PoolAnswers,
    /// What the upstreams of each said themselves.
    truth: BTreeMap<Name, BTreeMap<String, Heard>>,
}

/// What an upstream said, or why it said nothing.
#[derive(Debug)]
pub(super) struct Heard {
    /// When it was asked.
    pub(super) asked: Timestamp,
    /// What it said.
    pub(super) told: Result<Testimony, String>,
}

impl Pools {
    pub(super) fn new(proxies: Option<Proxies>) -> Self {
        let names = proxies.iter().flat_map(Proxies::names);
        let answers = names.map(|name| (name.clone(), PoolAnswer::UNHEARD)).collect();
        Self { proxies, views: BTreeMap::new(), answers, truth: BTreeMap::new() }
    }

    /// Changes of streams that an answer tells of for the first time.
    pub(super) fn changes(&self, name: &Name, view: &View) -> Vec<Fact> {
        let before = self.views.get(name).and_then(|(_, view)| view.stream.as_ref());
        let told = before.and_then(|stream| stream.changes.last()).map_or(0, |change| change.number);
        let streams = view.stream.iter().flat_map(|stream| &stream.changes);
        let new = streams.filter(|change| change.number > told).map(|change| Fact::StreamChanged {
            stream: name.clone(),
            client: change.client.clone(),
            from: change.from.to_owned(),
            to: change.to.to_owned(),
            why: change.why.to_owned(),
        });
        new.collect()
    }

    /// A pool has answered.
    pub(super) fn take(&mut self, name: Name, asked: Timestamp, view: Box<View>) {
        let trading = view.trading.map(|view| view.state);
        let answer = PoolAnswer::new(asked, &view.pool).with_trading(trading);
        let answer = view.stream.as_ref().map_or(answer, |streams| answer.with_streams(streams));
        let answer = view.requests.as_ref().map_or(answer, |requests| answer.with_requests(requests));
        self.answers.insert(name.clone(), answer);
        self.views.insert(name, (asked, view));
    }

    /// An upstream of a pool has said something, or nothing.
    pub(super) fn take_truth(&mut self, name: Name, upstream: String, heard: Heard) {
        self.truth.entry(name).or_default().insert(upstream, heard);
    }

    /// What they said last, for a process with these sockets: those that a pool has closed and the process keeps open are
    /// told with it.
    pub(super) fn answers_to(&self, sockets: Option<&[(u64, u32)]>) -> PoolAnswers {
        let told = |(name, answer): (&Name, &PoolAnswer)| {
            let abandoned = match (sockets, self.views.get(name)) {
                (Some(sockets), Some((_, view))) => Reading::Known(count_abandoned(sockets, &view.parted)),
                (None, _) | (_, None) => Reading::Unavailable(Gap::NotYet),
            };
            (name.clone(), answer.with_abandoned(abandoned))
        };
        self.answers.iter().map(told).collect()
    }

    /// Has a pool do something, and does not wait for it; why not, where it can't be told.
    pub(super) fn tell(&self, name: &Name, command: Command) -> Result<(), String> {
        let proxies = self.proxies.as_ref().ok_or_else(|| format!("no pool `{name}` here"))?;
        proxies.tell(name, command).map(drop).map_err(|error| error.to_string())
    }

    /// Begins to end them.
    pub(super) fn begin_to_end(&self) {
        if let Some(proxies) = &self.proxies {
            proxies.begin_to_end();
        }
    }

    /// Whether nothing is left of them.
    pub(super) fn have_ended(&self) -> bool {
        self.proxies.as_ref().is_none_or(Proxies::has_ended)
    }

    /// What is told of each.
    pub(super) fn status(&self, now: Timestamp) -> Vec<PoolStatus> {
        self.answers.iter().map(|(name, answer)| self.one(name, answer, now)).collect()
    }

    fn one(&self, name: &Name, answer: &PoolAnswer, now: Timestamp) -> PoolStatus {
        let signals = answer.signals(now).map(|(signal, reading)| (signal.name().to_owned(), reading));
        let mut status = PoolStatus { name: name.clone(), signals: signals.collect(), ..PoolStatus::blank() };
        status.truth = self.truth.get(name).into_iter().flatten().map(|one| truth(one, now)).collect();
        let Some((asked, view)) = self.views.get(name) else { return status };
        status.asked = Some(now.since(*asked));
        mode(view.pool.mode).clone_into(&mut status.mode);
        status.connecting = view.pool.connecting;
        status.clients_idle = view.pool.clients_idle;
        status.throttle = match view.gate {
            Gate::Throttled { rate } => Some(rate),
            Gate::Open => None,
        };
        status.scarce = view.supply == Supply::Scarce;
        breaker(view.pool.breaker).clone_into(&mut status.breaker);
        status.counters = counters(&view.counters);
        status.servers = view.servers.iter().map(server).collect();
        status.clients = view.clients.iter().map(client).collect();
        status.clients_more = view.clients_more;
        status.traffic = view.traffic.map(traffic);
        status.stream = view.stream.as_ref().map(stream);
        status.cache = view.cache.map(cache);
        status.trading = view.trading.map(PoolTrading::of);
        status
    }

    /// Whether a process with these sockets has clients of that pool.
    pub(super) fn is_used_by(&self, name: &Name, sockets: &[(u64, u32)]) -> bool {
        let clients = self.views.get(name).into_iter().flat_map(|(_, view)| &view.clients);
        let mut inodes = clients.map(|client| client.identity.inode);
        inodes.any(|inode| descriptor(sockets, inode).is_some())
    }

    /// The descriptors of a process that are clients of a pool, by the inodes of its sockets.
    pub(super) fn held_by(&self, sockets: &[(u64, u32)]) -> Vec<HeldClient> {
        let mut held = Vec::new();
        for (name, (_, view)) in &self.views {
            for client in &view.clients {
                let idle = matches!(client.activity, ClientActivity::Idle(_));
                let found = descriptor(sockets, client.identity.inode);
                held.extend(found.map(|descriptor| HeldClient {
                    descriptor,
                    pool: name.clone(),
                    application: client.identity.application.clone(),
                    opened: Some(client.age),
                    unused: if idle { client.unused } else { Duration::ZERO },
                    abandoned: false,
                }));
            }
            for parted in &view.parted {
                let found = descriptor(sockets, parted.identity.inode);
                held.extend(found.map(|descriptor| HeldClient {
                    descriptor,
                    pool: name.clone(),
                    application: parted.identity.application.clone(),
                    opened: None,
                    unused: parted.since,
                    abandoned: true,
                }));
            }
        }
        held.sort_by_key(|client| client.descriptor);
        held
    }
}

/// How many of these clients a process still has open.
fn count_abandoned(sockets: &[(u64, u32)], parted: &[Parted]) -> f64 {
    let held = |parted: &&Parted| descriptor(sockets, parted.identity.inode).is_some();
    parted.iter().filter(held).count() as f64
}

/// `sockets` is ordered by inode.
fn descriptor(sockets: &[(u64, u32)], inode: Option<u64>) -> Option<u32> {
    let inode = inode?;
    let place = sockets.partition_point(|(other, _)| *other < inode);
    sockets.get(place).filter(|(other, _)| *other == inode).map(|(_, number)| *number)
}

const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Running => "running",
        Mode::Paused { .. } => "paused",
        Mode::Disabled => "disabled",
        Mode::Draining { .. } => "draining",
    }
}

const fn breaker(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::HalfOpen => "half_open",
        BreakerState::Open => "open",
    }
}

/// What has happened at all, by reason.
fn counters(seen: &Counters) -> BTreeMap<String, u64> {
    let opened = OpenReason::ALL.iter().map(|reason| ("opened", reason.name(), seen.opened(*reason)));
    let closed = CloseReason::ALL.iter().map(|reason| ("closed", reason.name(), seen.closed(*reason)));
    let refused = Refusal::ALL.iter().map(|reason| ("refused", reason.name(), seen.refused(*reason)));
    let parted = Farewell::ALL.iter().map(|reason| ("parted", reason.name(), seen.farewells(*reason)));
    let all = opened.chain(closed).chain(refused).chain(parted);
    all.filter(|(_, _, count)| *count > 0)
        .map(|(what, reason, count)| (format!("{what}.{reason}"), count))
        .collect()
}

fn client(seen: &ClientView) -> PoolClient {
    let (state, since) = match seen.activity {
        ClientActivity::Idle(since) => ("idle", since),
        ClientActivity::Active(since) => ("active", since),
        ClientActivity::Waiting(since) => ("waiting", since),
        ClientActivity::Leaving(since) => ("leaving", since),
    };
    let identity = &seen.identity;
    PoolClient {
        place: seen.place,
        user: identity.user.clone(),
        database: identity.database.clone(),
        application: identity.application.clone(),
        address: identity.address.clone(),
        uid: identity.uid,
        pid: identity.pid,
        inode: identity.inode,
        state: state.to_owned(),
        since,
        age: seen.age,
        pinned: seen.pinned,
        traffic: seen.traffic.map(traffic),
    }
}

fn truth((upstream, heard): (&String, &Heard), now: Timestamp) -> PoolTruth {
    let told = match &heard.told {
        Ok(testimony) => Told::Seen(testimony.clone()),
        Err(why) => Told::Failed(why.clone()),
    };
    PoolTruth { upstream: upstream.clone(), asked: now.since(heard.asked), told }
}

fn stream(seen: &StreamView) -> PoolStream {
    PoolStream {
        state: STREAM_STATES.get(seen.state).copied().unwrap_or_default().to_owned(),
        silence: seen.silence,
        messages: seen.messages,
        reconnects: seen.reconnects,
        dropped: seen.dropped,
        gaps: seen.gaps,
    }
}

const fn cache(seen: CacheView) -> PoolCache {
    let CacheView { entries, bytes, hits, misses, dropped } = seen;
    PoolCache { entries, bytes, hits, misses, dropped }
}

const fn traffic(seen: Traffic) -> PoolTraffic {
    PoolTraffic { up: seen.up, down: seen.down }
}

fn server(seen: &ServerView) -> PoolServer {
    let state = match seen.activity {
        Activity::Connecting => "connecting",
        Activity::Idle => "idle",
        Activity::Checking => "checking",
        Activity::Active => "active",
        Activity::Cleaning => "cleaning",
    };
    PoolServer {
        user: seen.user.clone(),
        database: seen.database.clone(),
        state: state.to_owned(),
        since: seen.since,
        age: seen.age,
        uses: seen.uses,
        backend: seen.backend,
        holder: seen.holder,
        retired: seen.retired.map(|reason| reason.name().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_found_by_its_inode() {
        let sockets = [(7, 12), (9, 412), (11, 3)];
        assert_eq!(descriptor(&sockets, Some(9)), Some(412));
        assert_eq!(descriptor(&sockets, Some(10)), None);
        assert_eq!(descriptor(&sockets, Some(99)), None);
        assert_eq!(descriptor(&sockets, None), None);
    }
}
