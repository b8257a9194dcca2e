//! Few server connections for many clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{ask, get, mirror, ok, server, wait_for};

#[test]
fn a_connection_serves_one_client_after_the_other() {
    let server = mirror();
    let guard = Guard::start(&[server.address], "");
    for _ in 0..20 {
        let mut client = guard.client();
        for _ in 0..3 {
            assert_eq!(ask(&mut client, &get("/")).status(), 200);
        }
    }
    assert_eq!(server.accepted(), 1);
    let pool = guard.wait_for_pool("its counts", |pool| pool.servers.iter().any(|server| server.uses == 60));
    let one = ok(&ask(&mut guard.client(), &get("/")).text()).len() as u64;
    assert_eq!(pool.traffic.unwrap().down, 60 * one);
}

#[test]
fn a_host_has_no_more_connections_than_it_may_under_a_hundred_clients() {
    let at_once = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (own, peak) = (Arc::clone(&at_once), Arc::clone(&most));
    let server = server(move |_| {
        peak.fetch_max(own.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
        std::thread::sleep(Duration::from_millis(20));
        own.fetch_sub(1, Ordering::AcqRel);
        ok("done")
    });
    let guard = Guard::start(&[server.address], "pool.connects = 30");
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let mut client = guard.client();
                for _ in 0..3 {
                    assert_eq!(ask(&mut client, &get("/")).text(), "done");
                }
            });
        }
    });
    assert!(server.accepted() <= 30, "{} connections", server.accepted());
    let most = most.load(Ordering::Acquire);
    assert!((2..=30).contains(&most), "{most} at once");
}

#[test]
fn an_idle_connection_is_closed_after_its_time_or_once_its_server_has_closed_it() {
    let server = mirror();
    let guard = Guard::start(&[server.address], "pool.idle = \"300ms\"");
    let mut client = guard.client();
    assert_eq!(ask(&mut client, &get("/")).status(), 200);
    guard.wait_for_count("closed.idle_over", 1);
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    assert_eq!(ask(&mut client, &get("/")).status(), 200);
    server.hang_up();
    guard.wait_for_count("closed.upstream_closed", 1);
    assert_eq!(ask(&mut client, &get("/")).status(), 200, "the client has seen nothing of it");
}

#[test]
fn a_reset_replaces_connections_and_no_client_sees_it() {
    let server = mirror();
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    assert_eq!(ask(&mut client, &get("/")).status(), 200);
    let said = guard.run(&["ctl", "reset", "bus", "--how", "idle"]);
    assert!(said.contains("closed 1 connection"), "{said}");
    assert_eq!(ask(&mut client, &get("/")).status(), 200);
    assert_eq!(server.accepted(), 2);
}

#[test]
fn a_request_that_crossed_with_the_end_of_its_connection_is_repeated_where_that_is_safe() {
    // Each connection answers once, and is closed by the next request.
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let server = Server::doing(move |mut stream| {
        use std::io::Write as _;
        if let Ok(Some(_)) = crate::support::message::read(&mut stream) {
            count.fetch_add(1, Ordering::AcqRel);
            stream.write_all(ok("hi").as_bytes()).unwrap();
        }
        // Read and not answered: as if the end had been on its way when the request came.
        let _next = crate::support::message::read(&mut stream);
        let _gone = stream.shutdown(std::net::Shutdown::Both);
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    assert_eq!(ask(&mut client, &get("/")).text(), "hi");
    assert_eq!(ask(&mut client, &get("/")).text(), "hi", "repeated on a new connection");
    let post = "POST / HTTP/1.1\r\nHost: bot\r\nContent-Length: 1\r\n\r\nx";
    let refused = ask(&mut client, post);
    assert_eq!((refused.status(), refused.reason().as_str()), (502, "upstream_lost"));
    wait_for("the served", || (served.load(Ordering::Acquire) == 2).then_some(()));
}
