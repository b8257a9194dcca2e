//! WebSocket: frames, what is made of them, and the handshake.

use fdguard::wire::http::fields::Fields;
use fdguard::wire::http::head::{self, Finder};
use fdguard::wire::websocket::gather::{Gatherer, Whole};
use fdguard::wire::websocket::handshake::request::{Line, Request};
use fdguard::wire::websocket::handshake::response::Agreed;
use fdguard::wire::websocket::handshake::{Field, Key};
use fdguard::wire::websocket::rules::{Offence, Rules, Sender};
use fdguard::wire::websocket::scan::{Part, Scanner};

/// The longest message that is let through.
const MESSAGE_MAX: u64 = 300;

pub(crate) const WEBSOCKETS: &[&[u8]] = &[
    b"\x03\x81\x05hello\x01\x02he\x89\x01?\x80\x03llo\x88\x02\x03\xe8",
    b"\x02\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x8a\x80\0\0\0\0\x82\xfe\0\x7e\x01\x02\x03\x04",
    b"\x01\xc1\x02ab\x82\x7f\0\0\0\0\0\x01\0\0\x81\x02\xc3\xa9",
];

pub(crate) const HANDSHAKES: &[&[u8]] = &[
    b"GET /ws?a=b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi",
];

/// What comes of a stream: the frames byte for byte, the messages, and how it ended.
type Told = (Vec<u8>, Vec<String>, Option<Offence>);

fn told(rules: Rules, chunks: &[&[u8]]) -> Told {
    let (mut scanner, mut gatherer) = (Scanner::new(rules), Gatherer::default());
    let (mut frames, mut messages) = (Vec::new(), Vec::new());
    for chunk in chunks {
        for piece in scanner.feed(chunk) {
            let piece = match piece {
                Ok(piece) => piece,
                Err(offence) => return (frames, messages, Some(offence)),
            };
            if let Part::Begins { carried } = piece.part {
                frames.extend_from_slice(&piece.head.bytes()[..carried]);
            }
            frames.extend_from_slice(&chunk[piece.range.clone()]);
            assert!(piece.head.len <= MESSAGE_MAX && piece.before <= piece.head.len);
            match gatherer.take(&piece, &chunk[piece.payload()]) {
                Ok(Some(Whole::Text(text))) => messages.push(format!("text {text}")),
                Ok(Some(whole)) => messages.push(format!("{whole:?}")),
                Ok(None) => {}
                Err(offence) => return (frames, messages, Some(offence)),
            }
        }
    }
    (frames, messages, None)
}

/// However a stream is split, the same comes of it, and frames are its own bytes.
pub fn websocket(data: &[u8]) {
    let Some((choice, stream)) = data.split_first() else { return };
    let rules = Rules {
        sender: if choice & 1 == 0 { Sender::Client } else { Sender::Server },
        message_max: MESSAGE_MAX,
    };
    let whole = told(rules, &[stream]);
    assert!(stream.starts_with(&whole.0));
    let step = usize::from(choice >> 2) + 1;
    let split = told(rules, &stream.chunks(step).collect::<Vec<_>>());
    assert_eq!((&whole.1, whole.2), (&split.1, split.2));
}

/// A handshake is read or refused, on both sides.
pub fn handshake(data: &[u8]) {
    let mut fields = Fields::new();
    if let Ok(Some(head)) = head::request(data, &mut Finder::default(), &mut fields) {
        let bytes = &data[..head.end];
        let all = listed(bytes, &fields);
        if let Ok(request) = Request::parse(Line { method: "GET", minor: 1 }, &all) {
            assert_eq!(Key::parse(request.key.as_str()), Some(request.key.clone()));
            let mut out = Vec::new();
            Agreed { protocol: request.protocols.first().cloned() }.write(&mut out, &request.key);
            assert!(out.ends_with(b"\r\n\r\n"));
        }
    }
    let (finder, method) = (&mut Finder::default(), head::Method::Get);
    if let Ok(Some(head)) = head::response(data, method, finder, &mut fields) {
        let all = listed(&data[..head.end], &fields);
        let key = Key::of(*b"the sample nonce");
        let agreed = Agreed::parse(head.status, &all, &key, &["a".to_owned()]);
        assert!(agreed.is_err() || head.status == 101);
    }
}

fn listed<'h>(bytes: &'h [u8], fields: &Fields) -> Vec<Field<'h>> {
    let text = |(name, value)| std::str::from_utf8(name).ok().map(|name| (name, value));
    fields.iter(bytes).filter_map(text).collect()
}
