//! Pages in a browser: one that may listen does not notice that its upstream was killed, one of elsewhere gets no stream;
//! and programs that name a page, or themselves.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{Open, PATIENCE, head, serve, wait_for};

const PAGE: &str = include_str!("clients/page.html");

/// A venue: who subscribes hears numbered ticks until it goes.
fn venue(numbers: &Arc<AtomicUsize>) -> impl Fn(TcpStream) + Send + Sync + use<> {
    let numbers = Arc::clone(numbers);
    move |stream| serve(stream, |open| tick(open, &numbers))
}

fn tick(mut open: Open, numbers: &AtomicUsize) {
    let Ok(Message::Text(said)) = open.read() else { return };
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["method"], &said["params"]), (&json!("SUBSCRIBE"), &json!(["btc"])));
    let mut next = json!({ "id": said["id"], "result": null });
    while open.send(Message::text(next.to_string())).is_ok() {
        std::thread::park_timeout(Duration::from_millis(20));
        next = json!({ "stream": "btc", "n": numbers.fetch_add(1, Ordering::AcqRel) });
    }
}

/// Where pages come from.
fn pages() -> Server {
    Server::doing(|mut stream| {
        while let Ok(Some(_)) = head(&mut stream) {
            let length = PAGE.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{PAGE}"
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn a_page_keeps_its_stream_while_the_upstream_is_killed() {
    let numbers = Arc::new(AtomicUsize::new(1));
    let server = Server::doing(venue(&numbers));
    let (address, pages) = (server.address, pages());
    let page = format!("http://{}", pages.address);
    let keys = format!("[proxy.bus.stream]\norigins = [\"{page}\"]\n{}", crate::reconnect::SUBSCRIBED);
    let guard = Guard::start(&[address], &keys);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/websocket/clients");
    let port = guard.address.port();
    let elsewhere = format!("http://localhost:{}/#{port}", pages.address.port());
    let mut browser = Command::new(folder.join("../../bots/.venv/bin/python"))
        .arg(folder.join("browser.py"))
        .args([format!("{page}/#{port}"), elsewhere])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the Python environment: tests/setup makes it");
    let mut said = String::new();
    BufReader::new(browser.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
    if said == "ticking\n" {
        drop(server);
        guard.wait_for_pool("its server is gone", |pool| pool.servers.is_empty());
        numbers.fetch_add(4, Ordering::AcqRel);
    }
    let again = Server::at(address, venue(&numbers));
    // One that has ended is told by how it ended.
    let _ended = browser.stdin.as_mut().unwrap().write_all(b"go on\n");
    let output = browser.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{error}\n{}", guard.log());
    assert_eq!(again.accepted(), 1, "who is refused reaches no upstream");
    assert!(guard.log().contains("`stream.origins` names those that may"), "{}", guard.log());
}

/// The head that an upstream gets of a client that names this origin; how the client is answered where it gets none.
fn asked(guard: &Guard, heard: &std::sync::mpsc::Receiver<String>, origin: &str) -> Result<String, u16> {
    let mut request = format!("ws://{}/ws", guard.address).into_client_request().unwrap();
    request.headers_mut().insert("origin", origin.parse().unwrap());
    match tungstenite::client(request, guard.client()) {
        Ok(_) => Ok(heard.recv_timeout(PATIENCE).unwrap()),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(other) => panic!("neither opened nor answered: {other}"),
    }
}

#[test]
#[allow(clippy::result_large_err, reason = "the callback's form is given")]
fn an_upstream_hears_its_own_name_where_a_client_names_the_proxy() {
    let (tell, heard) = std::sync::mpsc::channel();
    let server = Server::doing(move |stream| {
        let note = |request: &tungstenite::handshake::server::Request, response| {
            let origin = request.headers().get("origin").map(|origin| origin.to_str().unwrap().to_owned());
            tell.send(origin.unwrap_or_default()).unwrap();
            Ok(response)
        };
        if let Ok(open) = tungstenite::accept_hdr(stream, note) {
            crate::support::echo(open);
        }
    });
    let guard = Guard::start(&[server.address], "stream = { origins = [\"https://desk.example\"] }");
    let own = format!("http://{}", guard.address);
    assert_eq!(asked(&guard, &heard, &own), Ok(format!("http://{}", server.address)));
    assert_eq!(asked(&guard, &heard, "https://desk.example"), Ok("https://desk.example".to_owned()));
    for page in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(asked(&guard, &heard, page), Err(403), "{page}");
    }
    wait_for("nobody is left", || guard.pool().clients.is_empty().then_some(()));
    assert_eq!(server.accepted(), 2, "who is refused reaches no upstream");
}
