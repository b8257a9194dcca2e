//! Clients and upstreams that break the protocol are told why, and hurt nobody else.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use tokio_tungstenite::tungstenite::Message;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{PATIENCE, client, echo, server, text};

const HELLO: &str = "GET / HTTP/1.1\r\nHost: bot\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A client by hand, whose WebSocket is open.
fn raw(guard: &Guard) -> TcpStream {
    let mut client = guard.client();
    client.write_all(HELLO.as_bytes()).unwrap();
    let answer = head(&mut client);
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    client
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn offences_of_clients_are_answered_by_their_code() {
    let server = server(echo);
    let guard = Guard::start(&[server.address], "stream = { message = \"1KiB\", topic = \"/t\" }");
    let mut good = client(&guard);
    let key = [0; 4];
    let masked = |start: &[u8], payload: &[u8]| [start, &key, payload].concat();
    let cases: &[(&str, Vec<u8>, u16)] = &[
        ("unmasked", b"\x81\x01x".to_vec(), 1002),
        ("reserved bits", masked(b"\xf1\x81", b"x"), 1002),
        ("an unknown opcode", masked(b"\x83\x81", b"x"), 1002),
        ("a fragmented ping", masked(b"\x09\x81", b"x"), 1002),
        ("a long ping", masked(b"\x89\xfe\x00\x7e", &[0; 126]), 1002),
        ("a continuation of nothing", masked(b"\x80\x81", b"x"), 1002),
        ("a message within another", [masked(b"\x01\x81", b"x"), masked(b"\x81\x81", b"x")].concat(), 1002),
        ("no UTF-8", masked(b"\x81\x82", b"\xc3\x28"), 1007),
        ("a huge length", masked(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", b""), 1009),
        ("more than 63 bits", masked(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", b""), 1002),
        ("a length of too many bytes", masked(b"\x82\xfe\x00\x01", b"x"), 1002),
        (
            "too long in pieces",
            [masked(b"\x02\xfe\x02\xff", &[0; 0x2ff]), masked(b"\x80\xfe\x02\xff", &[0; 0x2ff])].concat(),
            1009,
        ),
        (
            "frames without end and without content",
            [masked(b"\x01\x80", b""), masked(b"\x00\x80", b"").repeat(200)].concat(),
            1009,
        ),
        ("a close without a good code", masked(b"\x88\x82", b"\x03\xed"), 1002),
    ];
    for (what, bytes, code) in cases {
        let mut client = raw(&guard);
        client.write_all(bytes).unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        let close = said.iter().position(|byte| *byte == 0x88).unwrap_or_else(|| panic!("{what}: {said:?}"));
        assert_eq!(said[close + 2..close + 4], code.to_be_bytes(), "{what}: {said:?}");
    }
    good.send(Message::text("still")).unwrap();
    assert_eq!(text(&mut good), "still", "others go on");
    guard.wait_for_pool("one is left", |pool| pool.clients.len() == 1 && pool.servers.len() == 1);
}

#[test]
fn requests_that_open_no_websocket_are_told_why() {
    let server = server(echo);
    let guard = Guard::start(&[server.address], "clients.head = \"500ms\"");
    for (request, status) in [
        (HELLO.replace("GET", "POST"), "405"),
        (HELLO.replace("Upgrade: websocket\r\n", ""), "426"),
        (HELLO.replace(": 13", ": 12"), "426"),
        (HELLO.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), "400"),
        ("GET / HTTP/1.1\r\nHost: bot\r\n\r\n".to_owned(), "426"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\n".to_owned(), "408"),
    ] {
        let mut client = guard.client();
        client.write_all(request.as_bytes()).unwrap();
        let answer = head(&mut client);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    assert_eq!(server.accepted(), 0, "nobody was asked");
}

#[test]
fn an_upstream_that_breaks_the_protocol_is_replaced_and_its_client_stays() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::doing(move |mut stream| {
        let first = tries.fetch_add(1, std::sync::atomic::Ordering::AcqRel) == 0;
        if !first {
            return crate::support::serve(stream, |mut open| {
                open.send(Message::text("good")).unwrap();
                echo(open);
            });
        }
        let request = head(&mut stream);
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = fdguard::wire::websocket::handshake::Key::parse(key).unwrap().accept();
        let answer = format!(
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        // Half a message, a whole one in the same breath as the handshake, and then a masked frame.
        stream
            .write_all(&[answer.as_bytes(), b"\x81\x03one", b"\x01\x02tw", b"\x81\x81\0\0\0\0x"].concat())
            .unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest[0], 0x88, "it is told: {rest:?}");
    });
    let guard = Guard::start(&[server.address], "stream = { pauses = [\"100ms\"] }");
    let mut client = client(&guard);
    assert_eq!(text(&mut client), "one");
    assert_eq!(text(&mut client), "good", "half a message was not passed on");
}

#[test]
fn who_says_nothing_is_no_stream() {
    let server = server(echo);
    let guard = Guard::start(&[server.address], "");
    let mut good = client(&guard);
    let silent = guard.client();
    guard.wait_for_pool("both are there", |pool| pool.clients.len() == 2);
    good.send(Message::text("still")).unwrap();
    assert_eq!(text(&mut good), "still");
    let states: Vec<_> = (0..5).map(|_| guard.pool().stream.unwrap().state).collect();
    assert_eq!(states, ["connected"; 5]);
    drop(silent);
}
