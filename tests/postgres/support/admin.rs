//! The agent's own socket, asked without another process.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use fdguard::agent::request::{Answer, Request};

use super::wait::PATIENCE;

/// Asks, and gives the answer.
pub(crate) fn ask(socket: &Path, request: &Request) -> Answer {
    let body = serde_json::to_string(request).unwrap();
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /v1/request HTTP/1.1\r\nhost: fdguard\r\nconnection: close\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let (_, answer) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {said:?}"));
    serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {said}"))
}
