//! The clients: one thread, one poll. They are opened first, and then measured as often as is wanted.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use fdguard::model::clock::{Clock as _, Timestamp};
use fdguard::sys::clock::SystemClock;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::common::{Attempt, Figures};
use crate::websocket::cell::{CONNECTIONS, Talk};
use crate::websocket::frames::{self, Frames, QUESTION, sent};
use crate::websocket::opening::{PATIENCE, dial};

/// What came of a load.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) count: f64,
    pub(crate) per_second: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Clients that are open.
pub(crate) struct Load {
    poll: Poll,
    clients: Vec<Client>,
    /// As many questions as one may have under way; none where the upstream speaks by itself.
    questions: Vec<u8>,
    room: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    frames: Frames,
    /// When what is under way was asked.
    asked: VecDeque<Timestamp>,
}

impl Load {
    /// Opens them through a port.
    pub(crate) fn open(talk: Talk, port: u16) -> Attempt<Self> {
        let poll = Poll::new()?;
        let questions = match talk {
            Talk::Echo(depth) => frames::questions(depth),
            Talk::Feed(..) => Vec::new(),
        };
        let first = if questions.is_empty() { frames::questions(1) } else { questions.clone() };
        let mut clients = Vec::with_capacity(CONNECTIONS);
        for number in 0..CONNECTIONS {
            // Blocking, so that each is through before the next.
            let (stream, behind) = dial(port, talk)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            let mut frames = Frames::answers();
            frames.take(&behind, |_| {})?;
            clients.push(Client { stream, frames, asked: VecDeque::new() });
        }
        for client in &mut clients {
            client.ask(&first, SystemClock.now())?;
        }
        Ok(Self { poll, clients, questions, room: vec![0; 64 << 10] })
    }

    /// Goes on for so long.
    pub(crate) fn run(&mut self, length: Duration) -> Attempt<Heard> {
        let Self { poll, clients, questions, room } = self;
        let (begun, mut times) = (SystemClock.now(), Figures::default());
        let (mut events, mut last) = (Events::with_capacity(1_024), begun);
        while last.since(begun) < length {
            poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err("no message for ten seconds".into());
            }
            for event in &events {
                last = clients[event.token().0].hear(room, questions, &mut times)?;
            }
        }
        let count = times.len() as f64;
        let per_second = count / last.since(begun).as_secs_f64();
        Ok(Heard { count, per_second, p50: times.median(), p99: times.quantile(0.99) })
    }
}

impl Client {
    fn ask(&mut self, questions: &[u8], now: Timestamp) -> Attempt<()> {
        // What one may have under way is far less than what a socket takes.
        self.stream.write_all(questions)?;
        self.asked.extend(std::iter::repeat_n(now, questions.len() / QUESTION));
        Ok(())
    }

    /// Reads what is there, and asks again for each answer; gives when that was.
    fn hear(&mut self, room: &mut [u8], questions: &[u8], times: &mut Figures) -> Attempt<Timestamp> {
        loop {
            let count = match self.stream.read(room) {
                Ok(0) => return Err("a connection was closed".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(SystemClock.now()),
                Err(error) => return Err(error.into()),
            };
            let (now, mut answered) = (SystemClock.now(), 0);
            let Self { frames, asked, .. } = self;
            frames.take(&room[..count], |message| {
                let begun = if questions.is_empty() { Some(sent(message)) } else { asked.pop_front() };
                let Some(begun) = begun else { return };
                times.push(now.since(begun).as_secs_f64() * 1e6);
                answered += 1;
            })?;
            if !questions.is_empty() {
                self.ask(&questions[..answered * QUESTION], now)?;
            }
            if count < room.len() {
                return Ok(now);
            }
        }
    }
}
