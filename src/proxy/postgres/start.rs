//! From settings to running threads.

use std::sync::mpsc::channel;

use tokio::sync::mpsc::{self, unbounded_channel};

use crate::config::proxy::{self as config, Auth, ListenerTls, Postgres, Proxy, SessionState};
use crate::proxy::bounds::pool_settings;
use crate::proxy::console::Word;
use crate::proxy::ear::FirstWord;
use crate::proxy::guests::Guests;
use crate::proxy::place::Place;
use crate::proxy::post::Post;
use crate::proxy::postgres::cache::{CacheSettings, Wanted};
use crate::proxy::postgres::console::{Parlour, Sight, VISITORS_MAX};
use crate::proxy::postgres::desk;
use crate::proxy::postgres::lobby::LOGINS_MAX;
use crate::proxy::postgres::piece::Piece;
use crate::proxy::postgres::side::{Keeps, Mode};
use crate::proxy::postgres::worker::hall::{Doorway, Hall, KNOCKERS_MAX, Proof, Tls};
use crate::proxy::postgres::worker::{self, Message, RoomSettings, Worker};
use crate::proxy::proxies::Group;
use crate::proxy::running::Thread;
use crate::proxy::start::{Begun, StartError, Surroundings, block_on_desk, guests, open};
use crate::sys::handed::Offer;

/// Descriptors in the worst case, beside those of the porch.
pub(in crate::proxy) fn need(proxies: &[(&Proxy, &Postgres)]) -> u64 {
    let of = |(proxy, _): &(&Proxy, &Postgres)| {
        // A cancel has a connection of its own, and there is at most one for each of the pool's.
        u64::from(proxy.clients.max) + 2 * u64::from(proxy.pool.max) + proxy.listen.len() as u64
    };
    let proxies: u64 = proxies.iter().map(of).sum();
    (KNOCKERS_MAX + LOGINS_MAX + VISITORS_MAX) as u64 + proxies
}

/// Starts proxies for PostgreSQL. Their consoles tell the agent by `words`.
pub(in crate::proxy) fn begin(
    proxies: &[(&Proxy, &Postgres)],
    around: &Surroundings,
    offer: &Offer,
    words: mpsc::Sender<Word>,
) -> Result<Begun, StartError> {
    let (poll, waker) = worker::poll()?;
    let (sender, inbox) = channel();
    let (to_desk, errands) = unbounded_channel();
    let post = Post::new(sender, waker);
    let (mut doorways, mut ears) = (Vec::new(), Vec::new());
    let (mut pieces, mut sights) = (Vec::new(), Vec::new());
    for (place, (proxy, postgres)) in (0_u16..).zip(proxies) {
        ears.extend(open(proxy, offer, FirstWord::Client)?.into_iter().map(|ear| (place, ear)));
        let doorway = doorway(proxy, postgres, around)?;
        sights.push(sight(proxy, postgres, doorway.console.clone()));
        doorways.push(doorway);
        pieces.push(Piece::of(proxy, postgres)?);
        post.send(Message::Open(place, Box::new(room(proxy, postgres))));
    }
    post.send(Message::Listen(Box::new(Hall::new(doorways, ears))));
    let names = proxies.iter().map(|(proxy, _)| proxy.name.clone()).collect();
    let group: Group = (names, Box::new(post.clone()));
    let parts = worker::Parts { poll, inbox, desk: to_desk };
    let threads = move |hand, note| {
        let worker = Thread::start("fdg-proxy-1", move || {
            let _note = note;
            Worker::new(parts).run()
        })?;
        let desk = Thread::start("fdg-login", move || {
            let counters = pieces.into_iter().map(Piece::into_counter).collect();
            let parlour = Parlour::new(hand, sights, words);
            block_on_desk(desk::run(desk::Parts { counters, parlour, post, errands }))
        })?;
        Ok(vec![worker, desk])
    };
    Ok(Begun { group, threads: Box::new(threads) })
}

fn doorway(proxy: &Proxy, postgres: &Postgres, around: &Surroundings) -> Result<Doorway, StartError> {
    let name = proxy.name.to_string();
    let guests = guests(proxy, proxy.allow.as_ref(), around)?;
    let console = postgres.console.as_ref().unwrap_or(&around.admins);
    let console = self::guests(proxy, Some(console), around)?;
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

fn cache(cache: &config::Cache) -> Option<CacheSettings> {
    let wanted = |query: &config::CachedQuery| Wanted {
        query: query.query.clone(),
        ttl: query.ttl,
        size: usize::try_from(query.size).unwrap_or(usize::MAX),
        tables: query.tables.clone(),
    };
    let size = usize::try_from(cache.size).unwrap_or(usize::MAX);
    (!cache.queries.is_empty())
        .then(|| CacheSettings { wanted: cache.queries.iter().map(wanted).collect(), size })
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
        cache: cache(&postgres.cache),
        pool: pool_settings(proxy),
    }
}
