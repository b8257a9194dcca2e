//! A forward proxy as its clients meet it: tunnels and whole URLs, and what it leads nobody to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fdguard::model::reading::Reading;

use crate::support::guard::{Guard, free_address};
use crate::support::message::head;
use crate::support::server::Server;
use crate::support::{answer, ask, comes_back_whole, forwarding, mirror, ok, server, wait_for};

/// Here, as clients have to name it.
const HOME: &[&str] = &["127.0.0.1:*", "localhost:*"];

fn connect(to: impl std::fmt::Display) -> String {
    format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n")
}

/// Opens a tunnel.
fn tunnel(guard: &Guard, to: SocketAddr) -> TcpStream {
    let mut client = guard.client();
    client.write_all(connect(to).as_bytes()).unwrap();
    let said = head(&mut client).unwrap().unwrap();
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    client
}

fn echoes(client: &mut TcpStream, word: &str) {
    client.write_all(word.as_bytes()).unwrap();
    let mut heard = vec![0; word.len()];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(heard, word.as_bytes());
}

/// What it gets that asks so, and that nothing more comes.
fn refused(guard: &Guard, request: &str) -> (u16, String) {
    let mut client = guard.client();
    let said = ask(&mut client, request);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"", "{request}: nothing behind it is taken for a request");
    (said.status(), said.reason())
}

#[test]
fn a_tunnel_carries_both_ways_and_each_end() {
    let far = Server::echo();
    let guard = forwarding(HOME, "");
    let mut client = guard.client();
    // What comes behind the head in the same breath is the tunnel's.
    client.write_all(format!("{}early", connect(far.address)).as_bytes()).unwrap();
    let said = head(&mut client).unwrap().unwrap();
    assert_eq!(said.lines().next(), Some("HTTP/1.1 200 Connection established"));
    let mut heard = [0; 5];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"early");
    guard.wait_for_pool("both are told", |pool| (pool.clients.len(), pool.servers.len()) == (1, 1));
    comes_back_whole(&mut client);
    guard.wait_for_count("closed.session_over", 1);
    guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
}

#[test]
fn a_server_that_speaks_first_is_heard() {
    let far = Server::doing(|mut stream| stream.write_all(b"220 hello\r\n").unwrap());
    let guard = forwarding(HOME, "");
    for _ in 0..20 {
        let mut client = tunnel(&guard, far.address);
        let mut said = [0; 11];
        client.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"220 hello\r\n");
    }
}

