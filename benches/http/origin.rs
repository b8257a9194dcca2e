//! The upstream: answers every request at once with as many bytes as its path says. A thread for each connection.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use crate::common::Attempt;
use crate::common::contest::lab::Lab;
use crate::common::contest::subject::Origin;

/// Listens in both ways until the bench ends.
pub(crate) fn start(lab: &Lab) -> Attempt<Origin> {
    let config = lab.tls()?;
    let (plain, tls) = (lab.port()?, lab.port()?);
    let (listener, secure) =
        (TcpListener::bind(("127.0.0.1", plain))?, TcpListener::bind(("127.0.0.1", tls))?);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let _slow = client.set_nodelay(true);
            std::thread::spawn(move || serve(client));
        }
    });
    std::thread::spawn(move || {
        for client in secure.incoming().flatten() {
            let _slow = client.set_nodelay(true);
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let Ok(session) = rustls::ServerConnection::new(config) else { return };
                serve(rustls::StreamOwned::new(session, client));
            });
        }
    });
    Ok(Origin { plain, tls })
}

/// Answers until the connection ends.
fn serve(mut stream: impl Read + Write) {
    let (mut held, mut room) = (Vec::new(), vec![0; 16 << 10]);
    let mut answers: Vec<(usize, Vec<u8>)> = Vec::new();
    loop {
        while let Some(end) = held.windows(4).position(|piece| piece == b"\r\n\r\n") {
            let size = size_of(&held[..end]);
            held.drain(..end + 4);
            if !answers.iter().any(|(known, _)| *known == size) {
                answers.push((size, answer(size)));
            }
            let found = answers.iter().find(|(known, _)| *known == size).map(|(_, answer)| answer);
            if found.is_none_or(|answer| stream.write_all(answer).and_then(|()| stream.flush()).is_err()) {
                return;
            }
        }
        match stream.read(&mut room) {
            Ok(0) | Err(_) => return,
            Ok(count) => held.extend_from_slice(&room[..count]),
        }
    }
}

/// `GET /248 HTTP/1.1` asks for 248 bytes.
fn size_of(head: &[u8]) -> usize {
    let digits =
        head.iter().skip_while(|byte| **byte != b'/').skip(1).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}

fn answer(size: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: origin\r\nX-Request: 7f3a\r\n\
         Cache-Control: no-store\r\nContent-Length: {size}\r\n\r\n"
    );
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + size, b'x');
    answer
}
