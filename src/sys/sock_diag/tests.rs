use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::model::reading::Gap;
use crate::sys::victim::Victim;

fn inode(socket: impl AsFd) -> u32 {
    u32::try_from(nix::sys::stat::fstat(socket).unwrap().st_ino).unwrap()
}

fn find(records: &[SocketRecord], socket: impl AsFd) -> Option<SocketRecord> {
    let inode = inode(socket);
    records.iter().find(|record| record.inode == inode).cloned()
}

/// Dumps until the socket is in the state: the peer's FIN takes a moment, even on loopback.
fn dump_until(states: States, socket: &TcpStream, state: Option<TcpState>) -> Vec<SocketRecord> {
    let deadline = crate::sys::deadline::Deadline::after(std::time::Duration::from_secs(10));
    let mut diag = SockDiag::open().unwrap();
    let mut records = Vec::new();
    loop {
        diag.dump(states, Detail::TcpInfo, &mut records).unwrap();
        if find(&records, socket).map(|record| record.state) == state {
            return records;
        }
        assert!(!deadline.passed(), "never {state:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_close_wait_is_found_by_the_mask_and_says_whether_its_end_was_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut server, b"hello").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let records = dump_until(States::CLOSE_WAIT, &client, Some(TcpState::CloseWait));
    assert!(records.iter().all(|record| record.state == TcpState::CloseWait));
    let record = find(&records, &client).unwrap();
    assert_eq!((record.local, record.remote), (client.local_addr().unwrap(), client.peer_addr().unwrap()));
    assert_eq!(record.receive_queue, 6, "five bytes and the end");
    assert_eq!(record.uid, nix::unistd::geteuid().as_raw());
    assert!(record.cookie.is_some_and(|cookie| cookie != 0));
    assert_eq!(record.info.as_ref().unwrap().bytes_received, Some(6));
    assert!(record.info.as_ref().unwrap().rtt.as_micros() > 0);

    let mut text = String::new();
    std::io::Read::read_to_string(&mut client, &mut text).unwrap();
    let records = dump_until(States::CLOSE_WAIT, &client, Some(TcpState::CloseWait));
    assert_eq!(find(&records, &client).unwrap().receive_queue, 0, "the end was read");
}

#[test]
fn both_families_come_in_one_dump_and_mapped_ones_as_v4() {
    let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
    let v6 = TcpListener::bind("[::]:0").unwrap();
    let port = v6.local_addr().unwrap().port();
    let mapped = TcpStream::connect(("::ffff:127.0.0.1", port)).unwrap();
    let real = TcpStream::connect(("::1", port)).unwrap();
    let mut records = Vec::new();
    SockDiag::open().unwrap().dump(States::ALL, Detail::Plain, &mut records).unwrap();
    let of = |socket: &dyn AsFd| find(&records, socket.as_fd()).unwrap();
    assert_eq!((of(&v4).family, of(&v4).state), (Family::V4, TcpState::Listen));
    assert_eq!((of(&v6).family, of(&v6).state), (Family::V6, TcpState::Listen));
    assert_eq!((of(&mapped).family, of(&mapped).state), (Family::Mapped, TcpState::Established));
    assert_eq!(of(&mapped).remote, (std::net::Ipv4Addr::LOCALHOST, port).into());
    assert_eq!(of(&real).family, Family::V6);
    assert_eq!(of(&real).remote, real.peer_addr().unwrap());
    assert_eq!(of(&real).info, None);
}

#[test]
fn a_socket_reset_by_its_peer_is_in_no_table() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    dump_until(States::ALL, &client, Some(TcpState::Established));
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(&server, nix::sys::socket::sockopt::Linger, &linger).unwrap();
    drop(server);
    dump_until(States::ALL, &client, None);
}

const IN_ITS_OWN: &str = "
import socket, sys
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(1)
print(s.getsockname()[1], flush=True)
sys.stdin.read()
";

#[test]
fn another_namespace_is_seen_from_outside() {
    let privileged = nix::unistd::geteuid().is_root();
    let flags = if privileged { "-n" } else { "-rn" };
    let mut victim =
        Victim::command(Command::new("unshare").args([flags, "/usr/bin/python3", "-c", IN_ITS_OWN]));
    let port: u16 = victim.line().parse().unwrap();
    let ours = SockDiag::open().unwrap();
    match SockDiag::in_namespace_of(&victim.adopt()) {
        Ok(mut diag) => {
            assert_ne!(diag.namespace(), ours.namespace());
            let mut records = Vec::new();
            diag.dump(States::ALL, Detail::Plain, &mut records).unwrap();
            assert_eq!(records.len(), 1, "nothing of ours");
            assert_eq!((records[0].state, records[0].local.port()), (TcpState::Listen, port));
            assert_eq!(namespace::own().unwrap(), ours.namespace(), "this thread has not moved");
        }
        Err(error) => assert_eq!((error.gap(), privileged), (Gap::NotPermitted, false)),
    }
}

#[test]
fn the_same_namespace_needs_no_privilege() {
    let victim = Victim::python("import sys; sys.stdin.read()");
    let diag = SockDiag::in_namespace_of(&victim.adopt()).unwrap();
    assert_eq!(diag.namespace(), SockDiag::open().unwrap().namespace());
}

#[test]
fn answers_to_a_request_given_up_on_are_passed_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut diag = SockDiag::open().unwrap();
    let states = States::of(&[TcpState::Listen]);
    socket::send(&diag.socket, &message::request(4_000_000, states, Detail::Plain)).unwrap();
    let mut datagram = vec![0; socket::BUFFER];
    let mut stale = Vec::new();
    // Drain the first request by hand, as its own, then the same bytes as if they answered another.
    loop {
        let part = socket::receive(&diag.socket, &mut datagram).unwrap().to_vec();
        let done = take(&part, 4_000_000, &mut stale).unwrap().last;
        let mut none = Vec::new();
        assert!(!take(&part, 1, &mut none).unwrap().last && none.is_empty());
        if done {
            break;
        }
    }
    assert!(find(&stale, &listener).is_some());
    let mut records = Vec::new();
    diag.dump(states, Detail::Plain, &mut records).unwrap();
    assert!(find(&records, &listener).is_some());
}

