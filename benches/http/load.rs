//! The clients: each asks by its kept connection as soon as it has heard the whole answer before. One thread, one poll.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use fdguard::model::clock::{Clock as _, Timestamp};
use fdguard::sys::clock::SystemClock;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::common::Attempt;
use crate::common::Figures;
use crate::http::cell::Cell;

/// An answer takes no longer than that, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of a load.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) count: f64,
    pub(crate) per_second: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

struct Client {
    stream: TcpStream,
    asked: Timestamp,
    /// Of an answer whose head is not all there.
    head: Vec<u8>,
    /// What is to come of its body; none while the head is awaited.
    left: Option<usize>,
}

/// Runs a cell's load against a port.
pub(crate) fn run(cell: &Cell, port: u16, length: Duration) -> Attempt<Load> {
    let mut poll = Poll::new()?;
    let mut clients = Vec::with_capacity(cell.connections);
    for number in 0..cell.connections {
        // Blocking, so that each is through before the clock starts.
        let stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
        clients.push(Client { stream, asked: SystemClock.now(), head: Vec::new(), left: None });
    }
    let request = request(cell.body);
    let (begun, mut latencies, mut room) = (SystemClock.now(), Figures::default(), vec![0; 256 << 10]);
    for client in &mut clients {
        client.ask(&request)?;
    }
    let mut events = Events::with_capacity(1_024);
    let mut last = begun;
    while last.since(begun) < length {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err("no answer for ten seconds".into());
        }
        for event in &events {
            let client = &mut clients[event.token().0];
            while let Some(asked) = client.hear(&mut room)? {
                last = SystemClock.now();
                latencies.push(last.since(asked).as_secs_f64() * 1e6);
                client.ask(&request)?;
            }
        }
    }
    let count = latencies.len() as f64;
    let per_second = count / last.since(begun).as_secs_f64();
    Ok(Load { count, per_second, p50: latencies.median(), p99: latencies.quantile(0.99) })
}

fn request(size: usize) -> Vec<u8> {
    format!(
        "GET /{size}?symbol=BTCUSDT&limit=5 HTTP/1.1\r\nHost: api.venue.example\r\nUser-Agent: python-requests/2.34\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nX-API-KEY: 0123456789abcdef0123456789abcdef\r\n\r\n"
    )
    .into_bytes()
}

impl Client {
    fn ask(&mut self, request: &[u8]) -> Attempt<()> {
        self.asked = SystemClock.now();
        // A request is far smaller than what a socket takes.
        Ok(self.stream.write_all(request)?)
    }

    /// Reads what is there; gives when it was asked, once an answer is whole.
    fn hear(&mut self, room: &mut [u8]) -> Attempt<Option<Timestamp>> {
        loop {
            let count = match self.stream.read(room) {
                Ok(0) => return Err("a connection was closed".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let mut body = count;
            if self.left.is_none() {
                self.head.extend_from_slice(&room[..count]);
                let Some(end) = self.head.windows(4).position(|piece| piece == b"\r\n\r\n") else { continue };
                body = self.head.len() - end - 4;
                self.left = Some(length(&self.head[..end])?);
                self.head.clear();
            }
            let left = self.left.unwrap_or_default().checked_sub(body).ok_or("more than was asked for")?;
            self.left = Some(left);
            if left == 0 {
                self.left = None;
                return Ok(Some(self.asked));
            }
        }
    }
}

/// What a head says of the length; it must be a good one.
fn length(head: &[u8]) -> Attempt<usize> {
    let text = std::str::from_utf8(head)?.to_ascii_lowercase();
    if !text.starts_with("http/1.1 200") {
        return Err(format!("answered: {}", text.lines().next().unwrap_or_default()).into());
    }
    let line = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    Ok(line.ok_or("an answer without a length")?.trim().parse()?)
}

/// Asks once by a new connection, which stays.
pub(crate) fn once(port: u16) -> Attempt<std::net::TcpStream> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&request(crate::http::cell::SMALL))?;
    let (mut said, mut room) = (Vec::new(), [0; 4 << 10]);
    loop {
        let count = stream.read(&mut room)?;
        said.extend_from_slice(&room[..count]);
        let end = said.windows(4).position(|piece| piece == b"\r\n\r\n");
        if end.is_some_and(|end| said.len() >= end + 4 + crate::http::cell::SMALL) {
            return Ok(stream);
        }
        if count == 0 {
            return Err("a connection was closed".into());
        }
    }
}
