//! The way to an upstream: a connect, and TLS where the settings want it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::time::timeout;

use crate::model::destination::Destination;
use crate::pool::id::UpstreamId;
use crate::pool::reason::ConnectFailure;
use crate::proxy::http::forward::{ForwardSettings, Goal, Trouble};
use crate::proxy::http::room::RoomSettings;
use crate::proxy::http::side::Side;
use crate::proxy::place::Place;
use crate::proxy::reach::{failure_of, reach, resolve};
use crate::proxy::tls::Connector;
use crate::proxy::transport::Transport;

/// So many addresses of one name are tried, one after the other, each for its share of the time.
const ADDRESSES_MAX: usize = 4;

/// What came of a connect: in the pool's words, and in words for people.
type Failed = (ConnectFailure, String);

/// Connects to an upstream.
pub(super) async fn dial(
    settings: &RoomSettings,
    upstream: UpstreamId,
    address: Option<SocketAddr>,
) -> Result<Side, Failed> {
    let place = &settings.places[upstream.index()];
    match timeout(settings.connect_within, connect(place, settings.tls.as_ref(), address)).await {
        Ok(connected) => connected,
        Err(_) => Err((ConnectFailure::Late, format!("{place} did not answer in time"))),
    }
}

async fn connect(
    place: &Place,
    tls: Option<&Connector>,
    address: Option<SocketAddr>,
) -> Result<Side, Failed> {
    let failed = |error: std::io::Error| (failure_of(&error), format!("can't reach {place}: {error}"));
    let stream = reach(place, address).await.map_err(failed)?;
    let mut transport = Transport::plain(stream);
    let Some(connector) = tls else { return Side::new(transport).map_err(failed) };
    let host = match place {
        Place::Tcp(host, _) => host.as_str(),
        Place::Unix(_) => "localhost",
    };
    let refused = |why: String| (ConnectFailure::Protocol, why);
    let name = connector.name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| refused(format!("{name} is no name that a certificate can have: set tls.name")))?;
    let tls = rustls::ClientConnection::new(Arc::clone(&connector.config), name)
        .map_err(|error| refused(format!("TLS can't begin: {error}")))?;
    transport.secure(tls.into());
    let mut side = Side::new(transport).map_err(failed)?;
    side.handshake().await.map_err(|error| refused(format!("TLS with {place} failed: {error}")))?;
    Ok(side)
}

/// Connects to where a client wants to go: to an address that was looked up now and that a client may be led to.
pub(super) async fn dial_out(
    settings: &RoomSettings,
    goal: &Goal,
) -> Result<Side, (ConnectFailure, Trouble)> {
    let Some(forward) = &settings.forward else {
        let why = "this proxy leads nowhere else".to_owned();
        return Err((ConnectFailure::Unreachable, Trouble::Denied(why)));
    };
    let late = || (ConnectFailure::Late, Trouble::Late(format!("{} did not answer in time", goal.to)));
    match timeout(settings.connect_within, connect_out(forward, &goal.to, settings.connect_within)).await {
        Ok(connected) => connected,
        Err(_) => Err(late()),
    }
}

async fn connect_out(
    forward: &ForwardSettings,
    to: &Destination,
    within: Duration,
) -> Result<Side, (ConnectFailure, Trouble)> {
    let place = Place::Tcp(to.host().to_owned(), to.port());
    let found = resolve(&place).await;
    let fit: Vec<SocketAddr> = found.iter().copied().filter(|one| forward.leads_to(to, *one)).collect();
    let unreachable = |why: String| (ConnectFailure::Unreachable, Trouble::Unreachable(why));
    let Some(first) = found.first() else { return Err(unreachable(format!("{to} has no address"))) };
    if fit.is_empty() {
        let why = format!("{to} is at {}, where nobody is led who does not name it", first.ip());
        return Err((ConnectFailure::Unreachable, Trouble::Denied(why)));
    }
    let tried = fit.len().min(ADDRESSES_MAX);
    let each = within / u32::try_from(tried).unwrap_or(u32::MAX);
    let mut failed = (ConnectFailure::Late, Trouble::Late(format!("{to} did not answer in time")));
    for address in fit.into_iter().take(ADDRESSES_MAX) {
        let side = match timeout(each, reach(&place, Some(address))).await {
            Ok(stream) => stream.and_then(|stream| Side::new(Transport::plain(stream))),
            Err(_) => continue,
        };
        match side {
            Ok(side) => return Ok(side),
            Err(error) => {
                let why = Trouble::Unreachable(format!("can't reach {to}: {error}"));
                failed = (failure_of(&error), why);
            }
        }
    }
    Err(failed)
}
