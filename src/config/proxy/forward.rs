//! `forward`: where a proxy for HTTP leads that goes wherever its clients ask, in place of `upstream`.

use std::time::Duration;

use super::foreign::{self, Foreign};
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::config::{defaults, read};
use crate::document::{Faults, Value};
use crate::model::destination::Pattern;
use crate::model::diagnostic::Diagnostic;

/// The most entries of the list.
const ALLOWED_MAX: usize = 256;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(24 * 30);

const ELSEWHERE: &str = "a forward proxy goes where its clients ask: there are no upstreams to choose from";
const TUNNEL: &str = "TLS is between client and destination: it passes as it is";
/// Keys of the proxy that mean nothing beside `forward`.
const OF_PROXY: &[Foreign] = &[
    ("host", "a destination is told the name by which it was asked for"),
    ("balance", ELSEWHERE),
    ("lookup", "names are looked up for each connection, and the address is judged that is connected to"),
    ("tls", TUNNEL),
    ("breaker", "each destination that can't be reached pauses by itself"),
    (
        "gate",
        "orders by https pass in a tunnel, where no gate sees them: give the venue a proxy of its own with `upstream`",
    ),
];
/// The same of its pool.
const OF_POOL: &[Foreign] =
    &[("min", "which connections would be kept open is not known before a client asks")];

/// A forward proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forward {
    /// Where clients may ask to go; at least one.
    pub allow: Vec<Pattern>,
    /// A tunnel is closed when it has become so old.
    pub lifetime: Option<Duration>,
    /// A tunnel that has rested for so long makes room for a client that waits.
    pub spare: Option<Duration>,
}

impl Show for Pattern {
    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

/// Reads it, where it is there.
pub(super) fn read(proxy: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Forward> {
    let mut section = proxy.present(cx, "forward")?;
    let allow = section.need(cx, "allow", allowed);
    let span = || read::or_none(read::span(SHORTEST..=LONGEST));
    let lifetime = section.or(cx, "lifetime", None, span());
    let spare = section.or(cx, "spare", Some(defaults::FORWARD_SPARE), span());
    section.finish(cx);
    Some(Forward { allow: allow.unwrap_or_default(), lifetime, spare })
}

/// Reports what means nothing beside `forward`.
pub(super) fn refuse(proxy: &mut Section<'_>, cx: &mut Context<'_>) {
    if let Some(span) = proxy.key_span("upstream") {
        proxy.value("upstream");
        let message = "a proxy leads to its `upstream`, or `forward` to where its clients ask";
        cx.faults.push(Diagnostic::error("both-ways", span, message).help("make two proxies of them"));
    }
    foreign::refuse_beside(proxy, "forward", OF_PROXY, cx);
}

/// The same of its pool.
pub(super) fn refuse_in_pool(pool: &mut Section<'_>, cx: &mut Context<'_>) {
    foreign::refuse_beside(pool, "forward", OF_POOL, cx);
}

fn allowed(value: Value<'_>, faults: &mut Faults) -> Option<Vec<Pattern>> {
    let mut found: Vec<Pattern> = Vec::new();
    for item in read::one_or_many(value, 1..=ALLOWED_MAX, faults)? {
        let Some(pattern) = item.parsed(faults, Pattern::parse) else { continue };
        if found.contains(&pattern) {
            faults.push(Diagnostic::error("listed-twice", item.span(), "this entry is listed twice"));
        }
        found.push(pattern);
    }
    Some(found)
}
