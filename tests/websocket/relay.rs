//! Messages pass as they are, and nothing is left behind.

use std::io::{Read as _, Write as _};

use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{client, closed, dial, echo, serve_first_protocol, server, text};

#[test]
fn messages_pass_both_ways_whatever_their_size() {
    let server = server(echo);
    let guard = Guard::start(&[server.address], "");
    let before = guard.descriptors();
    let mut client = client(&guard);
    for size in [0, 1, 125, 126, 65_535, 65_536, 300_000, 3 << 20] {
        let sent = Message::text("x".repeat(size));
        client.send(sent.clone()).unwrap();
        assert!(client.read().unwrap() == sent, "{size} bytes come back");
        let sent = Message::binary(vec![7; size]);
        client.send(sent.clone()).unwrap();
        assert!(client.read().unwrap() == sent, "{size} bytes come back");
    }
    client.send(Message::Ping("are you there".into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong("are you there".into()));
    client.close(None).unwrap();
    assert_eq!(closed(&mut client), 1000, "it is answered");
    guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
    crate::support::wait_for("the descriptors are given back", || {
        (guard.descriptors() <= before).then_some(())
    });
}

#[test]
fn many_messages_keep_their_order_and_their_bounds() {
    let server = server(echo);
    let guard = Guard::start(&[server.address], "");
    let mut client = client(&guard);
    for number in 0..2_000 {
        client.write(Message::text(number.to_string())).unwrap();
    }
    client.flush().unwrap();
    for number in 0..2_000 {
        assert_eq!(text(&mut client), number.to_string());
    }
}

#[test]
fn the_request_passes_and_its_subprotocol_comes_back() {
    let server = Server::doing(|stream| serve_first_protocol(stream, echo));
    let guard = Guard::start(&[server.address], "");
    let mut request = format!("ws://{}/ws", guard.address).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "v2.json, v1.json".parse().unwrap());
    let (mut client, answer) = tungstenite::client(request, guard.client()).unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "v2.json");
    client.send(Message::text("hello")).unwrap();
    assert_eq!(text(&mut client), "hello");
}

#[test]
fn what_the_upstream_is_asked_is_what_the_client_asked_for() {
    let (seen, heard) = std::sync::mpsc::channel();
    let server = Server::doing(move |mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        seen.send(String::from_utf8(head).unwrap()).unwrap();
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut request = format!("ws://{}/feed?a=b", guard.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
    request.headers_mut().insert("sec-websocket-extensions", "permessage-deflate".parse().unwrap());
    let refused = tungstenite::client(request, guard.client()).unwrap_err().to_string();
    assert!(refused.contains("401"), "the upstream's word reaches the client: {refused}");
    let head = heard.recv().unwrap().to_lowercase();
    assert!(head.starts_with("get /feed?a=b http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {}\r\n", server.address)), "{head}");
    assert!(head.contains("\r\nauthorization: bearer x\r\n"), "{head}");
    assert!(!head.contains("extensions"), "nothing is offered that is not carried: {head}");
    guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
}

#[test]
fn a_client_without_an_upstream_is_told_so() {
    let gone = crate::support::guard::free_address();
    let guard = Guard::start(&[gone], "pool = { wait = \"1s\", connect_timeout = \"1s\" }");
    let refused = dial(&guard).unwrap_err();
    assert!(refused.contains("502") || refused.contains("503") || refused.contains("504"), "{refused}");
}

#[test]
fn when_the_agent_ends_its_clients_are_told() {
    let server = server(echo);
    let mut guard = Guard::start(&[server.address], "");
    let mut client = client(&guard);
    client.send(Message::text("hello")).unwrap();
    assert_eq!(text(&mut client), "hello");
    guard.signal(fdguard::sys::pidfd::Signal::TERM);
    assert_eq!(closed(&mut client), 1001);
    assert!(guard.ended().success());
}
