//! What only a proxy for HTTP has.

use std::time::Duration;

use super::upstream::Scheme;
use super::{Forward, Name, OrderGate, Protocol, UpstreamTls, Ways, foreign, gate, tls};
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::config::{defaults, read};
use crate::model::diagnostic::Diagnostic;

/// The most connections to one upstream.
const PER_HOST_MAX: u32 = 10_000;
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_hours(24);

/// What only a proxy for HTTP has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Http {
    /// Connections to one upstream.
    pub per_host: u32,
    /// An upstream may be silent for so long while something of it is waited for.
    pub read_timeout: Duration,
    /// From the head of a request to the head of its answer.
    pub total_timeout: Option<Duration>,
    /// A client may take so long for the head of a request.
    pub head: Duration,
    /// What the upstream is told as `Host`.
    pub host: HostRule,
    /// TLS towards the upstreams, where they are `https`.
    pub tls: Option<UpstreamTls>,
    /// The order gate, where there is one.
    pub gate: Option<OrderGate>,
    /// Where it leads, where it goes wherever its clients ask.
    pub forward: Option<Forward>,
}

/// What an upstream is told as `Host`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostRule {
    /// Its own name, as the settings write it: the client has connected to the proxy and says that name.
    Upstream,
    /// What the client has said.
    Client,
}

const HOSTS: &[(&str, HostRule)] = &[("upstream", HostRule::Upstream), ("client", HostRule::Client)];

impl Show for HostRule {
    fn show(&self) -> String {
        quoted(match self {
            Self::Upstream => "upstream",
            Self::Client => "client",
        })
    }
}

/// Limits of the pool that only HTTP has.
pub(super) struct Bounds {
    per_host: u32,
    read_timeout: Duration,
    total_timeout: Option<Duration>,
}

/// Reads the rest of `pool`.
pub(super) fn bounds(section: &mut Section<'_>, forward: Option<&Forward>, cx: &mut Context<'_>) -> Bounds {
    if forward.is_some() {
        super::forward::refuse_in_pool(section, cx);
    }
    let span = || read::span(SHORTEST..=LONGEST);
    let total = Some(defaults::HTTP_TOTAL_TIMEOUT);
    Bounds {
        per_host: section.or(cx, "per_host", defaults::HTTP_PER_HOST, read::number(1..=PER_HOST_MAX)),
        read_timeout: section.or(cx, "read_timeout", defaults::HTTP_READ_TIMEOUT, span()),
        total_timeout: section.or(cx, "total_timeout", total, read::or_none(span())),
    }
}

/// Reads the rest of `clients`.
pub(super) fn head(section: &mut Section<'_>, cx: &mut Context<'_>) -> Duration {
    section.or(cx, "head", defaults::HTTP_HEAD, read::span(SHORTEST..=LONGEST))
}

/// Reads the rest of the proxy.
pub(super) fn read(
    section: &mut Section<'_>,
    (bounds, head): (Bounds, Duration),
    (name, ways): (&Name, &Ways),
    cx: &mut Context<'_>,
) -> Protocol {
    let gate = gate::read(section, name, cx);
    foreign::refuse(section, foreign::HTTP, foreign::HTTP_PROXY, cx);
    let host = section.or(cx, "host", HostRule::Upstream, read::word(HOSTS));
    let tls = match ways.scheme {
        Scheme::Https | Scheme::Wss => Some(tls::of_https(section, &ways.upstream, cx)),
        Scheme::Plain => {
            if let Some(span) = section.key_span("tls") {
                let message = "`tls` means nothing: the upstreams are asked in the clear";
                cx.faults
                    .push(Diagnostic::error("no-effect", span, message).help("write them as https://HOST"));
                section.value("tls");
            }
            None
        }
    };
    let Bounds { per_host, read_timeout, total_timeout } = bounds;
    let http = Http { per_host, read_timeout, total_timeout, head, host, tls, gate, forward: None };
    Protocol::Http(Box::new(http))
}

/// Reads the rest of one that goes wherever its clients ask. What means nothing for it was told before.
pub(super) fn forward(
    section: &mut Section<'_>,
    (bounds, head): (Bounds, Duration),
    forward: Forward,
    cx: &mut Context<'_>,
) -> Protocol {
    foreign::refuse(section, foreign::HTTP, foreign::HTTP_PROXY, cx);
    let Bounds { per_host, read_timeout, total_timeout } = bounds;
    let (host, forward) = (HostRule::Upstream, Some(forward));
    let http = Http { per_host, read_timeout, total_timeout, head, host, tls: None, gate: None, forward };
    Protocol::Http(Box::new(http))
}
