//! A child's environment, pointed to the proxies: `env = ["DATABASE_URL", "PG"]`.
//!
//! ```text
//! DATABASE_URL=postgres://u:p@db1.internal:5432/x?sslmode=require
//!           └► postgres://u:p@127.0.0.1:6432/x?sslmode=disable
//! ```
//!
//! Host and port become the proxy's first place that a client can be told of. What would lead past the proxy
//! or ask it for what it does not have goes: other hosts, and TLS where the listener has none. Everything else
//! stays as it is, above all user, password and database. Values are secrets: no trouble quotes one.

mod libpq;
mod url;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use super::{Listen, Protocol, Proxy, Upstream, Variable};
use crate::config::{Child, Config, Match, Secret};
use crate::model::name::Name;

/// What becomes of an environment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rewritten {
    /// Variables with their new values.
    pub set: BTreeMap<String, Secret>,
    /// Variables that go; each of them was there.
    pub removed: BTreeSet<String>,
    /// Why something could not be rewritten.
    pub faults: Vec<EnvFault>,
    /// What looks as if something else was meant.
    pub doubts: Vec<EnvDoubt>,
}

/// Why a variable can't be rewritten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvFault {
    /// The proxy that names it.
    pub proxy: Name,
    /// The variable.
    pub variable: String,
    /// Why.
    pub why: Why,
}

/// Why a variable can't be rewritten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Why {
    /// The child has none.
    #[error("it is not set")]
    Missing,
    /// Not of the form `scheme://…`.
    #[error("it holds no URL")]
    NoUrl,
    /// A URL for something else.
    #[error("it holds a URL of another protocol")]
    OtherProtocol,
    /// An `@` in the path: a password with a bare slash, or not.
    #[error("where its password ends can't be told: write `/` in a password as %2F")]
    Ambiguous,
    /// A unix socket that this form can't name.
    #[error("it can't name a unix socket: let the proxy listen at an address too")]
    NoSocketForm,
    /// A service file would win over what is set.
    #[error("`PGSERVICE` is set as well, and what its file says would win")]
    Service,
}

