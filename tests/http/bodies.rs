//! Bodies: framed in every way, large, and slow.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::support::guard::Guard;
use crate::support::message::{head, read};
use crate::support::server::Server;
use crate::support::{PATIENCE, answer, get, ok, server, wait_for};

/// More than all buffers on the way hold.
const MUCH: usize = 64 << 20;

#[test]
fn chunks_pass_both_ways_and_the_connection_stays() {
    let server = server(|request| {
        let body = request.text();
        let half = body.len() / 2;
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{half:x}\r\n{}\r\n{:x};x=y\r\n{}\r\n0\r\nT: v\r\n\r\n",
            &body[..half],
            body.len() - half,
            &body[half..]
        )
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    for _ in 0..3 {
        let head = "POST / HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: chunked\r\n\r\n";
        for piece in [head, "5\r\nhel", "lo\r", "\n6\r\n world\r\n0", "\r\n\r\n"] {
            client.write_all(piece.as_bytes()).unwrap();
            std::thread::yield_now();
        }
        assert_eq!(answer(&mut client).text(), "hello world");
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_body_to_the_end_of_its_connection_ends_the_clients_too() {
    let server = Server::doing(|mut stream| {
        let _request = read(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nall of it").unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.write_all(get("/").as_bytes()).unwrap();
    let said = answer(&mut client);
    assert!(said.head.starts_with("HTTP/1.1 200"), "{}", said.head);
    assert_eq!((said.field("connection"), said.text().as_str()), (Some("close"), "all of it"));
    guard.wait_for_count("closed.last_answer", 1);
}

#[test]
fn a_slow_reader_slows_its_server_down_and_costs_no_memory() {
    let server = Server::doing(|mut stream| {
        while let Ok(Some(_)) = read(&mut stream) {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n");
            let piece = vec![7; 1 << 20];
            let sent = stream
                .write_all(head.as_bytes())
                .and_then(|()| (0..MUCH / piece.len()).try_for_each(|_| stream.write_all(&piece)));
            if sent.is_err() {
                return;
            }
        }
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.write_all(get("/").as_bytes()).unwrap();
    let said = head(&mut client).unwrap().unwrap();
    assert!(said.contains(&format!("Content-Length: {MUCH}")), "{said}");
    let before = guard.memory();
    // Nobody else is held up by it.
    let others = Server::doing(|_| ());
    drop(others);
    let mut seen = 0;
    guard.wait_for_pool("what fits on the way has passed", |pool| {
        let down = pool.traffic.as_ref().unwrap().down;
        std::mem::replace(&mut *LAST.lock().unwrap(), down) == down && down > 0
    });
    assert!(guard.memory() < before + (8 << 20), "{} bytes more", guard.memory() - before);
    let mut room = vec![0; 1 << 20];
    while seen < MUCH {
        let count = client.read(&mut room).unwrap();
        assert!(count > 0 && room[..count].iter().all(|byte| *byte == 7));
        seen += count;
    }
    guard.wait_for_pool("it is given back", |pool| pool.servers.iter().all(|server| server.state == "idle"));
}

#[test]
fn the_end_of_an_answer_reaches_a_slow_reader() {
    /// Longer than what a client still says is waited for.
    const SLOW_FOR: Duration = Duration::from_secs(3);
    let server = server(|request| {
        let length = request.head.split(['/', ' ']).nth(2).unwrap();
        ok(&"x".repeat(length.parse().unwrap()))
    });
    let guard = Guard::start(&[server.address], "");
    let mut clients = Vec::new();
    // Somewhere in between what the kernel holds ends, and what is left of the answer waits in the proxy.
    for length in (100_000..500_000).step_by(20_000) {
        for ends in ["", "Connection: close\r\n"] {
            let mut client = UnixStream::connect(guard.folder().join("bus.sock")).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            write!(client, "GET /{length} HTTP/1.1\r\nHost: bot\r\n{ends}\r\n").unwrap();
            clients.push((client, length, ends));
        }
    }
    let last = std::cell::Cell::new(0);
    guard.wait_for_pool("what fits on the way has passed", |pool| {
        let down = pool.traffic.as_ref().unwrap().down;
        last.replace(down) == down && down > 0
    });
    std::thread::sleep(SLOW_FOR);
    for (mut client, length, ends) in clients {
        let (mut got, mut room) = (Vec::new(), vec![0; 64 << 10]);
        while !is_whole(&got, length) {
            let count = client.read(&mut room).unwrap_or_else(|error| panic!("{length} {ends:?}: {error}"));
            assert!(count > 0, "{length} {ends:?}: it ended after {}", got.len());
            got.extend_from_slice(&room[..count]);
        }
        if ends.is_empty() {
            client.write_all(get("/3").as_bytes()).unwrap();
            let count = client.read(&mut room).unwrap();
            assert!(room[..count].ends_with(b"xxx"), "the next is answered");
        } else {
            assert_eq!(client.read(&mut room).unwrap(), 0);
        }
    }
    guard.wait_for_pool("all have gone", |pool| pool.clients.is_empty());
}

/// Whether that is a head with a body of that length.
fn is_whole(got: &[u8], length: usize) -> bool {
    got.windows(4)
        .take(1 << 10)
        .position(|end| end == b"\r\n\r\n")
        .is_some_and(|at| got.len() == at + 4 + length)
}

/// What had passed when it was last looked at.
static LAST: std::sync::Mutex<u64> = std::sync::Mutex::new(0);

#[test]
fn a_large_body_goes_up_and_one_that_is_waited_for_too() {
    let server =
        server(|request| ok(&format!("{} {}", request.body.len(), request.head.contains("100-continue"))));
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    let head = format!("PUT / HTTP/1.1\r\nHost: bot\r\nContent-Length: {MUCH}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    let piece = vec![1; 1 << 20];
    (0..MUCH / piece.len()).for_each(|_| client.write_all(&piece).unwrap());
    assert_eq!(answer(&mut client).text(), format!("{MUCH} false"));
    // This server has no word for those who wait for one: they go on by themselves.
    client
        .write_all(b"PUT / HTTP/1.1\r\nHost: bot\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(50));
    client.write_all(b"abc").unwrap();
    assert_eq!(answer(&mut client).text(), "3 true");
}

#[test]
fn an_answer_that_comes_before_the_request_is_over_is_passed_on() {
    let server = Server::doing(|mut stream| {
        let request = head(&mut stream).unwrap().unwrap();
        stream
            .write_all(b"HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
            .unwrap();
        assert!(request.contains("Content-Length"));
        // The rest of the request is not read: the end of this connection breaks what is still sent on it.
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    let head = format!("PUT / HTTP/1.1\r\nHost: bot\r\nContent-Length: {MUCH}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    let said = answer(&mut client);
    assert_eq!((said.status(), said.text().as_str()), (413, "no"));
    guard.wait_for_pool("it is gone", |pool| pool.servers.is_empty() && pool.clients.is_empty());
}

#[test]
fn the_last_bytes_of_an_answer_come_to_a_slow_reader_who_asks_nothing_more() {
    let server = server(|request| {
        let length: usize = request.head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        ok(&"a".repeat(length))
    });
    let guard = Guard::start(&[server.address], "");
    let down = || guard.pool().traffic.map_or(0, |passed| passed.down);
    // What all buffers on the way to a client hold who does not read.
    let stalled = |client: &mut TcpStream, length: u64| {
        let before = down();
        client.write_all(get(&format!("/{length}")).as_bytes()).unwrap();
        let mut last = 0;
        wait_for("it stalls, or is all on its way", || {
            let passed = down() - before;
            let still = passed > 0 && passed == last;
            last = passed;
            std::thread::sleep(Duration::from_millis(600));
            still.then_some(passed)
        })
    };
    let held = stalled(&mut guard.client(), MUCH as u64);
    // So that the last piece is one of which a part has to wait.
    for short in [0, 20 << 10, 40 << 10] {
        let (mut client, length) = (guard.client(), held - short);
        stalled(&mut client, length);
        assert_eq!(answer(&mut client).body.len() as u64, length);
    }
}
