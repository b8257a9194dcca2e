//! From settings to a running thread.

use tokio::sync::mpsc::unbounded_channel;

use crate::config::proxy::{HostRule, Http, Protocol, Proxy, WebSocket};
use crate::proxy::bounds::pool_settings;
use crate::proxy::ear::FirstWord;
use crate::proxy::http::entry::REFUSED_MAX;
use crate::proxy::http::forward::ForwardSettings;
use crate::proxy::http::room::RoomSettings;
use crate::proxy::http::web::{self, Parts, WebLine};
use crate::proxy::http::websocket;
use crate::proxy::place::Place;
use crate::proxy::running::Thread;
use crate::proxy::start::{Begun, StartError, Surroundings, block_on_web, guests, open};
use crate::proxy::tls::connector;
use crate::sys::handed::Offer;

/// The protocol's name in TLS (IANA).
const ALPN: &[u8] = b"http/1.1";

/// Descriptors in the worst case, beside those of the porch.
pub(in crate::proxy) fn need(proxies: &[&Proxy]) -> u64 {
    let of = |proxy: &&Proxy| {
        // Each listener is watched by a duplicate.
        let own = u64::from(proxy.clients.max) + u64::from(proxy.pool.max) + 2 * proxy.listen.len() as u64;
        // A stream may have one that is being closed beside one that is open, and one on which it polls.
        let more = match proxy.protocol {
            Protocol::WebSocket(_) => 2 * u64::from(proxy.pool.max),
            Protocol::Postgres(_) | Protocol::Http(_) | Protocol::Tcp => 0,
        };
        own + more
    };
    REFUSED_MAX as u64 + proxies.iter().map(of).sum::<u64>()
}

/// Starts proxies for HTTP and WebSockets.
pub(in crate::proxy) fn begin(
    proxies: &[&Proxy],
    around: &Surroundings,
    offer: &Offer,
) -> Result<Begun, StartError> {
    let (mut ears, mut rooms) = (Vec::new(), Vec::new());
    for (place, proxy) in (0_u16..).zip(proxies) {
        ears.extend(open(proxy, offer, FirstWord::Client)?.into_iter().map(|ear| (place, ear)));
        rooms.extend(match &proxy.protocol {
            Protocol::Http(http) => Some(room(proxy, http, around)?),
            Protocol::WebSocket(stream) => Some(stream_room(proxy, stream, around)?),
            Protocol::Postgres(_) | Protocol::Tcp => None,
        });
    }
    let names = proxies.iter().map(|proxy| proxy.name.clone()).collect();
    let (line, inbox) = unbounded_channel();
    let group = (names, Box::new(WebLine(line)) as _);
    let threads = move |_, note| {
        let web = Thread::start("fdg-proxy-web", move || {
            let _note = note;
            block_on_web(web::run(Parts { rooms, ears, inbox }))
        })?;
        Ok(vec![web])
    };
    Ok(Begun { group, threads: Box::new(threads) })
}

fn room(proxy: &Proxy, http: &Http, around: &Surroundings) -> Result<RoomSettings, StartError> {
    let no_tls = |source| StartError::Tls { name: proxy.name.to_string(), source };
    let tls = http.tls.as_ref().map(|tls| connector(tls, ALPN)).transpose().map_err(no_tls)?.flatten();
    let places: Vec<Place> = proxy.upstream.iter().map(Place::of).collect();
    let usual = if tls.is_some() { 443 } else { 80 };
    Ok(RoomSettings {
        name: proxy.name.to_string(),
        guests: guests(proxy, proxy.allow.as_ref(), around)?.exposed(proxy.expose),
        buffer: usize::try_from(proxy.clients.buffer).unwrap_or(usize::MAX),
        hosts: places.iter().map(|place| host(place, usual)).collect(),
        places,
        host: http.host,
        tls,
        connect_within: proxy.pool.connect_timeout,
        read_within: http.read_timeout,
        total: http.total_timeout,
        head_within: http.head,
        stream: None,
        forward: http.forward.as_ref().map(|forward| ForwardSettings::of(forward, &proxy.listen)),
        gate: http.gate.clone(),
        closed: around.closed.get(&proxy.name).copied(),
        pool: pool_settings(proxy),
    })
}

/// The room of streams is that of HTTP without what only exchanges have.
fn stream_room(proxy: &Proxy, stream: &WebSocket, around: &Surroundings) -> Result<RoomSettings, StartError> {
    let http = Http {
        per_host: proxy.pool.max,
        read_timeout: proxy.pool.connect_timeout,
        total_timeout: None,
        head: stream.head,
        host: HostRule::Upstream,
        tls: stream.tls.clone(),
        gate: None,
        forward: None,
    };
    let streams = websocket::settings(proxy, stream);
    let streams = streams.map_err(|source| StartError::Stream { name: proxy.name.to_string(), source })?;
    Ok(RoomSettings { stream: Some(streams), ..room(proxy, &http, around)? })
}

/// The line `Host` for an upstream: without a port where it is the usual one.
pub(super) fn host(place: &Place, usual: u16) -> Vec<u8> {
    let host = match place {
        Place::Tcp(host, port) if *port == usual && host.contains(':') => format!("[{host}]"),
        Place::Tcp(host, port) if *port == usual => host.clone(),
        Place::Tcp(..) => place.to_string(),
        Place::Unix(_) => "localhost".to_owned(),
    };
    format!("Host: {host}\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_with_its_port_unless_that_is_the_usual_one() {
        let place = |host: &str, port| Place::Tcp(host.to_owned(), port);
        for (place, told) in [
            (place("api.x", 443), "Host: api.x\r\n"),
            (place("api.x", 8443), "Host: api.x:8443\r\n"),
            (place("::1", 443), "Host: [::1]\r\n"),
            (place("::1", 80), "Host: [::1]:80\r\n"),
            (Place::Unix("/run/x".into()), "Host: localhost\r\n"),
        ] {
            assert_eq!(String::from_utf8(host(&place, 443)).unwrap(), told);
        }
    }
}
