//! From remotes and names to proposed proxies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, channel};

use serde::{Serialize, Serializer};

use super::words::{Server, Speech, Words};
use crate::cli::inspect::{RemoteRow, Report};

/// Proxies that are proposed; a bot with more servers is fronted by hand.
const FRONTS_MAX: usize = 12;
/// Ports from here on are those of clients, unless they are named.
const EPHEMERAL: u16 = 32_768;
/// Listeners tried for one proxy.
const LISTENERS_MAX: u16 = 200;

/// Ports that say what is spoken there, and what a proxy of it is called.
const PORTS: &[(u16, Speech, &str)] = &[
    (5432, Speech::Postgres, "postgres"),
    (5433, Speech::Postgres, "postgres"),
    (6432, Speech::Postgres, "postgres"),
    (80, Speech::Http, "http"),
    (8000, Speech::Http, "http"),
    (8080, Speech::Http, "http"),
    (443, Speech::Https, "https"),
    (8443, Speech::Https, "https"),
    (6379, Speech::Bytes, "redis"),
    (3306, Speech::Bytes, "mysql"),
    (27017, Speech::Bytes, "mongodb"),
    (5672, Speech::Bytes, "amqp"),
];

/// A proposed proxy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Front {
    pub(super) name: String,
    /// As the agent's file has it: `postgres`, `http`, `websocket`, `tcp`.
    pub(super) protocol: &'static str,
    /// The port on loopback where it would listen.
    pub(super) listen: u16,
    pub(super) upstream: Upstream,
    /// The bot's sockets to it.
    pub(super) sockets: u32,
    /// The variable of the bot that names the server.
    pub(super) variable: Option<String>,
    /// The scheme under which the bot meets the listener; none for a stream of bytes.
    pub(super) scheme: Option<&'static str>,
}

/// Where to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Upstream {
    scheme: Option<&'static str>,
    host: String,
    port: u16,
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.map_or_else(String::new, |scheme| format!("{scheme}://"));
        let usual =
            matches!((self.scheme, self.port), (Some("http" | "ws"), 80) | (Some("https" | "wss"), 443));
        let port = if usual { String::new() } else { format!(":{}", self.port) };
        if self.host.contains(':') {
            write!(f, "{scheme}[{}]{port}", self.host)
        } else {
            write!(f, "{scheme}{}{port}", self.host)
        }
    }
}

impl Serialize for Upstream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Front {
    /// What a person reads.
    pub(super) fn sentence(&self) -> String {
        let named = self.variable.as_ref().map_or_else(String::new, |name| format!(", named by {name}"));
        format!(
            "{} socket(s) to {}{named}: proxy `{}` ({}) on 127.0.0.1:{}",
            self.sockets, self.upstream, self.name, self.protocol, self.listen
        )
    }

    /// Whether there is something that rests in its pool, which a reset gives back.
    pub(super) fn rests(&self) -> bool {
        matches!(self.protocol, "postgres" | "http")
    }
}

/// What a name stands for; arrives while the bot is being looked at.
pub(super) struct Resolving(Receiver<((String, u16), IpAddr)>);

/// Looks names up beside the look, since a resolver that is away takes its time.
pub(super) fn resolve(hosts: Vec<(String, u16)>) -> Resolving {
    let (sender, found) = channel();
    let looking = move || {
        for place in hosts {
            for address in (place.0.as_str(), place.1).to_socket_addrs().into_iter().flatten() {
                drop(sender.send((place.clone(), address.ip())));
            }
        }
    };
    // Without the thread no name is known, and addresses are proposed as they are.
    drop(std::thread::Builder::new().name("fdg-names".to_owned()).spawn(looking));
    Resolving(found)
}

/// Addresses by name.
type Addresses = BTreeMap<(String, u16), BTreeSet<IpAddr>>;

impl Resolving {
    /// What is known by now.
    pub(super) fn so_far(&self) -> Addresses {
        let mut known = Addresses::new();
        while let Ok((place, address)) = self.0.try_recv() {
            known.entry(place).or_default().insert(address);
        }
        known
    }
}

