//! Real sockets on loopback, ended through the kernel.
#![expect(unsafe_code, reason = "SO_COOKIE has no safe wrapper")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;

const ESTABLISHED: u8 = 1;

/// The cookie the kernel gives the socket, as a dump would.
fn cookie(stream: &TcpStream) -> u64 {
    let (mut cookie, mut length) = (0u64, 8);
    let into = (&raw mut cookie).cast();
    // SAFETY: SO_COOKIE writes at most `length` bytes to `cookie`, which is that long.
    let got = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_COOKIE, into, &raw mut length)
    };
    assert_eq!((got, length), (0, 8));
    cookie
}

fn pair(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(address).expect("bind");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connect");
    (client, listener.accept().expect("accept").0)
}

fn identity(stream: &TcpStream, family: SocketFamily) -> SocketIdentity {
    let (local, remote) = (stream.local_addr().expect("local"), stream.peer_addr().expect("peer"));
    SocketIdentity { family, local, remote, interface: 0, cookie: cookie(stream), state: ESTABLISHED }
}

fn alive(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(b"x").expect("sent");
    server.read_exact(&mut [0]).expect("received");
}

#[test]
fn exactly_the_named_socket_ends_in_both_families() {
    for (address, family) in [("127.0.0.1:0", SocketFamily::V4), ("[::1]:0", SocketFamily::V6)] {
        let (mut client, _server) = pair(address);
        let (mut other, mut other_server) = pair(address);
        let mut destroyer = Destroyer::open().expect("netlink");
        destroyer.destroy(&identity(&client, family)).expect("destroyed");
        let error = client.read(&mut [0]).expect_err("its owner wakes with an error");
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        alive(&mut other, &mut other_server);
        assert!(matches!(destroyer.destroy(&identity(&other, family)), Ok(())), "the next request works too");
    }
}

#[test]
fn a_wrong_cookie_destroys_nothing() {
    let (mut client, mut server) = pair("127.0.0.1:0");
    let mut which = identity(&client, SocketFamily::V4);
    which.cookie += 1;
    let refused = Destroyer::open().expect("netlink").destroy(&which);
    assert!(matches!(refused, Err(DestroyError::Gone)), "{refused:?}");
    alive(&mut client, &mut server);
}

#[test]
fn an_ipv4_peer_of_an_ipv6_socket_is_found_by_its_mapped_address() {
    let listener = TcpListener::bind("[::]:0").expect("bind");
    let port = listener.local_addr().expect("bound").port();
    let _client = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    let (mut server, _) = listener.accept().expect("accept");
    Destroyer::open().expect("netlink").destroy(&identity(&server, SocketFamily::V6)).expect("destroyed");
    assert!(server.read(&mut [0]).is_err());
}

#[test]
fn addresses_of_the_other_family_are_refused_here() {
    let (client, _server) = pair("[::1]:0");
    let refused = Destroyer::open().expect("netlink").destroy(&identity(&client, SocketFamily::V4));
    assert!(matches!(refused, Err(DestroyError::WrongFamily)));
}

#[test]
fn only_the_answer_to_our_own_request_counts() {
    let mut answer = Vec::new();
    answer.extend(36u32.to_ne_bytes());
    answer.extend(NLMSG_ERROR.to_ne_bytes());
    answer.extend(0u16.to_ne_bytes());
    answer.extend(7u32.to_ne_bytes());
    answer.extend(0u32.to_ne_bytes());
    answer.extend((-libc::ENOENT).to_ne_bytes());
    assert_eq!(acknowledged(&answer, 7), Some(libc::ENOENT));
    assert_eq!(acknowledged(&answer, 8), None);
    assert_eq!(acknowledged(&answer[..12], 7), None);
}
