//! An agent with one proxy, servers behind it that do as they are told, and a client that reads what it is sent.

mod again;
#[path = "../tcp/support/authority.rs"]
pub(crate) mod authority;
#[path = "../tcp/support/guard.rs"]
#[allow(dead_code, reason = "shared with the tests of streams, which use all of it")]
pub(crate) mod guard;
pub(crate) mod message;
#[path = "../tcp/support/server.rs"]
#[allow(dead_code, reason = "shared with the tests of streams, which use all of it")]
pub(crate) mod server;
#[path = "../tcp/support/wait.rs"]
mod wait;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use guard::Guard;
use message::{Message, read};
use server::Server;
pub(crate) use wait::{LOOK, PATIENCE, wait_for};

/// What the proxy speaks.
pub(crate) const PROTOCOL: &str = "http";
/// An agent whose proxy goes where its clients ask, where the list lets them.
pub(crate) fn forwarding(allow: &[&str], keys: &str) -> Guard {
    Guard::leading(&format!("forward.allow = {allow:?}"), keys)
}

/// The head of a plain request.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bot\r\n\r\n")
}

/// Sends a request, and reads its answer.
pub(crate) fn ask(client: &mut TcpStream, request: &str) -> Message {
    client.write_all(request.as_bytes()).unwrap();
    answer(client)
}

/// The next answer.
pub(crate) fn answer(client: &mut TcpStream) -> Message {
    read(client).unwrap().expect("an answer and no end")
}

/// An answer with that body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A server that answers each request, head and body, with what `tell` says.
pub(crate) fn server(tell: impl Fn(&Message) -> String + Send + Sync + 'static) -> Server {
    Server::doing(move |mut stream| {
        while let Ok(Some(request)) = read(&mut stream) {
            if stream.write_all(tell(&request).as_bytes()).is_err() {
                break;
            }
        }
        // Its clone in the books keeps the descriptor.
        let _gone = stream.shutdown(Shutdown::Both);
    })
}

/// A server that says back the head that it got.
pub(crate) fn mirror() -> Server {
    server(|request| ok(&request.head))
}

/// Says much on a connection, ends that half, and hears all of it again up to the other end.
pub(crate) fn comes_back_whole(client: &mut TcpStream) {
    let much: Vec<u8> = (0..1 << 20).map(|place: u32| place.to_le_bytes()[1]).collect();
    let mut other = client.try_clone().unwrap();
    let sender = std::thread::spawn({
        let much = much.clone();
        move || {
            other.write_all(&much).unwrap();
            other.shutdown(Shutdown::Write).unwrap();
        }
    });
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    sender.join().unwrap();
    assert!(all == much, "after the end of one half all of the other came: {} bytes", all.len());
}
