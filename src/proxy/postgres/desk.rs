//! The thread beside the workers that may wait: it lets in clients that need TLS or show something, connects to servers,
//! looks names up.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::timeout;

use crate::model::clock::{Clock as _, Timestamp};
use crate::pool::id::{ConnectionId, UpstreamId};
use crate::pool::reason::ConnectFailure;
use crate::proxy::guests::Origin;
use crate::proxy::post::Post;
use crate::proxy::postgres::connect::{self, Credentials};
use crate::proxy::postgres::console::{self, Parlour};
use crate::proxy::postgres::credentials::{Means, Purse};
use crate::proxy::postgres::lobby::Lobby;
use crate::proxy::postgres::login::tries::Tries;
use crate::proxy::postgres::login::{self, Auth, Came, Gate, Unjudged};
use crate::proxy::postgres::route::Route;
use crate::proxy::postgres::worker::{Caller, Carried, Errand, Failed, Message, Ready};
use crate::proxy::proxies::{Line, Question};
use crate::proxy::reach::resolve;
use crate::sys::clock::SystemClock;

/// A cancel that takes longer is waited for no longer.
const CANCEL_WITHIN: Duration = Duration::from_secs(5);
/// The same trouble is told again after this time.
const TELL_EVERY: Duration = Duration::from_secs(5);

impl Line for Post<Message> {
    fn ask(&self, place: u16, question: Question) {
        self.send(Message::Asked(place, question));
    }

    fn end(&self) {
        self.send(Message::End);
    }
}

/// A proxy, for this thread.
pub(super) struct Counter {
    pub(super) name: String,
    pub(super) routes: Vec<Route>,
    pub(super) gate: Gate,
    pub(super) purse: Purse,
    pub(super) tries: RefCell<Tries>,
    /// When a failed login was last told of.
    pub(super) told: Cell<Option<Timestamp>>,
    pub(super) connect_within: Duration,
}

/// What the thread is made of.
pub(super) struct Parts {
    pub(super) counters: Vec<Counter>,
    pub(super) parlour: Parlour,
    pub(super) post: Post<Message>,
    pub(super) errands: UnboundedReceiver<Errand>,
}

/// The thread's state.
struct Desk {
    counters: Vec<Counter>,
    parlour: Rc<Parlour>,
    post: Post<Message>,
    lobby: RefCell<Lobby>,
    connects: RefCell<HashMap<(u16, ConnectionId), AbortHandle>>,
}

/// Works until the workers are gone.
pub(super) async fn run(parts: Parts) {
    let mut errands = parts.errands;
    let desk = Rc::new(Desk {
        counters: parts.counters,
        parlour: Rc::new(parts.parlour),
        post: parts.post,
        lobby: RefCell::default(),
        connects: RefCell::default(),
    });
    while let Some(errand) = errands.recv().await {
        Desk::begin(&desk, errand);
    }
}

impl Desk {
    fn begin(desk: &Rc<Self>, errand: Errand) {
        let own = Rc::clone(desk);
        match errand {
            Errand::Welcome(caller) => {
                let seat = desk.lobby.borrow_mut().reserve();
                let task = spawn_local(async move {
                    own.welcome(*caller).await;
                    own.lobby.borrow_mut().leave(seat);
                });
                desk.lobby.borrow_mut().enter(seat, task.abort_handle());
            }
            Errand::Connect { room, connection, upstream, address, user, database } => {
                let task = spawn_local(async move {
                    let connected = own.connect(room, (upstream, address), (&user, &database)).await;
                    own.connects.borrow_mut().remove(&(room, connection));
                    own.post.send(match connected {
                        Ok(ready) => Message::Connected(room, connection, Box::new(ready)),
                        Err(failed) => Message::Failed(room, connection, Box::new(failed)),
                    });
                });
                desk.connects.borrow_mut().insert((room, connection), task.abort_handle());
            }
            Errand::Abandon { room, connection } => {
                if let Some(task) = desk.connects.borrow_mut().remove(&(room, connection)) {
                    task.abort();
                }
            }
            Errand::Cancel { room, connection, upstream, address, cancel } => {
                spawn_local(async move {
                    let route = &own.counters[usize::from(room)].routes[upstream.index()];
                    let carried = timeout(CANCEL_WITHIN, connect::cancel(route, address, &cancel)).await;
                    let carried = carried.unwrap_or(Carried::Unsure);
                    own.post.send(Message::Cancelled(room, connection, carried));
                });
            }
            Errand::Resolve { room, upstream } => {
                spawn_local(async move {
                    let place = &own.counters[usize::from(room)].routes[upstream.index()].place;
                    let found = resolve(place).await;
                    own.post.send(Message::Resolved(room, upstream, found));
                });
            }
        }
    }

