//! The target of a request, in its four forms (RFC 9112, 3.2).

use std::ops::Range;

use super::fault::Fault;
use super::head::Method;

/// The form of a target, with ranges of the target itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A path on the server that is asked.
    Origin,
    /// A whole URL, as clients of a forward proxy write it.
    Absolute {
        /// `http` or `https`.
        scheme: Range<usize>,
        /// Host and port.
        authority: Range<usize>,
        /// The path; empty where none is written.
        path: Range<usize>,
    },
    /// Host and port, for CONNECT.
    Authority,
    /// The server as a whole, for OPTIONS.
    Asterisk,
}

impl Target {
    /// What the target of a request by this method is.
    pub fn of(method: Method, target: &[u8]) -> Result<Self, Fault> {
        // A fragment is never sent; what a server would make of one is not known.
        if !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
            return Err(Fault::Target);
        }
        match (method, target.first()) {
            (Method::Connect, _) => {
                let host = is_host(target) && port_of(target).is_some();
                if host { Ok(Self::Authority) } else { Err(Fault::Target) }
            }
            (_, Some(b'/')) => Ok(Self::Origin),
            (Method::Options, Some(b'*')) if target.len() == 1 => Ok(Self::Asterisk),
            (_, _) => Self::absolute(target),
        }
    }

    fn absolute(target: &[u8]) -> Result<Self, Fault> {
        let scheme = [&b"http"[..], b"https"].into_iter().find(|scheme| {
            let (name, rest) = target.split_at(scheme.len().min(target.len()));
            name.eq_ignore_ascii_case(scheme) && rest.starts_with(b"://")
        });
        let start = scheme.ok_or(Fault::Target)?.len() + 3;
        let rest = &target[start..];
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        if end == 0 || !is_host(&rest[..end]) {
            return Err(Fault::Target);
        }
        Ok(Self::Absolute {
            scheme: 0..start - 3,
            authority: start..start + end,
            path: start + end..target.len(),
        })
    }
}

/// Whether bytes are a host, with or without a port, and nothing that could be more than that: no user, no path, no blank.
pub fn is_host(bytes: &[u8]) -> bool {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(byte);
    let (host, port) = match bytes.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let numbers = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
            if end == 0 || !rest[..end].iter().all(numbers) {
                return false;
            }
            (&rest[..end], &rest[end + 1..])
        }
        None => bytes.split_at(bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len())),
    };
    let bracketed = bytes.first() == Some(&b'[');
    let port = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    port && !host.is_empty() && (bracketed || host.iter().all(named))
}

/// The port that is written behind a host.
pub fn port_of(host: &[u8]) -> Option<u16> {
    let colon = host.iter().rposition(|byte| *byte == b':')?;
    let digits = std::str::from_utf8(&host[colon + 1..]).ok()?;
    let port = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    (port > 0).then_some(port)
}
