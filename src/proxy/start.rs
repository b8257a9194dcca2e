//! From settings to running threads: what is common to all protocols.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::config::proxy::{Access, Protocol, Proxy};
use crate::model::action::Gate;
use crate::model::name::Name;
use crate::proxy::console::WORDS_MAX;
use crate::proxy::ear::{Ear, FirstWord};
use crate::proxy::guests::{GuestError, Guests, Residents};
use crate::proxy::http;
use crate::proxy::porch::RESERVE;
use crate::proxy::postgres::{self, UsersError};
use crate::proxy::proxies::{EndNote, Group, Proxies};
use crate::proxy::running::{Running, Thread};
use crate::proxy::tcp;
use crate::proxy::tls::TlsError;
use crate::stream::template::TemplateError;
use crate::sys::handed::Offer;
use crate::sys::limits::NoFile;
use crate::sys::secrets::SecretError;

/// Threads of a desk for what takes long: derivations of keys, and names that are looked up.
const BLOCKING_MAX: usize = 8;
/// Turns of tasks that carry traffic between two looks at the poll, where there is no end of them.
const TURNS: u32 = 256;
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
    /// What a stream's messages are made of is none.
    #[error("{name} has no messages to make of what it polls")]
    Stream {
        /// The proxy.
        name: String,
        /// Why.
        source: TemplateError,
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
    /// No thread or descriptor could be had.
    #[error("the proxies have no room to start")]
    Room(#[from] io::Error),
}

/// The proxies of one protocol, with their listeners open and their threads not yet running.
pub(in crate::proxy) struct Begun {
    /// How they are reached.
    pub(in crate::proxy) group: Group,
    /// Starts their threads, which may reach all proxies; the worker keeps the note.
    pub(in crate::proxy) threads: Box<dyn FnOnce(Proxies, EndNote) -> io::Result<Vec<Thread>>>,
}

/// What proxies need to know of the agent around them.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The users of guarded processes, as they become known.
    pub residents: Residents,
    /// Who may use consoles of proxies that do not say who.
    pub admins: Access,
    /// Order gates that a person had closed before the agent was started anew: how far, and for how long still.
    pub closed: BTreeMap<Name, (Gate, Option<Duration>)>,
}

/// Starts proxies; none where there are none.
pub fn start(proxies: &[&Proxy], around: &Surroundings) -> Result<Option<Running>, StartError> {
    let (mut postgres, mut web, mut tcp) = (Vec::new(), Vec::new(), Vec::new());
    for proxy in proxies {
        match &proxy.protocol {
            Protocol::Postgres(settings) => postgres.push((*proxy, &**settings)),
            Protocol::Http(_) | Protocol::WebSocket(_) => web.push(*proxy),
            Protocol::Tcp => tcp.push(*proxy),
        }
    }
    let need = if postgres.is_empty() { 0 } else { postgres::need(&postgres) };
    let need = need + if web.is_empty() { 0 } else { http::need(&web) };
    let need = need + if tcp.is_empty() { 0 } else { tcp::need(&tcp) };
    if proxies.is_empty() {
        return Ok(None);
    }
    descriptors(OWN + 3 * RESERVE as u64 + need);
    let offer = Offer::of_environment();
    let (words, heard) = mpsc::channel(WORDS_MAX);
    let mut begun = Vec::new();
    if !postgres.is_empty() {
        begun.push(postgres::begin(&postgres, around, &offer, words)?);
    }
    if !web.is_empty() {
        begun.push(http::begin(&web, around, &offer)?);
    }
    if !tcp.is_empty() {
        begun.push(tcp::begin(&tcp, around, &offer)?);
    }
    let (groups, starts): (Vec<_>, Vec<_>) = begun.into_iter().map(|one| (one.group, one.threads)).unzip();
    let hand = Proxies::new(groups);
    // Each worker has its note before the first of them can end.
    let notes: Vec<EndNote> = starts.iter().map(|_| hand.end_note()).collect();
    let mut threads = Vec::new();
    for (start, note) in starts.into_iter().zip(notes) {
        threads.extend(start(hand.clone(), note)?);
    }
    Ok(Some(Running::new(hand, threads, heard)))
}

/// Raises our own limit of descriptors, and tells where it does not cover what the settings allow.
fn descriptors(need: u64) {
    if let Err(error) = NoFile::raise_own(need) {
        tracing::warn!(%error, "the limit of descriptors can't be raised");
    }
    let limit = NoFile::own().map_or(0, |limit| limit.soft);
    if need > limit {
        tracing::warn!(need, limit, "clients.max and pool.max allow more than there are descriptors for");
    }
}

/// Opens the places where a proxy listens.
pub(in crate::proxy) fn open(proxy: &Proxy, offer: &Offer, first: FirstWord) -> Result<Vec<Ear>, StartError> {
    let mut ears = Vec::new();
    for listen in &proxy.listen {
        let opened = Ear::open(listen, offer, first).map_err(|source| StartError::Listen {
            name: proxy.name.to_string(),
            place: listen.to_string(),
            source,
        });
        ears.extend(opened?);
    }
    Ok(ears)
}

/// Who may use something of a proxy.
pub(in crate::proxy) fn guests(
    proxy: &Proxy,
    allowed: Option<&Access>,
    around: &Surroundings,
) -> Result<Guests, StartError> {
    Guests::of(allowed, &around.residents)
        .map_err(|source| StartError::Allow { name: proxy.name.to_string(), source })
}

/// The work of a thread that carries traffic in tasks: the poll is asked once all tasks that are ready had their turn.
///
/// It is a task beside those that it starts: what is waited for directly is looked at in each turn of the poll.
pub(in crate::proxy) fn block_on_web(work: impl Future<Output = ()> + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(TURNS)
        .max_blocking_threads(BLOCKING_MAX)
        .build()?;
    let tasks = LocalSet::new();
    let work = tasks.spawn_local(work);
    match tasks.block_on(&runtime, work) {
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The work of a thread that may wait.
pub(in crate::proxy) fn block_on_desk(work: impl Future<Output = ()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_MAX)
        .build()?;
    LocalSet::new().block_on(&runtime, work);
    Ok(())
}
