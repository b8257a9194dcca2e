//! One request after the other: what the server sees of it, and what the client gets.

use std::io::{Read as _, Write as _};

use crate::support::guard::Guard;
use crate::support::{answer, ask, get, mirror, ok, server};

#[test]
fn a_request_passes_without_what_is_of_one_hop() {
    let server = mirror();
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    let seen = ask(
        &mut client,
        "GET /a?b HTTP/1.1\r\nHost: bot\r\nX-Own: 1\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 2\r\nTE: trailers\r\n\r\n",
    );
    assert_eq!((seen.status(), seen.field("connection")), (200, None));
    assert_eq!(seen.text(), format!("GET /a?b HTTP/1.1\r\nHost: {}\r\nX-Own: 1", server.address));
    let guard = Guard::start(&[server.address], "host = \"client\"");
    assert_eq!(ask(&mut guard.client(), &get("/")).text(), "GET / HTTP/1.1\r\nHost: bot");
}

#[test]
fn answers_to_pipelined_requests_come_in_order() {
    let server =
        server(|request| ok(&format!("{} {}", request.head.split(' ').nth(1).unwrap(), request.text())));
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    let post = "POST /b HTTP/1.1\r\nHost: bot\r\nContent-Length: 4\r\n\r\nbody";
    let all = format!("{}{post}\r\n{}", get("/a"), get("/c"));
    client.write_all(all.as_bytes()).unwrap();
    let said: Vec<String> = (0..3).map(|_| answer(&mut client).text()).collect();
    assert_eq!(said, ["/a ", "/b body", "/c "]);
    // The same in pieces of one byte.
    for byte in all.as_bytes() {
        client.write_all(&[*byte]).unwrap();
    }
    let said: Vec<String> = (0..3).map(|_| answer(&mut client).text()).collect();
    assert_eq!(said, ["/a ", "/b body", "/c "]);
    assert_eq!(server.accepted(), 1, "by one connection");
}

#[test]
fn what_a_client_of_the_older_version_asks_goes_up_as_the_newer_one_and_comes_back_whole() {
    let server = server(|request| {
        if request.head.contains("/chunks") {
            return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n3\r\nhow\r\n4;a=b\r\ndy!!\r\n0\r\nx: y\r\n\r\n"
                .to_owned();
        }
        ok(&request.head)
    });
    let guard = Guard::start(&[server.address], "");
    let seen = ask(&mut guard.client(), "GET /old HTTP/1.0\r\n\r\n").text();
    assert_eq!(seen, format!("GET /old HTTP/1.1\r\nHost: {}", server.address));
    let mut client = guard.client();
    client.write_all(b"GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "howdy!!");
    assert!(
        head.contains("Connection: close") && !head.to_lowercase().contains("transfer-encoding"),
        "{head}"
    );
    assert_eq!(server.accepted(), 1, "its connections are kept all the same");
    // Who passes the client's own on has none to pass on here.
    let guard = Guard::start(&[server.address], "host = \"client\"");
    for (host, seen) in [("", format!("Host: {}", server.address)), ("Host: bot\r\n", "Host: bot".to_owned())]
    {
        let own = ask(&mut guard.client(), &format!("GET /old HTTP/1.0\r\n{host}\r\n")).text();
        assert_eq!(own, format!("GET /old HTTP/1.1\r\n{seen}"));
    }
}

#[test]
fn a_client_of_the_older_version_is_answered_in_its_terms() {
    let server = server(|request| {
        let last = if request.head.contains("/last") { "Connection: close\r\n" } else { "" };
        format!("HTTP/1.1 200 OK\r\n{last}Content-Length: 2\r\n\r\nhi")
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    let kept = ask(&mut client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((kept.field("connection"), kept.text().as_str()), (Some("keep-alive"), "hi"));
    let last = ask(&mut client, "GET / HTTP/1.0\r\n\r\n");
    assert_eq!((last.field("connection"), last.text().as_str()), (Some("close"), "hi"));
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    // What the server does with its connection is none of the client's business.
    let mut client = guard.client();
    for _ in 0..3 {
        let said = ask(&mut client, &get("/last"));
        assert_eq!((said.field("connection"), said.text().as_str()), (None, "hi"));
    }
    guard.wait_for_count("closed.last_answer", 3);
}

#[test]
fn interim_answers_pass_and_head_has_no_body() {
    let server = server(|request| {
        let early =
            if request.head.contains("early") { "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" } else { "" };
        let body = if request.head.starts_with("HEAD") { "" } else { "hi" };
        format!("{early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}")
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    assert_eq!(ask(&mut client, &get("/early")).status(), 103);
    assert_eq!(answer(&mut client).text(), "hi");
    client.write_all(b"HEAD / HTTP/1.1\r\nHost: bot\r\n\r\n").unwrap();
    let head = crate::support::message::head(&mut client).unwrap().unwrap();
    assert!(head.contains("Content-Length: 2"), "{head}");
    assert_eq!(ask(&mut client, &get("/")).text(), "hi", "nothing is left of it");
}
