//! What a policy or a person has a pool do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{Ending, echo, ending, is_served};

/// A server that answers what begins with `!`, and no other word.
fn moody() -> Server {
    Server::doing(|mut stream: TcpStream| {
        let mut room = [0; 64];
        while let Ok(count) = stream.read(&mut room) {
            if count == 0 || (room[0] == b'!' && stream.write_all(&room[..count]).is_err()) {
                return;
            }
        }
    })
}

/// A session at rest, and one that waits for its answer.
fn two(guard: &Guard) -> (TcpStream, TcpStream) {
    let (mut rests, mut works) = (guard.client(), guard.client());
    echo(&mut rests, b"!done");
    echo(&mut works, b"!begin");
    works.write_all(b"question").unwrap();
    guard.wait_for_pool("one rests", |pool| pool.clients_idle == 1 && pool.clients.len() == 2);
    (rests, works)
}

#[test]
fn a_reset_of_what_is_idle_leaves_a_question_its_answer() {
    let server = moody();
    let guard = Guard::start(&[server.address], "");
    let (mut rests, mut works) = two(&guard);
    let said = guard.run(&["ctl", "reset", "bus", "--how", "idle"]);
    assert!(said.contains("closed 1 connection; 1 client was told to go"), "{said}");
    assert_eq!(ending(&mut rests), Ending::InOrder);
    assert_eq!(echo(&mut works, b"!answer"), b"!answer");
    guard.wait_for_count("closed.reset", 1);
    guard.wait_for_count("parted.cut", 1);
}

#[test]
fn a_reset_by_drain_takes_the_rest_when_it_comes_to_rest() {
    let server = moody();
    let guard = Guard::start(&[server.address], "drain = \"1m\"");
    let (mut rests, mut works) = two(&guard);
    let said = guard.run(&["ctl", "reset", "bus", "--how", "drain"]);
    assert!(said.contains("closed 1 connection; 1 in use, closed when they come back"), "{said}");
    assert_eq!(ending(&mut rests), Ending::InOrder);
    assert_eq!(echo(&mut works, b"!answer"), b"!answer");
    assert_eq!(ending(&mut works), Ending::InOrder);
    guard.wait_for_count("closed.reset", 2);
    let mut after = guard.client();
    assert_eq!(echo(&mut after, b"!new"), b"!new");
}

#[test]
fn a_drain_ends_by_force() {
    let server = moody();
    let guard = Guard::start(&[server.address], "drain = \"1s\"");
    let (_rests, mut works) = two(&guard);
    guard.run(&["ctl", "reset", "bus", "--how", "drain"]);
    assert_eq!(ending(&mut works), Ending::InOrder);
    guard.wait_for_count("closed.reset_forced", 1);
}

#[test]
fn a_hard_reset_takes_all_at_once_and_a_share_the_oldest() {
    let server = moody();
    let guard = Guard::start(&[server.address], "");
    let (mut rests, mut works) = two(&guard);
    let said = guard.run(&["ctl", "reset", "bus", "--how", "hard", "--share", "50%"]);
    assert!(said.contains("closed 1 connection; 1 client was told to go"), "{said}");
    assert_eq!(ending(&mut rests), Ending::InOrder, "it came first");
    assert_eq!(echo(&mut works, b"!answer"), b"!answer");
    guard.run(&["ctl", "reset", "bus", "--how", "hard"]);
    assert_eq!(ending(&mut works), Ending::InOrder);
    guard.wait_for_pool("nobody is left", |pool| pool.clients.is_empty() && pool.servers.is_empty());
}

#[test]
fn status_tells_of_sessions_and_bytes() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    echo(&mut client, b"hello");
    let pool = guard.wait_for_pool("it is told", |pool| {
        pool.clients.first().is_some_and(|client| client.traffic.is_some_and(|traffic| traffic.up == 5))
    });
    let seen = &pool.clients[0];
    assert_eq!(seen.traffic.unwrap().down, 5);
    assert_eq!(seen.address, client.local_addr().unwrap().to_string());
    assert!(seen.inode.is_some(), "its descriptor can be found");
    assert_eq!(pool.servers[0].holder, Some(seen.place));
    assert!(guard.run(&["status"]).contains("bus"), "it has a row");
    assert!(is_served(&mut client));
}
