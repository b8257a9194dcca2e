//! A client's way in where a word is not enough: TLS, and what it has to show.
//!
//! The order of the protocol is kept by how this is written: each step waits for the one message that may come, and
//! anything else ends the login. Everything is bounded: messages, steps, and by the caller time.

pub(crate) mod entrance;
pub(crate) mod tries;
pub(crate) mod users;

use std::io;
use std::sync::Arc;

use crate::proxy::guests::Origin;
use crate::proxy::postgres::console;
use crate::proxy::postgres::credentials::Shown;
use crate::proxy::postgres::login::entrance::{ASKED_MAX, Entered, Wish, enter};
use crate::proxy::postgres::login::users::{Register, random};
use crate::proxy::postgres::socket::Socket;
use crate::proxy::postgres::tls::{ALPN, Acceptor};
use crate::proxy::postgres::worker::{Caller, Newcomer, Seat};
use crate::wire::postgres::backend::{
    write_auth_cleartext, write_auth_md5, write_auth_ok, write_auth_sasl, write_auth_sasl_continue,
    write_auth_sasl_final,
};
use crate::wire::postgres::frontend::{Kind, SaslInitial, password};
use crate::wire::postgres::scram::{Exchange, Mechanism, Offer, ScramError};
use crate::wire::postgres::secret::Secret;
use crate::wire::postgres::sqlstate::{Report, SqlState, error_response};

/// Random bytes of a nonce.
const NONCE_LEN: usize = 18;

/// How clients log in.
pub(super) enum Auth {
    Trust,
    Md5(Register),
    Scram(Register),
    /// In clear, held against these users.
    Password(Register),
    /// In clear; the upstream decides.
    Upstream,
}

/// The way in to one proxy.
pub(super) struct Gate {
    pub(super) auth: Auth,
    pub(super) tls: Option<Acceptor>,
    /// Whether clients from TCP must have TLS.
    pub(super) tls_required: TlsWish,
}

/// Whether TLS is a matter of the client's taste.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TlsWish {
    Free,
    Required,
}

/// What a client came for.
pub(super) enum Came {
    /// A session, and what it has shown for it.
    Session(Box<Newcomer>, Option<Shown>),
    /// The console.
    Console(Box<console::Caller>),
    /// To cancel: the number and secret of a session.
    Cancel(u32, Vec<u8>),
    /// Nothing that can be given; it was told.
    Nothing,
}

/// Why a client is not let in.
enum Refused {
    Io(io::Error),
    /// The wrong password, or no such user: which of them nobody is told.
    Password,
    Said(SqlState, String),
    /// In the server's own words.
    Quoted(Vec<u8>),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a login needs of the proxy around it.
pub(super) trait House {
    /// Whether one from there may try.
    fn may(&self, origin: &Origin) -> bool;

    /// One from there has shown the wrong thing.
    fn failed(&self, origin: &Origin);

