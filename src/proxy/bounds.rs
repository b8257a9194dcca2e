//! From the settings of a proxy to the limits of its pool, at its start and when they change.

use std::time::Duration;

use crate::config::proxy::{Balance, Protocol, Proxy};
use crate::pool::address::Lookup;
use crate::pool::backoff::Backoff;
use crate::pool::breaker::Trip;
use crate::pool::limits::{ClientLimits, Limits};
use crate::pool::state::Settings;
use crate::pool::upstream::{self, Blame, UpstreamSettings};
use crate::proxy::place::Place;

/// The limits as the settings want them.
pub fn limits(proxy: &Proxy) -> Limits {
    let pool = &proxy.pool;
    Limits {
        max: pool.max,
        min: pool.min,
        waiters: pool.waiters,
        wait: pool.wait,
        idle: pool.idle,
        lifetime: pool.lifetime.unwrap_or(Duration::MAX),
        uses: pool.max_uses.unwrap_or(u32::MAX),
        connects: pool.connects,
        connect_timeout: pool.connect_timeout,
        ping_after: pool.check,
        drain: proxy.drain,
        trip: Trip {
            window: proxy.breaker.window,
            least: proxy.breaker.failures,
            pause: Backoff { first: proxy.breaker.open, ..Trip::default().pause },
            ..Trip::default()
        },
        clients: ClientLimits {
            max: proxy.clients.max,
            reserve: proxy.clients.reserve,
            scarce: proxy.clients.scarce.unwrap_or(0),
            idle: proxy.clients.idle.unwrap_or(Duration::MAX),
        },
        per_upstream: match &proxy.protocol {
            Protocol::Http(http) if http.forward.is_none() => http.per_host,
            Protocol::Http(_) | Protocol::Postgres(_) | Protocol::WebSocket(_) | Protocol::Tcp => u32::MAX,
        },
        per_key: match &proxy.protocol {
            Protocol::Http(http) if http.forward.is_some() => http.per_host,
            Protocol::Http(_) | Protocol::Postgres(_) | Protocol::WebSocket(_) | Protocol::Tcp => u32::MAX,
        },
        ..Limits::default()
    }
}

/// The pool as the settings want it.
pub(in crate::proxy) fn pool_settings(proxy: &Proxy) -> Settings {
    let lookup = |upstream| {
        if Place::of(upstream).is_looked_up() { Lookup::Every(proxy.lookup) } else { Lookup::Never }
    };
    let upstreams = proxy.upstream.iter().map(|upstream| UpstreamSettings { lookup: lookup(upstream) });
    let balance = match proxy.balance {
        Balance::LeastConnections => upstream::Balance::Equal,
        Balance::Failover => upstream::Balance::Priority,
    };
    let blame = match &proxy.protocol {
        Protocol::Http(http) if http.forward.is_some() => Blame::Key,
        Protocol::Http(_) | Protocol::Postgres(_) | Protocol::WebSocket(_) | Protocol::Tcp => Blame::Upstream,
    };
    Settings { limits: limits(proxy), upstreams: upstreams.collect(), balance, blame }
}

/// Whether two settings of a proxy differ in nothing but limits that a running pool takes over.
pub fn differ_in_limits_alone(old: &Proxy, new: &Proxy) -> bool {
    let mut same = new.clone();
    same.drain = old.drain;
    same.clients.max = old.clients.max;
    same.clients.reserve = old.clients.reserve;
    same.clients.scarce = old.clients.scarce;
    same.clients.idle = old.clients.idle;
    let (kept, pool) = (&old.pool, &mut same.pool);
    (pool.min, pool.max, pool.waiters) = (kept.min, kept.max, kept.waiters);
    (pool.wait, pool.idle, pool.check) = (kept.wait, kept.idle, kept.check);
    (pool.lifetime, pool.max_uses, pool.connects) = (kept.lifetime, kept.max_uses, kept.connects);
    if let (Protocol::Http(old), Protocol::Http(new)) = (&old.protocol, &mut same.protocol) {
        new.per_host = old.per_host;
    }
    same == *old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Input, SourceFile};
    use crate::model::name::Name;

    fn proxy(pool: &str) -> Proxy {
        let text = format!(
            "schema = 1\n[proxy.db]\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:6432\"\n\
             upstream = \"127.0.0.1:5432\"\n{pool}\n"
        );
        let file = SourceFile { path: "/etc/fdguard/agent.toml".into(), text };
        let loaded = config::load(&Input { file: Some(file), ..Input::empty() });
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.report));
        config.proxies[&Name::parse("db").unwrap()].clone()
    }

    #[test]
    fn limits_change_alive_and_nothing_else_does() {
        let old = proxy("");
        for alive in [
            "pool = { max = 7, min = 0, wait = \"1s\", waiters = 3, idle = \"9s\" }",
            "pool = { lifetime = \"1h\", max_uses = 9, connects = 1, check = \"9s\" }",
            "clients = { max = 9, reserve = 2, scarce = 3, idle = \"1m\" }\ndrain = \"1s\"",
        ] {
            let new = proxy(alive);
            assert_ne!(old, new, "{alive}");
            assert!(differ_in_limits_alone(&old, &new), "{alive}");
        }
        for fixed in [
            "pool = { mode = \"session\" }",
            "pool = { connect_timeout = \"1s\" }",
            "pool = { statements = 3 }",
            "clients = { login = \"1s\" }",
            "balance = \"failover\"",
        ] {
            assert!(!differ_in_limits_alone(&old, &proxy(fixed)), "{fixed}");
        }
        assert_eq!(limits(&proxy("pool = { max = 7 }")).max, 7);
    }
}