#[test]
fn whole_urls_are_asked_of_their_own_hosts_over_kept_connections() {
    let (one, two) = (mirror(), mirror());
    let guard = forwarding(HOME, "");
    let mut client = guard.client();
    for far in [&one, &two, &one, &two] {
        let url = format!("http://{}/a?b=c", far.address);
        let request = format!(
            "GET {url} HTTP/1.1\r\nHost: lies.example\r\nProxy-Connection: keep-alive\r\n\
             Proxy-Authorization: Basic c2VjcmV0\r\nX-Own: 1\r\n\r\n"
        );
        let said = ask(&mut client, &request);
        assert_eq!(said.status(), 200, "{said:?}");
        let got = said.text();
        assert!(got.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{got}");
        assert!(got.contains(&format!("Host: {}\r\n", far.address)) && got.contains("X-Own: 1"), "{got}");
        assert!(!got.contains("lies") && !got.to_lowercase().contains("proxy-"), "{got}");
    }
    assert_eq!((one.accepted(), two.accepted()), (1, 1), "each has one connection, used twice");
    for (asked, got) in [("GET", "GET / HTTP/1.1"), ("OPTIONS", "OPTIONS * HTTP/1.1")] {
        let said = ask(&mut client, &format!("{asked} http://{} HTTP/1.1\r\nHost: x\r\n\r\n", one.address));
        assert!(said.text().starts_with(got), "{said:?}");
    }
    let said = ask(&mut client, &format!("GET http://{}?q HTTP/1.1\r\nHost: x\r\n\r\n", one.address));
    assert!(said.text().starts_with("GET /?q HTTP/1.1"), "{said:?}");
    let body = "five!";
    let request = format!(
        "POST http://LOCALHOST:{}/x HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        one.address.port(),
        body.len()
    );
    let said = ask(&mut client, &request);
    assert!(said.text().contains(&format!("Host: localhost:{}\r\n", one.address.port())), "{said:?}");
}

#[test]
fn nobody_is_led_where_the_list_does_not_lead() {
    let far = Server::echo();
    let port = far.address.port();
    let guard = forwarding(&[&format!("localhost:{port}"), "127.1:*", "nowhere.invalid:*"], "");
    for (request, status, reason) in [
        (connect(far.address), 403, "not_allowed"),
        (connect(format!("localhost:{}", port - 1)), 403, "not_allowed"),
        (connect(format!("[::1]:{port}")), 403, "not_allowed"),
        (connect("169.254.169.254:80"), 403, "not_allowed"),
        (format!("GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n", far.address), 403, "not_allowed"),
        // The resolver takes this for a number that leads home, and it does not say so.
        (connect(format!("127.1:{port}")), 403, "address_not_allowed"),
        (format!("GET http://127.1:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n"), 403, "address_not_allowed"),
        (connect("nowhere.invalid:443"), 502, "unreachable"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400, "forward_proxy"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400, "forward_proxy"),
        (format!("GET https://localhost:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n"), 400, "wants_connect"),
    ] {
        assert_eq!(refused(&guard, &request), (status, reason.to_owned()), "{request}");
    }
    assert_eq!(far.accepted(), 0);
    echoes(&mut tunnel_by_name(&guard, port), "and home by its name");
}

fn tunnel_by_name(guard: &Guard, port: u16) -> TcpStream {
    let mut client = guard.client();
    client.write_all(connect(format!("localhost:{port}")).as_bytes()).unwrap();
    let said = head(&mut client).unwrap().unwrap();
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    client
}

#[test]
fn what_is_no_place_is_refused_and_nothing_behind_it_is_heard() {
    let far = mirror();
    let guard = forwarding(&["*:*", "127.0.0.1:*"], "");
    let smuggled = format!("GET http://{}/smuggled HTTP/1.1\r\nHost: x\r\n\r\n", far.address);
    for bad in [
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:99999999999",
        "127.0.0.1:-1",
        "127.0.0.1:80:80",
        ":80",
        "[::1]",
        "[::1:80",
        "[::g]:80",
        "[fe80::1%25lo]:80",
        "user@127.0.0.1:80",
        "user:pass@127.0.0.1:80",
        "http://127.0.0.1:80",
        "/",
        "*",
        "127.0.0.1%00:80",
        "a..b:80",
        "%31.0.0.1:80",
    ] {
        let (status, _) = refused(&guard, &format!("{}{smuggled}", connect(bad)));
        assert_eq!(status, 400, "{bad}");
    }
    for (fields, status) in [
        ("Content-Length: 5\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
    ] {
        let request = format!(
            "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{fields}\r\n0\r\n\r\n{smuggled}",
            to = far.address
        );
        assert_eq!(refused(&guard, &request).0, status, "{fields}");
    }
    // Names that are numbers in disguise are judged by where they lead.
    for odd in
        ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::]", "0.0.0.0", "[::1]"]
    {
        let (status, reason) =
            refused(&guard, &format!("{}{smuggled}", connect(format!("{odd}:{}", far.address.port()))));
        assert!(matches!(reason.as_str(), "address_not_allowed" | "unreachable"), "{odd}: {status} {reason}");
    }
    assert_eq!(far.accepted(), 0, "nothing was smuggled behind a refusal");
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let guard = forwarding(HOME, "clients.head = \"300ms\"");
    let mut client = guard.client();
    client.write_all(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: ").unwrap();
    let said = answer(&mut client);
    assert_eq!((said.status(), said.reason().as_str()), (408, "client_late"));
}

#[test]
fn a_place_that_can_not_be_reached_says_so_and_costs_others_nothing() {
    let far = Server::echo();
    let guard = forwarding(HOME, "");
    let closed = free_address();
    for _ in 0..10 {
        let begun = Instant::now();
        let (status, reason) = refused(&guard, &connect(closed));
        assert_eq!((status, reason.as_str()), (502, "unreachable"));
        assert!(begun.elapsed() < Duration::from_secs(3), "it is told at once");
        echoes(&mut tunnel(&guard, far.address), "others go on");
    }
    let said = ask(&mut guard.client(), &connect(closed));
    assert!(said.text().contains(&format!("{closed}")), "{}", said.text());
}

#[test]
fn the_proxy_does_not_lead_into_itself() {
    let guard = forwarding(HOME, "");
    assert_eq!(refused(&guard, &connect(guard.address)), (403, "address_not_allowed".to_owned()));
}

#[test]
fn tunnels_to_one_host_are_bounded_and_those_to_others_go_on() {
    let (one, two) = (Server::echo(), Server::echo());
    let guard = forwarding(HOME, "pool = { max = 3, per_host = 2, wait = \"2s\" }\nforward.spare = \"1m\"");
    let held = [tunnel(&guard, one.address), tunnel(&guard, one.address)];
    let mut third = guard.client();
    third.write_all(connect(one.address).as_bytes()).unwrap();
    guard.wait_for_pool("it waits", |pool| pool.signals["pool[].waiting"] == Reading::Known(1.0));
    echoes(&mut tunnel(&guard, two.address), "not held up");
    let said = answer(&mut third);
    assert_eq!((said.status(), said.reason().as_str()), (503, "wait_over"));
    drop(held);
    guard.wait_for_pool("they are gone", |pool| pool.servers.is_empty());
    let all: Vec<TcpStream> = [&one, &one, &two].into_iter().map(|far| tunnel(&guard, far.address)).collect();
    assert_eq!(
        refused(&guard, &connect(two.address)),
        (503, "wait_over".to_owned()),
        "three is all there are"
    );
    drop(all);
}

#[test]
fn a_waiter_has_the_place_that_comes_free() {
    let far = Server::echo();
    let guard = forwarding(HOME, "pool = { max = 1, wait = \"30s\" }");
    let first = tunnel(&guard, far.address);
    let mut second = guard.client();
    second.write_all(connect(far.address).as_bytes()).unwrap();
    guard.wait_for_pool("it waits", |pool| pool.signals["pool[].waiting"] == Reading::Known(1.0));
    drop(first);
    assert!(head(&mut second).unwrap().unwrap().starts_with("HTTP/1.1 200"));
    echoes(&mut second, "served");
}

#[test]
fn the_tunnel_that_rested_longest_makes_room() {
    let far = Server::echo();
    let guard = forwarding(HOME, "pool = { max = 2, wait = \"30s\" }\nforward.spare = \"2s\"");
    let mut longest = tunnel(&guard, far.address);
    echoes(&mut longest, "a word, and then no more");
    let mut other = tunnel(&guard, far.address);
    let mut third = guard.client();
    third.write_all(connect(far.address).as_bytes()).unwrap();
    wait_for("the third is served", || {
        echoes(&mut other, "at work");
        third.set_nonblocking(true).unwrap();
        let served = third.peek(&mut [0]).is_ok();
        third.set_nonblocking(false).unwrap();
        served.then_some(())
    });
    assert!(head(&mut third).unwrap().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(longest.read(&mut [0]).unwrap(), 0, "it ended in order");
    echoes(&mut other, "one at work was left alone");
    guard.wait_for_count("closed.made_room", 1);
}

#[test]
fn a_reset_takes_tunnels_as_it_takes_connections() {
    let far = Server::echo();
    let guard = forwarding(HOME, "drain = \"30s\"");
    let mut oldest = tunnel(&guard, far.address);
    echoes(&mut oldest, "1");
    let mut other = tunnel(&guard, far.address);
    guard.wait_for_pool("both rest", |pool| pool.clients_idle == 2);
    guard.run(&["ctl", "reset", "bus", "--how", "idle", "--share", "50%"]);
    assert_eq!(oldest.read(&mut [0]).unwrap(), 0, "the oldest goes, in order");
    echoes(&mut other, "the other one stays");
    guard.run(&["ctl", "reset", "bus", "--how", "idle"]);
    echoes(&mut other, "at work it is left alone");
    guard.run(&["ctl", "reset", "bus", "--how", "drain"]);
    assert_eq!(other.read(&mut [0]).unwrap(), 0, "a drain takes it once it rests");
    let mut last = tunnel(&guard, far.address);
    guard.run(&["ctl", "reset", "bus", "--how", "hard"]);
    assert_eq!(last.read(&mut [0]).unwrap(), 0);
    guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
}

#[test]
fn a_tunnel_ends_when_it_rests_too_long_or_is_too_old() {
    let far = Server::echo();
    let guard = forwarding(HOME, "clients.idle = \"1500ms\"");
    let mut client = tunnel(&guard, far.address);
    echoes(&mut client, "a word");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    guard.wait_for_count("closed.idle_over", 1);
    drop(guard);
    let guard = forwarding(HOME, "forward.lifetime = \"1s\"");
    let (mut client, begun) = (tunnel(&guard, far.address), Instant::now());
    while client.write_all(b"x").is_ok() && client.read(&mut [0]).is_ok_and(|count| count > 0) {
        assert!(begun.elapsed() < Duration::from_secs(20), "at work or not");
    }
    guard.wait_for_count("closed.lifetime_over", 1);
}

#[test]
fn a_client_that_leaves_leaks_nothing() {
    let far = Server::echo();
    let guard = forwarding(HOME, "");
    let before = guard.descriptors();
    for _ in 0..20 {
        drop(tunnel(&guard, far.address));
        let mut gone = guard.client();
        gone.write_all(connect(far.address).as_bytes()).unwrap();
        drop(gone);
        let _refused = refused(&guard, &connect(free_address()));
    }
    guard.wait_for_pool("all are gone", |pool| pool.servers.is_empty() && pool.clients.is_empty());
    wait_for("no descriptor is left", || (guard.descriptors() <= before).then_some(()));
}

#[test]
fn a_side_that_breaks_off_breaks_the_other() {
    let far = Server::doing(|mut stream| {
        stream.read_exact(&mut [0; 3]).unwrap();
        fdguard::sys::tcp::abort_on_close(&stream).unwrap();
    });
    let guard = forwarding(HOME, "");
    let mut client = tunnel(&guard, far.address);
    wait_for("it was accepted", || (far.accepted() == 1).then_some(()));
    far.forget();
    client.write_all(b"abc").unwrap();
    let ended = client.read(&mut [0]).expect_err("half an answer is not taken for a whole one");
    assert_eq!(ended.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn throttled_clients_are_told_and_requests_share_the_pool_with_tunnels() {
    let (plain, far) = (server(|_| ok("plain")), Server::echo());
    let guard = forwarding(HOME, "pool = { max = 1, wait = \"300ms\" }");
    let mut client = guard.client();
    let request = format!("GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n", plain.address);
    assert_eq!(ask(&mut client, &request).text(), "plain");
    // What lies idle makes room.
    let held = tunnel(&guard, far.address);
    let said = ask(&mut client, &request);
    assert_eq!((said.status(), said.reason().as_str()), (503, "wait_over"));
    drop(held);
    guard.wait_for_pool("it is gone", |pool| pool.servers.is_empty());
    assert_eq!(ask(&mut guard.client(), &request).text(), "plain");
}
