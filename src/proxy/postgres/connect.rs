//! Connecting to a server and logging in.

mod auth;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;

use crate::config::proxy::TlsMode;
use crate::pool::reason::ConnectFailure;
use crate::proxy::place::Place;
use crate::proxy::postgres::credentials::{Means, Purse};
use crate::proxy::postgres::route::Route;
use crate::proxy::postgres::socket::Socket;
use crate::proxy::postgres::tls::Connector;
use crate::proxy::postgres::worker::{Carried, Failed, Ready};
use crate::proxy::reach::{failure_of, reach};
use crate::proxy::transport::Transport;
use crate::wire::postgres::backend::{Kind, Reported, backend_key_data, parameter_status};
use crate::wire::postgres::fields::message;
use crate::wire::postgres::startup::{Version, write_cancel, write_ssl_request, write_startup};

/// As whom to log in, and with what.
pub(super) struct Credentials<'c> {
    pub(super) user: &'c [u8],
    pub(super) database: &'c [u8],
    pub(super) means: Means,
    pub(super) purse: &'c Purse,
}

/// Connects and logs in.
pub(super) async fn connect(
    route: &Route,
    address: Option<SocketAddr>,
    credentials: &Credentials<'_>,
) -> Result<Ready, Failed> {
    let version = route.version.get();
    match attempt(route, address, credentials, version).await {
        // It may be too old to know of any newer version; that is found out once.
        Err(Ended::Version(_)) if version > Version::V3_0 => {
            route.version.set(Version::V3_0);
            attempt(route, address, credentials, Version::V3_0).await.map_err(Ended::into_failed)
        }
        ended => ended.map_err(Ended::into_failed),
    }
}

async fn attempt(
    route: &Route,
    address: Option<SocketAddr>,
    credentials: &Credentials<'_>,
    version: Version,
) -> Result<Ready, Ended> {
    let mut socket = open(route, address).await.map_err(Ended::Failed)?;
    let parameters: [(&[u8], &[u8]); 2] = [(b"user", credentials.user), (b"database", credentials.database)];
    let mut said = Vec::new();
    write_startup(&mut said, version, parameters);
    socket.send(&said).await.map_err(|error| Ended::Failed(broken(&error)))?;
    auth::log_in(&mut socket, credentials).await?;
    settled(socket, address).await.map_err(Ended::Failed)
}

/// Carries a cancel to a server and waits until the server has taken it, which it says by closing.
pub(super) async fn cancel(
    route: &Route,
    address: Option<SocketAddr>,
    (number, secret): &(u32, Vec<u8>),
) -> Carried {
    let Ok(mut socket) = open(route, address).await else { return Carried::Over };
    let mut said = Vec::new();
    write_cancel(&mut said, *number, secret);
    if socket.send(&said).await.is_err() {
        return Carried::Unsure;
    }
    while socket.more().await.is_ok() {}
    Carried::Over
}

/// How a login ended.
enum Ended {
    Failed(Failed),
    /// Before the server asked for anything: it may not know the version.
    Version(Failed),
}

impl Ended {
    fn into_failed(self) -> Failed {
        match self {
            Self::Failed(failed) | Self::Version(failed) => failed,
        }
    }
}

/// Opens a connection, under TLS where that is to be.
async fn open(route: &Route, address: Option<SocketAddr>) -> Result<Socket, Failed> {
    let stream =
        reach(&route.place, address).await.map_err(|error| unreachable_server(&route.place, &error))?;
    let socket = Socket::new(Transport::plain(stream), Vec::new())
        .map_err(|error| unreachable_server(&route.place, &error))?;
    match (&route.place, &route.tls) {
        (Place::Tcp(host, _), Some(connector)) => encrypt(socket, host, connector).await,
        (Place::Tcp(_, _), None) | (Place::Unix(_), _) => Ok(socket),
    }
}

async fn encrypt(mut socket: Socket, host: &str, connector: &Connector) -> Result<Socket, Failed> {
    let failed = |why: String| Failed { failure: ConnectFailure::Protocol, said: Vec::new(), why };
    let mut said = Vec::new();
    write_ssl_request(&mut said);
    socket.send(&said).await.map_err(|error| broken(&error))?;
    while socket.unused().is_empty() {
        socket.more().await.map_err(|error| broken(&error))?;
    }
    match (socket.unused(), connector.mode) {
        (b"S", _) => socket.used(1),
        (b"N", TlsMode::Prefer) => {
            socket.used(1);
            return Ok(socket);
        }
        (b"N", _) => return Err(failed("the server has no TLS, and tls.mode wants it".to_owned())),
        ([b'S', ..], _) => {
            // Somebody on the way may have put it there: it would count as if it had come under TLS.
            return Err(failed("the server sent something in clear before TLS".to_owned()));
        }
        (_, _) => return Err(failed("the server does not understand a request for TLS".to_owned())),
    }
    let name = connector.name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| failed(format!("{name} is no name that a certificate can have: set tls.name")))?;
    let tls = rustls::ClientConnection::new(Arc::clone(&connector.config), name)
        .map_err(|error| failed(format!("TLS can't begin: {error}")))?;
    let secured = socket.secure(tls.into()).await;
    secured.map_err(|error| failed(format!("TLS with the server failed: {error}")))?;
    Ok(socket)
}

fn unreachable_server(place: &Place, error: &io::Error) -> Failed {
    Failed { failure: failure_of(error), said: Vec::new(), why: format!("can't reach {place}: {error}") }
}

fn broken(what: &dyn std::fmt::Display) -> Failed {
    Failed { failure: ConnectFailure::Protocol, said: Vec::new(), why: format!("login failed: {what}") }
}

/// What follows a login, up to the first ReadyForQuery.
async fn settled(mut socket: Socket, address: Option<SocketAddr>) -> Result<Ready, Failed> {
    let mut parameters = Vec::new();
    let mut cancel = (0, Vec::new());
    loop {
        let (tag, body) = socket.message().await.map_err(|error| broken(&error))?;
        match Kind::of(tag) {
            Some(Kind::ParameterStatus) => {
                let (name, value) = parameter_status(&body).map_err(|error| broken(&error))?;
                parameters.push((name.to_vec(), value.to_vec()));
            }
            Some(Kind::BackendKeyData) => {
                let (number, secret) = backend_key_data(&body).map_err(|error| broken(&error))?;
                cancel = (number, secret.to_vec());
            }
            Some(Kind::ReadyForQuery) => break,
            Some(Kind::ErrorResponse) => return Err(refused(&body)),
            Some(Kind::NoticeResponse) => {}
            Some(_) | None => return Err(broken(&"unexpected message")),
        }
    }
    let (transport, early) = socket.into_transport();
    if early.is_empty() {
        Ok(Ready { transport, parameters, cancel, address })
    } else {
        Err(broken(&"bytes too many"))
    }
}

/// The server said no.
fn refused(body: &[u8]) -> Failed {
    let mut said = Vec::new();
    message(&mut said, Kind::ErrorResponse.tag(), |out| out.extend_from_slice(body));
    let report = Reported::parse(body).ok();
    let code = report.and_then(|report| report.code()).unwrap_or_default();
    let failure = match code {
        b"53300" => ConnectFailure::Crowded,
        b"57P03" | b"57P01" | b"57P02" => ConnectFailure::Starting,
        _ => ConnectFailure::Login,
    };
    let text = report.and_then(|report| report.message()).map(String::from_utf8_lossy).unwrap_or_default();
    Failed { failure, said, why: format!("the server refused the login: {text}") }
}
