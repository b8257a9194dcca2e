//! Connecting to a server and logging in.

use std::io;

use tokio::net::{TcpStream, UnixStream};

use crate::pool::reason::ConnectFailure;
use crate::proxy::postgres::place::Place;
use crate::proxy::postgres::socket::Socket;
use crate::proxy::postgres::worker::{Failed, Ready};
use crate::wire::postgres::backend::{Authentication, Kind, Reported, backend_key_data, parameter_status};
use crate::wire::postgres::fields::message;
use crate::wire::postgres::startup::{Version, write_cancel, write_startup};

/// As whom to log in.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) user: Vec<u8>,
    pub(super) database: Vec<u8>,
}

/// Connects and logs in.
pub(super) async fn connect(place: &Place, credentials: &Credentials) -> Result<Ready, Failed> {
    let mut socket = open(place).await.map_err(|error| unreachable_server(place, &error))?;
    login(&mut socket, credentials).await?;
    settled(socket).await
}

/// Carries a cancel to a server and waits until the server has taken it.
pub(super) async fn cancel(place: &Place, (number, secret): &(u32, Vec<u8>)) -> io::Result<()> {
    let mut socket = open(place).await?;
    let mut said = Vec::new();
    write_cancel(&mut said, *number, secret);
    socket.send(&said).await?;
    // The server closes when it is done.
    while socket.more().await.is_ok() {}
    Ok(())
}

async fn open(place: &Place) -> io::Result<Socket> {
    match place {
        Place::Tcp(host, port) => Socket::tcp(TcpStream::connect((host.as_str(), *port)).await?),
        Place::Unix(path) => Ok(Socket::unix(UnixStream::connect(path).await?)),
    }
}

fn unreachable_server(place: &Place, error: &io::Error) -> Failed {
    let failure = ConnectFailure::Unreachable;
    Failed { failure, said: Vec::new(), why: format!("can't reach {place}: {error}") }
}

fn broken(what: &dyn std::fmt::Display) -> Failed {
    Failed { failure: ConnectFailure::Protocol, said: Vec::new(), why: format!("login failed: {what}") }
}

async fn login(socket: &mut Socket, credentials: &Credentials) -> Result<(), Failed> {
    let parameters: [(&[u8], &[u8]); 2] =
        [(b"user", &credentials.user), (b"database", &credentials.database)];
    let mut said = Vec::new();
    write_startup(&mut said, Version::V3_0, parameters);
    socket.send(&said).await.map_err(|error| broken(&error))?;
    loop {
        let (tag, body) = socket.message().await.map_err(|error| broken(&error))?;
        match Kind::of(tag) {
            Some(Kind::Authentication) => {
                match Authentication::parse(&body).map_err(|error| broken(&error))? {
                    Authentication::Ok => return Ok(()),
                    _ => return Err(broken(&"the server asks for a login that is not spoken here")),
                }
            }
            Some(Kind::ErrorResponse) => return Err(refused(&body)),
            Some(Kind::NoticeResponse | Kind::NegotiateProtocolVersion) => {}
            Some(_) | None => return Err(broken(&"unexpected message")),
        }
    }
}

/// What follows a login, up to the first ReadyForQuery.
async fn settled(mut socket: Socket) -> Result<Ready, Failed> {
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
    let (transport, early) = socket.into_transport().map_err(|error| broken(&error))?;
    if early.is_empty() {
        Ok(Ready { transport, parameters, cancel })
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
