//! An agent with one proxy for WebSockets, servers behind it that do as they are told, and clients.

#[path = "../tcp/support/authority.rs"]
pub(crate) mod authority;
#[path = "../tcp/support/guard.rs"]
#[allow(dead_code, reason = "shared with the tests of streams of bytes, which use all of it")]
pub(crate) mod guard;
#[path = "../tcp/support/server.rs"]
#[allow(dead_code, reason = "shared with the tests of streams of bytes, which use all of it")]
pub(crate) mod server;
#[path = "../tcp/support/wait.rs"]
mod wait;

use std::io::{self, Read as _};
use std::net::TcpStream;

use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use guard::Guard;
use server::Server;
pub(crate) use wait::{LOOK, PATIENCE, wait_for};

/// What the proxy speaks.
pub(crate) const PROTOCOL: &str = "websocket";

/// An open WebSocket of this side.
pub(crate) type Open = WebSocket<TcpStream>;

/// Threads that the agent has.
pub(crate) fn threads(guard: &Guard) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", guard.agent.id())).unwrap().count()
}

/// A client of the proxy whose WebSocket is open.
pub(crate) fn client(guard: &Guard) -> Open {
    dial(guard).expect("the WebSocket opens")
}

/// The same where it may be refused.
pub(crate) fn dial(guard: &Guard) -> Result<Open, String> {
    let url = format!("ws://{}/ws?v=1", guard.address);
    tungstenite::client(url, guard.client()).map(|(open, _)| open).map_err(|error| error.to_string())
}

/// A server that handles each open WebSocket so.
pub(crate) fn server(handle: impl Fn(Open) + Send + Sync + 'static) -> Server {
    Server::doing(move |stream| serve(stream, &handle))
}

/// Opens a WebSocket on the server's side.
pub(crate) fn serve(stream: TcpStream, handle: impl Fn(Open)) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    if let Ok(open) = tungstenite::accept(stream) {
        handle(open);
    }
}

/// As [`serve`], taking up the first subprotocol that is offered.
#[allow(clippy::result_large_err, reason = "the callback's form is given")]
pub(crate) fn serve_first_protocol(stream: TcpStream, handle: impl Fn(Open)) {
    let choose = |request: &Request, mut response: Response| {
        let offered = request.headers().get("sec-websocket-protocol").unwrap().to_str().unwrap();
        let first = offered.split(',').next().unwrap().trim().parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", first);
        Ok(response)
    };
    handle(tungstenite::accept_hdr(stream, choose).unwrap());
}

/// Says back what it is told.
pub(crate) fn echo(mut open: Open) {
    while let Ok(message) = open.read() {
        if (message.is_text() || message.is_binary()) && open.send(message).is_err() {
            break;
        }
    }
}

/// The next text.
pub(crate) fn text(open: &mut Open) -> String {
    loop {
        match open.read().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("no text: {other:?}"),
        }
    }
}

/// The next text as JSON.
pub(crate) fn json(open: &mut Open) -> Value {
    serde_json::from_str(&text(open)).unwrap()
}

/// The code of the close that comes next.
pub(crate) fn closed(open: &mut Open) -> u16 {
    loop {
        match open.read() {
            Ok(Message::Close(frame)) => return frame.map_or(1005, |frame| frame.code.into()),
            Ok(_) => {}
            Err(error) => panic!("no close: {error}"),
        }
    }
}

/// The head of the next message of HTTP; none at the end.
pub(crate) fn head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}
