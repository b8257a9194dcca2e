//! The way to an upstream: a connect, and TLS where the settings want it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::time::timeout;

use crate::pool::id::UpstreamId;
use crate::pool::reason::ConnectFailure;
use crate::proxy::http::room::RoomSettings;
use crate::proxy::http::side::Side;
use crate::proxy::place::Place;
use crate::proxy::reach::{failure_of, reach};
use crate::proxy::tls::Connector;
use crate::proxy::transport::Transport;

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
