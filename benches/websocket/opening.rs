//! How a WebSocket is opened, on both sides.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::common::Attempt;
use crate::websocket::cell::{ECHO, Talk};
use crate::websocket::frames::{Frames, questions};

/// An answer takes no longer than that, or something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Opens one, through a proxy or without; gives what came behind the answer too.
pub(crate) fn dial(port: u16, talk: Talk) -> Attempt<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let target = match talk {
        Talk::Echo(_) => "/echo".to_owned(),
        Talk::Feed(burst, every) => format!("/feed/{burst}/{}", every.as_micros()),
    };
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: stream.venue.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         User-Agent: Python/3.13 websockets/15.0\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let (mut said, mut room) = (Vec::new(), [0; 4 << 10]);
    loop {
        let count = stream.read(&mut room)?;
        said.extend_from_slice(&room[..count]);
        if let Some(end) = end_of_head(&said) {
            let behind = said.split_off(end);
            if said.starts_with(b"HTTP/1.1 101 ") {
                return Ok((stream, behind));
            }
            return Err(format!("answered: {}", String::from_utf8_lossy(&said)).into());
        }
        if count == 0 {
            return Err("a connection was closed".into());
        }
    }
}

/// Opens one that has a message echoed, and stays.
pub(crate) fn once(port: u16) -> Attempt<TcpStream> {
    let (mut stream, _) = dial(port, ECHO)?;
    stream.write_all(&questions(1))?;
    let (mut frames, mut came, mut room) = (Frames::answers(), false, [0; 1 << 10]);
    while !came {
        match stream.read(&mut room)? {
            0 => return Err("a connection was closed".into()),
            count => frames.take(&room[..count], |_| came = true)?,
        }
    }
    Ok(stream)
}

/// Where the head of a request or an answer ends.
pub(crate) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|piece| piece == b"\r\n\r\n").map(|place| place + 4)
}

/// What a request asks for, and the answer that it gets.
pub(crate) fn accept(head: &[u8]) -> Attempt<(Talk, Vec<u8>)> {
    let text = std::str::from_utf8(head)?;
    let key = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let mut answer =
        String::from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    let proof = derive_accept_key(key.ok_or("a request without a key")?.as_bytes());
    write!(answer, "Sec-WebSocket-Accept: {proof}\r\n\r\n")?;
    let mut parts = text.split(' ').nth(1).ok_or("a request without a path")?.split('/').skip(1);
    let talk = match (parts.next(), parts.next(), parts.next()) {
        (Some("feed"), Some(burst), Some(every)) => {
            Talk::Feed(burst.parse()?, Duration::from_micros(every.parse()?))
        }
        _ => ECHO,
    };
    Ok((talk, answer.into_bytes()))
}
