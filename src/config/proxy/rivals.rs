//! What two proxies can't both have, and what one can't have of the agent's: places and variables.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Listen, Proxy, Upstream};
use crate::config::section::Context;
use crate::config::service::Admin;
use crate::model::destination::{Destination, is_allowed};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::Name;

/// Checks all proxies against each other and against the agent's own places. `places` is where each stands.
pub(in crate::config) fn check(
    proxies: &BTreeMap<Name, Proxy>,
    admin: &Admin,
    places: &[(Name, Range<usize>)],
    cx: &mut Context<'_>,
) {
    let all: Vec<&Proxy> = proxies.values().collect();
    for (i, proxy) in all.iter().enumerate() {
        let span = places.iter().find(|(name, _)| *name == proxy.name).map_or(0..0, |(_, span)| span.clone());
        for (gated, place) in past(proxy, &all) {
            let message = format!("`{}` leads to {place} past the order gate of `{gated}`", proxy.name);
            let warning = Diagnostic::warning("past-the-gate", span.clone(), message);
            cx.faults.push(
                warning.help("leave it out of `forward.allow`: orders in a tunnel are seen by no gate"),
            );
        }
        let mut fault = |code, message: String, help: &str| {
            cx.faults.push(Diagnostic::error(code, span.clone(), message).help(help));
        };
        let name = &proxy.name;
        for other in &all[..i] {
            for place in proxy.listen.iter().filter(|place| other.listen.iter().any(|p| p.clashes(place))) {
                let message = format!("`{}` and `{name}` both listen at `{place}`", other.name);
                fault("same-place", message, "give each a place of its own");
            }
            for variable in proxy.env.iter().filter(|variable| other.env.contains(variable)) {
                let message = format!("`{}` and `{name}` both rewrite `{}`", other.name, variable.as_str());
                fault("same-variable", message, "a variable can point to one of them");
            }
        }
        if let Some(metrics) = admin.metrics.as_ref().map(|metrics| Listen::Tcp(metrics.listen))
            && proxy.listen.iter().any(|place| place.clashes(&metrics))
        {
            let message = format!("`{name}` listens where metrics are served, at `{metrics}`");
            fault("same-place", message, "give it a port of its own");
        }
        if let Some(api) = admin.api.as_ref().map(|api| Listen::Tcp(api.listen))
            && proxy.listen.iter().any(|place| place.clashes(&api))
        {
            let message = format!("`{name}` listens where the status API is served, at `{api}`");
            fault("same-place", message, "give it a port of its own");
        }
        if proxy.listen.contains(&Listen::Unix(admin.socket.clone())) {
            let message = format!("`{name}` listens at the control socket");
            fault("same-place", message, "give it a path of its own");
        }
        if let Some(place) = proxy.upstream.iter().find(|upstream| reaches(upstream, &proxy.listen)) {
            let message = format!("`{place}` is where `{name}` itself listens");
            fault("own-upstream", message, "write where the real server is");
        }
    }
}

/// Upstreams behind an order gate to which a forward proxy leads as well.
fn past<'p>(proxy: &Proxy, all: &[&'p Proxy]) -> Vec<(&'p Name, Destination)> {
    let Some(forward) = proxy.forward() else { return Vec::new() };
    let gated = all.iter().filter(|other| other.order_gate().is_some());
    let places = gated.flat_map(|other| other.upstream.iter().map(|upstream| (&other.name, upstream)));
    let places = places.filter_map(|(name, upstream)| match upstream {
        Upstream::Tcp { .. } => Some((name, Destination::parse(&upstream.to_string(), None)?)),
        Upstream::Unix(_) => None,
    });
    places.filter(|(_, place)| is_allowed(&forward.allow, place)).collect()
}

/// Whether an upstream is one of these places.
fn reaches(upstream: &Upstream, listen: &[Listen]) -> bool {
    listen.iter().any(|place| match (upstream, place) {
        (Upstream::Unix(path), Listen::Unix(own)) => path == own,
        (Upstream::Tcp { host, port }, Listen::Tcp(own)) => {
            let same_host = match host.parse::<std::net::IpAddr>() {
                Ok(ip) => {
                    ip.to_canonical() == own.ip().to_canonical()
                        || (ip.is_loopback() && own.ip().is_unspecified())
                }
                Err(_) => {
                    host.eq_ignore_ascii_case("localhost")
                        && (own.ip().is_loopback() || own.ip().is_unspecified())
                }
            };
            *port == own.port() && same_host
        }
        (Upstream::Tcp { .. } | Upstream::Unix(_), Listen::Tcp(_) | Listen::Unix(_) | Listen::Systemd(_)) => {
            false
        }
    })
}
