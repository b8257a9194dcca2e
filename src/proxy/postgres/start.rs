//! From settings to running threads.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;

use tokio::sync::mpsc::{self, unbounded_channel};
use tokio::task::LocalSet;

use crate::config::proxy::{
    self as config, Access, Auth, Balance, Listen, ListenerTls, Postgres, Proxy, SessionState,
};
use crate::pool::address::Lookup;
use crate::pool::state::Settings;
use crate::pool::upstream::{self, UpstreamSettings};
use crate::proxy::console::WORDS_MAX;
use crate::proxy::postgres::bounds::limits;
use crate::proxy::postgres::console::{Parlour, Sight, VISITORS_MAX};
use crate::proxy::postgres::desk::{self, Post};
use crate::proxy::postgres::ear::Ear;
use crate::proxy::postgres::guests::{GuestError, Guests, Residents};
use crate::proxy::postgres::lobby::LOGINS_MAX;
use crate::proxy::postgres::login::users::UsersError;
use crate::proxy::postgres::piece::Piece;
use crate::proxy::postgres::place::Place;
use crate::proxy::postgres::running::{Running, Thread};
use crate::proxy::postgres::secrets::SecretError;
use crate::proxy::postgres::side::{Keeps, Mode};
use crate::proxy::postgres::tls::TlsError;
use crate::proxy::postgres::worker::hall::{Doorway, Hall, KNOCKERS_MAX, Proof, RESERVE, Tls};
use crate::proxy::postgres::worker::{self, Message, RoomSettings, Worker};
use crate::proxy::proxies::Proxies;
use crate::sys::handed::Offer;
use crate::sys::limits::NoFile;

/// Threads of the desk for what takes long: derivations of keys, and names that are looked up.
const BLOCKING_MAX: usize = 8;
/// Descriptors of everything else that the agent does: its targets, its history, its socket.
const OWN: u64 = 256;

/// Why proxies could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A place to listen is not to be had.
    #[error("{name} can't listen on {place}")]
    Listen {
        /// The proxy.
        name: String,
        /// Where.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// `allow` or `console` names somebody who is not there.
    #[error("{name} can't know who may use it")]
    Allow {
        /// The proxy.
        name: String,
        /// Why.
        source: GuestError,
    },
    /// TLS is not to be had as the settings want it.
    #[error("{name} has no TLS")]
    Tls {
        /// The proxy.
        name: String,
        /// Why.
        source: TlsError,
    },
    /// The file of users is not used.
    #[error("{name} has no users")]
    Users {
        /// The proxy.
        name: String,
        /// Why.
        source: UsersError,
    },
    /// The file of the password is not used.
    #[error("{name} has no password")]
    Password {
        /// The proxy.
        name: String,
        /// Why.
        source: SecretError,
    },
    /// Something that the settings know and that nothing serves yet.
    #[error("{name}: this version does not serve {what}; take it out")]
    NotServed {
        /// The proxy.
        name: String,
        /// What.
        what: &'static str,
    },
    /// No thread or descriptor could be had.
    #[error("the proxies have no room to start")]
    Room(#[from] io::Error),
}

/// What proxies need to know of the agent around them.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The users of guarded processes, as they become known.
    pub residents: Residents,
    /// Who may use consoles of proxies that do not say who.
    pub admins: Access,
}

/// Starts proxies for PostgreSQL.
pub fn start(proxies: &[(&Proxy, &Postgres)], around: &Surroundings) -> Result<Running, StartError> {
    descriptors(proxies);
    let (poll, waker) = worker::poll()?;
    let (sender, inbox) = channel();
    let (to_desk, errands) = unbounded_channel();
    let post = Post { sender, waker: Arc::new(waker) };
    let offer = Offer::of_environment();
    let (mut doorways, mut ears) = (Vec::new(), Vec::new());
    let (mut pieces, mut sights) = (Vec::new(), Vec::new());
    for (place, (proxy, postgres)) in (0_u16..).zip(proxies) {
        for listen in &proxy.listen {
            ears.extend(open(proxy, listen, &offer)?.into_iter().map(|ear| (place, ear)));
        }
        let doorway = doorway(proxy, postgres, around)?;
        sights.push(sight(proxy, postgres, doorway.console.clone()));
        doorways.push(doorway);
        pieces.push(Piece::of(proxy, postgres)?);
        post.send(Message::Open(place, Box::new(room(proxy, postgres))));
    }
    post.send(Message::Listen(Box::new(Hall::new(doorways, ears))));
    let names = proxies.iter().map(|(proxy, _)| proxy.name.clone());
    let hand = Proxies::new(names, Box::new(post.clone()));
    let parts = worker::Parts { poll, inbox, desk: to_desk };
    let (words, heard) = mpsc::channel(WORDS_MAX);
    let parlour = Parlour::new(hand.clone(), sights, words);
    let note = hand.end_note();
    let worker = Thread::start("fdg-proxy-1", move || {
        let _note = note;
        Worker::new(parts).run()
    })?;
    let desk = Thread::start("fdg-login", move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_MAX)
            .build()?;
        let counters = pieces.into_iter().map(Piece::into_counter).collect();
        let parts = desk::Parts { counters, parlour, post, errands };
        LocalSet::new().block_on(&runtime, desk::run(parts));
        Ok(())
    })?;
    Ok(Running::new(hand, vec![worker, desk], heard))
}

