//! `[proxy.NAME]`: a local listener, the pool behind it, and who may use it.
//!
//! What every protocol has stands in [`Proxy`] itself; what only one has stands in its [`Protocol`]. A key that
//! means nothing for the protocol is refused, so no setting is read and then ignored. Files with secrets are
//! named here and read elsewhere.

mod access;
mod admission;
mod breaker;
mod cache;
mod clients;
pub mod env;
mod foreign;
mod forward;
mod gate;
mod http;
pub(in crate::config) mod listen;
mod pool;
mod rivals;
mod session;
mod tls;
mod truth;
mod upstream;
mod variable;
mod websocket;

use std::time::Duration;

pub use access::{Access, Id};
pub use admission::{Admission, Auth, ListenerTls};
pub use breaker::Breaker;
pub use cache::{Cache, CachedQuery};
pub use clients::Clients;
pub use forward::Forward;
pub use gate::{GateAnswer, OrderGate};
pub use http::{HostRule, Http};
pub use listen::Listen;
pub use pool::{Mode, Pool};
pub use session::{Login, Reset, SessionState, Sessions};
pub use tls::{Identity, TlsMode, UpstreamTls};
pub use truth::Truth;
pub use upstream::Upstream;
pub use variable::Variable;
pub use websocket::{Keeping, Looks, Marks, Meant, Numbers, Poll, Slow, Speaks, Subscriptions, WebSocket};

pub(super) use rivals::check;

use admission::Reach;
use listen::Audience;

use super::section::{Context, Section};
use super::show::Show;
use super::{defaults, read};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::Name;

/// The most proxies.
pub(super) const PROXIES_MAX: usize = 32;
/// The ways to balance, as written.
const BALANCES: &[(&str, Balance)] =
    &[("least-connections", Balance::LeastConnections), ("failover", Balance::Failover)];
/// Protocols that proxies are meant to learn.
const LATER: &[&str] = &["redis", "mongodb", "amqp", "clickhouse", "mysql"];
const PROTOCOLS: &[(&str, Kind)] =
    &[("postgres", Kind::Postgres), ("http", Kind::Http), ("websocket", Kind::WebSocket), ("tcp", Kind::Tcp)];

/// A local listener and the pool behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy {
    /// Its name; policies speak of the pool by it.
    pub name: Name,
    /// What is spoken, with the settings that only this protocol has.
    pub protocol: Protocol,
    /// Where it listens; at least one place.
    pub listen: Vec<Listen>,
    /// Whether it may listen where other machines reach it.
    pub expose: bool,
    /// Where to; at least one, but for a forward proxy, which has none.
    pub upstream: Vec<Upstream>,
    /// Which upstream a new connection goes to.
    pub balance: Balance,
    /// Names of upstreams are looked up again after so long.
    pub lookup: Duration,
    /// Busy connections get so long at shutdown and in a reset by drain.
    pub drain: Duration,
    /// Who may connect; the users that the targets run as where absent.
    pub allow: Option<Access>,
    /// Its connections to the upstreams.
    pub pool: Pool,
    /// Its clients.
    pub clients: Clients,
    /// When an upstream is left alone.
    pub breaker: Breaker,
    /// Variables of a child that are rewritten to the listener.
    pub env: Vec<Variable>,
}

/// What a proxy speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Any stream of bytes: one upstream connection a client, TLS passes as it is.
    Tcp,
    /// PostgreSQL's protocol, version 3.
    Postgres(Box<Postgres>),
    /// HTTP/1.1 and HTTP/1.0.
    Http(Box<Http>),
    /// WebSocket, version 13.
    WebSocket(Box<WebSocket>),
}

/// What only a proxy for PostgreSQL has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Postgres {
    /// Sessions on the connections to the upstream.
    pub sessions: Sessions,
    /// How clients log in.
    pub admission: Admission,
    /// TLS towards the upstream.
    pub tls: UpstreamTls,
    /// Reads that are answered for a time without the upstream.
    pub cache: Cache,
    /// Who may use the console; those of `[admin]` where absent.
    pub console: Option<Access>,
    /// How the upstreams themselves are asked what they see of the pool; not at all where absent.
    pub truth: Option<Truth>,
}

