//! Variables that hold a URL.
//!
//! ```text
//! scheme://user:password@host:port,host:port/path?query#rest
//!          └── kept ────┘└── exchanged ────┘└──── kept, but for what is told below
//! ```
//!
//! Where a password ends is found as libpq finds it: `?` and `#` may stand in one, `/` may not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Lacks, Place, Proxy, Rewritten, Why, doubt};
use crate::config::Secret;
use crate::config::proxy::Protocol;
use crate::config::proxy::upstream::POSTGRES_PORT;

/// Schemes of PostgreSQL, before any `+driver`.
const POSTGRES: &[&str] = &["postgres", "postgresql", "pgsql", "postgis"];
/// Schemes of HTTP, and their ports; the first is the one in the clear.
const HTTP: &[(&str, u16)] = &[("http", 80), ("https", 443)];
/// The same of WebSockets.
const WEBSOCKET: &[(&str, u16)] = &[("ws", 80), ("wss", 443)];
/// How the names of variables end that tell of a proxy.
const OF_PROXIES: &str = "_proxy";
/// What Java puts before a scheme.
const JAVA: &str = "jdbc:";
/// Parameters that name another place.
const OF_PLACE: &[&str] = &["host", "hostaddr", "port"];
/// Parameters that ask for what no proxy has, or for proofs of who the upstream is.
const OF_UPSTREAM: &[&str] = &["gssencmode", "requirepeer", "require_auth"];
/// Parameters that mean nothing without TLS, or fail beside `sslmode=disable`.
const OF_TLS: &[&str] = &[
    "sslnegotiation",
    "requiressl",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcertmode",
    "sslrootcert",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "channel_binding",
];

/// Points the URL in a variable to a proxy.
pub(super) fn rewrite(
    environment: &BTreeMap<String, Secret>,
    name: &str,
    proxy: &Proxy,
    rewritten: &mut Rewritten,
) -> Result<(), Why> {
    let place = Place::of(proxy).ok_or(Why::NoSocketForm)?;
    if proxy.forward().is_some() {
        return lead_through(environment, name, (proxy, &place), rewritten);
    }
    let text = environment.get(name).map(Secret::reveal).ok_or(Why::Missing)?;
    let parts = Parts::of(text)?;
    let exchanged = match (&proxy.protocol, parts.is_postgres()) {
        (Protocol::Postgres(_) | Protocol::Tcp, true) => {
            parts.for_postgres(&place, place.lacks(&proxy.protocol))?
        }
        (Protocol::Tcp, false) => parts.for_any(&place)?,
        (Protocol::Http(_), false) if parts.is_http() => parts.in_clear(&place, HTTP[0].0)?,
        (Protocol::WebSocket(_), false) if parts.is_websocket() => parts.in_clear(&place, WEBSOCKET[0].0)?,
        (Protocol::Postgres(_), false) | (Protocol::Http(_) | Protocol::WebSocket(_), _) => {
            return Err(Why::OtherProtocol);
        }
    };
    if parts.usual_port().is_some() && !parts.hosts.contains(',') {
        let (host, port) = parts.host();
        doubt(proxy, name, (host, port.or(parts.usual_port())), rewritten);
    }
    rewritten.set.insert(name.to_owned(), Secret::new(&exchanged));
    Ok(())
}

/// Sets a variable by which clients learn of a forward proxy, whether it is there or not. Some read it in capitals and some in
/// small letters, so both are set.
fn lead_through(
    environment: &BTreeMap<String, Secret>,
    name: &str,
    (proxy, place): (&Proxy, &Place),
    rewritten: &mut Rewritten,
) -> Result<(), Why> {
    let Place::Address(ip, port) = place else { return Err(Why::NoSocketForm) };
    let own = format!("{}://{}", HTTP[0].0, address(*ip, *port));
    let mut names = vec![name.to_owned()];
    if name.to_ascii_lowercase().ends_with(OF_PROXIES) {
        names = vec![name.to_ascii_lowercase(), name.to_ascii_uppercase()];
    }
    for name in names {
        let before = environment.get(&name).map(Secret::reveal).filter(|text| !text.is_empty());
        if let Some(parts) = before.and_then(|text| Parts::of(text).ok()) {
            let (host, port) = parts.host();
            doubt(proxy, &name, (host, port.or(parts.usual_port())), rewritten);
        }
        rewritten.set.insert(name, Secret::new(&own));
    }
    Ok(())
}

