//! The thread beside the workers that may wait: it lets clients in, connects to servers, looks names up.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::pool::reason::ConnectFailure;
use crate::proxy::postgres::connect::{self, Credentials};
use crate::proxy::postgres::login::{self, Came};
use crate::proxy::postgres::place::Place;
use crate::proxy::postgres::socket::Socket;
use crate::proxy::postgres::worker::{Errand, Failed, Message};

/// A cancel that takes longer has missed its query.
const CANCEL_WITHIN: Duration = Duration::from_secs(5);
/// After an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The way to a worker.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) sender: Sender<Message>,
    pub(super) waker: Arc<mio::Waker>,
}

impl Post {
    /// Hands a message over. A worker that has ended takes none; then this thread ends soon as well.
    pub(super) fn send(&self, message: Message) {
        let _ended = self.sender.send(message);
        let _ended = self.waker.wake();
    }
}

/// A proxy, for this thread.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    pub(super) places: Vec<Place>,
    pub(super) login_within: Duration,
    pub(super) connect_within: Duration,
}

/// A listening socket.
#[derive(Debug)]
pub(super) enum Ear {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What the thread is made of.
pub(super) struct Parts {
    pub(super) counters: Vec<Counter>,
    pub(super) ears: Vec<(u16, Ear)>,
    pub(super) post: Post,
    pub(super) errands: UnboundedReceiver<Errand>,
}

/// Works until the workers are gone.
pub(super) async fn run(mut parts: Parts) -> io::Result<()> {
    let counters: Rc<[Counter]> = parts.counters.into();
    for (room, ear) in parts.ears {
        let (counters, post) = (Rc::clone(&counters), parts.post.clone());
        match ear {
            Ear::Tcp(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                spawn_local(async move { accept_tcp(listener, room, counters, post).await });
            }
            Ear::Unix(listener) => {
                let listener = tokio::net::UnixListener::from_std(listener)?;
                spawn_local(async move { accept_unix(listener, room, counters, post).await });
            }
        }
    }
    while let Some(errand) = parts.errands.recv().await {
        let (counters, post) = (Rc::clone(&counters), parts.post.clone());
        spawn_local(async move { carry(errand, &counters, &post).await });
    }
    Ok(())
}

async fn accept_tcp(listener: tokio::net::TcpListener, room: u16, counters: Rc<[Counter]>, post: Post) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Ok(socket) = Socket::tcp(stream) else { continue };
                let within = counters[usize::from(room)].login_within;
                spawn_local(welcome(socket, room, peer.to_string(), within, post.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn accept_unix(listener: tokio::net::UnixListener, room: u16, counters: Rc<[Counter]>, post: Post) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let within = counters[usize::from(room)].login_within;
                spawn_local(welcome(Socket::unix(stream), room, "unix".to_owned(), within, post.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn welcome(socket: Socket, room: u16, address: String, within: Duration, post: Post) {
    let secret = rand_secret();
    match timeout(within, login::login(socket, room, address, secret)).await {
        Ok(Ok(Came::Session(newcomer))) => post.send(Message::Arrived(newcomer)),
        Ok(Ok(Came::Cancel(number, secret))) => post.send(Message::Cancel(room, number, secret)),
        Ok(Ok(Came::Nothing) | Err(_)) | Err(_) => {}
    }
}

fn rand_secret() -> [u8; 4] {
    let mut secret = [0; 4];
    // The provider of rustls reads the kernel's random numbers.
    let filled = rustls::crypto::ring::default_provider().secure_random.fill(&mut secret);
    debug_assert!(filled.is_ok(), "the kernel has random numbers");
    secret
}

async fn carry(errand: Errand, counters: &[Counter], post: &Post) {
    match errand {
        Errand::Connect { room, connection, upstream, user, database, .. } => {
            let counter = &counters[usize::from(room)];
            let place = &counter.places[upstream.index()];
            let credentials = Credentials { user, database };
            let connected = timeout(counter.connect_within, connect::connect(place, &credentials)).await;
            post.send(match connected {
                Ok(Ok(ready)) => Message::Connected(room, connection, Box::new(ready)),
                Ok(Err(failed)) => Message::Failed(room, connection, Box::new(failed)),
                Err(_) => {
                    let why = format!("{place} did not answer in time");
                    let failed = Failed { failure: ConnectFailure::Late, said: Vec::new(), why };
                    Message::Failed(room, connection, Box::new(failed))
                }
            });
        }
        Errand::Cancel { room, connection, upstream, cancel } => {
            let place = &counters[usize::from(room)].places[upstream.index()];
            // Whether it got through or not: from now on it hits nothing any more.
            let _over = timeout(CANCEL_WITHIN, connect::cancel(place, &cancel)).await;
            post.send(Message::Cancelled(room, connection));
        }
        Errand::Resolve { .. } => {}
    }
}
