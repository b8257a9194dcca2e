//! `PGHOST`, `PGPORT` and the variables that would contradict them (PostgreSQL's manual, "Environment Variables").

use std::collections::BTreeMap;

use super::{Lacks, Place, Proxy, Rewritten, Why, doubt};
use crate::config::Secret;
use crate::config::proxy::upstream::POSTGRES_PORT;

/// Asks for what only a listener with TLS has, or fails beside `PGSSLMODE=disable`.
const OF_TLS: &[&str] = &[
    "PGSSLNEGOTIATION",
    "PGREQUIRESSL",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCERTMODE",
    "PGSSLROOTCERT",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLSNI",
    "PGCHANNELBINDING",
];
/// Asks for what no proxy has, or for proofs of who the upstream is.
const OF_UPSTREAM: &[&str] = &["PGGSSENCMODE", "PGREQUIREPEER", "PGREQUIREAUTH"];

/// Points libpq's own variables to a proxy.
pub(super) fn rewrite(
    environment: &BTreeMap<String, Secret>,
    proxy: &Proxy,
    rewritten: &mut Rewritten,
) -> Result<(), Why> {
    let value = |name: &str| environment.get(name).map(Secret::reveal).filter(|value| !value.is_empty());
    if value("PGSERVICE").is_some() {
        return Err(Why::Service);
    }
    let place = Place::of(proxy).ok_or(Why::NoSocketForm)?;
    let host = value("PGHOST").unwrap_or_default();
    if !host.contains([',', '/']) {
        doubt(
            proxy,
            "PGHOST",
            (host, value("PGPORT").and_then(|port| port.parse().ok()).or(Some(POSTGRES_PORT))),
            rewritten,
        );
    }
    let (host, port) = match &place {
        Place::Address(ip, port) => (ip.to_string(), *port),
        Place::Socket(folder, port) => (folder.to_string_lossy().into_owned(), *port),
    };
    let mut set = |name: &str, value: &str| rewritten.set.insert(name.to_owned(), Secret::new(value));
    set("PGHOST", &host);
    set("PGPORT", &port.to_string());
    let gone: &[&[&str]] = match place.lacks(&proxy.protocol) {
        Lacks::Nothing => &[],
        Lacks::Gss => &[OF_UPSTREAM],
        Lacks::Tls => {
            set("PGSSLMODE", "disable");
            &[OF_UPSTREAM, OF_TLS]
        }
    };
    let names = gone.iter().copied().flatten().chain(&["PGHOSTADDR"]);
    let there = names.filter(|name| environment.contains_key(**name));
    rewritten.removed.extend(there.map(|name| (*name).to_owned()));
    Ok(())
}
