//! The console: what PgBouncer's users know as its virtual database, over psql and whatever else speaks simple queries.
//!
//! A client that asks for the database [`DATABASE`] comes here in place of a session. It runs on the thread that may
//! wait, asks each pool as `status` does, and keeps no figures of its own. Who may is said by the kernel, so no password
//! is asked for; a visitor sees the pools whose console it may use.
//!
//! ```text
//!   login ─► may it? ─► greeting ─► query ─► parse ─► ask or tell the pools ─► answer ─┐
//!              └─► told, parted from   ▲                                               │
//!                                      └───────────────────────────────────────────────┘
//! ```

mod command;
mod config;
mod fault;
mod kept;
mod pools;
mod sight;
mod sockets;
mod stats;
mod table;
mod visit;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

pub(super) use sight::Sight;

use crate::model::clock::{Clock as _, Timestamp};
use crate::proxy::console::Word;
use crate::proxy::guests::Origin;
use crate::proxy::postgres::console::fault::Fault;
use crate::proxy::postgres::console::visit::Visit;
use crate::proxy::postgres::login::entrance::Wish;
use crate::proxy::postgres::socket::Socket;
use crate::proxy::proxies::Proxies;
use crate::sys::clock::SystemClock;
use crate::wire::postgres::backend::{
    Transaction, write_auth_ok, write_backend_key_data, write_parameter_status, write_ready_for_query,
};
use crate::wire::postgres::frontend::{Kind, query};
use crate::wire::postgres::sqlstate::{Report, SqlState, error_response};

/// The database that is none: a client that asks for it wants the console.
pub(super) const DATABASE: &str = "pgbouncer";
/// Visitors at once, each with a descriptor of ours.
pub(super) const VISITORS_MAX: usize = 16;
/// A visitor that says nothing for so long is told to go.
const IDLE: Duration = Duration::from_hours(1);
/// A visitor that takes longer than this to read an answer is given up.
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// Refusals are told of in the log so often.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// What a client is told of the server that this is none of.
const PARAMETERS: &[(&str, &str)] = &[
    ("server_version", concat!(env!("CARGO_PKG_VERSION"), "/fdguard")),
    ("client_encoding", "UTF8"),
    ("server_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("TimeZone", "GMT"),
    ("standard_conforming_strings", "on"),
    ("is_superuser", "on"),
];

/// What the console is made of, over all proxies.
#[derive(Debug)]
pub(super) struct Parlour {
    proxies: Proxies,
    sights: Vec<Sight>,
    words: mpsc::Sender<Word>,
    seats: Arc<Semaphore>,
    /// When a refusal was last told of.
    told: Cell<Option<Timestamp>>,
}

impl Parlour {
    /// With the proxies in the order of their places, and where it is told what was commanded.
    pub(super) fn new(proxies: Proxies, sights: Vec<Sight>, words: mpsc::Sender<Word>) -> Self {
        let seats = Arc::new(Semaphore::new(VISITORS_MAX));
        Self { proxies, sights, words, seats, told: Cell::new(None) }
    }

    /// The pools that a visitor of this room may see; why none, where it may not come in there.
    fn sights_of(&self, room: u16, origin: &Origin) -> Result<(u32, Vec<&Sight>), String> {
        let uid = origin.uid.ok_or("the console is for users of this machine")?;
        let mine = |sight: &&Sight| sight.guests.admit(uid, None);
        if !self.sights.get(usize::from(room)).is_some_and(|sight| mine(&sight)) {
            return Err(format!("user {uid} of this machine may not use the console"));
        }
        Ok((uid, self.sights.iter().filter(mine).collect()))
    }
}

/// A client that wants the console.
pub(super) struct Caller {
    pub(super) socket: Socket,
    pub(super) room: u16,
    pub(super) origin: Origin,
    pub(super) wish: Wish,
}

/// A client that may use the console, and has a seat there.
pub(super) struct Guest {
    caller: Box<Caller>,
    uid: u32,
    _seat: OwnedSemaphorePermit,
}

/// Lets a client in, or tells it why not.
pub(super) async fn admit(parlour: &Parlour, caller: Box<Caller>) -> Option<Guest> {
    let refused = match parlour.sights_of(caller.room, &caller.origin) {
        Ok((uid, _)) => match Arc::clone(&parlour.seats).try_acquire_owned() {
            Ok(seat) => return Some(Guest { caller, uid, _seat: seat }),
            Err(_) => {
                let text = "the console has as many visitors as it may";
                Report::new(SqlState::TooManyConnections, text).fatal()
            }
        },
        Err(why) => return turn_away(parlour, *caller, &why).await,
    };
    part(caller.socket, &refused).await;
    None
}

async fn turn_away(parlour: &Parlour, caller: Caller, why: &str) -> Option<Guest> {
    let name = parlour.sights.get(usize::from(caller.room)).map(|sight| sight.name.to_string());
    let name = name.unwrap_or_default();
    let now = SystemClock.now();
    if parlour.told.get().is_none_or(|told| now.since(told) >= TELL_EVERY) {
        parlour.told.set(Some(now));
        tracing::warn!(proxy = name, uid = caller.origin.uid, why, "a visitor of the console is refused");
    }
    let hint = format!("Who may is said by `console` of [proxy.{name}].");
    part(caller.socket, &Report::new(SqlState::InvalidAuthorization, why).fatal().hint(&hint)).await;
    None
}

/// Serves a guest until it leaves.
pub(super) async fn serve(parlour: Rc<Parlour>, guest: Guest) {
    let Guest { caller, uid, _seat } = guest;
    let Caller { socket, room, origin, wish } = *caller;
    let Ok((_, sights)) = parlour.sights_of(room, &origin) else { return };
    tracing::debug!(uid, user = wish.about.user, "the console is used");
    let visit = Visit { proxies: &parlour.proxies, words: &parlour.words, sights, uid };
    let mut session = Session { socket, visit };
    // Whoever is gone needs to be told nothing.
    let _gone: io::Result<()> = session.run(wish.prologue).await;
}

async fn part(socket: Socket, report: &Report<'_>) {
    let mut said = Vec::new();
    error_response(&mut said, report);
    socket.part(&said).await;
}

/// One visitor.
struct Session<'p> {
    socket: Socket,
    visit: Visit<'p>,
}