/// Raises our own limit of descriptors, and tells where it does not cover what the settings allow.
fn descriptors(proxies: &[(&Proxy, &Postgres)]) {
    let need = need(proxies);
    if let Err(error) = NoFile::raise_own(need) {
        tracing::warn!(%error, "the limit of descriptors can't be raised");
    }
    let limit = NoFile::own().map_or(0, |limit| limit.soft);
    if need > limit {
        tracing::warn!(need, limit, "clients.max and pool.max allow more than there are descriptors for");
    }
}

/// Descriptors in the worst case.
fn need(proxies: &[(&Proxy, &Postgres)]) -> u64 {
    let of = |(proxy, _): &(&Proxy, &Postgres)| {
        // A cancel has a connection of its own, and there is at most one for each of the pool's.
        u64::from(proxy.clients.max) + 2 * u64::from(proxy.pool.max) + proxy.listen.len() as u64
    };
    let proxies: u64 = proxies.iter().map(of).sum();
    OWN + (KNOCKERS_MAX + LOGINS_MAX + VISITORS_MAX + RESERVE) as u64 + proxies
}

fn open(proxy: &Proxy, listen: &Listen, offer: &Offer) -> Result<Vec<Ear>, StartError> {
    Ear::open(listen, offer).map_err(|source| StartError::Listen {
        name: proxy.name.to_string(),
        place: listen.to_string(),
        source,
    })
}

fn doorway(proxy: &Proxy, postgres: &Postgres, around: &Surroundings) -> Result<Doorway, StartError> {
    let name = proxy.name.to_string();
    let unknown = |source| StartError::Allow { name: name.clone(), source };
    let guests = Guests::of(proxy.allow.as_ref(), &around.residents).map_err(unknown)?;
    let console = postgres.console.as_ref().unwrap_or(&around.admins);
    let console = Guests::of(Some(console), &around.residents).map_err(unknown)?;
    let proof = match postgres.admission.auth {
        Auth::Trust => Proof::None,
        Auth::Md5 { .. } | Auth::ScramSha256 { .. } | Auth::Password { .. } => Proof::Password,
    };
    let tls = match &postgres.admission.tls {
        None => Tls::None,
        Some(ListenerTls { require: false, .. }) => Tls::Offered,
        Some(ListenerTls { require: true, .. }) => Tls::Required,
    };
    Ok(Doorway { name, guests, console, proof, tls, within: postgres.admission.within })
}

/// A proxy as the console shows it.
fn sight(proxy: &Proxy, postgres: &Postgres, guests: Guests) -> Sight {
    let login = postgres.sessions.login.as_ref();
    Sight {
        name: proxy.name.clone(),
        guests,
        mode: mode(proxy),
        user: login.map(|login| login.user.clone()),
        database: login.and_then(|login| login.database.clone()),
        places: proxy.upstream.iter().map(Place::of).collect(),
    }
}

fn mode(proxy: &Proxy) -> Mode {
    match proxy.pool.mode {
        config::Mode::Session => Mode::Session,
        config::Mode::Transaction => Mode::Transaction,
        config::Mode::Statement => Mode::Statement,
    }
}

fn room(proxy: &Proxy, postgres: &Postgres) -> RoomSettings {
    let login = postgres.sessions.login.as_ref();
    RoomSettings {
        name: proxy.name.to_string(),
        mode: mode(proxy),
        keeps: match postgres.sessions.state {
            SessionState::Pin => Keeps::Pins,
            SessionState::Refuse => Keeps::Refuses,
        },
        command_timeout: proxy.pool.command_timeout,
        idle_transaction: postgres.sessions.idle_transaction,
        statements_max: postgres.sessions.statements as usize,
        user: login.map(|login| login.user.clone()),
        database: login.and_then(|login| login.database.clone()),
        pool: pool_settings(proxy),
    }
}

fn pool_settings(proxy: &Proxy) -> Settings {
    let lookup = |upstream| {
        if Place::of(upstream).is_looked_up() { Lookup::Every(proxy.lookup) } else { Lookup::Never }
    };
    let upstreams = proxy.upstream.iter().map(|upstream| UpstreamSettings { lookup: lookup(upstream) });
    let balance = match proxy.balance {
        Balance::LeastConnections => upstream::Balance::Equal,
        Balance::Failover => upstream::Balance::Priority,
    };
    Settings { limits: limits(proxy), upstreams: upstreams.collect(), balance }
}
