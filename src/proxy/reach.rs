//! The way to an upstream, before anything is said: connecting and looking names up. For threads that may wait.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::pool::reason::ConnectFailure;
use crate::proxy::place::Place;
use crate::proxy::transport::Stream;
use crate::sys::limits::is_exhausted;
use crate::sys::tcp::{KeepAlive, keep_alive};

/// A name that takes longer has no answer this time.
const RESOLVE_WITHIN: Duration = Duration::from_secs(10);
/// A server that went away without a word is noticed within about two minutes where nothing is under way, and within
/// half a minute where something is.
pub(in crate::proxy) const KEEP_ALIVE: KeepAlive = KeepAlive {
    after: Duration::from_secs(60),
    every: Duration::from_secs(15),
    tries: 4,
    unacknowledged: Duration::from_secs(30),
};

/// Connects, to the address that the pool chose where it chose one. The stream does not block.
pub(in crate::proxy) async fn reach(place: &Place, address: Option<SocketAddr>) -> io::Result<Stream> {
    Ok(match place {
        Place::Tcp(host, port) => {
            let stream = match address {
                Some(address) => TcpStream::connect(address).await?,
                None => TcpStream::connect((host.as_str(), *port)).await?,
            };
            stream.set_nodelay(true)?;
            keep_alive(&stream, KEEP_ALIVE)?;
            Stream::Tcp(stream.into_std()?)
        }
        Place::Unix(path) => Stream::Unix(UnixStream::connect(path).await?.into_std()?),
    })
}

/// What it means that a connect failed.
pub(in crate::proxy) fn failure_of(error: &io::Error) -> ConnectFailure {
    if is_exhausted(error) { ConnectFailure::NoDescriptors } else { ConnectFailure::Unreachable }
}

/// The addresses of a name, without those of a family that leads nowhere from here; none where there is no answer.
pub(in crate::proxy) async fn resolve(place: &Place) -> Vec<SocketAddr> {
    let Place::Tcp(host, port) = place else { return Vec::new() };
    let looked_up = timeout(RESOLVE_WITHIN, tokio::net::lookup_host((host.as_str(), *port))).await;
    let found: Vec<SocketAddr> = match looked_up {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    let routed: Vec<SocketAddr> = found.iter().copied().filter(has_route).collect();
    if routed.is_empty() { found } else { routed }
}

/// Whether there is a route: a datagram socket is connected without sending anything.
fn has_route(address: &SocketAddr) -> bool {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(any).is_ok_and(|socket| socket.connect(address).is_ok())
}
