//! What a client asks for: read on the server's side, written on the client's.

use super::{Field, FieldError, Key, PROTOCOLS_MAX, VERSION, all, is_token, lists, single};

/// What a client asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its key.
    pub key: Key,
    /// Subprotocols that it speaks, what it likes most first.
    pub protocols: Vec<String>,
}

/// Why a request opens no WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestError {
    /// No GET.
    #[error("a WebSocket is opened by GET")]
    Method,
    /// HTTP/1.0 or older.
    #[error("a WebSocket wants HTTP/1.1")]
    Version,
    /// No host.
    #[error("the field Host is missing, or stands twice")]
    Host,
    /// No request for a WebSocket.
    #[error("this is a WebSocket: send Upgrade: websocket and Connection: Upgrade")]
    NoUpgrade,
    /// Another version of the protocol.
    #[error("only version 13 of WebSocket is spoken here")]
    WebSocketVersion,
    /// No key, or none that is one.
    #[error("Sec-WebSocket-Key is not sixteen bytes of base64")]
    Key,
    /// An offer of subprotocols that is none.
    #[error("Sec-WebSocket-Protocol is no list of different names")]
    Protocol,
    /// A field that can't be read.
    #[error("a field stands twice, is no text, or is too long")]
    Field,
}

impl From<FieldError> for RequestError {
    fn from(_: FieldError) -> Self {
        Self::Field
    }
}

impl RequestError {
    /// The status of the answer, and its words.
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::Method => (405, "Method Not Allowed"),
            Self::NoUpgrade | Self::WebSocketVersion => (426, "Upgrade Required"),
            Self::Version | Self::Host | Self::Key | Self::Protocol | Self::Field => (400, "Bad Request"),
        }
    }
}

/// The line of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// The method.
    pub method: &'a str,
    /// The minor number of HTTP/1.
    pub minor: u8,
}

impl Request {
    /// Reads the head of a request.
    pub fn parse(line: Line<'_>, fields: &[Field<'_>]) -> Result<Self, RequestError> {
        if line.method != "GET" {
            return Err(RequestError::Method);
        }
        if line.minor < 1 {
            return Err(RequestError::Version);
        }
        if single(fields, "host").ok().flatten().is_none_or(str::is_empty) {
            return Err(RequestError::Host);
        }
        if !lists(fields, "upgrade", "websocket")? || !lists(fields, "connection", "upgrade")? {
            return Err(RequestError::NoUpgrade);
        }
        if single(fields, "sec-websocket-version")? != Some(VERSION) {
            return Err(RequestError::WebSocketVersion);
        }
        let key = single(fields, "sec-websocket-key")?.and_then(Key::parse).ok_or(RequestError::Key)?;
        let mut protocols: Vec<String> = Vec::new();
        for value in all(fields, "sec-websocket-protocol") {
            for one in value?.split(',').map(str::trim) {
                if !is_token(one) || protocols.len() == PROTOCOLS_MAX || protocols.iter().any(|p| p == one) {
                    return Err(RequestError::Protocol);
                }
                protocols.push(one.to_owned());
            }
        }
        Ok(Self { key, protocols })
    }
}

/// What a client sends to open a WebSocket. Extensions are not asked for.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The host with its port, where that is not the usual one.
    pub host: &'a str,
    /// The path with its query.
    pub target: &'a str,
    /// The key.
    pub key: &'a Key,
    /// Subprotocols to offer.
    pub protocols: &'a [String],
}

