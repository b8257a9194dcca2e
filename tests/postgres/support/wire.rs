//! A client of the protocol: exact bytes out, exact messages in.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use fdguard::wire::postgres::backend::{backend_key_data, command_complete, parameter_status};
use fdguard::wire::postgres::frame::{HEADER_LEN, Header, MESSAGE_MAX};
use fdguard::wire::postgres::frontend::write_query;
use fdguard::wire::postgres::startup::{Version, write_cancel, write_startup};

use super::message::{Message, text};
use super::server::USER;
use super::wait::PATIENCE;

/// Bytes of one read.
const CHUNK: usize = 64 << 10;

/// A session.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    /// Read and not yet taken.
    inbox: Vec<u8>,
    taken: usize,
    /// The key to cancel with.
    pub(crate) key: (u32, Vec<u8>),
    /// The settings that were told at the login.
    pub(crate) parameters: Vec<(String, String)>,
}

/// What a text gave.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) tags: Vec<String>,
    /// The code of the error.
    pub(crate) error: Option<String>,
    /// The state of the transaction afterwards: `I`, `T` or `E`.
    pub(crate) state: char,
}

impl Wire {
    /// A connection on which nothing was said.
    pub(crate) fn dial(address: SocketAddr) -> Self {
        Self::try_dial(address).unwrap()
    }

    /// The same, where it may fail.
    pub(crate) fn try_dial(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Vec::new(), taken: 0, key: (0, Vec::new()), parameters: Vec::new() })
    }

    /// A session that has logged in.
    pub(crate) fn open(address: SocketAddr, database: &str) -> Self {
        Self::open_with(address, database, &[])
    }

    /// A session that asks for these settings at its start.
    pub(crate) fn open_with(address: SocketAddr, database: &str, settings: &[(&str, &str)]) -> Self {
        let mut wire = Self::dial(address);
        wire.say(|out| start(out, database, settings));
        wire.logged_in().unwrap_or_else(|error| panic!("no login: {error:?}"));
        wire
    }

    /// Reads to the end of the login; gives the error that ended it otherwise.
    pub(crate) fn logged_in(&mut self) -> Result<(), Message> {
        loop {
            let message = self.read();
            match message.tag {
                b'R' => assert_eq!(message.body, [0; 4], "no trust"),
                b'K' => {
                    let (number, secret) = backend_key_data(&message.body).unwrap();
                    self.key = (number, secret.to_vec());
                }
                b'S' => {
                    let (name, value) = parameter_status(&message.body).unwrap();
                    self.parameters.push((text(name), text(value)));
                }
                b'Z' => return Ok(()),
                b'E' => return Err(message),
                _ => {}
            }
        }
    }

    /// Sends what `write` writes, all at once.
    pub(crate) fn say(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.send(&out);
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next message. Fails where the other side ends or is silent for too long.
    pub(crate) fn read(&mut self) -> Message {
        self.next().unwrap().expect("a message, not the end")
    }

    /// The next message; none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            let bytes = &self.inbox[self.taken..];
            if let Some(header) = Header::parse(bytes, MESSAGE_MAX).unwrap() {
                let end = usize::try_from(header.message_len()).unwrap();
                if bytes.len() >= end {
                    let message = Message { tag: header.tag, body: bytes[HEADER_LEN..end].to_vec() };
                    self.taken += end;
                    return Ok(Some(message));
                }
            }
            self.inbox.drain(..self.taken);
            self.taken = 0;
            let old = self.inbox.len();
            self.inbox.resize(old + CHUNK, 0);
            let count = self.stream.read(&mut self.inbox[old..]);
            self.inbox.truncate(old + count.as_ref().map_or(0, |count| *count));
            match (count?, old) {
                (0, 0) => return Ok(None),
                (0, _) => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an end within a message"));
                }
                (_, _) => {}
            }
        }
    }

    /// Everything up to a message with this tag, which is the last.
    pub(crate) fn until(&mut self, tag: u8) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            match self.next() {
                Ok(Some(message)) => messages.push(message),
                ended => panic!("no {} but {ended:?} after {messages:?}", char::from(tag)),
            }
            if messages.last().is_some_and(|message| message.tag == tag) {
                return messages;
            }
        }
    }

    /// Everything up to the `count`th ReadyForQuery.
    pub(crate) fn ready(&mut self, count: usize) -> Vec<Message> {
        (0..count).flat_map(|_| self.until(b'Z')).collect()
    }

    /// Everything up to the end of the connection, however it ends.
    pub(crate) fn rest(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            match self.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return messages,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return messages,
                Err(error) => panic!("no end: {error}; {messages:?}"),
            }
        }
    }

    /// Runs a text, to the ReadyForQuery.
    pub(crate) fn query(&mut self, sql: &str) -> Answer {
        self.say(|out| write_query(out, sql.as_bytes()));
        answer(&self.until(b'Z'))
    }

    /// Runs what must not fail.
    pub(crate) fn run(&mut self, sql: &str) -> Answer {
        let answer = self.query(sql);
        assert_eq!(answer.error, None, "{sql}");
        answer
    }

    /// The one value of the one row.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        self.run(sql).rows[0][0].clone().unwrap()
    }

    /// Asks at `address` to cancel what this session does, and waits until that was taken.
    pub(crate) fn cancel(&self, address: SocketAddr) {
        let mut other = Self::dial(address);
        other.say(|out| write_cancel(out, self.key.0, &self.key.1));
        assert_eq!(other.rest(), []);
    }

    /// Says that nothing more comes, and still listens.
    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// Writes the first packet of a session.
pub(crate) fn start(out: &mut Vec<u8>, database: &str, settings: &[(&str, &str)]) {
    let own = [("user", USER), ("database", database)];
    let pairs = own.iter().chain(settings);
    write_startup(out, Version::V3_0, pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
}

/// What messages up to a ReadyForQuery say.
pub(crate) fn answer(messages: &[Message]) -> Answer {
    let mut answer = Answer::default();
    for message in messages {
        match message.tag {
            b'D' => answer.rows.push(message.values()),
            b'C' => answer.tags.push(text(command_complete(&message.body).unwrap())),
            b'E' => answer.error = message.code(),
            b'Z' => answer.state = char::from(message.body[0]),
            _ => {}
        }
    }
    answer
}