/// The proposals, without listeners yet.
pub(super) struct Fronts {
    found: Vec<(Upstream, Found)>,
}

struct Found {
    speech: Speech,
    sockets: u32,
    variable: Option<String>,
    /// What its port is known for.
    label: Option<&'static str>,
}

impl Fronts {
    /// One for each server: by its name where one of the bot's own settings leads to it, by its address where none does.
    pub(super) fn of(report: &Report, words: &Words, addresses: &Addresses) -> Self {
        let mut all: BTreeMap<Upstream, Found> = BTreeMap::new();
        for row in &report.remotes {
            if let Some((upstream, found)) = front(row, words, addresses) {
                let sockets = found.sockets;
                all.entry(upstream).and_modify(|known| known.sockets += sockets).or_insert(found);
            }
        }
        let mut found: Vec<_> = all.into_iter().collect();
        found.sort_by_key(|(_, found)| std::cmp::Reverse(found.sockets));
        found.truncate(FRONTS_MAX);
        Self { found }
    }

    /// With a name of its own and a listener on a port that is free.
    pub(super) fn with_listeners(self, is_free: impl Fn(u16) -> bool) -> Vec<Front> {
        let (mut names, mut ports) = (BTreeSet::new(), BTreeSet::new());
        let mut fronts = Vec::new();
        for (upstream, found) in self.found {
            let (protocol, first, scheme) = spoken(found.speech, upstream.port);
            let last = first.saturating_add(LISTENERS_MAX);
            let Some(listen) = (first..last).find(|port| !ports.contains(port) && is_free(*port)) else {
                continue;
            };
            let stem = found.label.map_or_else(|| stem(&upstream.host), str::to_owned);
            let turns = 1..=FRONTS_MAX;
            let Some(name) = turns.map(|turn| numbered(&stem, turn)).find(|name| !names.contains(name))
            else {
                continue;
            };
            ports.insert(listen);
            names.insert(name.clone());
            let (sockets, variable) = (found.sockets, found.variable);
            fronts.push(Front { name, protocol, listen, upstream, sockets, variable, scheme });
        }
        fronts
    }
}

fn numbered(stem: &str, turn: usize) -> String {
    if turn == 1 { stem.to_owned() } else { format!("{stem}-{turn}") }
}

/// Of a host's name what tells it from others: its first part. Nothing of an address.
fn stem(host: &str) -> String {
    let first = host.split('.').next().unwrap_or_default();
    if host.parse::<IpAddr>().is_ok() || first.is_empty() { "upstream".to_owned() } else { first.to_owned() }
}

fn front(row: &RemoteRow, words: &Words, addresses: &Addresses) -> Option<(Upstream, Found)> {
    let remote = &row.now.remote;
    let (host, port) = (remote.host(), remote.port()?);
    let sockets = row.now.count;
    if let Some(server) = named(host, port, words, addresses) {
        let label = port_of(port).map(|(_, label)| label).filter(|_| server.speech == Speech::Postgres);
        let upstream = Upstream { scheme: scheme(server.speech), host: server.host.clone(), port };
        let (speech, variable) = (server.speech, server.variable.clone());
        return Some((upstream, Found { speech, sockets, variable, label }));
    }
    let (speech, label) = match port_of(port) {
        Some((speech, label)) => (speech, Some(label)),
        None if port < EPHEMERAL => (Speech::Bytes, None),
        None => return None,
    };
    let upstream = Upstream { scheme: scheme(speech), host: host.to_owned(), port };
    Some((upstream, Found { speech, sockets, variable: None, label }))
}

fn port_of(port: u16) -> Option<(Speech, &'static str)> {
    PORTS.iter().find(|(known, _, _)| *known == port).map(|(_, speech, label)| (*speech, *label))
}