impl Opening<'_> {
    /// Writes the head, with these fields besides; they must hold no line ends.
    pub fn write<'f>(&self, out: &mut Vec<u8>, more: impl IntoIterator<Item = Field<'f>>) {
        let mut line = |parts: &[&[u8]]| {
            parts.iter().for_each(|part| out.extend_from_slice(part));
            out.extend_from_slice(b"\r\n");
        };
        line(&[b"GET ", self.target.as_bytes(), b" HTTP/1.1"]);
        line(&[b"Host: ", self.host.as_bytes()]);
        line(&[b"Upgrade: websocket"]);
        line(&[b"Connection: Upgrade"]);
        line(&[b"Sec-WebSocket-Key: ", self.key.as_str().as_bytes()]);
        line(&[b"Sec-WebSocket-Version: ", VERSION.as_bytes()]);
        if !self.protocols.is_empty() {
            line(&[b"Sec-WebSocket-Protocol: ", self.protocols.join(", ").as_bytes()]);
        }
        for (name, value) in more {
            line(&[name.as_bytes(), b": ", value]);
        }
        line(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Line<'static> = Line { method: "GET", minor: 1 };
    const GOOD: &[Field<'static>] = &[
        ("Host", b"127.0.0.1:9443"),
        ("upgrade", b"WebSocket"),
        ("Connection", b"keep-alive, Upgrade"),
        ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", b"13"),
    ];

    fn with(name: &'static str, value: &'static [u8]) -> Vec<Field<'static>> {
        let mut fields: Vec<Field<'static>> =
            GOOD.iter().copied().filter(|(own, _)| !own.eq_ignore_ascii_case(name)).collect();
        fields.push((name, value));
        fields
    }

    #[test]
    fn a_request_is_read_in_any_case() {
        let mut fields = with("Sec-WebSocket-Protocol", b"v2.json, v1.json");
        fields.push(("sec-websocket-protocol", b"raw"));
        let request = Request::parse(GET, &fields).unwrap();
        assert_eq!(request.protocols, ["v2.json", "v1.json", "raw"]);
        assert_eq!(request.key.as_str(), "dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn what_opens_no_websocket_is_told_why() {
        let cases: &[(Vec<Field<'_>>, RequestError, u16)] = &[
            (with("upgrade", b"h2c"), RequestError::NoUpgrade, 426),
            (with("connection", b"close"), RequestError::NoUpgrade, 426),
            (with("host", b""), RequestError::Host, 400),
            (with("Sec-WebSocket-Version", b"8"), RequestError::WebSocketVersion, 426),
            (with("Sec-WebSocket-Key", b"c2hvcnQ="), RequestError::Key, 400),
            (with("Sec-WebSocket-Protocol", b"a, a"), RequestError::Protocol, 400),
            (with("Sec-WebSocket-Protocol", b"a b"), RequestError::Protocol, 400),
            (with("Sec-WebSocket-Key", b"\xff"), RequestError::Field, 400),
            ([GOOD, &[("host", b"b")]].concat(), RequestError::Host, 400),
            ([GOOD, &[("sec-websocket-key", b"b")]].concat(), RequestError::Field, 400),
        ];
        for (fields, error, status) in cases {
            assert_eq!(Request::parse(GET, fields), Err(*error));
            assert_eq!(error.status().0, *status);
        }
        let post = Line { method: "POST", ..GET };
        assert_eq!(Request::parse(post, GOOD), Err(RequestError::Method));
        let old = Line { minor: 0, ..GET };
        assert_eq!(Request::parse(old, GOOD), Err(RequestError::Version));
    }

    #[test]
    fn what_is_written_is_what_a_server_reads() {
        let (key, protocols) = (Key::of([7; 16]), ["a".to_owned(), "b".to_owned()]);
        let opening = Opening { host: "feed.test", target: "/v1?x=1", key: &key, protocols: &protocols };
        let mut out = Vec::new();
        opening.write(&mut out, [("Origin", &b"https://a.test"[..])]);
        let text = String::from_utf8(out).unwrap();
        let head = text.strip_suffix("\r\n\r\n").unwrap();
        let (line, fields) = head.split_once("\r\n").unwrap();
        assert_eq!(line, "GET /v1?x=1 HTTP/1.1");
        let fields: Vec<Field<'_>> = fields
            .split("\r\n")
            .map(|field| field.split_once(": ").unwrap())
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();
        let request = Request::parse(GET, &fields).unwrap();
        assert_eq!((request.key, request.protocols), (key, protocols.to_vec()));
        assert!(fields.contains(&("Origin", b"https://a.test")));
    }
}
