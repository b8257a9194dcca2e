//! Where a proxy connects to.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Kind, listen};
use crate::config::read;
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::{Remote, RemoteError};

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

/// How HTTP upstreams are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scheme {
    /// In the clear.
    Plain,
    /// By TLS.
    Https,
    /// By TLS, for WebSockets.
    Wss,
}

/// An upstream as it is written.
struct Written {
    place: Upstream,
    scheme: Scheme,
}

impl Show for Written {
    fn show(&self) -> String {
        match self.scheme {
            Scheme::Plain => self.place.show(),
            Scheme::Https => quoted(&format!("https://{}", self.place)),
            Scheme::Wss => quoted(&format!("wss://{}", self.place)),
        }
    }
}

impl Scheme {
    /// How an upstream is written, and the rest of it with its port.
    fn split<'t>(text: &'t str, (plain, secure): (&str, &str), by_tls: Self) -> (Self, Cow<'t, str>) {
        let (scheme, rest, port) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(secure) => (by_tls, rest, Some(443)),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(plain) => (Self::Plain, rest, Some(80)),
            Some(_) | None => (Self::Plain, text, None),
        };
        let rest = if port.is_some() { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
        match port.filter(|_| is_bare(rest)) {
            Some(port) => (scheme, format!("{rest}:{port}").into()),
            None => (scheme, rest.into()),
        }
    }
}

/// Whether a host is written without a port.
fn is_bare(text: &str) -> bool {
    !text.contains(':') || (text.starts_with('[') && text.ends_with(']'))
}

/// Reads `upstream`, and how HTTP upstreams are asked.
pub(super) fn read(section: &mut Section<'_>, kind: Kind, cx: &mut Context<'_>) -> (Vec<Upstream>, Scheme) {
    if section.value("upstream").is_none() {
        let help = match kind {
            Kind::Postgres | Kind::Tcp => "write for example upstream = \"db.internal:5432\"",
            Kind::Http => "write for example upstream = \"https://api.venue.example\"",
            Kind::WebSocket => "write for example upstream = \"wss://stream.venue.example\"",
        };
        section.miss(cx, "upstream", Some(help));
    }
    hide_passwords(section, cx);
    let base = Arc::clone(&cx.base);
    let places = section.get(cx, "upstream", |value, faults| {
        let mut places: Vec<Written> = Vec::new();
        for item in read::one_or_many(value, 1..=UPSTREAMS_MAX, faults)? {
            let Some((place, scheme)) = place(&base, kind, item, faults) else { continue };
            if places.first().is_some_and(|first| first.scheme != scheme) {
                let message = "some upstreams are asked by TLS and some are not";
                let help = "make two proxies of them";
                faults.push(Diagnostic::error("mixed-schemes", item.span(), message).help(help));
            }
            if places.iter().any(|other| other.place == place) {
                faults.push(Diagnostic::error("listed-twice", item.span(), "this upstream is listed twice"));
            }
            places.push(Written { place, scheme });
        }
        Some(places)
    });
    let places = places.unwrap_or_default();
    let scheme = places.first().map_or(Scheme::Plain, |first| first.scheme);
    (places.into_iter().map(|written| written.place).collect(), scheme)
}

/// Who writes a whole URL here may have written a password with it.
fn hide_passwords(section: &mut Section<'_>, cx: &mut Context<'_>) {
    let Some(value) = section.value("upstream") else { return };
    let mut unheard = Faults::default();
    for item in read::one_or_many(value, 0..=UPSTREAMS_MAX, &mut unheard).unwrap_or_default() {
        if item.text(&mut unheard).is_some_and(|text| text.value.contains('@')) {
            cx.secrets.push(item.span());
        }
    }
}

fn place(base: &Path, kind: Kind, value: Value<'_>, faults: &mut Faults) -> Option<(Upstream, Scheme)> {
    let text = value.text(faults)?;
    let fault = |message: String| Diagnostic::error("bad-upstream", text.span.clone(), message);
    if let Some(path) = text.value.strip_prefix("unix:") {
        let socket = listen::socket(base, path).map(Upstream::Unix).map_err(|why| faults.push(fault(why)));
        return Some((socket.ok()?, Scheme::Plain));
    }
    let (scheme, written) = match kind {
        Kind::Http => Scheme::split(&text.value, ("http", "https"), Scheme::Https),
        Kind::WebSocket => Scheme::split(&text.value, ("ws", "wss"), Scheme::Wss),
        Kind::Postgres | Kind::Tcp => (Scheme::Plain, Cow::Borrowed(&*text.value)),
    };
    if let Some((other, _)) = written.split_once("://") {
        let message = format!("an upstream is a host and a port, not an address of `{other}://`");
        let help = match kind {
            Kind::Postgres | Kind::Tcp => "user and database go into `pool.login`, the rest into `tls`",
            Kind::Http => "write https://HOST or http://HOST, or HOST:PORT",
            Kind::WebSocket => "write wss://HOST or ws://HOST, or HOST:PORT; the path is the client's own",
        };
        faults.push(fault(message).help(help));
        return None;
    }
    let whole = match kind {
        Kind::Postgres if is_bare(&written) => format!("{written}:{POSTGRES_PORT}"),
        Kind::Postgres | Kind::Tcp | Kind::Http | Kind::WebSocket => written.into_owned(),
    };
    match Remote::parse(&whole).map(|remote| (remote.host().to_owned(), remote.port())) {
        Ok((host, Some(port))) => Some((Upstream::Tcp { host, port }, scheme)),
        Ok((_, None)) => {
            faults.push(fault("the port of an upstream is a number from 1 to 65535".to_owned()));
            None
        }
        Err(error) => {
            faults.push(with_help(fault(said(error, kind).to_owned()), &text.value));
            None
        }
    }
}

fn said(error: RemoteError, kind: Kind) -> &'static str {
    match error {
        RemoteError::NoPort if kind == Kind::Http => {
            "an upstream of protocol `http` is written with its scheme or its port: `https://host`, `host:port`"
        }
        RemoteError::NoPort if kind == Kind::WebSocket => {
            "an upstream of protocol `websocket` is written with its scheme or its port: `wss://host`, `host:port`"
        }
        RemoteError::NoPort => "an upstream of protocol `tcp` is written with its port: `host:port`",
        RemoteError::Port => "the port of an upstream is a number from 1 to 65535",
        RemoteError::Host => "the host of an upstream is a name or an address",
    }
}

fn with_help(fault: Diagnostic, written: &str) -> Diagnostic {
    if written.starts_with('/') {
        return fault.help(format!("a unix socket is written \"unix:{written}\""));
    }
    match written.parse::<Ipv6Addr>() {
        Ok(_) => fault.help(format!("write \"[{written}]:PORT\"")),
        Err(_) => fault,
    }
}