impl fmt::Display for EnvFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` can't be pointed to proxy `{}`: {}", self.variable, self.proxy, self.why)
    }
}

/// A variable led to a place that its proxy does not lead to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvDoubt {
    /// The proxy that names it.
    pub proxy: Name,
    /// The variable.
    pub variable: String,
    /// Where it led.
    pub place: String,
}

impl fmt::Display for EnvDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { proxy, variable, place } = self;
        write!(f, "`{variable}` led to {place}, which is no upstream of proxy `{proxy}`; now it leads there")
    }
}

/// Points the children of `config` to its proxies; `own` is the agent's environment, which they inherit. A
/// variable that only some of the children have is rewritten for those.
pub fn apply(config: &mut Config, own: &[(String, String)]) -> (Vec<EnvFault>, Vec<EnvDoubt>) {
    let (mut faults, mut doubts) = (Vec::new(), Vec::new());
    let mut children = 0;
    let mut missing: BTreeMap<String, (usize, EnvFault)> = BTreeMap::new();
    for target in config.targets.values_mut() {
        let Match::Child(child) = &mut target.matches else { continue };
        children += 1;
        let rewritten = rewrite(&inherited(own, child), config.proxies.values());
        for fault in rewritten.faults {
            match fault.why {
                Why::Missing => missing.entry(fault.variable.clone()).or_insert((0, fault)).0 += 1,
                Why::NoUrl | Why::OtherProtocol | Why::Ambiguous | Why::NoSocketForm | Why::Service => {
                    faults.push(fault);
                }
            }
        }
        doubts.extend(rewritten.doubts);
        child.env.retain(|name, _| !rewritten.removed.contains(name));
        child.env.extend(rewritten.set);
        child.without.extend(rewritten.removed);
    }
    let nowhere = missing.into_values().filter(|(count, _)| *count == children);
    faults.extend(nowhere.map(|(_, fault)| fault));
    (faults, doubts)
}

fn inherited(own: &[(String, String)], child: &Child) -> BTreeMap<String, Secret> {
    let own = own.iter().map(|(name, value)| (name.clone(), Secret::new(value)));
    let mut all: BTreeMap<String, Secret> = own.collect();
    all.extend(child.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}

/// What becomes of `environment` when every variable that a proxy names leads to that proxy.
pub fn rewrite<'p>(
    environment: &BTreeMap<String, Secret>,
    proxies: impl IntoIterator<Item = &'p Proxy>,
) -> Rewritten {
    let mut rewritten = Rewritten::default();
    for proxy in proxies {
        for variable in &proxy.env {
            let result = match variable {
                Variable::Url(name) => url::rewrite(environment, name, proxy, &mut rewritten),
                Variable::Pg => libpq::rewrite(environment, proxy, &mut rewritten),
            };
            if let Err(why) = result {
                let variable = variable.as_str().to_owned();
                rewritten.faults.push(EnvFault { proxy: proxy.name.clone(), variable, why });
            }
        }
    }
    rewritten
}

/// Where a client is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    /// To an address of this machine.
    Address(IpAddr, u16),
    /// To `.s.PGSQL.PORT` in a folder.
    Socket(PathBuf, u16),
}

impl Place {
    /// The first place of a proxy that can be told.
    fn of(proxy: &Proxy) -> Option<Self> {
        proxy.listen.iter().find_map(|listen| match listen {
            Listen::Tcp(address) => {
                let ip = match address.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                    ip => ip,
                };
                Some(Self::Address(ip, address.port()))
            }
            Listen::Unix(path) => {
                let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
                Listen::socket_port(path).map(|port| Self::Socket(folder, port))
            }
            Listen::Systemd(_) => None,
        })
    }

    /// What a client must do without there.
    fn lacks(&self, protocol: &Protocol) -> Lacks {
        match (self, protocol) {
            (_, Protocol::Tcp | Protocol::Http(_) | Protocol::WebSocket(_)) => Lacks::Nothing,
            (Self::Address(..), Protocol::Postgres(postgres)) if postgres.admission.tls.is_some() => {
                Lacks::Gss
            }
            (Self::Address(..) | Self::Socket(..), Protocol::Postgres(_)) => Lacks::Tls,
        }
    }
}

/// What a client must do without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lacks {
    /// Nothing: it speaks with the upstream itself.
    Nothing,
    /// Encryption by Kerberos, and proofs of who the upstream is.
    Gss,
    /// TLS too.
    Tls,
}

/// Tells where a variable led to a host that is not an upstream of its proxy. Names are not held against
/// addresses: one may stand for the other.
fn doubt(proxy: &Proxy, variable: &str, (host, port): (&str, Option<u16>), rewritten: &mut Rewritten) {
    let Some(port) = port else { return };
    let is_address = |host: &str| host.parse::<IpAddr>().is_ok();
    let comparable = proxy.upstream.iter().all(|upstream| match upstream {
        Upstream::Tcp { host: other, .. } => is_address(other) == is_address(host),
        Upstream::Unix(_) => false,
    });
    let known = proxy.upstream.iter().any(|upstream| match upstream {
        Upstream::Tcp { host: other, port: at } => host.eq_ignore_ascii_case(other) && *at == port,
        Upstream::Unix(_) => false,
    });
    let is_own = Place::of(proxy).is_some_and(|place| match place {
        Place::Address(ip, at) => at == port && host.parse() == Ok(ip),
        Place::Socket(folder, _) => folder == Path::new(host),
    });
    if !host.is_empty() && comparable && !known && !is_own {
        let place = Upstream::Tcp { host: host.to_owned(), port }.to_string();
        let doubt = EnvDoubt { proxy: proxy.name.clone(), variable: variable.to_owned(), place };
        rewritten.doubts.push(doubt);
    }
}

#[cfg(test)]
mod tests;
