//! A socket during its login, when waiting is in order: asynchronous, and handed to the worker afterwards.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::proxy::transport::{Stream, Transport};
use crate::wire::postgres::frame::{HEADER_LEN, Header};

/// Longest message of a login.
const MESSAGE_MAX: u32 = 64 << 10;

/// A socket that logs in, with what was read of it and not yet used.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Asynchronous,
    read: Vec<u8>,
}

#[derive(Debug)]
enum Asynchronous {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: Asynchronous::Tcp(stream), read: Vec::new() })
    }

    pub(super) fn unix(stream: UnixStream) -> Self {
        Self { stream: Asynchronous::Unix(stream), read: Vec::new() }
    }

    /// What was read and not used.
    pub(super) fn unused(&self) -> &[u8] {
        &self.read
    }

    /// Uses the first bytes of what was read.
    pub(super) fn used(&mut self, count: usize) {
        self.read.drain(..count.min(self.read.len()));
    }

    /// Reads more; an end is an error here.
    pub(super) async fn more(&mut self) -> io::Result<()> {
        let count = match &mut self.stream {
            Asynchronous::Tcp(stream) => stream.read_buf(&mut self.read).await?,
            Asynchronous::Unix(stream) => stream.read_buf(&mut self.read).await?,
        };
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Asynchronous::Tcp(stream) => stream.write_all(bytes).await,
            Asynchronous::Unix(stream) => stream.write_all(bytes).await,
        }
    }

    /// The next message, whole: its tag and body.
    pub(super) async fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            let header = Header::parse(&self.read, MESSAGE_MAX)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            if let Some(header) = header {
                let end = HEADER_LEN + header.body_len() as usize;
                if self.read.len() >= end {
                    let body = self.read[HEADER_LEN..end].to_vec();
                    self.used(end);
                    return Ok((header.tag, body));
                }
            }
            self.more().await?;
        }
    }

    /// Hands the socket over; gives what was read and not used with it.
    pub(super) fn into_transport(self) -> io::Result<(Transport, Vec<u8>)> {
        let stream = match self.stream {
            Asynchronous::Tcp(stream) => Stream::Tcp(stream.into_std()?),
            Asynchronous::Unix(stream) => Stream::Unix(stream.into_std()?),
        };
        Ok((Transport::plain(stream), self.read))
    }
}