/// The server of the bot's settings that a remote is.
fn named<'w>(host: &str, port: u16, words: &'w Words, addresses: &Addresses) -> Option<&'w Server> {
    let address: Option<IpAddr> = host.parse().ok();
    let is_it = |server: &&Server| {
        let known = addresses.get(&(server.host.clone(), server.port));
        let leads = known.zip(address).is_some_and(|(known, address)| known.contains(&address));
        server.port == port && (server.host == host || leads)
    };
    // One with a variable is worth more: that is what a person will change.
    words.servers().filter(is_it).max_by_key(|server| server.variable.is_some())
}

fn scheme(speech: Speech) -> Option<&'static str> {
    match speech {
        Speech::Http => Some("http"),
        Speech::Https => Some("https"),
        Speech::Ws => Some("ws"),
        Speech::Wss => Some("wss"),
        Speech::Postgres | Speech::Bytes => None,
    }
}

/// The protocol of the proxy, its first port, and the scheme under which it is met: plain, since it is on loopback.
fn spoken(speech: Speech, port: u16) -> (&'static str, u16, Option<&'static str>) {
    match speech {
        Speech::Postgres => ("postgres", 6432, Some("postgresql")),
        Speech::Http | Speech::Https => ("http", 8080, Some("http")),
        Speech::Ws | Speech::Wss => ("websocket", 9443, Some("ws")),
        Speech::Bytes => ("tcp", port.max(1024).saturating_add(10_000).min(EPHEMERAL - LISTENERS_MAX), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::Remote;
    use crate::model::observation::RemoteSurvey;

    fn row(remote: &str, count: u32) -> RemoteRow {
        let remote = Remote::parse(remote).expect("a remote");
        let now = RemoteSurvey {
            remote,
            count,
            established: count,
            close_wait: 0,
            syn_sent: 0,
            fin_wait: 0,
            connect_rate: 0.0,
        };
        RemoteRow { now, growth: 0, close_wait_growth: 0 }
    }

    fn proposed(
        remotes: &[RemoteRow],
        words: &Words,
        addresses: &Addresses,
    ) -> Vec<(String, &'static str, u16, String)> {
        let mut all = BTreeMap::new();
        for row in remotes {
            if let Some((upstream, found)) = front(row, words, addresses) {
                all.insert(upstream, found);
            }
        }
        let mut found: Vec<_> = all.into_iter().collect();
        found.sort_by_key(|(_, found)| std::cmp::Reverse(found.sockets));
        let fronts = Fronts { found }.with_listeners(|port| port != 8080);
        fronts
            .into_iter()
            .map(|front| (front.name, front.protocol, front.listen, front.upstream.to_string()))
            .collect()
    }

    #[test]
    fn ports_say_what_is_spoken_where_no_setting_does() {
        let rows =
            [row("10.0.0.5:5432", 9), row("10.0.0.6:443", 8), row("[::1]:6379", 7), row("10.0.0.7:7000", 6)];
        let told = proposed(&rows, &Words::default(), &Addresses::new());
        let expected = [
            ("postgres", "postgres", 6432, "10.0.0.5:5432"),
            ("https", "http", 8081, "https://10.0.0.6"),
            ("redis", "tcp", 16379, "[::1]:6379"),
            ("upstream", "tcp", 17000, "10.0.0.7:7000"),
        ];
        assert_eq!(
            told,
            expected.map(|(name, protocol, port, to)| (name.to_owned(), protocol, port, to.to_owned()))
        );
    }

    #[test]
    fn a_client_of_the_bot_is_no_server() {
        assert!(proposed(&[row("10.0.0.5:51234", 3)], &Words::default(), &Addresses::new()).is_empty());
    }

    #[test]
    fn two_of_a_kind_have_names_and_ports_of_their_own() {
        let rows = [row("10.0.0.5:5432", 2), row("10.0.0.6:5432", 1)];
        let told = proposed(&rows, &Words::default(), &Addresses::new());
        let names: Vec<_> = told.iter().map(|(name, _, port, _)| (name.as_str(), *port)).collect();
        assert_eq!(names, [("postgres", 6432), ("postgres-2", 6433)]);
    }
}
