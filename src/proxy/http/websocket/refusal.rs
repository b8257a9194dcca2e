//! A handshake that opens no WebSocket: what the upstream has said about it, for its client and for the next try.

use std::time::Duration;

use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::websocket::opening::phrase;
use crate::proxy::http::websocket::session::Session;
use crate::wire::http::body::Body;
use crate::wire::http::chunks::content;
use crate::wire::websocket::handshake::Field;

/// The longest body that is passed on; of a longer one nothing is, since half of it may say something else.
const BODY_MAX: usize = 16 << 10;
/// What is passed on of the head: what a client needs to come again as it is meant to, and to read the body.
const PASSED: &[&str] = &["retry-after", "www-authenticate", "content-type", "content-encoding"];

/// Why there is no WebSocket.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) status: u16,
    pub(super) why: String,
    /// The upstream wants to be left alone for so long.
    pub(super) pause: Duration,
    /// Why the connection is closed, where there is one.
    pub(super) reason: CloseReason,
    /// What the upstream has said, where it refused.
    pub(super) answer: Option<Box<Answer>>,
}

/// What an upstream has said to refuse.
#[derive(Debug, Default)]
pub(super) struct Answer {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Trouble {
    /// Of this side, or of an upstream that said nothing of use.
    pub(super) fn of(status: u16, why: impl Into<String>) -> Self {
        Self {
            status,
            why: why.into(),
            pause: Duration::ZERO,
            reason: CloseReason::ConnectProtocol,
            answer: None,
        }
    }
}

/// A refusal whose body is not all there.
#[derive(Debug)]
pub(super) struct Refusing {
    answer: Answer,
    why: String,
    left: Body,
    sent: Vec<u8>,
}

/// Whether a body is all there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Read {
    /// It is, or nobody needs the rest.
    Done,
    /// Not yet.
    More,
}

impl Refusing {
    /// By the head of the answer.
    pub(super) fn new(status: u16, fields: &[Field<'_>], body: Body, why: String) -> Self {
        let passed =
            fields.iter().filter(|(name, _)| PASSED.iter().any(|one| one.eq_ignore_ascii_case(name)));
        let fields = passed.map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        Self { answer: Answer { status, fields, body: Vec::new() }, why, left: body, sent: Vec::new() }
    }

    /// More of the body.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Read {
        let Ok(count) = self.left.advance(bytes) else { return Read::Done };
        self.sent.extend_from_slice(&bytes[..count]);
        let is_long = self.sent.len() > BODY_MAX;
        if self.left.is_over() || is_long { Read::Done } else { Read::More }
    }

    /// As much as there is.
    pub(super) fn end(self) -> Trouble {
        let Self { mut answer, why, left, sent } = self;
        let is_whole = sent.len() <= BODY_MAX && (left.is_over() || left == Body::UntilClose);
        answer.body = match left {
            _ if !is_whole => Vec::new(),
            Body::Chunked(_) => content(&sent).unwrap_or_default(),
            Body::Length(_) | Body::UntilClose => sent,
        };
        let status = answer.status;
        // An answer that speaks of what was asked for shows that the upstream is well.
        let reason = match status {
            401 | 403 | 407 => CloseReason::LoginRefused,
            429 => CloseReason::UpstreamCrowded,
            ..500 => CloseReason::RequestRefused,
            _ => CloseReason::ConnectProtocol,
        };
        let pause = answer.pause();
        let is_refusal = (400..600).contains(&status);
        Trouble {
            status: if is_refusal { status } else { 502 },
            why,
            pause,
            reason,
            answer: is_refusal.then(|| Box::new(answer)),
        }
    }
}

impl Answer {
    fn pause(&self) -> Duration {
        let named = self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
        let text = named.and_then(|(_, value)| std::str::from_utf8(value).ok());
        text.and_then(|text| text.trim().parse().ok()).map_or(Duration::ZERO, Duration::from_secs)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Self { status, fields, body } = self;
        out.extend_from_slice(
            format!("HTTP/1.1 {status} {}\r\nConnection: close\r\n", phrase(*status)).as_bytes(),
        );
        for (name, value) in fields {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        out.extend_from_slice(body);
    }
}

impl Session {
    /// Answers the client as the upstream has answered.
    pub(super) fn pass_refusal(&mut self, answer: &Answer) {
        let mut out = Vec::new();
        answer.write(&mut out);
        self.count(0, out.len());
        // Who does not hear it has gone.
        let _heard = self.client.send(&out);
        self.part(Farewell::Refused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::chunks::Chunks;

    fn refusing(status: u16, body: Body) -> Refusing {
        let fields: &[Field<'_>] =
            &[("Retry-After", b"7"), ("Server", b"x"), ("Content-Type", b"text/plain")];
        Refusing::new(status, fields, body, "why".to_owned())
    }

    #[test]
    fn what_helps_a_client_is_passed_on() {
        let mut read = refusing(429, Body::Length(4));
        assert_eq!((read.take(b"sl"), read.take(b"ow and more")), (Read::More, Read::Done));
        let trouble = read.end();
        assert_eq!((trouble.status, trouble.pause), (429, Duration::from_secs(7)));
        assert_eq!(trouble.reason, CloseReason::UpstreamCrowded);
        let mut out = Vec::new();
        trouble.answer.unwrap().write(&mut out);
        let meant = "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 7\r\n\
                     Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nslow";
        assert_eq!(String::from_utf8(out).unwrap(), meant);
    }

    #[test]
    fn a_body_is_whole_or_left_out() {
        let mut chunked = refusing(418, Body::Chunked(Chunks::default()));
        assert_eq!(chunked.take(b"3\r\ntea\r\n0\r\n\r\n"), Read::Done);
        assert_eq!(chunked.end().answer.unwrap().body, b"tea");
        let mut half = refusing(400, Body::Length(9));
        assert_eq!(half.take(b"half"), Read::More);
        assert!(half.end().answer.unwrap().body.is_empty());
        let mut long = refusing(400, Body::UntilClose);
        assert_eq!(long.take(&vec![b'x'; BODY_MAX + 1]), Read::Done);
        assert!(long.end().answer.unwrap().body.is_empty());
        let mut open = refusing(500, Body::UntilClose);
        assert_eq!(open.take(b"down"), Read::More);
        let trouble = open.end();
        assert_eq!(
            (trouble.reason, trouble.answer.unwrap().body.as_slice()),
            (CloseReason::ConnectProtocol, b"down".as_slice())
        );
    }

    #[test]
    fn what_is_no_refusal_is_a_bad_gateway() {
        let trouble = refusing(302, Body::NONE).end();
        assert!(
            trouble.status == 502
                && trouble.answer.is_none()
                && trouble.reason == CloseReason::RequestRefused
        );
    }
}
