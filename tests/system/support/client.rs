//! A blocking client of the agent's socket: one request, one answer.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use fdguard::agent::request::{Answer, Request};

const PATIENCE: Duration = Duration::from_secs(10);

/// Asks once. None where nobody answers; fails on an answer that can't be read.
pub(crate) fn ask(socket: &Path, request: &Request) -> Option<Answer> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let body = serde_json::to_string(request).unwrap();
    let head =
        format!("POST /v1/request HTTP/1.1\r\nHost: fdguard\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).ok()?;
    let reply = String::from_utf8(reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
    Some(serde_json::from_str(body).unwrap())
}
