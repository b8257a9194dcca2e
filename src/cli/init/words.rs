//! The servers that a bot's environment and command line name. Their secrets are read past and never kept.

use std::collections::BTreeSet;

use crate::sys::adopted::Adopted;
use crate::sys::command;

/// Servers that are kept; more are no settings of a bot.
const SERVERS_MAX: usize = 64;

/// What is spoken with a server, as far as a name tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Speech {
    Postgres,
    Http,
    Https,
    Ws,
    Wss,
    /// Anything else that has a port of its own.
    Bytes,
}

/// Schemes of addresses, what is spoken there, and the usual port.
const SCHEMES: &[(&str, Speech, u16)] = &[
    ("postgres", Speech::Postgres, 5432),
    ("postgresql", Speech::Postgres, 5432),
    ("http", Speech::Http, 80),
    ("https", Speech::Https, 443),
    ("ws", Speech::Ws, 80),
    ("wss", Speech::Wss, 443),
    ("redis", Speech::Bytes, 6379),
    ("rediss", Speech::Bytes, 6379),
    ("mysql", Speech::Bytes, 3306),
    ("mongodb", Speech::Bytes, 27017),
    ("amqp", Speech::Bytes, 5672),
    ("amqps", Speech::Bytes, 5671),
    ("tcp", Speech::Bytes, 0),
];

/// A server that is named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Server {
    /// The variable that names it; none where the command line does.
    pub(super) variable: Option<String>,
    pub(super) speech: Speech,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// All that are named.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Words {
    servers: BTreeSet<Server>,
}

impl Words {
    /// Of a live process; empty where its environment may not be read.
    pub(super) fn of(process: &Adopted) -> Self {
        let mut words = Self::default();
        if let Ok(environment) = command::environment(process) {
            let named = environment.variables().filter(|(name, _)| is_variable(name));
            named.for_each(|(name, value)| words.take(Some(name), value));
            words.take_postgres(|wanted| {
                environment.variables().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
            });
        }
        if let Ok(line) = command::line(process) {
            words.take(None, &line);
        }
        words
    }

    /// Takes all addresses out of a text.
    fn take(&mut self, variable: Option<&str>, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find("://") {
            let (before, after) = (&rest[..at], &rest[at + 3..]);
            if let Some(server) = server(variable, before, after)
                && self.servers.len() < SERVERS_MAX
            {
                self.servers.insert(server);
            }
            rest = after;
        }
    }

    /// What libpq reads.
    fn take_postgres(&mut self, variable: impl Fn(&str) -> Option<String>) {
        // One that begins with a slash is the folder of a unix socket.
        let host = variable("PGHOST").filter(|host| is_host(host));
        let port = variable("PGPORT").map_or(Some(5432), |port| port.parse().ok());
        if let (Some(host), Some(port)) = (host, port) {
            let variable = Some("PGHOST".to_owned());
            self.servers.insert(Server { variable, speech: Speech::Postgres, host, port });
        }
    }

    /// Where to, for a look-up.
    pub(super) fn hosts(&self) -> Vec<(String, u16)> {
        let all: BTreeSet<_> = self.servers.iter().map(|server| (server.host.clone(), server.port)).collect();
        all.into_iter().collect()
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter()
    }
}

/// The server of one address, split at its `://`.
fn server(variable: Option<&str>, before: &str, after: &str) -> Option<Server> {
    let start = before.rfind(|letter: char| !(letter.is_ascii_alphanumeric() || "+.-".contains(letter)));
    let scheme = start.map_or(before, |start| &before[start + 1..]).to_ascii_lowercase();
    // SQLAlchemy writes `postgresql+asyncpg`.
    let scheme = scheme.split('+').next()?;
    let (_, speech, usual) = SCHEMES.iter().find(|(name, _, _)| *name == scheme)?;
    let end = after.find(|letter: char| "/?# \"'\t\n\0".contains(letter)).unwrap_or(after.len());
    let authority = &after[..end];
    // A password may hold an `@`: the host begins after the last one.
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(*usual), |port| port.parse().ok()).filter(|port| *port != 0)?;
    is_host(host).then(|| Server {
        variable: variable.map(str::to_owned),
        speech: *speech,
        host: host.to_owned(),
        port,
    })
}

/// What a shell can set; a process may be started with anything.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// A name or an address. A list of several, a pattern or a folder is none.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_:".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(variable: &str, value: &str) -> Vec<(Speech, String, u16)> {
        let mut words = Words::default();
        words.take(Some(variable), value);
        words.servers().map(|server| (server.speech, server.host.clone(), server.port)).collect()
    }

    fn one(speech: Speech, host: &str, port: u16) -> Vec<(Speech, String, u16)> {
        vec![(speech, host.to_owned(), port)]
    }

    #[test]
    fn an_address_is_taken_without_its_secrets() {
        let url = "postgresql+asyncpg://bot:p@ss:w0rd@db1.internal/orders?sslmode=require";
        assert_eq!(taken("DATABASE_URL", url), one(Speech::Postgres, "db1.internal", 5432));
        assert_eq!(taken("X", "postgres://u@[::1]:6000/d"), one(Speech::Postgres, "::1", 6000));
        assert_eq!(taken("X", "WSS://stream.venue.example"), one(Speech::Wss, "stream.venue.example", 443));
        assert_eq!(taken("X", "url='http://10.0.0.1:8000'"), one(Speech::Http, "10.0.0.1", 8000));
    }

    #[test]
    fn several_in_one_text_are_all_taken() {
        let text = "redis://cache:6380/0,https://api.venue.example/v1";
        let found = taken("X", text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&(Speech::Https, "api.venue.example".to_owned(), 443)), "{found:?}");
    }

    #[test]
    fn what_is_no_server_is_left() {
        for text in ["file:///etc/passwd", "postgres:///local", "http://", "http://a b", "postgres://h1,h2/d"]
        {
            let found = taken("X", text);
            let only_a = one(Speech::Http, "a", 80);
            assert!(found.is_empty() || (text == "http://a b" && found == only_a), "{text}: {found:?}");
        }
        assert!(taken("X", "http://host:99999/").is_empty());
        assert!(taken("X", "tcp://host").is_empty(), "it has no usual port");
    }

    #[test]
    fn what_libpq_reads_is_a_server_unless_it_is_a_folder() {
        let with = |host: &'static str, port: Option<&'static str>| {
            let mut words = Words::default();
            words.take_postgres(|name| match name {
                "PGHOST" => Some(host.to_owned()),
                "PGPORT" => port.map(str::to_owned),
                _ => None,
            });
            words.hosts()
        };
        assert_eq!(with("db1", None), [("db1".to_owned(), 5432)]);
        assert_eq!(with("db1", Some("6000")), [("db1".to_owned(), 6000)]);
        assert!(with("/var/run/postgresql", None).is_empty());
        assert!(with("db1", Some("no")).is_empty());
    }
}
