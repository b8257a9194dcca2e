//! From settings to running threads.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::mpsc::channel;

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::LocalSet;

use crate::config::proxy::{self as config, Balance, Listen, Postgres, Proxy, Upstream};
use crate::pool::address::Lookup;
use crate::pool::state::Settings;
use crate::pool::upstream::{self, UpstreamSettings};
use crate::proxy::postgres::bounds::limits;
use crate::proxy::postgres::desk::{self, Counter, Ear, Post};
use crate::proxy::postgres::place::Place;
use crate::proxy::postgres::running::{Running, Thread};
use crate::proxy::postgres::side::Mode;
use crate::proxy::postgres::worker::{self, Message, RoomSettings, Worker};
use crate::proxy::proxies::Proxies;

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
    /// No thread or descriptor could be had.
    #[error("the proxies have no room to start")]
    Room(#[from] io::Error),
}

/// Starts proxies for PostgreSQL.
pub fn start(proxies: &[(&Proxy, &Postgres)]) -> Result<Running, StartError> {
    let (poll, waker) = worker::poll()?;
    let (sender, inbox) = channel();
    let (to_desk, errands) = unbounded_channel();
    let post = Post { sender, waker: Arc::new(waker) };
    let mut counters = Vec::new();
    let mut ears = Vec::new();
    for (place, (proxy, postgres)) in (0_u16..).zip(proxies) {
        for listen in &proxy.listen {
            ears.push((place, open(proxy, listen)?));
        }
        counters.push(counter(proxy, postgres));
        post.send(Message::Open(place, Box::new(room(proxy, postgres))));
    }
    let names = proxies.iter().map(|(proxy, _)| proxy.name.clone());
    let hand = Proxies::new(names, Box::new(post.clone()));
    let parts = worker::Parts { poll, inbox, desk: to_desk };
    let note = hand.end_note();
    let worker = Thread::start("fdg-proxy-1", move || {
        let _note = note;
        Worker::new(parts).run()
    })?;
    let parts = desk::Parts { counters, ears, post, errands };
    let desk = Thread::start("fdg-login", move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, desk::run(parts))
    })?;
    Ok(Running::new(hand, vec![worker, desk]))
}

fn open(proxy: &Proxy, listen: &Listen) -> Result<Ear, StartError> {
    let error =
        |source| StartError::Listen { name: proxy.name.to_string(), place: listen.to_string(), source };
    match listen {
        Listen::Tcp(address) => {
            let listener = TcpListener::bind(address).map_err(error)?;
            listener.set_nonblocking(true).map_err(error)?;
            Ok(Ear::Tcp(listener))
        }
        Listen::Unix(path) => {
            let listener = UnixListener::bind(path).map_err(error)?;
            listener.set_nonblocking(true).map_err(error)?;
            Ok(Ear::Unix(listener))
        }
        Listen::Systemd(_) => Err(error(io::ErrorKind::NotFound.into())),
    }
}

fn counter(proxy: &Proxy, postgres: &Postgres) -> Counter {
    let places = proxy.upstream.iter().map(|upstream| match upstream {
        Upstream::Tcp { host, port } => Place::Tcp(host.clone(), *port),
        Upstream::Unix(path) => Place::Unix(path.clone()),
    });
    Counter {
        places: places.collect(),
        login_within: postgres.admission.within,
        connect_within: proxy.pool.connect_timeout,
    }
}

fn room(proxy: &Proxy, postgres: &Postgres) -> RoomSettings {
    let login = postgres.sessions.login.as_ref();
    RoomSettings {
        name: proxy.name.to_string(),
        mode: match proxy.pool.mode {
            config::Mode::Session => Mode::Session,
            config::Mode::Transaction => Mode::Transaction,
            config::Mode::Statement => Mode::Statement,
        },
        statements_max: postgres.sessions.statements as usize,
        user: login.map(|login| login.user.clone()),
        database: login.and_then(|login| login.database.clone()),
        pool: pool_settings(proxy),
    }
}

fn pool_settings(proxy: &Proxy) -> Settings {
    let upstreams = proxy.upstream.iter().map(|_| UpstreamSettings { lookup: Lookup::Never }).collect();
    let balance = match proxy.balance {
        Balance::LeastConnections => upstream::Balance::Equal,
        Balance::Failover => upstream::Balance::Priority,
    };
    Settings { limits: limits(proxy), upstreams, balance }
}