/// The parts of a URL, each as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Parts<'t> {
    scheme: &'t str,
    /// With its `@`.
    user: &'t str,
    hosts: &'t str,
    /// With its `/`, or empty.
    path: &'t str,
    query: Option<&'t str>,
    /// With its `#`, or empty.
    rest: &'t str,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Result<Self, Why> {
        let (scheme, after) = text.split_once("://").ok_or(Why::NoUrl)?;
        let bare = scheme.strip_prefix(JAVA).unwrap_or(scheme);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if !bare.starts_with(|c: char| c.is_ascii_alphabetic()) || !bare.chars().all(fits) {
            return Err(Why::NoUrl);
        }
        if text.contains(|c: char| c.is_control()) {
            return Err(Why::NoUrl);
        }
        let slash = after.find('/').unwrap_or(after.len());
        let user = after[..slash].rfind('@').map_or(0, |at| at + 1);
        let (user, after) = after.split_at(user);
        let (hosts, after) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
        let (path, after) = after.split_at(after.find(['?', '#']).unwrap_or(after.len()));
        if user.is_empty() && path.contains('@') {
            return Err(Why::Ambiguous);
        }
        let (query, rest) = after.split_at(after.find('#').unwrap_or(after.len()));
        Ok(Self { scheme, user, hosts, path, query: query.strip_prefix('?'), rest })
    }

    fn is_postgres(&self) -> bool {
        let scheme = self.scheme.strip_prefix(JAVA).unwrap_or(self.scheme);
        let scheme = scheme.split('+').next().unwrap_or_default();
        POSTGRES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
    }

    fn is_http(&self) -> bool {
        HTTP.iter().any(|(scheme, _)| self.scheme.eq_ignore_ascii_case(scheme))
    }

    fn is_websocket(&self) -> bool {
        WEBSOCKET.iter().any(|(scheme, _)| self.scheme.eq_ignore_ascii_case(scheme))
    }

    /// Where a URL leads that names no port; none where that is not known.
    fn usual_port(&self) -> Option<u16> {
        let http = HTTP.iter().chain(WEBSOCKET).find(|(scheme, _)| self.scheme.eq_ignore_ascii_case(scheme));
        http.map(|(_, port)| *port).or_else(|| self.is_postgres().then_some(POSTGRES_PORT))
    }

    /// The host, without brackets, and the port where one is written.
    fn host(&self) -> (&'t str, Option<u16>) {
        let bare = |host: &'t str| host.trim_start_matches('[').trim_end_matches(']');
        match self.hosts.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (bare(host), port.parse().ok()),
            Some(_) | None => (bare(self.hosts), None),
        }
    }

    /// Host and port exchanged, and TLS, which the proxy does towards the upstream.
    fn in_clear(&self, place: &Place, scheme: &'t str) -> Result<String, Why> {
        Self { scheme, ..*self }.for_any(place)
    }

    /// Host and port exchanged, nothing else.
    fn for_any(&self, place: &Place) -> Result<String, Why> {
        let Place::Address(ip, port) = place else { return Err(Why::NoSocketForm) };
        let Self { scheme, user, path, rest, .. } = self;
        let query = self.query.map(|query| format!("?{query}")).unwrap_or_default();
        Ok(format!("{scheme}://{user}{}{path}{query}{rest}", address(*ip, *port)))
    }

    /// Host and port exchanged, and the parameters that would contradict.
    fn for_postgres(&self, place: &Place, lacks: Lacks) -> Result<String, Why> {
        let mut query = self.kept(lacks);
        let Self { scheme, user, path, rest, .. } = self;
        let (hosts, path) = match place {
            Place::Address(ip, port) => (address(*ip, *port), *path),
            Place::Socket(..) if self.scheme.starts_with(JAVA) => return Err(Why::NoSocketForm),
            Place::Socket(folder, port) => {
                query.push(format!("host={}", escaped(&folder.to_string_lossy())));
                query.push(format!("port={port}"));
                (String::new(), if path.is_empty() { "/" } else { path })
            }
        };
        let query = query.join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(format!("{scheme}://{user}{hosts}{path}{mark}{query}{rest}"))
    }

    /// The parameters that stay.
    fn kept(&self, lacks: Lacks) -> Vec<String> {
        let words = self.query.unwrap_or_default().split('&').filter(|word| !word.is_empty());
        let kept = |word: &str| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let gone = OF_PLACE.contains(&key)
                || (lacks != Lacks::Nothing && OF_UPSTREAM.contains(&key))
                || (lacks == Lacks::Tls && OF_TLS.contains(&key));
            match (gone, lacks, key) {
                (true, _, _) => None,
                (false, Lacks::Tls, "sslmode") => Some("sslmode=disable".to_owned()),
                (false, Lacks::Tls, "ssl") => Some(format!("ssl={}", without_tls(value))),
                (false, Lacks::Nothing | Lacks::Gss | Lacks::Tls, _) => Some(word.to_owned()),
            }
        };
        words.filter_map(kept).collect()
    }
}

/// How a driver that spells TLS as `ssl=` is told to do without: some take yes and no, some the words of `sslmode`.
fn without_tls(value: &str) -> &'static str {
    match value {
        "1" | "0" => "0",
        "require" | "prefer" | "allow" | "disable" | "verify-ca" | "verify-full" => "disable",
        _ => "false",
    }
}

fn address(ip: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(ip, port).to_string()
}

/// A path as the value of a parameter.
fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
