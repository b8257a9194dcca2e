//! Upstreams as venues have them: by TLS, that refuse for a while, that end one direction, that are cut off once a day.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{client, dial, echo, head, json, serve, text, wait_for};

/// Says back what it is told, by TLS; says who was asked for first.
const SECURE: &str = r#"
import asyncio, os, ssl, sys, websockets
async def echo(ws):
    await ws.send(ws.request.headers["Host"])
    async for message in ws:
        if message == "break":
            ws.transport.abort()
        else:
            await ws.send(message)
async def main():
    asyncio.get_running_loop().add_reader(0, lambda: os._exit(0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
"#;

/// A server by TLS; ends when dropped.
struct Secure {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Secure {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        crate::support::authority::certify(folder.path());
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bots/.venv/bin/python");
        let mut process = Command::new(python)
            .args(["-c", SECURE])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, folder, port: port.trim().parse().unwrap() }
    }

    fn guard(&self, keys: &str) -> Guard {
        Guard::before(&format!("\"wss://localhost:{}\"", self.port), keys)
    }

    fn authority(&self) -> String {
        format!("tls.ca_file = \"{}\"\n", self.folder.path().join("ca.pem").display())
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

#[test]
fn an_upstream_by_tls_is_reached_by_its_name_and_replaced_when_it_is_lost() {
    let server = Secure::start();
    let guard =
        server.guard(&format!("{}stream = {{ pauses = [\"100ms\"], tries = 1000 }}", server.authority()));
    let mut client = client(&guard);
    let name = format!("localhost:{}", server.port);
    assert_eq!(text(&mut client), name);
    for size in [1, 20_000, 3_000_000] {
        let sent = Message::text("x".repeat(size));
        client.send(sent.clone()).unwrap();
        assert!(client.read().unwrap() == sent, "{size} bytes come back");
    }
    client.send(Message::text("break")).unwrap();
    assert_eq!(text(&mut client), name, "it is there again");
    client.send(Message::text("still")).unwrap();
    assert_eq!(text(&mut client), "still");
}

#[test]
fn an_upstream_by_tls_that_cannot_show_who_it_is_is_not_asked() {
    let server = Secure::start();
    let guard = server.guard("pool.wait = \"1s\"");
    assert!(dial(&guard).unwrap_err().contains("503"));
    assert!(guard.log().contains("TLS with localhost"), "{}", guard.log());
}

#[test]
fn one_that_answers_too_many_requests_is_told_to_the_first_and_waited_for_by_who_is_open() {
    let refuses = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&refuses);
    let server = Server::doing(move |mut stream| {
        if own.load(Ordering::Acquire) == 0 {
            return serve(stream, echo);
        }
        own.fetch_add(1, Ordering::AcqRel);
        let _asked = head(&mut stream);
        let answer = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
        let _heard = stream.write_all(answer);
    });
    let guard = Guard::start(
        &[server.address],
        "breaker.failures = 1000\nstream = { pauses = [\"100ms\"], tries = 1000 }",
    );
    let mut open = client(&guard);
    open.send(Message::text("one")).unwrap();
    assert_eq!(text(&mut open), "one");
    refuses.store(1, Ordering::Release);
    assert!(dial(&guard).unwrap_err().contains("429"), "who is not open yet hears it as it is");
    server.hang_up();
    wait_for("it is tried again", || (refuses.load(Ordering::Acquire) > 4).then_some(()));
    refuses.store(0, Ordering::Release);
    wait_for("it is open again", || {
        let stream = guard.pool().stream.unwrap();
        (stream.state == "connected" && stream.reconnects == 1).then_some(())
    });
    open.send(Message::text("two")).unwrap();
    assert_eq!(text(&mut open), "two", "the client's connection stayed");
}

#[test]
fn an_end_of_one_direction_is_an_end() {
    // It ends its direction, and would go on listening.
    let server = Server::doing(|stream| {
        let own = stream.try_clone().unwrap();
        serve(stream, |mut open| {
            open.send(Message::text("first")).unwrap();
            own.shutdown(std::net::Shutdown::Write).unwrap();
            while open.read().is_ok() {}
        });
    });
    let guard = Guard::start(&[server.address], "stream = { pauses = [\"100ms\"], tries = 1000 }");
    let mut open = client(&guard);
    assert_eq!(
        (text(&mut open), text(&mut open)),
        ("first".to_owned(), "first".to_owned()),
        "it is replaced"
    );
    // A client that ends its direction without a close has gone, and so has its upstream.
    open.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    open.get_mut().read_to_end(&mut rest).unwrap();
    guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
}

#[test]
fn a_cut_in_order_once_a_day_costs_the_client_nothing() {
    let day = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&day);
    // After a day it says so, as venues do, and closes: here a day has two messages.
    let server = Server::doing(move |stream| {
        serve(stream, |mut open| {
            let Ok(Message::Text(said)) = open.read() else { return };
            assert!(said.contains("SUBSCRIBE"), "{said}");
            let today = own.fetch_add(1, Ordering::AcqRel);
            for n in [2 * today + 1, 2 * today + 2] {
                open.send(Message::text(json!({"s": "btc", "n": n}).to_string())).unwrap();
            }
            let _closed = open.close(None);
            while open.read().is_ok() {}
        });
    });
    let keys = "[proxy.bus.stream]\npauses = [\"50ms\"]\ntries = 1000\nsubscribe = { \"/method\" = \"SUBSCRIBE\" }\n\
        topic = \"/s\"\ncursor = \"/n\"\nnumbers = \"by-one\"\nnotice = '{ \"gap\": true }'\n";
    let guard = Guard::start(&[server.address], &format!("breaker.failures = 1000\n{keys}"));
    let mut open = client(&guard);
    open.send(Message::text(json!({"method": "SUBSCRIBE", "params": ["btc"]}).to_string())).unwrap();
    for n in 1..=10 {
        assert_eq!(json(&mut open)["n"], n, "subscribed again each day, nothing lost, nothing twice");
    }
    assert!(day.load(Ordering::Acquire) >= 5);
}