    async fn welcome(&self, caller: Caller) {
        let (room, left) = (caller.room, caller.left);
        let counter = &self.counters[usize::from(room)];
        match timeout(left, login::login(caller, &counter.gate, counter)).await {
            Ok(Ok(Came::Session(newcomer, shown))) => {
                if let Some(shown) = shown {
                    counter.purse.remember(newcomer.about.user.as_bytes(), shown);
                }
                self.post.send(Message::Arrived(newcomer));
            }
            Ok(Ok(Came::Console(caller))) => {
                // A guest holds a seat there and none of the lobby, and its time is its own.
                if let Some(guest) = console::admit(&self.parlour, caller).await {
                    spawn_local(console::serve(Rc::clone(&self.parlour), guest));
                }
            }
            Ok(Ok(Came::Cancel(number, secret))) => self.post.send(Message::Cancel(room, number, secret)),
            Ok(Ok(Came::Nothing) | Err(_)) | Err(_) => {}
        }
    }

    async fn connect(
        &self,
        room: u16,
        to: (UpstreamId, Option<SocketAddr>),
        (user, database): (&[u8], &[u8]),
    ) -> Result<Ready, Failed> {
        let counter = &self.counters[usize::from(room)];
        let means = counter.means(user);
        let failed = match counter.connect(to, (user, database), means).await {
            Err(failed) if failed.failure == ConnectFailure::Login => failed,
            connected => return connected,
        };
        // The password may have been changed, in its file too.
        if counter.purse.renew() {
            return counter.connect(to, (user, database), counter.means(user)).await;
        }
        Err(failed)
    }
}

impl Counter {
    fn means(&self, user: &[u8]) -> Means {
        let kept = match &self.gate.auth {
            Auth::Md5(users) | Auth::Scram(users) | Auth::Password(users) => {
                std::str::from_utf8(user).ok().and_then(|user| users.secret(user))
            }
            Auth::Trust | Auth::Upstream => None,
        };
        self.purse.means(user, kept)
    }

    async fn connect(
        &self,
        (upstream, address): (UpstreamId, Option<SocketAddr>),
        (user, database): (&[u8], &[u8]),
        means: Means,
    ) -> Result<Ready, Failed> {
        let route = &self.routes[upstream.index()];
        let credentials = Credentials { user, database, means, purse: &self.purse };
        let connecting = connect::connect(route, address, &credentials);
        timeout(self.connect_within, connecting).await.unwrap_or_else(|_| {
            let why = format!("{} did not answer in time", route.place);
            Err(Failed { failure: ConnectFailure::Late, said: Vec::new(), why })
        })
    }
}

impl login::House for Counter {
    fn may(&self, origin: &Origin) -> bool {
        self.tries.borrow_mut().may(origin, SystemClock.now())
    }

    /// The user's name is not told: now and then it is a password.
    fn failed(&self, origin: &Origin) {
        let now = SystemClock.now();
        self.tries.borrow_mut().failed(origin, now);
        if self.told.get().is_none_or(|told| now.since(told) >= TELL_EVERY) {
            self.told.set(Some(now));
            tracing::warn!(proxy = self.name, address = %origin, uid = origin.uid, "a login failed");
        }
    }

    /// Against what it took last, or by a connection made for that alone: one of the pool was opened by somebody else's
    /// password. The first upstream that answers decides.
    async fn accepts(&self, user: &str, database: &str, password: &[u8]) -> Result<bool, Unjudged> {
        if self.purse.is_known(user.as_bytes(), password) {
            return Ok(true);
        }
        let mut why = String::new();
        for upstream in (0_u16..).zip(&self.routes).map(|(place, _)| UpstreamId(place)) {
            let means = Means::Password(password.to_vec());
            match self.connect((upstream, None), (user.as_bytes(), database.as_bytes()), means).await {
                Ok(mut ready) => {
                    ready.transport.finish();
                    return Ok(true);
                }
                Err(failed) if failed.is_about_password() => return Ok(false),
                Err(failed) if failed.failure == ConnectFailure::Login => {
                    return Err(Unjudged::Otherwise(failed.said));
                }
                Err(failed) => why = failed.why,
            }
        }
        Err(Unjudged::Away(why))
    }
}