/// A datagram with two real records, an attribute and the end.
fn datagram() -> Vec<u8> {
    let _held = TcpListener::bind("127.0.0.1:0").unwrap();
    let fd = socket::open().unwrap();
    socket::send(&fd, &message::request(7, States::ALL, Detail::TcpInfo)).unwrap();
    let mut buffer = vec![0; socket::BUFFER];
    socket::receive(&fd, &mut buffer).unwrap().to_vec()
}

#[test]
fn any_truncation_of_a_real_answer_is_a_prefix_or_an_error() {
    let whole = datagram();
    let mut all = Vec::new();
    take(&whole, 7, &mut all).unwrap();
    assert!(!all.is_empty());
    for cut in 0..whole.len() {
        let mut records = Vec::new();
        drop(take(&whole[..cut], 7, &mut records));
        assert!(all.starts_with(&records), "{cut}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), sequence: u32) {
        let mut records = Vec::new();
        drop(take(&bytes, sequence, &mut records));
        prop_assert!(records.len() <= bytes.len() / 88);
    }

    #[test]
    fn no_change_of_a_real_answer_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut bytes = datagram();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let mut records = Vec::new();
        drop(take(&bytes, 7, &mut records));
        prop_assert!(records.len() <= bytes.len() / 88);
    }
}

#[test]
fn one_connection_is_found_from_its_own_end() {
    let mut diag = SockDiag::open().unwrap();
    for place in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(place).unwrap();
        let here = listener.local_addr().unwrap();
        let client = TcpStream::connect(here).unwrap();
        let from = client.local_addr().unwrap();
        let accepted = listener.accept().unwrap().0;
        let inode = nix::sys::stat::fstat(&client).unwrap().st_ino;
        let found = diag.find(from, here).unwrap().expect("the client's end");
        assert_eq!((u64::from(found.inode), found.uid), (inode, crate::sys::peer::own_uid()));
        assert_eq!((found.local, found.remote), (from, here));
        let other = diag.find(here, from).unwrap().expect("our own end");
        assert_eq!(u64::from(other.inode), nix::sys::stat::fstat(&accepted).unwrap().st_ino);
        drop(client);
        assert_eq!(diag.find(from, here).unwrap(), None, "nobody holds it any more");
        let nobody = SocketAddr::new(from.ip(), 1);
        assert_eq!(diag.find(nobody, here).unwrap(), None);
        assert!(diag.find(from, here).is_ok(), "an answer of none spoils nothing");
    }
}

#[test]
fn a_client_that_speaks_ipv4_through_ipv6_is_found() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (accepted, peer) = listener.accept().unwrap();
    assert!(peer.is_ipv6());
    let mut diag = SockDiag::open().unwrap();
    let found = diag.find(peer, accepted.local_addr().unwrap()).unwrap().expect("the client's end");
    assert_eq!(u64::from(found.inode), nix::sys::stat::fstat(&client).unwrap().st_ino);
}

#[test]
fn known_sockets_asked_for_again_are_told_as_a_dump_tells_them() {
    let mut diag = SockDiag::open().unwrap();
    let (mut ends, mut listeners) = (Vec::new(), Vec::new());
    for place in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
        let listener = TcpListener::bind(place).unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = if place.starts_with("127") || place == "[::]:0" { "127.0.0.1" } else { "::1" };
        // More than go into one datagram, and both ends of each.
        for _ in 0..40 {
            ends.push(TcpStream::connect((host, port)).unwrap());
            ends.push(listener.accept().unwrap().0);
        }
        listeners.push(listener);
    }
    let ours: Vec<u32> = ends.iter().map(inode).chain(listeners.iter().map(inode)).collect();
    let mut dumped = Vec::new();
    let mut dump = |diag: &mut SockDiag| {
        diag.dump(States::ALL, Detail::Plain, &mut dumped).unwrap();
        let mut found = dumped.clone();
        found.retain(|record| ours.contains(&record.inode));
        found.sort_unstable_by_key(|record| record.inode);
        found
    };
    let known = dump(&mut diag);
    assert_eq!(known.len(), ours.len());
    let mut again = Vec::new();
    diag.revisit(&known, &mut again).unwrap();
    again.sort_unstable_by_key(|record| record.inode);
    assert_eq!(again, known);

    // Every other one: its peer has gone, or it is closed itself, or half of it is.
    for place in (0..ends.len()).rev().step_by(3) {
        match place % 2 {
            0 => drop(ends.swap_remove(place)),
            _ => ends[place].shutdown(Shutdown::Write).unwrap(),
        }
    }
    let settled = crate::sys::deadline::Deadline::after(std::time::Duration::from_secs(10));
    loop {
        let now = dump(&mut diag);
        let mut again = Vec::new();
        diag.revisit(&known, &mut again).unwrap();
        again.sort_unstable_by_key(|record| record.inode);
        if again == now && now != known && now == dump(&mut diag) {
            break;
        }
        assert!(!settled.passed(), "{again:?}\n{now:?}");
    }
}
