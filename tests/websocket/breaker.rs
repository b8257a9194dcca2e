//! What some clients fail at does not end what serves others, and what the upstream says to it reaches them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use tokio_tungstenite::tungstenite::Message;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{client, dial, echo, head, serve, text};

const REFUSAL: &str = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nWWW-Authenticate: Key realm=x\r\n\
                       X-Other: y\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"slow\":true}";

/// Opens a WebSocket for who asks for `/ws`, and refuses anybody else.
fn picky() -> Server {
    Server::doing(|mut stream| {
        let mut peeked = [0; 64];
        let count = stream.peek(&mut peeked).unwrap_or(0);
        if peeked[..count].starts_with(b"GET /ws") {
            return serve(stream, echo);
        }
        let _asked = head(&mut stream);
        let _sent = stream.write_all(REFUSAL.as_bytes());
    })
}

/// Asks for something else, and gives the answer.
fn refused(guard: &Guard) -> String {
    let mut client: TcpStream = guard.client();
    let request = "GET /other HTTP/1.1\r\nHost: bot\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn refusals_of_one_client_close_no_stream_of_another() {
    let server = picky();
    let guard =
        Guard::start(&[server.address], "drain = \"100ms\"\nbreaker = { failures = 3, open = \"1s\" }");
    let mut good: Vec<_> = (0..3).map(|_| client(&guard)).collect();
    for _ in 0..8 {
        assert!(refused(&guard).starts_with("HTTP/1.1 429 "));
    }
    // Longer than the drain: a stream that was to go would be gone.
    let pool =
        guard.wait_for_pool("those have left", |pool| pool.clients.len() == 3 && pool.servers.len() == 3);
    assert_eq!(pool.counters.get("closed.reset_forced").copied().unwrap_or(0), 0);
    for good in &mut good {
        good.send(Message::text("still")).unwrap();
        assert_eq!(text(good), "still");
    }
    dial(&guard).expect("the upstream is not left alone");
    assert_eq!(guard.pool().stream.unwrap().reconnects, 0);
}

#[test]
fn what_an_upstream_says_to_refuse_reaches_its_client() {
    let server = picky();
    let guard = Guard::start(&[server.address], "");
    let answer = refused(&guard);
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
    for passed in ["Retry-After: 7", "WWW-Authenticate: Key realm=x", "Content-Type: application/json"] {
        assert!(answer.contains(&format!("\r\n{passed}\r\n")), "{answer}");
    }
    assert!(answer.ends_with("\r\n\r\n{\"slow\":true}") && !answer.contains("X-Other"), "{answer}");
}