impl Proxy {
    /// Where it leads, where it goes wherever its clients ask.
    pub fn forward(&self) -> Option<&Forward> {
        match &self.protocol {
            Protocol::Http(http) => http.forward.as_ref(),
            Protocol::Tcp | Protocol::Postgres(_) | Protocol::WebSocket(_) => None,
        }
    }

    /// Its order gate, where it has one.
    pub fn order_gate(&self) -> Option<&OrderGate> {
        match &self.protocol {
            Protocol::Http(http) => http.gate.as_ref(),
            Protocol::Tcp | Protocol::Postgres(_) | Protocol::WebSocket(_) => None,
        }
    }
}

/// Which upstream a new connection goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Balance {
    /// The healthy one with the fewest connections.
    LeastConnections,
    /// The first healthy one in the order of the file.
    Failover,
}

impl Balance {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeastConnections => "least-connections",
            Self::Failover => "failover",
        }
    }
}

impl Show for Balance {
    fn show(&self) -> String {
        super::show::quoted(self.name())
    }
}

impl Protocol {
    /// The word for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Postgres(_) => "postgres",
            Self::Http(_) => "http",
            Self::WebSocket(_) => "websocket",
        }
    }
}

/// The protocol as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Tcp,
    Postgres,
    Http,
    WebSocket,
}

impl Kind {
    /// Names are looked up again after so long, where the settings say nothing.
    const fn lookup(self) -> Duration {
        match self {
            Self::Http | Self::WebSocket => defaults::HTTP_LOOKUP,
            Self::Postgres | Self::Tcp => defaults::PROXY_LOOKUP,
        }
    }
}

impl Show for Kind {
    fn show(&self) -> String {
        let word = match self {
            Self::Tcp => "tcp",
            Self::Postgres => "postgres",
            Self::Http => "http",
            Self::WebSocket => "websocket",
        };
        super::show::quoted(word)
    }
}

/// Reads one proxy.
pub(super) fn read(name: Name, mut section: Section<'_>, cx: &mut Context<'_>) -> Option<Proxy> {
    let kind = kind(&mut section, cx)?;
    let expose = section.or(cx, "expose", false, read::flag);
    let audience = if expose { Audience::Everybody } else { Audience::Home };
    let listen = listen::read(&mut section, kind, audience, cx);
    let forward = (kind == Kind::Http).then(|| forward::read(&mut section, cx)).flatten();
    let ways = Ways::read(&mut section, (kind, forward.as_ref()), cx);
    let drain = Duration::from_millis(100)..=Duration::from_hours(1);
    let drain = section.or(cx, "drain", defaults::PROXY_DRAIN, read::span(drain));
    let allow = access::read(&mut section, cx, "allow");
    let mut inner = section.section(cx, "pool");
    let pool = pool::read(&mut inner, kind, cx);
    let inside = match kind {
        Kind::Postgres => Inside::Postgres(session::read(&mut inner, &pool, cx)),
        Kind::Http => Inside::Http(http::bounds(&mut inner, forward.as_ref(), cx)),
        Kind::WebSocket => Inside::WebSocket,
        Kind::Tcp => Inside::Tcp,
    };
    inner.finish(cx);
    let place = section.key_span("expose").unwrap_or_else(|| section.span());
    let reach = Reach { listen: &listen, audience, span: place };
    let mut inner = section.section(cx, "clients");
    let clients = clients::read(&mut inner, kind, cx);
    let protocol = match inside {
        Inside::Postgres(sessions) => {
            let admission = admission::read(&mut inner, &reach, cx);
            inner.finish(cx);
            postgres(&mut section, (sessions, admission), (&ways.upstream, pool.mode), cx)
        }
        Inside::Http(bounds) => {
            let head = http::head(&mut inner, cx);
            inner.finish(cx);
            Some(match forward {
                Some(forward) => http::forward(&mut section, (bounds, head), forward, cx),
                None => http::read(&mut section, (bounds, head), (&name, &ways), cx),
            })
        }
        Inside::WebSocket => {
            let head = http::head(&mut inner, cx);
            inner.finish(cx);
            let stream = websocket::read(&mut section, head, (&ways.upstream, ways.scheme), cx);
            Some(Protocol::WebSocket(Box::new(stream)))
        }
        Inside::Tcp => {
            inner.finish(cx);
            foreign::refuse(&mut section, foreign::TCP, foreign::OF_PROXY, cx);
            Some(Protocol::Tcp)
        }
    };
    let forward = matches!(&protocol, Some(Protocol::Http(http)) if http.forward.is_some());
    let breaker = if forward { Breaker::default() } else { breaker::read(&mut section, cx) };
    let env = variable::read(&mut section, &listen, cx);
    section.finish(cx);
    let protocol = protocol?;
    Some(Proxy {
        name,
        protocol,
        listen,
        expose,
        upstream: ways.upstream,
        balance: ways.balance,
        lookup: ways.lookup,
        drain,
        allow,
        pool,
        clients,
        breaker,
        env,
    })
}

