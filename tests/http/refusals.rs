//! What is not passed on, and in which words that is told.

use std::io::{Read as _, Write as _};

use crate::support::guard::{Guard, free_address};
use crate::support::message::{Message, read};
use crate::support::server::Server;
use crate::support::{answer, ask, get, mirror, ok, server, wait_for};

/// What a client hears for these bytes, which must be the end of its connection.
fn refused(guard: &Guard, said: &str) -> Message {
    let mut client = guard.client();
    client.write_all(said.as_bytes()).unwrap();
    let heard = answer(&mut client);
    assert_eq!(heard.field("connection"), Some("close"), "{said:?}");
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "{said:?}");
    heard
}

#[test]
fn requests_that_hide_another_are_refused_and_never_seen_by_the_server() {
    let server = mirror();
    let guard = Guard::start(&[server.address], "");
    for (lines, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: +5\r\n", 400),
        ("Transfer-Encoding: chunked, identity\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding : chunked\r\n", 400),
        ("X: a\r\n b\r\n", 400),
        ("X: a\0b\r\n", 400),
        ("Host: other\r\n", 400),
    ] {
        let said =
            format!("POST / HTTP/1.1\r\nHost: bot\r\n{lines}\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n");
        let heard = refused(&guard, &said);
        assert_eq!((heard.status(), heard.reason().as_str()), (status, "bad_request"), "{lines:?}");
    }
    for (said, status) in [
        ("GET /\r\n", 400),
        ("GET / HTTP/1.1\nHost: bot\n\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\n\r\n", 505),
        ("\x16\x03\x01\x02\0\x01\0\x01\x7c\x03\x03\n", 400),
        ("GET http://other/ HTTP/1.1\r\nHost: other\r\n\r\n", 400),
        ("CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\n", 400),
    ] {
        assert_eq!(refused(&guard, said).status(), status, "{said:?}");
    }
    let long = format!("GET / HTTP/1.1\r\nHost: bot\r\nX: {}\r\n\r\n", "a".repeat(64 << 10));
    assert_eq!(refused(&guard, &long).status(), 431);
    assert_eq!(server.accepted(), 0);
    let chunked = "POST / HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n";
    assert_eq!(refused(&guard, chunked).status(), 400);
    assert_eq!(ask(&mut guard.client(), &get("/")).status(), 200);
}

#[test]
fn a_full_pool_a_full_queue_and_too_many_clients_are_told_apart() {
    let (begun, release) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
    let hold = std::sync::Mutex::new(release.1);
    let begin = std::sync::Mutex::new(begun.0);
    let server = server(move |request| {
        if request.head.contains("/hold") {
            begin.lock().unwrap().send(()).unwrap();
            hold.lock().unwrap().recv().unwrap();
        }
        ok("done")
    });
    let keys = "pool = { max = 1, waiters = 1, wait = \"4s\" }\nclients = { max = 4, reserve = 1 }";
    let guard = Guard::start(&[server.address], keys);
    let mut holder = guard.client();
    holder.write_all(get("/hold").as_bytes()).unwrap();
    begun.1.recv().unwrap();
    let mut waiter = guard.client();
    waiter.write_all(get("/").as_bytes()).unwrap();
    guard.wait_for_pool("one waits", |pool| pool.clients.iter().any(|client| client.state == "waiting"));
    let full = ask(&mut guard.client(), &get("/"));
    assert_eq!((full.status(), full.reason().as_str()), (503, "queue_full"));
    assert_eq!(full.field("retry-after"), Some("1"));
    let late = answer(&mut waiter);
    assert_eq!((late.status(), late.reason().as_str()), (503, "wait_over"));
    drop(waiter);
    guard.wait_for_pool("one is left", |pool| pool.clients.len() == 1);
    let mut others: Vec<_> = (0..4).map(|_| guard.client()).collect();
    for other in &mut others {
        // A listener tells of a client once it has spoken: half a request is enough.
        other.write_all(b"GET").unwrap();
    }
    guard.wait_for_count("refused.clients_full", 1);
    for other in &mut others {
        other.write_all(b" / HTTP/1.1\r\nHost: bot\r\n\r\n").unwrap();
    }
    let reasons = others.iter_mut().map(|other| answer(other).reason());
    assert!(reasons.collect::<Vec<_>>().contains(&"clients_full".to_owned()));
    release.0.send(()).unwrap();
    assert_eq!(answer(&mut holder).text(), "done");
}

#[test]
fn an_upstream_that_is_not_there_hangs_or_speaks_nonsense_is_told_of() {
    let nowhere = Guard::start(&[free_address()], "pool.wait = \"1s\"");
    let heard = ask(&mut nowhere.client(), &get("/"));
    assert_eq!(heard.status(), 503);
    assert!(["wait_over", "upstream_down"].contains(&heard.reason().as_str()), "{}", heard.reason());
    let silent = Server::doing(|mut stream| while let Ok(Some(_)) = read(&mut stream) {});
    let guard = Guard::start(&[silent.address], "pool.read_timeout = \"300ms\"");
    let heard = ask(&mut guard.client(), &get("/"));
    assert_eq!((heard.status(), heard.reason().as_str()), (504, "upstream_late"));
    guard.wait_for_count("closed.command_late", 1);
    let dribbling = Server::doing(|mut stream| {
        let _request = read(&mut stream);
        while stream.write_all(b"HTTP/1.1 103 X\r\n\r\n").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    let guard = Guard::start(&[dribbling.address], "pool.total_timeout = \"500ms\"");
    let mut client = guard.client();
    let mut heard = ask(&mut client, &get("/"));
    while heard.status() == 103 {
        heard = answer(&mut client);
    }
    assert_eq!(heard.status(), 504);
    let both = "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n";
    for nonsense in ["hello\r\n", "HTTP/1.1 101 X\r\n\r\n", &format!("HTTP/1.1 200 OK\r\n{both}")] {
        let nonsense = nonsense.to_owned();
        let server = server(move |_| nonsense.clone());
        let guard = Guard::start(&[server.address], "");
        let heard = ask(&mut guard.client(), &get("/"));
        assert_eq!((heard.status(), heard.reason().as_str()), (502, "upstream_protocol"));
        guard.wait_for_count("closed.upstream_protocol", 1);
    }
}

#[test]
fn a_client_that_does_not_go_on_is_told_so() {
    let server = mirror();
    let guard = Guard::start(&[server.address], "clients.head = \"300ms\"\npool.read_timeout = \"500ms\"");
    assert_eq!(refused(&guard, "GET / HTTP/1.1\r\nHost:").status(), 408);
    let body = "POST / HTTP/1.1\r\nHost: bot\r\nContent-Length: 5\r\n\r\nhe";
    assert_eq!(refused(&guard, body).status(), 408);
    guard.wait_for_count("closed.client_gone", 1);
    let resting = Guard::start(&[server.address], "clients.idle = \"300ms\"");
    let mut client = resting.client();
    assert_eq!(ask(&mut client, &get("/")).status(), 200);
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "it is closed without a word");
    resting.wait_for_count("parted.idle_over", 1);
}

#[test]
fn an_upstream_that_dies_in_its_answer_cuts_the_client() {
    let server = Server::doing(|mut stream| {
        let _request = read(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.write_all(get("/").as_bytes()).unwrap();
    let error = read(&mut client).unwrap_err();
    assert!(
        [std::io::ErrorKind::ConnectionReset, std::io::ErrorKind::UnexpectedEof].contains(&error.kind()),
        "{error}"
    );
    wait_for("the count", || {
        guard.pool().counters.get("closed.upstream_lost").copied().filter(|count| *count == 1)
    });
}
