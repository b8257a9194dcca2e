//! A login at a server: it asks, and gets what there is, where that may be shown.

use crate::pool::reason::ConnectFailure;
use crate::proxy::postgres::connect::{Credentials, Ended, broken, refused};
use crate::proxy::postgres::credentials::Means;
use crate::proxy::postgres::login::users::random;
use crate::proxy::postgres::socket::Socket;
use crate::proxy::postgres::worker::Failed;
use crate::wire::postgres::backend::{Authentication, Kind, Mechanisms, Negotiated, Reported};
use crate::wire::postgres::end_point::end_point;
use crate::wire::postgres::frontend::{write_password, write_sasl_initial, write_sasl_response};
use crate::wire::postgres::md5::Md5Secret;
use crate::wire::postgres::scram::{Binding, Hello, SHA_256, SHA_256_PLUS};

/// Random bytes of a nonce.
const NONCE_LEN: usize = 18;

/// There is nothing to show, or not what the server asks for.
fn lacking(what: &str) -> Ended {
    let why = format!("the server asks for {what}: set pool.login.password_file, or have clients log in");
    Ended::Failed(Failed { failure: ConnectFailure::Login, said: Vec::new(), why })
}

fn lost(what: &dyn std::fmt::Display) -> Ended {
    Ended::Failed(broken(what))
}

/// From the startup packet to AuthenticationOk.
pub(super) async fn log_in(socket: &mut Socket, credentials: &Credentials<'_>) -> Result<(), Ended> {
    let mut asked = false;
    loop {
        let (tag, body) = match socket.message().await {
            Ok(message) => message,
            Err(error) if asked => return Err(lost(&error)),
            Err(error) => return Err(Ended::Version(broken(&error))),
        };
        match Kind::of(tag) {
            Some(Kind::Authentication) => {
                asked = true;
                if answer(socket, credentials, &body).await? == Progress::In {
                    return Ok(());
                }
            }
            Some(Kind::NegotiateProtocolVersion) => {
                // An older version will do, and no options were asked for.
                Negotiated::parse(&body).map_err(|error| lost(&error))?;
            }
            Some(Kind::ErrorResponse) if !asked && is_about_version(&body) => {
                return Err(Ended::Version(refused(&body)));
            }
            Some(Kind::ErrorResponse) => return Err(Ended::Failed(refused(&body))),
            Some(Kind::NoticeResponse) => {}
            Some(_) | None => return Err(lost(&"unexpected message")),
        }
    }
}

fn is_about_version(body: &[u8]) -> bool {
    let code = Reported::parse(body).ok().and_then(|report| report.code()).unwrap_or_default();
    matches!(code, b"0A000" | b"08P01")
}

#[derive(PartialEq, Eq)]
enum Progress {
    In,
    On,
}

async fn answer(socket: &mut Socket, credentials: &Credentials<'_>, body: &[u8]) -> Result<Progress, Ended> {
    let mut said = Vec::new();
    match Authentication::parse(body).map_err(|error| lost(&error))? {
        Authentication::Ok => return Ok(Progress::In),
        Authentication::Cleartext => {
            if !socket.is_private() {
                let why = "the server asks for the password in clear, which is only sent over TLS".to_owned();
                let failed = Failed { failure: ConnectFailure::Login, said, why };
                return Err(Ended::Failed(failed));
            }
            match &credentials.means {
                Means::Password(password) => write_password(&mut said, password),
                Means::Nothing | Means::Md5(_) | Means::Keys(_) => return Err(lacking("a password")),
            }
        }
        Authentication::Md5 { salt } => {
            let hash = match &credentials.means {
                Means::Password(password) => Md5Secret::from_password(password, credentials.user),
                Means::Md5(hash) => hash.clone(),
                Means::Nothing | Means::Keys(_) => return Err(lacking("a password by md5")),
            };
            write_password(&mut said, &hash.response(salt));
        }
        Authentication::Sasl(mechanisms) => {
            let binding = binding(socket, mechanisms)?;
            scram(socket, credentials, binding).await?;
            return Ok(Progress::On);
        }
        Authentication::SaslContinue(_) | Authentication::SaslFinal(_) => {
            return Err(lost(&"SASL out of turn"));
        }
        Authentication::Other(number) => {
            return Err(lacking(&format!("a login that is not spoken here (number {number})")));
        }
    }
    socket.send(&said).await.map_err(|error| lost(&error))?;
    Ok(Progress::On)
}

/// How the login is bound to TLS. A server that offers no binding under TLS is told that we could have: where somebody
/// on the way has taken the offer out, the server ends the login then.
fn binding(socket: &Socket, mechanisms: Mechanisms<'_>) -> Result<Binding, Ended> {
    let certificate = socket.tls().map(|tls| tls.peer_certificates().and_then(|chain| chain.first()));
    let hash = certificate.map(|certificate| certificate.and_then(|own| end_point(own)));
    match hash {
        Some(Some(hash)) if mechanisms.offers(SHA_256_PLUS) => Ok(Binding::EndPoint(hash)),
        _ if !mechanisms.offers(SHA_256) => Err(lacking("a SASL mechanism that is not spoken here")),
        Some(Some(_)) => Ok(Binding::Unoffered),
        Some(None) | None => Ok(Binding::None),
    }
}

async fn scram(socket: &mut Socket, credentials: &Credentials<'_>, binding: Binding) -> Result<(), Ended> {
    let nonce: [u8; NONCE_LEN] = random();
    let hello = Hello::new(binding, &nonce);
    let mut said = Vec::new();
    write_sasl_initial(&mut said, hello.mechanism().as_bytes(), hello.first().as_bytes());
    socket.send(&said).await.map_err(|error| lost(&error))?;
    let body = sasl(socket).await?;
    let Ok(Authentication::SaslContinue(challenge)) = Authentication::parse(&body) else {
        return Err(lost(&"no challenge"));
    };
    let challenge = hello.challenged(challenge).map_err(|error| lost(&error))?;
    let keys = match &credentials.means {
        Means::Keys(keys) => keys.clone(),
        Means::Password(password) => {
            let of = (challenge.salt(), challenge.iterations());
            let derived = credentials.purse.derive(credentials.user, password, of).await;
            derived.ok_or_else(|| lost(&"no keys could be derived"))?
        }
        Means::Nothing | Means::Md5(_) => return Err(lacking("a password by SCRAM")),
    };
    let (last, expectation) = challenge.answer(&keys);
    let mut said = Vec::new();
    write_sasl_response(&mut said, last.as_bytes());
    socket.send(&said).await.map_err(|error| lost(&error))?;
    let body = sasl(socket).await?;
    let Ok(Authentication::SaslFinal(confirmed)) = Authentication::parse(&body) else {
        return Err(lost(&"no confirmation"));
    };
    expectation.confirm(confirmed).map_err(|error| lost(&error))
}

async fn sasl(socket: &mut Socket) -> Result<Vec<u8>, Ended> {
    let (tag, body) = socket.message().await.map_err(|error| lost(&error))?;
    match Kind::of(tag) {
        Some(Kind::Authentication) => Ok(body),
        Some(Kind::ErrorResponse) => Err(Ended::Failed(refused(&body))),
        Some(_) | None => Err(lost(&"unexpected message")),
    }
}