/// Where a proxy leads, and how it chooses.
struct Ways {
    upstream: Vec<Upstream>,
    scheme: upstream::Scheme,
    balance: Balance,
    lookup: Duration,
}

impl Ways {
    fn read(
        section: &mut Section<'_>,
        (kind, forward): (Kind, Option<&Forward>),
        cx: &mut Context<'_>,
    ) -> Self {
        if forward.is_some() {
            forward::refuse(section, cx);
            return Self {
                upstream: Vec::new(),
                scheme: upstream::Scheme::Plain,
                balance: Balance::LeastConnections,
                lookup: kind.lookup(),
            };
        }
        let (upstream, scheme) = upstream::read(section, kind, cx);
        let balance = section.or(cx, "balance", Balance::LeastConnections, read::word(BALANCES));
        let lookup = Duration::from_secs(1)..=Duration::from_hours(24);
        let lookup = section.or(cx, "lookup", kind.lookup(), read::span(lookup));
        Self { upstream, scheme, balance, lookup }
    }
}

/// What a protocol has in its `pool`.
enum Inside {
    Tcp,
    Postgres(Sessions),
    Http(http::Bounds),
    WebSocket,
}

fn postgres(
    section: &mut Section<'_>,
    (sessions, admission): (Sessions, Option<Admission>),
    (upstream, mode): (&[Upstream], Mode),
    cx: &mut Context<'_>,
) -> Option<Protocol> {
    let tls = tls::read(section, upstream, cx);
    let cache = cache::read(section, mode, cx);
    let console = access::read(section, cx, "console");
    let truth = truth::read(section, sessions.login.as_ref(), &tls, cx);
    let admission = admission?;
    Some(Protocol::Postgres(Box::new(Postgres { sessions, admission, tls, cache, console, truth })))
}

/// The protocol; where it is missing or misspelt the rest is read as if it were the one with the most keys, and
/// where it is one of later versions nothing more is read, for its keys are not known.
fn kind(section: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Kind> {
    let Some(value) = section.value("protocol") else {
        section.miss(
            cx,
            "protocol",
            Some("write protocol = \"postgres\", \"http\", \"websocket\" or \"tcp\""),
        );
        return Some(Kind::Postgres);
    };
    if let Some(word) = later(value) {
        let message = format!("the protocol `{word}` is not part of this version");
        let fault = Diagnostic::error("not-yet", value.span(), message);
        cx.faults
            .push(fault.help("this version has postgres, http, websocket, and tcp for any stream of bytes"));
        return None;
    }
    Some(section.get(cx, "protocol", read::word(PROTOCOLS)).unwrap_or(Kind::Postgres))
}

fn later(value: Value<'_>) -> Option<&'static str> {
    let text = value.is_text().then(|| value.text(&mut Faults::default())).flatten()?;
    LATER.iter().copied().find(|word| *word == text.value)
}
