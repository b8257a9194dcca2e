//! Who may ask over an address: tokens from files that others can't read, and no page of another place in a browser.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use hyper::header::{AUTHORIZATION, CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use hyper::{Request, StatusCode};
use subtle::ConstantTimeEq as _;

use crate::admin::answer::{Reply, say};
use crate::sys::secrets::read_password;

/// By what a browser tells where a request was begun.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What who reads the metrics must know.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Nothing: programs of this machine may read.
    None,
    /// The token in this file, read anew for each request.
    Token(PathBuf),
}

impl Keys {
    /// What who may not read is told.
    pub(super) fn refusal<B>(&self, request: &Request<B>) -> Option<Reply> {
        let path = match self {
            Self::None => return misdirected(request),
            Self::Token(path) => path,
        };
        match opens(path, request) {
            Ok(true) => None,
            Ok(false) => Some(unauthorized()),
            Err(refusal) => Some(*refusal),
        }
    }
}

/// What somebody may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Role {
    /// Look.
    Read,
    /// Look and command.
    Write,
}

impl Role {
    /// The word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The files of the tokens of the API, read anew for each request.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Of the one that lets somebody look.
    pub read: Option<PathBuf>,
    /// Of the one that lets somebody look and command.
    pub write: Option<PathBuf>,
}

impl Tokens {
    /// What the token of a request lets its bearer do, or what it is told.
    pub(super) fn role<B>(&self, request: &Request<B>) -> Result<Role, Box<Reply>> {
        let mut refusal = None;
        for (path, role) in [(&self.write, Role::Write), (&self.read, Role::Read)] {
            match path.as_ref().map_or(Ok(false), |path| opens(path, request)) {
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

/// What a request is told that a page of another place has made.
pub(super) fn foreign<B>(request: &Request<B>) -> Option<Reply> {
    let text = "pages of other places may not ask";
    is_foreign(request).then(|| say(StatusCode::FORBIDDEN, text))
}

/// Whether the request brings the token of a file.
fn opens<B>(path: &Path, request: &Request<B>) -> Result<bool, Box<Reply>> {
    match read_password(path) {
        Ok(token) => Ok(bears(request, &token)),
        Err(error) => {
            tracing::warn!(error = error.to_string(), "a token can't be read");
            let text = "the token can't be read: the agent's log says why";
            Err(Box::new(say(StatusCode::SERVICE_UNAVAILABLE, text)))
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
        let bearer = |value: &str| bears(&request(&[("authorization", value)]), b"s3cret");
        assert!(bearer("Bearer s3cret") && bearer("bearer s3cret"));
        for wrong in ["Bearer s3cre", "Bearer s3crett", "Basic s3cret", "s3cret", "Bearer", "Bearer ", ""] {
            assert!(!bearer(wrong), "{wrong}");
        }
        assert!(!bears(&request(&[]), b"s3cret"));
        assert!(!bears(&request(&[("authorization", "Bearer ")]), b""), "an empty token opens nothing");
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
