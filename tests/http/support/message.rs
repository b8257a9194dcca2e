//! A request or an answer as a test reads it: no more of the stream than belongs to it.

use std::io::{self, Read as _};
use std::net::TcpStream;

/// A request or an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    /// All lines up to the blank one.
    pub(crate) head: String,
    /// Decoded, where it came in chunks.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// The body as a text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The reason in an answer of the proxy's own.
    pub(crate) fn reason(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(body["error"]["proxy"], "bus");
        body["error"]["reason"].as_str().unwrap().to_owned()
    }
}

/// The next message of a stream; none where it ends before one.
pub(crate) fn read(stream: &mut TcpStream) -> io::Result<Option<Message>> {
    let Some(head) = head(stream)? else { return Ok(None) };
    let mut message = Message { head, body: Vec::new() };
    let answer = message.head.starts_with("HTTP/");
    let bodiless = answer && matches!(message.status(), 100..=199 | 204 | 304);
    if bodiless {
        return Ok(Some(message));
    }
    if message.field("transfer-encoding").is_some() {
        while let Some(chunk) = chunk(stream)? {
            message.body.extend(chunk);
        }
    } else if let Some(length) = message.field("content-length") {
        message.body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut message.body)?;
    } else if answer {
        stream.read_to_end(&mut message.body)?;
    }
    Ok(Some(message))
}

/// The next head of a stream, without its blank line.
pub(crate) fn head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        head.push(byte[0]);
    }
    head.truncate(head.len() - 4);
    Ok(Some(String::from_utf8(head).unwrap()))
}

fn line(stream: &mut TcpStream) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") {
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    Ok(String::from_utf8(line).unwrap().trim_end().to_owned())
}

fn chunk(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let line_of_size = line(stream)?;
    let size = usize::from_str_radix(line_of_size.split(';').next().unwrap(), 16).unwrap();
    let mut chunk = vec![0; size];
    stream.read_exact(&mut chunk)?;
    while !line(stream)?.is_empty() {}
    Ok((size > 0).then_some(chunk))
}
