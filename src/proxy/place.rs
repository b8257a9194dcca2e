//! Where a server is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::config::proxy::Upstream;

/// An address of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::proxy) enum Place {
    /// Host and port.
    Tcp(String, u16),
    /// A unix socket.
    Unix(PathBuf),
}

impl Place {
    pub(in crate::proxy) fn of(upstream: &Upstream) -> Self {
        match upstream {
            Upstream::Tcp { host, port } => Self::Tcp(host.clone(), *port),
            Upstream::Unix(path) => Self::Unix(path.clone()),
        }
    }

    /// Whether its addresses are looked up now and again. This machine's own name stands for both its addresses, which
    /// are tried one after the other.
    pub(in crate::proxy) fn is_looked_up(&self) -> bool {
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
