//! Metrics on an address: `GET /metrics` and `GET /healthz`, and nothing that could be told to do something.
//!
//! With a file of a token who asks must know it. Without one every program of this machine may read, but no page in a
//! browser: a request must name the place by its address, which a name that is bent to 127.0.0.1 does not. Connections,
//! heads and times are bounded.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::admin::answer::{Whole, metrics, respond, say};
use crate::admin::server::AdminError;
use crate::agent::request::Envelope;
use crate::proxy::read_password;
use crate::sys::peer::own_uid;

/// Connections at once.
const CONNECTIONS_MAX: usize = 16;
/// A request must have come after so long, and the next one on a kept connection.
const HEAD_TIME_MAX: Duration = Duration::from_mins(2);
/// The agent answers within this.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Bytes of a head.
const HEAD_MAX: usize = 16 << 10;

/// What who asks must know.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Nothing: programs of this machine may read.
    None,
    /// The token in this file, read anew for each request.
    Token(PathBuf),
}

/// The listener, opened.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    keys: Keys,
}

impl MetricsServer {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// The system refuses the address.
    pub async fn listen(address: SocketAddr, keys: Keys) -> Result<Self, AdminError> {
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.map_err(|source| AdminError::Listen { place: address.to_string(), source })?;
        Ok(Self { listener, keys })
    }

    /// Serves it until the future is dropped. Runs on a local set.
    pub async fn serve(self, submit: impl Fn(Envelope) + 'static) -> Infallible {
        let (keys, submit) = (Rc::new(self.keys), Rc::new(submit));
        let room = Rc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            let (keys, submit, room) = (Rc::clone(&keys), Rc::clone(&submit), Rc::clone(&room));
            tokio::task::spawn_local(async move {
                let Ok(_permit) = room.try_acquire() else { return };
                session(stream, &keys, &*submit).await;
            });
        }
    }
}

async fn session(stream: TcpStream, keys: &Keys, submit: &impl Fn(Envelope)) {
    let service = service_fn(async |request| Ok::<_, Infallible>(handle(&request, keys, submit).await));
    let mut connection = hyper::server::conn::http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(HEAD_MAX);
    // A peer that went away is its own business.
    drop(connection.serve_connection(TokioIo::new(stream), service).await);
}

async fn handle(request: &Request<Incoming>, keys: &Keys, submit: &impl Fn(Envelope)) -> Whole {
    if let Some(refusal) = keys.refusal(request) {
        return refusal;
    }
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/healthz") {
        return say(StatusCode::NOT_FOUND, "there are /metrics and /healthz");
    }
    if request.method() != Method::GET {
        return say(StatusCode::METHOD_NOT_ALLOWED, "only GET is known here");
    }
    let page = tokio::time::timeout(ANSWER_TIME_MAX, metrics(own_uid(), submit)).await;
    match page {
        Ok(page) if path == "/healthz" && page.status().is_success() => {
            respond(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".into())
        }
        Ok(page) => page,
        Err(_) => say(StatusCode::SERVICE_UNAVAILABLE, "the agent does not answer in time"),
    }
}

impl Keys {
    /// What who may not read is told.
    fn refusal<B>(&self, request: &Request<B>) -> Option<Whole> {
        let path = match self {
            Self::None if is_named_by_address(request) => return None,
            Self::None => {
                let text = "the Host of a request must be the address, as 127.0.0.1";
                return Some(say(StatusCode::MISDIRECTED_REQUEST, text));
            }
            Self::Token(path) => path,
        };
        match read_password(path) {
            Ok(token) => (!bears(request, &token)).then(unauthorized),
            Err(error) => {
                tracing::warn!(error = error.to_string(), "the token of the metrics can't be read");
                let text = "the token can't be read: the agent's log says why";
                Some(say(StatusCode::SERVICE_UNAVAILABLE, text))
            }
        }
    }
}

/// Whether it brings the token. An empty one is none.
fn bears<B>(request: &Request<B>, token: &[u8]) -> bool {
    let value = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let Some((scheme, brought)) = value.and_then(|value| value.split_at_checked("Bearer ".len())) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty() && bool::from(brought.ct_eq(token))
}

fn unauthorized() -> Whole {
    let mut response = say(StatusCode::UNAUTHORIZED, "a token is wanted: Authorization: Bearer TOKEN");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn is_named_by_address<B>(request: &Request<B>) -> bool {
    let Some(host) = request.headers().get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let is_address =
        host.parse::<SocketAddr>().is_ok() || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    is_address || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let request =
            headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap()
    }

    #[test]
    fn a_name_that_is_bent_to_this_machine_is_refused() {
        for host in
            ["127.0.0.1:9465", "127.0.0.1", "[::1]:9465", "[::1]", "::1", "localhost", "LocalHost:9465"]
        {
            assert!(is_named_by_address(&request(&[("host", host)])), "{host}");
        }
        for host in
            ["evil.example:9465", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:9465", ""]
        {
            assert!(!is_named_by_address(&request(&[("host", host)])), "{host}");
        }
        assert!(!is_named_by_address(&request(&[])));
    }

    #[test]
    fn only_the_token_itself_opens() {
        let bearer = |value: &str| bears(&request(&[("authorization", value)]), b"s3cret");
        assert!(bearer("Bearer s3cret") && bearer("bearer s3cret"));
        for wrong in ["Bearer s3cre", "Bearer s3crett", "Basic s3cret", "s3cret", "Bearer", "Bearer ", ""] {
            assert!(!bearer(wrong), "{wrong}");
        }
        assert!(!bears(&request(&[]), b"s3cret"));
        assert!(!bears(&request(&[("authorization", "Bearer ")]), b""), "an empty token opens nothing");
    }
}
