//! Listening sockets: opened, taken over from systemd, and given up.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};

use crate::config::proxy::Listen;
use crate::proxy::transport::Stream;
use crate::sys::handed::{Handed, Offer};
use crate::sys::socket_file::SocketFile;
use crate::sys::tcp::{defer_accept, no_delay, widen_queue};

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Ear {
    /// TCP, and where.
    Tcp(TcpListener, SocketAddr),
    /// Unix.
    Unix {
        /// The socket.
        listener: UnixListener,
        /// Its file, where it is ours: goes with it.
        _file: Option<SocketFile>,
    },
}

/// Who speaks first in a protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) enum FirstWord {
    /// The client: until it does there is nothing to be done for it.
    Client,
    /// The client or the server.
    Either,
}

/// A client that was accepted: its stream, its address and ours.
pub(crate) type Accepted = (Stream, Option<(SocketAddr, SocketAddr)>);

impl Ear {
    /// Opens a place to listen; systemd may hand over several sockets of one name.
    pub(super) fn open(listen: &Listen, offer: &Offer, first: FirstWord) -> io::Result<Vec<Self>> {
        match listen {
            Listen::Tcp(address) => Ok(vec![Self::bind(*address, first)?]),
            Listen::Unix(path) => Ok(vec![Self::unix(path)?]),
            Listen::Systemd(name) => {
                let handed = offer.take(name);
                if handed.is_empty() {
                    return Err(io::Error::new(
                        io::ErrorKind::NotFound,
                        "systemd has handed no such socket over",
                    ));
                }
                handed.into_iter().map(|handed| Self::handed(handed, first)).collect()
            }
        }
    }

    fn bind(address: SocketAddr, first: FirstWord) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        widen_queue(&listener)?;
        Self::tcp(listener, first)
    }

    fn handed(handed: Handed, first: FirstWord) -> io::Result<Self> {
        match handed {
            Handed::Tcp(listener) => Self::tcp(listener, first),
            Handed::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Ok(Self::Unix { listener: UnixListener::from_std(listener), _file: None })
            }
        }
    }

    fn tcp(listener: std::net::TcpListener, first: FirstWord) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        no_delay(&listener)?;
        match first {
            FirstWord::Client => defer_accept(&listener)?,
            FirstWord::Either => {}
        }
        let address = listener.local_addr()?;
        Ok(Self::Tcp(TcpListener::from_std(listener), address))
    }

    fn unix(path: &Path) -> io::Result<Self> {
        let (listener, file) = SocketFile::bind(path)?;
        widen_queue(&listener)?;
        Ok(Self::Unix { listener: UnixListener::from_std(listener), _file: Some(file) })
    }

    /// The next client. Its socket does not block, and no child inherits it.
    pub(crate) fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener, local) => {
                let (stream, address) = listener.accept()?;
                let stream = std::net::TcpStream::from(OwnedFd::from(stream));
                let local = if local.ip().is_unspecified() { stream.local_addr()? } else { *local };
                Ok((Stream::Tcp(stream), Some((address, local))))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept()?;
                Ok((Stream::Unix(UnixStream::from(OwnedFd::from(stream))), None))
            }
        }
    }

    /// Has the poll tell of clients.
    pub(crate) fn register(&mut self, registry: &Registry, name: Token) -> io::Result<()> {
        match self {
            Self::Tcp(listener, _) => listener.register(registry, name, Interest::READABLE),
            Self::Unix { listener, .. } => listener.register(registry, name, Interest::READABLE),
        }
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener, _) => listener.as_fd(),
            Self::Unix { listener, .. } => listener.as_fd(),
        }
    }
}
