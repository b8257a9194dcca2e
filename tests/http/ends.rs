//! How clients and the agent end.

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use fdguard::sys::pidfd::Signal;

use crate::support::guard::Guard;
use crate::support::message::read;
use crate::support::server::Server;
use crate::support::{answer, ask, get, mirror, ok, server};

#[test]
fn a_client_that_dies_in_a_request_takes_its_connection_along() {
    let (sender, ended) = channel();
    let sender = Mutex::new(sender);
    let server = Server::doing(move |mut stream| {
        let _request = read(&mut stream);
        // It never answers: only the end of the connection comes.
        let next = read(&mut stream);
        sender.lock().unwrap().send(next.is_ok_and(|next| next.is_none())).unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.write_all(get("/").as_bytes()).unwrap();
    guard.wait_for_pool("it is at work", |pool| pool.servers.iter().any(|server| server.state == "active"));
    drop(client);
    assert!(ended.recv().unwrap(), "the server hears of it");
    guard.wait_for_count("closed.client_gone", 1);
    guard.wait_for_count("parted.lost", 1);
}

#[test]
fn a_client_that_has_closed_its_half_still_gets_its_answer() {
    let (sender, go) = channel::<()>();
    let go = Mutex::new(go);
    let server = server(move |_| {
        go.lock().unwrap().recv().unwrap();
        ok("late")
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.write_all(get("/").as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    guard.wait_for_pool("it is at work", |pool| pool.servers.iter().any(|server| server.state == "active"));
    sender.send(()).unwrap();
    assert_eq!(answer(&mut client).text(), "late");
    assert!(read(&mut client).unwrap().is_none());
    guard.wait_for_pool("it has gone", |pool| pool.clients.is_empty());
}

#[test]
fn descriptors_are_back_when_all_have_gone() {
    let server = mirror();
    let guard = Guard::start(&[server.address], "pool.idle = \"200ms\"");
    assert_eq!(ask(&mut guard.client(), &get("/")).status(), 200);
    guard.wait_for_pool("the first has gone", |pool| pool.clients.is_empty() && pool.servers.is_empty());
    let before = guard.descriptors();
    let mut clients: Vec<_> = (0..100).map(|_| guard.client()).collect();
    for client in &mut clients {
        assert_eq!(ask(client, &get("/")).status(), 200);
    }
    assert!(guard.descriptors() > before);
    drop(clients);
    guard.wait_for_pool("all have gone", |pool| pool.clients.is_empty() && pool.servers.is_empty());
    assert!(guard.descriptors() <= before, "{} after {before}", guard.descriptors());
}

#[test]
fn the_agent_ends_when_the_last_request_is_answered() {
    let (sender, go) = channel::<()>();
    let go = Mutex::new(go);
    let server = server(move |_| {
        go.lock().unwrap().recv().unwrap();
        ok("last")
    });
    let mut guard = Guard::start(&[server.address], "drain = \"30s\"");
    let mut client = guard.client();
    client.write_all(get("/").as_bytes()).unwrap();
    let mut resting = guard.client();
    resting.write_all(b"\r\n").unwrap();
    guard.wait_for_pool("both are there", |pool| pool.clients.len() == 2 && !pool.servers.is_empty());
    guard.signal(Signal::TERM);
    assert!(read(&mut resting).unwrap().is_none(), "it is closed in order");
    sender.send(()).unwrap();
    let said = answer(&mut client);
    assert_eq!((said.text().as_str(), said.field("connection")), ("last", Some("close")));
    assert!(guard.ended().success());
}
