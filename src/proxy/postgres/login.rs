//! A client's way in: its first packet, its login, and on to the worker.

use std::io;

use crate::proxy::postgres::socket::Socket;
use crate::proxy::postgres::worker::{About, Newcomer};
use crate::wire::postgres::backend::{write_auth_ok, write_negotiate};
use crate::wire::postgres::sqlstate::{Report, SqlState, error_response};
use crate::wire::postgres::startup::{First, Startup, StartupError, Version, first};

/// The newest version of the protocol that is spoken to clients.
const NEWEST: Version = Version::V3_2;
/// Requests for encryption that a client may make before it starts.
const ASKED_MAX: usize = 2;

/// What a client came for.
pub(super) enum Came {
    /// A session.
    Session(Box<Newcomer>),
    /// To cancel: the number and secret of a session.
    Cancel(u32, Vec<u8>),
    /// Nothing that can be given; it was told.
    Nothing,
}

/// Lets a client in.
pub(super) async fn login(
    mut socket: Socket,
    room: u16,
    address: String,
    secret: [u8; 4],
) -> io::Result<Came> {
    for _ in 0..=ASKED_MAX {
        let entered = loop {
            match enter(socket.unused()) {
                Ok(Some((entered, count))) => {
                    socket.used(count);
                    break entered;
                }
                Ok(None) => socket.more().await?,
                Err(error) => {
                    if error.is_told() {
                        refuse(&mut socket, error.state(), &error.to_string()).await?;
                    }
                    return Ok(Came::Nothing);
                }
            }
        };
        match entered {
            Entered::Encryption => socket.send(b"N").await?,
            Entered::Cancel(number, secret) => return Ok(Came::Cancel(number, secret)),
            Entered::Session { about, prologue, settings } => {
                let about = About { address, ..about };
                let (transport, early) = socket.into_transport()?;
                let newcomer = Newcomer { transport, room, about, prologue, early, settings, secret };
                return Ok(Came::Session(Box::new(newcomer)));
            }
        }
    }
    Ok(Came::Nothing)
}

async fn refuse(socket: &mut Socket, state: SqlState, text: &str) -> io::Result<()> {
    let mut said = Vec::new();
    error_response(&mut said, &Report::new(state, text).fatal());
    socket.send(&said).await
}

/// The first packet, its contents taken out of the buffer.
enum Entered {
    Encryption,
    Cancel(u32, Vec<u8>),
    Session { about: About, prologue: Vec<u8>, settings: Vec<(Vec<u8>, Vec<u8>)> },
}

fn enter(bytes: &[u8]) -> Result<Option<(Entered, usize)>, StartupError> {
    let Some((first, count)) = first(bytes)? else { return Ok(None) };
    let entered = match first {
        First::Ssl | First::GssEnc | First::DirectTls => Entered::Encryption,
        First::Cancel { pid, key } => Entered::Cancel(pid, key.to_vec()),
        First::Startup(startup) => session(&startup),
    };
    Ok(Some((entered, count)))
}

fn session(startup: &Startup<'_>) -> Entered {
    let mut prologue = Vec::new();
    if startup.must_negotiate(NEWEST) {
        write_negotiate(&mut prologue, startup.granted(NEWEST), startup.protocol_options());
    }
    write_auth_ok(&mut prologue);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let about = About {
        user: text(startup.user),
        database: text(startup.database()),
        application: text(startup.get(b"application_name").unwrap_or_default()),
        ..About::default()
    };
    let settings = startup.settings().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    Entered::Session { about, prologue, settings }
}