    /// Whether the upstream lets this user in with this password.
    async fn accepts(&self, user: &str, database: &str, password: &[u8]) -> Result<bool, Unjudged>;
}

/// Why an upstream did not judge a password.
pub(super) enum Unjudged {
    /// It refused the login for something else, in these words: an ErrorResponse.
    Otherwise(Vec<u8>),
    /// None answered.
    Away(String),
}

/// Lets a client in.
pub(super) async fn login(caller: Caller, gate: &Gate, house: &impl House) -> io::Result<Came> {
    let Caller { transport, room, origin, read, wish, left: _ } = caller;
    let mut socket = Socket::new(transport, read)?;
    let wish = match wish {
        Some(wish) => wish,
        None => match reception(&mut socket, gate, &origin).await {
            Ok(Entered::Session(wish)) => wish,
            Ok(Entered::Cancel(number, secret)) => return Ok(Came::Cancel(number, secret)),
            Ok(Entered::Unserved(what)) => {
                let (text, hint) = what.words();
                let report = Report::new(SqlState::FeatureNotSupported, &text).fatal();
                return refuse(socket, &report.hint(hint)).await;
            }
            Err(Refused::Io(error)) => return Err(error),
            Ok(Entered::Tls | Entered::Gss | Entered::DirectTls) | Err(Refused::Password) => {
                return Ok(Came::Nothing);
            }
            Err(Refused::Said(state, text)) => {
                return refuse(socket, &Report::new(state, &text).fatal()).await;
            }
            Err(Refused::Quoted(said)) => return part(socket, &said).await,
        },
    };
    if wish.is_for_console() {
        // Whoever may use it is known by the kernel's word, and has nothing to show.
        return Ok(Came::Console(Box::new(console::Caller { socket, room, origin, wish })));
    }
    if !house.may(&origin) {
        let text = "too many logins have failed";
        let report = Report::new(SqlState::InvalidPassword, text).fatal();
        return refuse(socket, &report.hint("Try again later: clients.tries of the proxy bounds them."))
            .await;
    }
    match admit(&mut socket, gate, house, &wish).await {
        Ok((prologue, shown)) => {
            let (transport, early) = socket.into_transport();
            let Wish { about, settings, .. } = wish;
            let newcomer = Newcomer { transport, room, about, prologue, early, settings, seat: Seat::Fresh };
            Ok(Came::Session(Box::new(newcomer), shown))
        }
        Err(Refused::Io(error)) => Err(error),
        Err(Refused::Password) => {
            let text = format!("password authentication failed for user \"{}\"", wish.about.user);
            // Before the client has had the time to read it and come again.
            house.failed(&origin);
            refuse(socket, &Report::new(SqlState::InvalidPassword, &text).fatal()).await
        }
        Err(Refused::Said(state, text)) => refuse(socket, &Report::new(state, &text).fatal()).await,
        Err(Refused::Quoted(said)) => part(socket, &said).await,
    }
}

async fn refuse(socket: Socket, report: &Report<'_>) -> io::Result<Came> {
    let mut said = Vec::new();
    error_response(&mut said, report);
    part(socket, &said).await
}

async fn part(socket: Socket, said: &[u8]) -> io::Result<Came> {
    socket.part(said).await;
    Ok(Came::Nothing)
}

/// Up to the first packet that says what the client wants, over TLS where it asks.
async fn reception(socket: &mut Socket, gate: &Gate, origin: &Origin) -> Result<Entered, Refused> {
    for _ in 0..=ASKED_MAX {
        let entered = loop {
            match enter(socket.unused(), origin) {
                Ok(Some((entered, count))) => {
                    socket.used(count);
                    break entered;
                }
                Ok(None) => socket.more().await?,
                Err(error) if error.is_told() => return Err(Refused::Said(error.state(), error.to_string())),
                Err(error) => return Err(Refused::Io(io::Error::new(io::ErrorKind::InvalidData, error))),
            }
        };
        match (entered, &gate.tls) {
            (Entered::Tls, Some(acceptor)) if socket.tls().is_none() => {
                if !socket.unused().is_empty() {
                    // Somebody on the way may have put it there: it would count as if it had come under TLS.
                    let text = "received unencrypted data after a request for TLS";
                    return Err(Refused::Said(SqlState::ProtocolViolation, text.to_owned()));
                }
                socket.send(b"S").await?;
                secure(socket, acceptor).await?;
            }
            (Entered::DirectTls, Some(acceptor)) if socket.tls().is_none() => {
                secure(socket, acceptor).await?;
                if socket.tls().and_then(|tls| tls.alpn_protocol()) != Some(ALPN) {
                    let text = "TLS without a request before it has to name the protocol";
                    return Err(Refused::Said(SqlState::ProtocolViolation, text.to_owned()));
                }
            }
            (Entered::Tls | Entered::DirectTls | Entered::Gss, _) => socket.send(b"N").await?,
            (entered, _) => return Ok(entered),
        }
    }
    Err(Refused::Io(io::ErrorKind::InvalidData.into()))
}

async fn secure(socket: &mut Socket, acceptor: &Acceptor) -> io::Result<()> {
    let tls = rustls::ServerConnection::new(Arc::clone(&acceptor.config)).map_err(io::Error::other)?;
    socket.secure(tls.into()).await
}

/// Has a client show what it has to; gives what it is to be told when it is in, and what it has shown.
async fn admit(
    socket: &mut Socket,
    gate: &Gate,
    house: &impl House,
    wish: &Wish,
) -> Result<(Vec<u8>, Option<Shown>), Refused> {
    if gate.tls_required == TlsWish::Required && !socket.is_private() {
        let text = "this proxy lets nobody in without TLS";
        return Err(Refused::Said(SqlState::InvalidAuthorization, text.to_owned()));
    }
    if let Auth::Md5(users) | Auth::Scram(users) | Auth::Password(users) = &gate.auth {
        users.refresh();
    }
    let user = wish.about.user.as_str();
    let mut prologue = wish.prologue.clone();
    let shown = match &gate.auth {
        Auth::Trust => None,
        Auth::Md5(users) => match users.secret(user) {
            // As the server does it: what is kept for SCRAM can't be shown otherwise.
            Some(Secret::Scram(_)) => Some(scram(socket, gate, users, (user, &mut prologue)).await?),
            secret => {
                md5(socket, secret, (user, &mut prologue)).await?;
                None
            }
        },
        Auth::Scram(users) => Some(scram(socket, gate, users, (user, &mut prologue)).await?),
        Auth::Password(users) => {
            let sent = clear(socket, &mut prologue).await?;
            holds(users.secret(user), &sent, user).await?;
            Some(Shown::Password(sent))
        }
        Auth::Upstream => {
            let sent = clear(socket, &mut prologue).await?;
            match house.accepts(user, &wish.about.database, &sent).await {
                Ok(true) => Some(Shown::Password(sent)),
                Ok(false) => return Err(Refused::Password),
                Err(Unjudged::Otherwise(said)) => return Err(Refused::Quoted(said)),
                Err(Unjudged::Away(why)) => return Err(Refused::Said(SqlState::CannotConnectNow, why)),
            }
        }
    };
    write_auth_ok(&mut prologue);
    Ok((prologue, shown))
}

/// Asks for something; what must be said before goes with it.
async fn ask(
    socket: &mut Socket,
    prologue: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> io::Result<()> {
    write(prologue);
    let said = std::mem::take(prologue);
    socket.send(&said).await
}

/// The answer: the one kind of message that may come now.
async fn answer(socket: &mut Socket) -> Result<Vec<u8>, Refused> {
    match socket.message().await? {
        (tag, body) if Kind::of(tag) == Some(Kind::Password) => Ok(body),
        (tag, _) => {
            let text = format!("expected password response, got message type {tag}");
            Err(Refused::Said(SqlState::ProtocolViolation, text))
        }
    }
}

fn malformed(what: &impl ToString) -> Refused {
    Refused::Said(SqlState::ProtocolViolation, what.to_string())
}

async fn clear(socket: &mut Socket, prologue: &mut Vec<u8>) -> Result<Vec<u8>, Refused> {
    if !socket.is_private() {
        let text = "a password in clear is only taken over TLS or a unix socket";
        return Err(Refused::Said(SqlState::InvalidAuthorization, text.to_owned()));
    }
    ask(socket, prologue, write_auth_cleartext).await?;
    let body = answer(socket).await?;
    let sent = password(&body).map_err(|error| malformed(&error))?;
    if sent.is_empty() {
        return Err(Refused::Password);
    }
    Ok(sent.to_vec())
}

/// Whether a password is that of the user. Against a verifier this takes milliseconds, aside.
async fn holds(secret: Option<Secret>, sent: &[u8], user: &str) -> Result<(), Refused> {
    let Some(secret) = secret else { return Err(Refused::Password) };
    let (sent, user) = (sent.to_vec(), user.to_owned());
    let checked = tokio::task::spawn_blocking(move || secret.is_of(&sent, user.as_bytes())).await;
    if checked.unwrap_or(false) { Ok(()) } else { Err(Refused::Password) }
}

async fn md5(
    socket: &mut Socket,
    secret: Option<Secret>,
    (user, prologue): (&str, &mut Vec<u8>),
) -> Result<(), Refused> {
    let salt = random();
    ask(socket, prologue, |out| write_auth_md5(out, salt)).await?;
    let body = answer(socket).await?;
    let sent = password(&body).map_err(|error| malformed(&error))?;
    let kept = secret.and_then(|secret| secret.md5(user.as_bytes()));
    if kept.is_some_and(|kept| kept.verifies(salt, sent)) { Ok(()) } else { Err(Refused::Password) }
}

async fn scram(
    socket: &mut Socket,
    gate: &Gate,
    users: &Register,
    (user, prologue): (&str, &mut Vec<u8>),
) -> Result<Shown, Refused> {
    let offer = match (&gate.tls, socket.tls()) {
        (Some(acceptor), Some(_)) => acceptor.offer.clone(),
        (_, _) => Offer::Unbound,
    };
    ask(socket, prologue, |out| write_auth_sasl(out, offer.mechanisms())).await?;
    let body = answer(socket).await?;
    let initial = SaslInitial::parse(&body).map_err(|error| malformed(&error))?;
    let mechanism = Mechanism::of(initial.mechanism).ok_or_else(|| malformed(&"unknown SASL mechanism"))?;
    let first = initial.data.ok_or_else(|| malformed(&"a SCRAM login begins with the client's word"))?;
    let verifier = users.verifier(user).await;
    let nonce: [u8; NONCE_LEN] = random();
    let (challenge, exchange) =
        Exchange::begin(verifier, &offer, mechanism, &nonce, first).map_err(|error| malformed(&error))?;
    ask(socket, prologue, |out| write_auth_sasl_continue(out, challenge.as_bytes())).await?;
    let body = answer(socket).await?;
    let (last, keys) = exchange.finish(&body).map_err(|error| match error {
        ScramError::Proof => Refused::Password,
        other => malformed(&other),
    })?;
    write_auth_sasl_final(prologue, last.as_bytes());
    Ok(Shown::Keys(keys))
}