/// Whether what comes is passed over until the end of its batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Skips {
    Nothing,
    Batch,
}

impl Session<'_> {
    async fn run(&mut self, mut said: Vec<u8>) -> io::Result<()> {
        greet(&mut said);
        self.send(&said).await?;
        let mut skips = Skips::Nothing;
        loop {
            let Ok(message) = timeout(IDLE, self.socket.message()).await else {
                let text = "the console was idle for too long";
                return self.last(&Report::new(SqlState::IdleSession, text)).await;
            };
            let (tag, body) = message?;
            let mut said = Vec::new();
            match (Kind::of(tag), skips) {
                (Some(Kind::Terminate), _) => return Ok(()),
                (Some(Kind::Query), Skips::Nothing) => {
                    self.answer(&body, &mut said).await?;
                    write_ready_for_query(&mut said, Transaction::Idle);
                }
                (Some(Kind::Sync), _) => {
                    skips = Skips::Nothing;
                    write_ready_for_query(&mut said, Transaction::Idle);
                }
                (
                    Some(Kind::Parse | Kind::Bind | Kind::Describe | Kind::Execute | Kind::Close),
                    Skips::Nothing,
                ) => {
                    skips = Skips::Batch;
                    no_extended().write(&mut said);
                }
                (Some(Kind::FunctionCall), Skips::Nothing) => {
                    no_extended().write(&mut said);
                    write_ready_for_query(&mut said, Transaction::Idle);
                }
                (Some(Kind::Flush | Kind::CopyData | Kind::CopyDone | Kind::CopyFail), _)
                | (Some(_), Skips::Batch) => {}
                (Some(Kind::Password) | None, _) => {
                    let text = format!("unsupported packet type for admin console: {tag}");
                    return self.last(&Report::new(SqlState::ProtocolViolation, &text)).await;
                }
            }
            self.send(&said).await?;
        }
    }

    async fn send(&mut self, said: &[u8]) -> io::Result<()> {
        if said.is_empty() {
            return Ok(());
        }
        timeout(SEND_WITHIN, self.socket.send(said))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn answer(&mut self, body: &[u8], said: &mut Vec<u8>) -> io::Result<()> {
        let order = query(body)
            .map_err(|error| Fault::new(error.to_string()))
            .and_then(|text| command::parse(&String::from_utf8_lossy(text)));
        let done = match order {
            Ok(order) => self.visit.carry_out(order, &mut self.socket, said).await?,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = done {
            fault.write(said);
        }
        Ok(())
    }

    async fn last(&mut self, report: &Report<'_>) -> io::Result<()> {
        let mut said = Vec::new();
        error_response(&mut said, &report.fatal());
        self.send(&said).await
    }
}

/// PgBouncer's words for it.
fn no_extended() -> Fault {
    Fault::new("extended query protocol not supported by admin console").hint(
        "Have the driver use simple queries: no parameters, execute of asyncpg, simple_protocol of pgx.",
    )
}

fn greet(said: &mut Vec<u8>) {
    write_auth_ok(said);
    for (name, value) in PARAMETERS {
        write_parameter_status(said, name.as_bytes(), value.as_bytes());
    }
    // There is nothing to cancel: no session has this number.
    write_backend_key_data(said, 0, &[0; 4]);
    write_ready_for_query(said, Transaction::Idle);
}
