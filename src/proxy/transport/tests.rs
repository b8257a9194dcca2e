//! Real sockets on both sides, and the poll's part played by hand.

use std::process::Command;
use std::sync::{Arc, LazyLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};

use super::*;

/// More than a socket holds.
const MUCH: usize = 4 << 20;

fn pair() -> (Transport, Transport) {
    let (one, other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    other.set_nonblocking(true).unwrap();
    (Transport::plain(Stream::Unix(one)), Transport::plain(Stream::Unix(other)))
}

/// Settings for both sides, from a certificate made for this run.
static SETTINGS: LazyLock<(Arc<ServerConfig>, Arc<ClientConfig>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args([std::ffi::OsStr::new("-out"), cert.as_ref(), "-keyout".as_ref(), key.as_ref()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let certificate = CertificateDer::from_pem_file(&cert).unwrap();
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from_pem_file(&key).unwrap())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
});

fn connections() -> (Connection, Connection) {
    let (server, client) = &*SETTINGS;
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::clone(client), name).unwrap();
    (ServerConnection::new(Arc::clone(server)).unwrap().into(), client.into())
}

/// Server and client under TLS; what the client sends first is read by somebody else, as much as `early` says.
fn secured(early: usize) -> (Transport, Transport) {
    let (mut server, mut client) = pair();
    let (server_tls, client_tls) = connections();
    client.secure(client_tls);
    assert_eq!(client.handshake(&mut Vec::new()).unwrap(), Handshake::Reads);
    let mut read = vec![0; early];
    let count = if early == 0 { 0 } else { server.stream.read(&mut read).unwrap() };
    read.truncate(count);
    server.secure(server_tls);
    let mut steps = 0;
    loop {
        let both = (server.handshake(&mut read).unwrap(), client.handshake(&mut Vec::new()).unwrap());
        if both == (Handshake::Done, Handshake::Done) {
            return (server, client);
        }
        steps += 1;
        assert!(steps < 10, "{both:?}");
    }
}

/// Takes all there is now, in pieces of `room` bytes.
fn drained(transport: &mut Transport, room: usize) -> (Vec<u8>, Taken) {
    let (mut all, mut room) = (Vec::new(), vec![0; room]);
    loop {
        match transport.take(&mut room).unwrap() {
            Taken::Bytes(count) => all.extend_from_slice(&room[..count]),
            Taken::Last(count) => {
                all.extend_from_slice(&room[..count]);
                return (all, Taken::Last(count));
            }
            other => return (all, other),
        }
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_short_read_is_the_last_unless_an_end_was_told() {
    let (mut one, mut other) = pair();
    other.send(b"hello").unwrap();
    assert_eq!(one.take(&mut [0; 9]).unwrap(), Taken::Last(5));
    other.send(b"bye").unwrap();
    other.finish();
    one.hung_up();
    let mut room = [0; 9];
    assert_eq!(one.take(&mut room).unwrap(), Taken::Bytes(3));
    assert_eq!(one.take(&mut room).unwrap(), Taken::End);
}

#[test]
fn a_handshake_takes_up_what_was_read_before() {
    for early in [0, 1, 5, 100, 64 << 10] {
        let (mut server, mut client) = secured(early);
        assert_eq!(client.send(b"ping").unwrap(), Flow::Clear);
        assert_eq!(drained(&mut server, 64), (b"ping".to_vec(), Taken::Nothing));
        assert_eq!(server.send(b"pong").unwrap(), Flow::Clear);
        assert_eq!(drained(&mut client, 64), (b"pong".to_vec(), Taken::Nothing));
    }
}

#[test]
fn what_is_decrypted_is_given_before_the_socket_is_asked() {
    let (mut server, mut client) = secured(0);
    let sent = pattern(40_000);
    client.send(&sent).unwrap();
    let mut room = [0; 7];
    assert_eq!(server.take(&mut room).unwrap(), Taken::Bytes(7), "never the last under TLS");
    let (rest, end) = drained(&mut server, 7);
    assert_eq!(([&room[..], &rest].concat() == sent, end), (true, Taken::Nothing));
}

#[test]
fn a_blocked_side_keeps_what_it_has_and_sends_it_in_order() {
    for (mut one, mut other) in [pair(), secured(0)] {
        let sent = pattern(MUCH);
        assert_eq!(one.send(&sent).unwrap(), Flow::Blocked);
        assert_eq!(one.send(b"tail").unwrap(), Flow::Blocked);
        assert!(one.blocked() && one.unsent() > 0);
        let mut got = Vec::new();
        loop {
            got.extend(drained(&mut other, 10_000).0);
            if one.flush().unwrap() == Flow::Clear {
                break;
            }
        }
        got.extend(drained(&mut other, 10_000).0);
        assert!(got == [&sent[..], b"tail"].concat(), "{} bytes", got.len());
        assert_eq!((one.blocked(), one.unsent(), one.unsent.capacity()), (false, 0, 0));
    }
}

#[test]
fn what_tls_says_for_itself_leaves_at_once() {
    let (mut server, mut client) = secured(0);
    drained(&mut client, 64);
    match client.tls.as_deref_mut().unwrap() {
        Connection::Client(tls) => tls.refresh_traffic_keys().unwrap(),
        Connection::Server(_) => unreachable!(),
    }
    client.send(b"after").unwrap();
    assert_eq!(drained(&mut server, 64), (b"after".to_vec(), Taken::Nothing));
    assert!(!server.blocked(), "nobody would wake the loop for it");
    server.send(b"answer").unwrap();
    assert_eq!(drained(&mut client, 64).0, b"answer");
}

#[test]
fn only_a_told_end_is_one() {
    let (mut server, mut client) = secured(0);
    client.send(b"last words").unwrap();
    client.finish();
    assert_eq!(drained(&mut server, 64), (b"last words".to_vec(), Taken::End));
    let (mut server, client) = secured(0);
    drop(client);
    let error = server.take(&mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "cut off is not ended");
}

#[test]
fn what_is_no_tls_is_told_so() {
    let (mut server, mut client) = pair();
    server.secure(connections().0);
    client.send(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let error = server.handshake(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let (alert, _) = drained(&mut client, 64);
    assert_eq!(alert.first(), Some(&0x15), "an alert says why");
}
