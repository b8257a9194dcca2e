//! What a server answers: written on the server's side, held against the request on the client's.

use super::{Field, FieldError, Key, VERSION, all, lists, single};

/// What was agreed on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Agreed {
    /// The subprotocol.
    pub protocol: Option<String>,
}

/// Why an answer opens no WebSocket.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ResponseError {
    /// Another status than 101.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// No upgrade to WebSocket.
    #[error("the server switches to something else than WebSocket")]
    NoUpgrade,
    /// Not the answer to this key: a cache, or no WebSocket at all.
    #[error("Sec-WebSocket-Accept does not fit the key")]
    Accept,
    /// An extension that nobody asked for.
    #[error("the server uses an extension that was not offered")]
    Extension,
    /// A subprotocol that nobody asked for.
    #[error("the server chose a subprotocol that was not offered")]
    Protocol,
    /// A field that can't be read.
    #[error("a field of the answer stands twice, is no text, or is too long")]
    Field,
}

impl From<FieldError> for ResponseError {
    fn from(_: FieldError) -> Self {
        Self::Field
    }
}

impl Agreed {
    /// Reads the head of the answer to a request with this key and these subprotocols (RFC 6455, section 4.1).
    pub fn parse(
        status: u16,
        fields: &[Field<'_>],
        key: &Key,
        offered: &[String],
    ) -> Result<Self, ResponseError> {
        if status != 101 {
            return Err(ResponseError::Status(status));
        }
        if !lists(fields, "upgrade", "websocket")? || !lists(fields, "connection", "upgrade")? {
            return Err(ResponseError::NoUpgrade);
        }
        if single(fields, "sec-websocket-accept")? != Some(key.accept().as_str()) {
            return Err(ResponseError::Accept);
        }
        for value in all(fields, "sec-websocket-extensions") {
            if !value?.is_empty() {
                return Err(ResponseError::Extension);
            }
        }
        let protocol = single(fields, "sec-websocket-protocol")?;
        if protocol.is_some_and(|chosen| !offered.iter().any(|one| one == chosen)) {
            return Err(ResponseError::Protocol);
        }
        Ok(Self { protocol: protocol.map(str::to_owned) })
    }

    /// Writes the answer to a request with this key. No extension is taken up.
    pub fn write(&self, out: &mut Vec<u8>, key: &Key) {
        let protocol = self.protocol.as_ref();
        let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{protocol}\r\n",
            key.accept()
        );
        out.extend_from_slice(head.as_bytes());
    }
}

/// Writes a refusal, and that the connection ends with it.
pub fn write_refusal(out: &mut Vec<u8>, (status, words): (u16, &str), why: &str) {
    let more = match status {
        405 => "Allow: GET\r\n".to_owned(),
        426 => format!("Upgrade: websocket\r\nSec-WebSocket-Version: {VERSION}\r\n"),
        503 => "Retry-After: 5\r\n".to_owned(),
        _ => String::new(),
    };
    let connection = if status == 426 { "Upgrade, close" } else { "close" };
    let head = format!(
        "HTTP/1.1 {status} {words}\r\nConnection: {connection}\r\n{more}Content-Type: text/plain\r\n\
         Content-Length: {}\r\n\r\n{why}\n",
        why.len() + 1
    );
    out.extend_from_slice(head.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::websocket::handshake::request::RequestError;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn fields(text: &str) -> (&str, Vec<Field<'_>>) {
        let (line, rest) = text.split_once("\r\n").unwrap();
        let (head, _) = rest.split_once("\r\n\r\n").unwrap();
        let fields = head.split("\r\n").map(|field| field.split_once(": ").unwrap());
        (line, fields.map(|(name, value)| (name, value.as_bytes())).collect())
    }

    #[test]
    fn what_is_written_is_what_a_client_reads() {
        let (key, offered) = (Key::parse(KEY).unwrap(), ["a".to_owned(), "b".to_owned()]);
        for agreed in [Agreed::default(), Agreed { protocol: Some("b".to_owned()) }] {
            let mut out = Vec::new();
            agreed.write(&mut out, &key);
            let text = String::from_utf8(out).unwrap();
            let (line, fields) = fields(&text);
            assert_eq!(line, "HTTP/1.1 101 Switching Protocols");
            assert_eq!(Agreed::parse(101, &fields, &key, &offered), Ok(agreed));
        }
    }

    #[test]
    fn answers_that_open_nothing_are_told() {
        let key = Key::parse(KEY).unwrap();
        let accept = key.accept();
        let good: Vec<Field<'_>> = vec![
            ("Upgrade", b"websocket"),
            ("Connection", b"Upgrade"),
            ("Sec-WebSocket-Accept", accept.as_bytes()),
        ];
        let parse = |status, fields: &[Field<'_>]| Agreed::parse(status, fields, &key, &["a".to_owned()]);
        assert_eq!(parse(101, &good), Ok(Agreed::default()));
        assert_eq!(parse(200, &good), Err(ResponseError::Status(200)));
        assert_eq!(parse(101, &good[1..]), Err(ResponseError::NoUpgrade));
        assert_eq!(parse(101, &good[..2]), Err(ResponseError::Accept));
        let with = |name, value| [good.clone(), vec![(name, value)]].concat();
        let cases: &[(Field<'_>, ResponseError)] = &[
            (("sec-websocket-extensions", b"permessage-deflate"), ResponseError::Extension),
            (("sec-websocket-protocol", b"b"), ResponseError::Protocol),
            (("sec-websocket-protocol", b"A"), ResponseError::Protocol),
            (("sec-websocket-accept", b"x"), ResponseError::Field),
        ];
        for ((name, value), error) in cases {
            assert_eq!(parse(101, &with(name, value)), Err(error.clone()));
        }
    }

    #[test]
    fn a_refusal_says_what_would_help() {
        let mut out = Vec::new();
        let error = RequestError::WebSocketVersion;
        write_refusal(&mut out, error.status(), &error.to_string());
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
        assert!(text.contains("Sec-WebSocket-Version: 13\r\n") && text.ends_with("spoken here\n"));
        let (_, fields) = fields(&text);
        let (_, len) = fields.iter().find(|(name, _)| *name == "Content-Length").unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(std::str::from_utf8(len).unwrap(), body.len().to_string());
    }
}
