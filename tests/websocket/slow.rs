//! Clients that do not take what they are sent.

use std::io::Write as _;

use tokio_tungstenite::tungstenite::Message;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{client, closed, json, serve, server, wait_for};

/// Says numbers of one topic, as many as it is told, each a kilobyte long.
fn talker(count: u32) -> Server {
    server(move |mut open| {
        for n in 0..count {
            let text = serde_json::json!({"t": "one", "n": n, "fill": "x".repeat(1_000)}).to_string();
            if open.send(Message::text(text)).is_err() {
                return;
            }
        }
        while open.read().is_ok() {}
    })
}

#[test]
fn the_upstream_waits_for_a_slow_client_and_nothing_is_lost() {
    let server = talker(20_000);
    let guard = Guard::start(&[server.address], "");
    let before = guard.memory();
    let mut client = client(&guard);
    wait_for("the proxy has been filled", || (guard.pool().traffic?.down > 1 << 16).then_some(()));
    assert!(guard.memory() < before + (8 << 20), "what waits is bounded");
    for n in 0..20_000 {
        assert_eq!(json(&mut client)["n"], n);
    }
}

#[test]
fn a_slow_client_is_closed_where_the_settings_say_so() {
    let server = talker(50_000);
    let guard = Guard::start(&[server.address], "stream = { slow = \"close\" }\nclients.buffer = \"64KiB\"");
    let mut client = client(&guard);
    guard.wait_for_count("parted.cut", 1);
    assert_eq!(closed(&mut client), 1008);
}

#[test]
fn a_slow_client_gets_the_newest_of_each_topic_where_the_settings_say_so() {
    let server = talker(20_000);
    // While it talks it answers no ping, and that takes a while on a machine that is busy.
    let guard = Guard::start(
        &[server.address],
        "stream = { slow = \"conflate\", topic = \"/t\", heartbeat = \"none\" }\nclients.buffer = \"64KiB\"",
    );
    let mut client = client(&guard);
    wait_for("messages were replaced", || {
        let pool = guard.pool();
        (pool.stream?.messages == 20_000).then_some(())
    });
    let (mut last, mut count) = (None, 0);
    while last != Some(19_999) {
        let n = json(&mut client)["n"].as_u64();
        assert!(n > last, "in order");
        (last, count) = (n, count + 1);
    }
    assert!(count < 20_000, "some were left out");
    let stream = guard.pool().stream.unwrap();
    assert_eq!(stream.dropped + count, 20_000, "and counted");
}

/// So many pings of 125 bytes are more than sockets hold.
const PINGS: usize = 400_000;

fn pings(mask: bool) -> Vec<u8> {
    let mut ping = vec![0x89, if mask { 0xfd } else { 0x7d }];
    ping.resize(ping.len() + if mask { 4 } else { 0 } + 125, 0);
    ping.repeat(1_000)
}

#[test]
fn pings_of_who_does_not_read_are_answered_by_the_latest_only() {
    // An upstream that pings and does not read.
    let (told, done) = std::sync::mpsc::channel();
    let server = Server::doing(move |stream| {
        let told = told.clone();
        serve(stream, move |mut open| {
            let pings = pings(false);
            for _ in 0..PINGS / 1_000 {
                open.get_mut().write_all(&pings).unwrap();
            }
            told.send(()).unwrap();
            std::thread::park_timeout(std::time::Duration::from_secs(60));
        });
    });
    let guard = Guard::start(&[server.address], "stream.heartbeat = \"none\"");
    let before = guard.memory();
    let mut client = client(&guard);
    done.recv_timeout(std::time::Duration::from_secs(60)).expect("all is read");
    // And a client that does the same.
    let pings = pings(true);
    for _ in 0..PINGS / 1_000 {
        client.get_mut().write_all(&pings).unwrap();
    }
    assert!(guard.memory() < before + (8 << 20), "what waits is bounded: {} and {before}", guard.memory());
}
