//! Connections, whatever they are for: how many there are at once, how long each may take, and what who is one too many is told.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};

use crate::admin::answer::{Reply, full};
use crate::admin::server::AdminError;

/// The head of the only request of a connection must have come after so long.
const HEAD_TIME_MAX: Duration = Duration::from_secs(2);
/// The same for the first request of a connection that may be kept: strangers can open them.
const FIRST_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection may rest whose last request was welcome.
const REST_MAX: Duration = Duration::from_mins(2);
/// A connection may take so long for a request, and for all of its rest where that was not welcome.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of a head, and bytes that wait to be taken by a slow reader.
const BUFFER_MAX: usize = 16 << 10;
/// Connections that are one too many, and are being told so.
const TURNED_AWAY_MAX: usize = 16;
/// How long one that is one too many waits to be told.
const TELL_WITHIN: Duration = Duration::from_secs(1);
/// After an accept that failed.
const AGAIN: Duration = Duration::from_millis(200);

/// How long a connection may go on; whatever it gets done gives it more.
#[derive(Debug)]
pub(super) struct Patience {
    until: Cell<Instant>,
}

impl Patience {
    fn new(span: Duration) -> Rc<Self> {
        Rc::new(Self { until: Cell::new(Instant::now() + span) })
    }

    /// From now on for so long.
    pub(super) fn renew(&self, span: Duration) {
        self.until.set(Instant::now() + span);
    }

    /// The request was one that may be made here: the connection may rest.
    pub(super) fn welcome(&self) {
        self.renew(REST_MAX + TIME_MAX);
    }

    async fn spent(&self) {
        while Instant::now() < self.until.get() {
            sleep_until(self.until.get()).await;
        }
    }
}

/// The other end of a connection to an address, beside each of its requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct CameFrom(pub(super) SocketAddr);

/// How a connection is treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manner {
    /// It has one request.
    Once,
    /// It rests between requests.
    Kept,
}

impl Manner {
    const fn head(self) -> Duration {
        match self {
            Self::Once => HEAD_TIME_MAX,
            Self::Kept => REST_MAX,
        }
    }

    fn patience(self) -> Duration {
        match self {
            Self::Once => TIME_MAX,
            Self::Kept => FIRST_TIME_MAX,
        }
    }
}

/// Serves one connection. One that takes too long is cut off, and so is one that takes nothing.
pub(super) async fn attend<I, H>(io: I, manner: Manner, handle: H)
where
    I: Read + Write + Unpin,
    H: AsyncFn(Request<Incoming>, &Rc<Patience>) -> Reply,
{
    let patience = Patience::new(manner.patience());
    let service = service_fn(async |request| {
        patience.renew(TIME_MAX);
        Ok::<_, Infallible>(handle(request, &patience).await)
    });
    let mut connection = http1::Builder::new();
    connection
        .keep_alive(manner == Manner::Kept)
        .timer(TokioTimer::new())
        .header_read_timeout(manner.head())
        .max_buf_size(BUFFER_MAX);
    tokio::select! {
        // A peer that went away is its own business.
        _left = connection.serve_connection(io, service) => {}
        () = patience.spent() => {}
    }
}

/// Opens an address.
///
/// # Errors
///
/// The system refuses it.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, AdminError> {
    let failed = |source| AdminError::Listen { place: address.to_string(), source };
    TcpListener::bind(address).await.map_err(failed)
}

/// Serves an address until the future is dropped, so many connections at once. Runs on a local set.
pub(super) async fn serve<H>(listener: TcpListener, most: usize, handle: H) -> Infallible
where
    H: AsyncFn(Request<Incoming>, &Rc<Patience>) -> Reply + 'static,
{
    let handle = Rc::new(handle);
    let (seats, turned_away) = (Arc::new(Semaphore::new(most)), Arc::new(Semaphore::new(TURNED_AWAY_MAX)));
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        let io = TokioIo::new(stream);
        if let Ok(seat) = Arc::clone(&seats).try_acquire_owned() {
            let handle = Rc::clone(&handle);
            tokio::task::spawn_local(async move {
                let handle = async |mut request: Request<Incoming>, patience: &Rc<Patience>| {
                    request.extensions_mut().insert(CameFrom(from));
                    handle(request, patience).await
                };
                attend(io, Manner::Kept, handle).await;
                drop(seat);
            });
        } else if let Ok(Ok(place)) = timeout(TELL_WITHIN, Arc::clone(&turned_away).acquire_owned()).await {
            tokio::task::spawn_local(async move {
                let told = format!("at most {most} connections are served at once");
                attend(io, Manner::Once, async |_, _: &Rc<Patience>| full(&told)).await;
                drop(place);
            });
        }
    }
}
