//! Where a server is, and how it is talked to.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::config::proxy::Upstream;
use crate::proxy::postgres::tls::Connector;
use crate::wire::postgres::startup::Version;

/// An address of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Host and port.
    Tcp(String, u16),
    /// A unix socket.
    Unix(PathBuf),
}

impl Place {
    pub(super) fn of(upstream: &Upstream) -> Self {
        match upstream {
            Upstream::Tcp { host, port } => Self::Tcp(host.clone(), *port),
            Upstream::Unix(path) => Self::Unix(path.clone()),
        }
    }

    /// Whether its addresses are looked up now and again. This machine's own name stands for both its addresses, which
    /// are tried one after the other.
    pub(super) fn is_looked_up(&self) -> bool {
        match self {
            Self::Tcp(host, _) => host.parse::<IpAddr>().is_err() && !host.eq_ignore_ascii_case("localhost"),
            Self::Unix(_) => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A server, and how it is talked to.
pub(super) struct Route {
    pub(super) place: Place,
    /// TLS, where there is to be.
    pub(super) tls: Option<Connector>,
    /// The version to ask for: the newest, until the server turns out not to know even how to say no to it.
    pub(super) version: Cell<Version>,
}
