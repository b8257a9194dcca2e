//! A change of protocol: a tunnel that counts as the connection that it is.

use std::io::{Read as _, Write as _};

use crate::support::guard::Guard;
use crate::support::message::head;
use crate::support::server::{Server, echo};
use crate::support::{ask, comes_back_whole, get, wait_for};

const UPGRADE: &str =
    "GET /ws HTTP/1.1\r\nHost: bot\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n";

/// Changes over to an echo, and says the first word there.
fn upgrading() -> Server {
    Server::doing(|mut stream| {
        let request = head(&mut stream).unwrap().unwrap();
        assert!(request.contains("Upgrade: echo") && request.contains("Connection: Upgrade"), "{request}");
        let answer = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst";
        stream.write_all(answer).unwrap();
        echo(stream);
    })
}

#[test]
fn after_an_upgrade_bytes_pass_both_ways_and_so_does_an_end() {
    let server = upgrading();
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.write_all(UPGRADE.as_bytes()).unwrap();
    let said = head(&mut client).unwrap().unwrap();
    assert!(said.starts_with("HTTP/1.1 101") && said.to_lowercase().contains("upgrade: echo"), "{said}");
    let mut heard = [0; 5];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"first");
    comes_back_whole(&mut client);
    guard.wait_for_count("closed.session_over", 1);
    guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
}

#[test]
fn a_tunnel_is_one_of_the_connections_and_ends_when_it_rests_too_long() {
    let server = upgrading();
    let guard =
        Guard::start(&[server.address], "pool = { max = 1, wait = \"300ms\" }\nclients.idle = \"2s\"");
    let mut client = guard.client();
    client.write_all(UPGRADE.as_bytes()).unwrap();
    let _head = head(&mut client).unwrap().unwrap();
    let refused = ask(&mut guard.client(), &get("/"));
    assert_eq!((refused.status(), refused.reason().as_str()), (503, "wait_over"));
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"first");
    guard.wait_for_count("closed.idle_over", 1);
    wait_for("the client is gone", || guard.pool().clients.is_empty().then_some(()));
}
