//! Addresses of HTTP services, as far as an operator writes them.

use std::fmt;
use std::sync::Arc;

/// An `http` or `https` address with host, port and path; right by construction.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Url {
    text: Arc<str>,
    scheme: Scheme,
    authority: (usize, usize),
    port: u16,
}

/// With or without TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

/// Why a text is no such address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UrlError {
    /// Neither `http://` nor `https://`.
    #[error("an address starts with `http://` or `https://`")]
    Scheme,
    /// No host, or not one.
    #[error("the host of an address is a name, `1.2.3.4` or `[::1]`")]
    Host,
    /// Not a port.
    #[error("the port of an address is a number from 1 to 65535")]
    Port,
    /// `user:password@`.
    #[error("an address holds no user and password; put the header into `headers_file`")]
    User,
    /// A blank, a control or non-ASCII character.
    #[error("an address holds no blanks and only ASCII characters")]
    Character,
}

impl Url {
    /// Parses an address.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, start) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(_), _) => (Scheme::Http, 7),
            (_, Some(_)) => (Scheme::Https, 8),
            (None, None) => return Err(UrlError::Scheme),
        };
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlError::Character);
        }
        let rest = &text[start..];
        let end = start + rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = &text[start..end];
        if authority.contains('@') {
            return Err(UrlError::User);
        }
        let port = match (split_port(authority)?, scheme) {
            ((_, Some(port)), _) => port,
            ((_, None), Scheme::Http) => 80,
            ((_, None), Scheme::Https) => 443,
        };
        Ok(Self { text: text.into(), scheme, authority: (start, end), port })
    }

    /// The address as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// With or without TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host and port as written: what a `Host` header holds.
    pub fn authority(&self) -> &str {
        &self.text[self.authority.0..self.authority.1]
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        split_port(self.authority()).map_or("", |(host, _)| host)
    }

    /// The port, 80 or 443 where none is written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, at least `/`, without fragment.
    pub fn path(&self) -> &str {
        let rest = &self.text[self.authority.1..];
        match rest.split('#').next() {
            Some(path) if path.starts_with('/') => path,
            _ => "/",
        }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            address.parse::<std::net::Ipv6Addr>().map_err(|_| UrlError::Host)?;
            (address, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if host.is_empty() || !(authority.starts_with('[') || host.chars().all(fits)) {
        return Err(UrlError::Host);
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        None => Err(UrlError::Host),
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => Ok((host, Some(port))),
            _ => Err(UrlError::Port),
        },
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_come_out() {
        let url = Url::parse("http://[::1]:9000/open?x=1#y").unwrap();
        assert_eq!((url.host(), url.port(), url.path()), ("::1", 9000, "/open?x=1"));
        assert_eq!(url.authority(), "[::1]:9000");
        let url = Url::parse("https://hooks.example").unwrap();
        assert_eq!((url.host(), url.port(), url.path()), ("hooks.example", 443, "/"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, error) in [
            ("ftp://x", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http://:80/", UrlError::Host),
            ("http://[::g]/", UrlError::Host),
            ("http://[::1]x/", UrlError::Host),
            ("http://h:0/", UrlError::Port),
            ("http://h:+8/", UrlError::Port),
            ("http://u:p@h/", UrlError::User),
            ("http://h/a b", UrlError::Character),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(https?://)?\\PC{0,30}") {
            if let Ok(url) = Url::parse(&text) {
                prop_assert!(!url.host().is_empty() && url.path().starts_with('/'));
            }
        }
    }
}
