//! Bounds of number and time.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fdguard::sys::pidfd::Signal;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{Ending, echo, ending, is_served};

#[test]
fn a_client_too_many_is_closed_and_the_others_stay() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "clients = { max = 2, reserve = 0 }");
    let mut clients = [guard.client(), guard.client()];
    clients.iter_mut().for_each(|client| assert!(is_served(client)));
    assert_eq!(ending(&mut guard.client()), Ending::InOrder);
    guard.wait_for_count("refused.clients_full", 1);
    clients.iter_mut().for_each(|client| assert!(is_served(client)));
    drop(clients);
    guard.wait_for_pool("they have left", |pool| pool.clients.is_empty());
    assert!(is_served(&mut guard.client()));
}

#[test]
fn who_waits_is_served_in_turn_and_sees_nothing_of_it() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "pool = { max = 1, wait = \"1m\" }");
    let mut first = guard.client();
    assert!(is_served(&mut first));
    let mut waiting: Vec<TcpStream> = Vec::new();
    for place in 1..=3 {
        let mut client = guard.client();
        client.write_all(&[b'0' + place]).unwrap();
        waiting.push(client);
        guard.wait_for_pool("it waits", |pool| {
            let waits = pool.clients.iter().filter(|client| client.state == "waiting");
            waits.count() == usize::from(place)
        });
    }
    assert_eq!(server.accepted(), 1);
    drop(first);
    for (place, mut client) in waiting.into_iter().enumerate() {
        let mut heard = [0];
        client.read_exact(&mut heard).unwrap();
        assert_eq!(usize::from(heard[0] - b'0'), place + 1, "what it said while it waited was kept");
    }
    assert_eq!(server.accepted(), 4, "no connection was used twice");
}

#[test]
fn who_waits_too_long_is_closed() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "pool = { max = 1, wait = \"300ms\" }");
    let mut first = guard.client();
    assert!(is_served(&mut first));
    let begun = Instant::now();
    assert_eq!(ending(&mut guard.client()), Ending::InOrder);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    guard.wait_for_count("refused.wait_over", 1);
    assert!(is_served(&mut first));
}

#[test]
fn who_leaves_while_waiting_costs_no_server_connection() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "pool = { max = 1, wait = \"1m\" }");
    let mut first = guard.client();
    assert!(is_served(&mut first));
    let gone = guard.client();
    guard.wait_for_pool("it waits", |pool| pool.clients.len() == 2);
    drop(gone);
    guard.wait_for_pool("it is forgotten", |pool| pool.clients.len() == 1);
    drop(first);
    assert!(is_served(&mut guard.client()));
    assert_eq!(server.accepted(), 2);
}

#[test]
fn a_session_at_rest_ends_and_one_at_work_does_not() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "clients = { idle = \"500ms\" }");
    let (mut idle, mut busy) = (guard.client(), guard.client());
    assert!(is_served(&mut idle) && is_served(&mut busy));
    idle.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    while idle.read(&mut [0]).is_err() {
        assert_eq!(echo(&mut busy, b"on"), b"on");
        assert!(begun.elapsed() < crate::support::PATIENCE, "it is still there");
    }
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    guard.wait_for_count("closed.idle_over", 1);
    guard.wait_for_count("parted.idle_over", 1);
}

#[test]
fn a_session_ends_at_its_age_whatever_it_does() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "pool = { lifetime = \"700ms\" }");
    let mut client = guard.client();
    let begun = Instant::now();
    while is_served(&mut client) {
        assert!(begun.elapsed() < crate::support::PATIENCE, "it is still there");
    }
    assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
    guard.wait_for_count("closed.lifetime_over", 1);
}

#[test]
fn limits_change_alive() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "pool = { max = 1, wait = \"200ms\" }");
    let mut first = guard.client();
    assert!(is_served(&mut first));
    assert_eq!(ending(&mut guard.client()), Ending::InOrder);
    guard.reload("pool = { max = 2, wait = \"5s\" }");
    let mut second = guard.client();
    assert!(is_served(&mut second) && is_served(&mut first), "and costs no session");
}

#[test]
fn at_the_end_what_rests_goes_and_what_works_may_end() {
    let server = Server::echo();
    let mut guard = Guard::start(&[server.address], "drain = \"20s\"");
    let (mut rests, mut works) = (guard.client(), guard.client());
    assert!(is_served(&mut rests) && is_served(&mut works));
    guard.wait_for_pool("both rest", |pool| pool.clients_idle == 2);
    assert!(is_served(&mut works));
    guard.signal(Signal::TERM);
    assert_eq!(ending(&mut rests), Ending::InOrder);
    // It is at work as long as something passes.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        assert_eq!(echo(&mut works, b"still here"), b"still here");
    }
    assert!(TcpStream::connect(guard.address).is_err(), "nobody is let in");
    drop(works);
    assert!(guard.ended().success());
    assert!(begun.elapsed() < Duration::from_secs(15), "nobody waits for the deadline");
}

#[test]
fn at_the_end_what_does_not_rest_is_cut() {
    let server = Server::echo();
    let mut guard = Guard::start(&[server.address], "drain = \"1s\"");
    let mut client = guard.client();
    assert!(is_served(&mut client));
    guard.signal(Signal::TERM);
    while is_served(&mut client) {}
    assert!(guard.ended().success());
}
