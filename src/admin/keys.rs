//! Who may ask over an address: tokens from files that others can't read, and no page of another place in a browser.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{AUTHORIZATION, CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use hyper::{Request, StatusCode};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use crate::admin::answer::{Reply, say};
use crate::model::asker::Role;
use crate::sys::secrets::read_password;

/// That a token's file is bad is told so often: whoever has no token could fill the log with it.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// By what a browser tells where a request was begun.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What who reads the metrics must know.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Nothing: programs of this machine may read.
    None,
    /// The token in this file.
    Token(TokenFile),
}

impl Keys {
    /// What who may not read is told.
    pub(super) fn refusal<B>(&self, request: &Request<B>) -> Option<Reply> {
        let file = match self {
            Self::None => return misdirected(request),
            Self::Token(file) => file,
        };
        match file.opens(request.headers().get(AUTHORIZATION)) {
            Ok(true) => None,
            Ok(false) => Some(unauthorized()),
            Err(refusal) => Some(*refusal),
        }
    }
}

/// A file with a token, read anew for each request that brings one.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
    told: Arc<Mutex<Option<Instant>>>,
}

impl TokenFile {
    /// At this place.
    pub fn at(path: PathBuf) -> Self {
        Self { path, told: Arc::default() }
    }

    /// Whether what stands in a request is this token. Who brings none has no file read.
    fn opens(&self, told: Option<&HeaderValue>) -> Result<bool, Box<Reply>> {
        let Some(brought) = told.and_then(brought) else { return Ok(false) };
        match read_password(&self.path) {
            // An empty one is none.
            Ok(token) => Ok(!token.is_empty() && bool::from(brought.ct_eq(&token))),
            Err(error) => {
                if self.is_due() {
                    tracing::warn!(error = error.to_string(), "a token can't be read");
                }
                let text = "the token can't be read: the agent's log says why";
                Err(Box::new(say(StatusCode::SERVICE_UNAVAILABLE, text)))
            }
        }
    }

    fn is_due(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| told.elapsed() >= TOLD_EVERY);
        if is_due {
            *told = Some(Instant::now());
        }
        is_due
    }
}

/// The tokens of the API.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The one that lets somebody look.
    pub read: Option<TokenFile>,
    /// The one that lets somebody look and command.
    pub write: Option<TokenFile>,
}

impl Tokens {
    /// What a token lets its bearer do, as it stands in a request; or what that is told.
    pub(super) fn role(&self, told: Option<&HeaderValue>) -> Result<Role, Box<Reply>> {
        let mut refusal = None;
        for (file, role) in [(&self.write, Role::Write), (&self.read, Role::Read)] {
            match file.as_ref().map_or(Ok(false), |file| file.opens(told)) {
                Ok(true) => return Ok(role),
                Ok(false) => {}
                Err(why) => refusal = Some(why),
            }
        }
        Err(refusal.unwrap_or_else(|| Box::new(unauthorized())))
    }
}

/// What a request is told that was not meant for this address: a name was bent to this machine, as a page of another
/// place can have it in a browser.
pub(super) fn misdirected<B>(request: &Request<B>) -> Option<Reply> {
    let text = "the Host of a request must be the address, as 127.0.0.1";
    (!is_named_by_address(request)).then(|| say(StatusCode::MISDIRECTED_REQUEST, text))
}

/// The same for the control socket, which a tunnel can put on an address of a person's machine: there the kernel names
/// the tunnel. A name without a dot is nobody's, and what programs of this machine write.
pub(super) fn bent<B>(request: &Request<B>) -> Option<Reply> {
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("."));
    let is_plain = host.is_none_or(|host| !host.contains('.')) || is_named_by_address(request);
    if is_plain { foreign(request) } else { misdirected(request) }
}

/// What a request is told that a page of another place has made.
pub(super) fn foreign<B>(request: &Request<B>) -> Option<Reply> {
    let text = "pages of other places may not ask";
    is_foreign(request).then(|| say(StatusCode::FORBIDDEN, text))
}

/// What stands behind `Bearer`.
fn brought(told: &HeaderValue) -> Option<&[u8]> {
    let (scheme, brought) = told.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(brought)
}

fn unauthorized() -> Reply {
    let mut response = say(StatusCode::UNAUTHORIZED, "a token is wanted: Authorization: Bearer TOKEN");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn is_named_by_address<B>(request: &Request<B>) -> bool {
    let Some(host) = request.headers().get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let is_address =
        host.parse::<SocketAddr>().is_ok() || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    is_address || name.eq_ignore_ascii_case("localhost")
}

/// A browser names the page that asks (`Origin`), and how far it is from here (`Sec-Fetch-Site`); other programs
/// send neither.
fn is_foreign<B>(request: &Request<B>) -> bool {
    let text = |name: &HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let own = text(&HOST).map(|host| format!("http://{host}"));
    let elsewhere = text(&ORIGIN).is_some_and(|origin| own.as_deref() != Some(origin));
    elsewhere || text(&FETCH_SITE).is_some_and(|site| !matches!(site, "same-origin" | "none"))
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
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let hold = |text: &str| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        let file = TokenFile::at(path.clone());
        let opens = |value: &str| file.opens(Some(&HeaderValue::from_str(value).unwrap())).map_err(|_| ());
        hold("s3cret\n");
        assert_eq!([opens("Bearer s3cret"), opens("bearer s3cret")], [Ok(true), Ok(true)]);
        for wrong in ["Bearer s3cre", "Bearer s3crett", "Basic s3cret", "s3cret", "Bearer", "Bearer ", ""] {
            assert_eq!(opens(wrong), Ok(false), "{wrong}");
        }
        assert_eq!(file.opens(None).map_err(|_| ()), Ok(false));
        hold("");
        assert_eq!(opens("Bearer "), Ok(false), "an empty token opens nothing");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(opens("Bearer s3cret"), Err(()));
        assert_eq!(file.opens(None).map_err(|_| ()), Ok(false), "who brings none has no file read");
        assert!(!file.is_due(), "it was told, and is told once a minute");
    }

    #[test]
    fn a_page_that_reaches_the_control_socket_through_a_tunnel_gets_nowhere() {
        let refused = |headers: &[(&str, &str)]| bent(&request(headers)).map(|reply| reply.status().as_u16());
        for host in ["fdguard", "localhost", "d", "127.0.0.1:9466"] {
            assert_eq!(refused(&[("host", host)]), None, "{host}");
        }
        assert_eq!(refused(&[]), None);
        assert_eq!(refused(&[("host", "127.0.0.1:9466"), ("origin", "http://127.0.0.1:9466")]), None);
        assert_eq!(refused(&[("host", "127.0.0.1:9466"), ("origin", "http://evil.example")]), Some(403));
        assert_eq!(refused(&[("host", "evil.example:9466")]), Some(421));
    }

    #[test]
    fn a_page_of_another_place_is_told_from_our_own() {
        let asks = |more: &[(&str, &str)]| {
            let headers = [&[("host", "127.0.0.1:9466")], more].concat();
            is_foreign(&request(&headers))
        };
        assert!(!asks(&[]) && !asks(&[("origin", "http://127.0.0.1:9466")]));
        assert!(!asks(&[("sec-fetch-site", "same-origin")]) && !asks(&[("sec-fetch-site", "none")]));
        for origin in ["http://evil.example", "http://127.0.0.1:9467", "https://127.0.0.1:9466", "null", ""] {
            assert!(asks(&[("origin", origin)]), "{origin}");
        }
        assert!(asks(&[("sec-fetch-site", "cross-site")]) && asks(&[("sec-fetch-site", "same-site")]));
    }
}
