//! Where a proxy connects to.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Kind, listen};
use crate::config::read;
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::Remote;

/// The most upstreams of one proxy.
const UPSTREAMS_MAX: usize = 32;
/// Where PostgreSQL listens.
pub(super) const POSTGRES_PORT: u16 = 5432;

/// Where a proxy connects to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Upstream {
    /// A host by name or address (IPv6 without brackets), and its port.
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Show for Upstream {
    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Upstream {
    /// Whether nothing leaves this machine on the way there.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
        }
    }
}

/// Reads `upstream`.
pub(super) fn read(section: &mut Section<'_>, kind: Kind, cx: &mut Context<'_>) -> Vec<Upstream> {
    if section.value("upstream").is_none() {
        section.miss(cx, "upstream", Some("write for example upstream = \"db.internal:5432\""));
    }
    let base = Arc::clone(&cx.base);
    let places = section.get(cx, "upstream", |value, faults| {
        let mut places = Vec::new();
        for item in read::one_or_many(value, 1..=UPSTREAMS_MAX, faults)? {
            let Some(place) = place(&base, kind, item, faults) else { continue };
            if places.contains(&place) {
                faults.push(Diagnostic::error("listed-twice", item.span(), "this upstream is listed twice"));
            }
            places.push(place);
        }
        Some(places)
    });
    places.unwrap_or_default()
}

fn place(base: &Path, kind: Kind, value: Value<'_>, faults: &mut Faults) -> Option<Upstream> {
    let text = value.text(faults)?;
    let fault = |message: String| Diagnostic::error("bad-upstream", text.span.clone(), message);
    if let Some(path) = text.value.strip_prefix("unix:") {
        return listen::socket(base, path).map(Upstream::Unix).map_err(|why| faults.push(fault(why))).ok();
    }
    if let Some((scheme, _)) = text.value.split_once("://") {
        let message = format!("an upstream is a host and a port, not an address of `{scheme}://`");
        let help = "user and database go into `pool.login`, the rest into `tls`";
        faults.push(fault(message).help(help));
        return None;
    }
    let bare = !text.value.contains(':') || (text.value.starts_with('[') && text.value.ends_with(']'));
    let whole = match kind {
        Kind::Postgres if bare => format!("{}:{POSTGRES_PORT}", text.value),
        Kind::Postgres | Kind::Tcp => text.value.clone().into_owned(),
    };
    match Remote::parse(&whole).map(|remote| (remote.host().to_owned(), remote.port())) {
        Ok((host, Some(port))) => Some(Upstream::Tcp { host, port }),
        Ok((_, None)) => {
            faults.push(fault("an upstream has one port, not any".to_owned()));
            None
        }
        Err(error) => {
            let fault = fault(error.to_string());
            let is_path = text.value.starts_with('/');
            let help = if is_path {
                format!("a unix socket is written \"unix:{}\"", text.value)
            } else {
                String::new()
            };
            faults.push(if is_path { fault.help(help) } else { fault });
            None
        }
    }
}
