//! A socket during its login, when waiting is in order: asynchronous, and handed to the worker afterwards.

use std::io;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::proxy::transport::{Flow, Handshake, Stream, Taken, Transport};
use crate::sys::polled::polled;
use crate::wire::postgres::frame::{HEADER_LEN, Header};

/// The longest message of a login that is waited for.
const MESSAGE_MAX: u32 = 64 << 10;
/// Bytes of one read.
const READ: usize = 4 << 10;
/// The other side may read so long what it was told last.
const PARTING_WITHIN: Duration = Duration::from_secs(1);

/// A socket that logs in, with what was read of it and not yet used.
#[derive(Debug)]
pub(super) struct Socket {
    io: AsyncFd<Transport>,
    read: Vec<u8>,
}

impl Socket {
    /// Takes a stream over, and what was read of it.
    pub(super) fn new(stream: Stream, read: Vec<u8>) -> io::Result<Self> {
        Ok(Self { io: polled(Transport::plain(stream))?, read })
    }

    /// Its TLS, where there is.
    pub(super) fn tls(&self) -> Option<&rustls::Connection> {
        self.io.get_ref().tls()
    }

    /// Whether nobody can listen in: it is under TLS, or does not leave this machine's kernel.
    pub(super) fn is_private(&self) -> bool {
        self.tls().is_some() || matches!(self.io.get_ref().stream(), Stream::Unix(_))
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
        let mut room = [0; READ];
        // What TLS has decrypted already is told by no poll.
        let mut taken = self.io.get_mut().take(&mut room)?;
        loop {
            match taken {
                Taken::Bytes(count) | Taken::Last(count) => {
                    self.read.extend_from_slice(&room[..count]);
                    return Ok(());
                }
                Taken::End => return Err(io::ErrorKind::UnexpectedEof.into()),
                Taken::Nothing => {}
            }
            let mut ready = self.io.readable_mut().await?;
            taken = ready.get_inner_mut().take(&mut room)?;
            if taken == Taken::Nothing {
                ready.clear_ready();
            }
        }
    }

    /// Sends all of it.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut flow = self.io.get_mut().send(bytes)?;
        while flow == Flow::Blocked {
            let mut ready = self.io.writable_mut().await?;
            flow = ready.get_inner_mut().flush()?;
            if flow == Flow::Blocked {
                ready.clear_ready();
            }
        }
        Ok(())
    }

    /// Goes over to TLS. What was read and not used is taken for the start of the handshake.
    pub(super) async fn secure(&mut self, tls: rustls::Connection) -> io::Result<()> {
        let mut early = std::mem::take(&mut self.read);
        self.io.get_mut().secure(tls);
        let mut step = self.io.get_mut().handshake(&mut early)?;
        loop {
            let mut ready = match step {
                Handshake::Done => return Ok(()),
                Handshake::Reads => self.io.readable_mut().await?,
                Handshake::Writes => self.io.writable_mut().await?,
            };
            let next = ready.get_inner_mut().handshake(&mut early)?;
            if next == step {
                ready.clear_ready();
            }
            step = next;
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

    /// Says the last word, and leaves the other side a little time to read it: a socket that is closed with something
    /// unread loses what it was told.
    pub(super) async fn part(mut self, said: &[u8]) {
        let parting = async {
            self.send(said).await?;
            self.io.get_mut().finish();
            loop {
                self.read.clear();
                self.more().await?;
            }
        };
        let _over: Result<io::Result<()>, _> = timeout(PARTING_WITHIN, parting).await;
    }

    /// Hands the socket over; gives what was read and not used with it.
    pub(super) fn into_transport(self) -> (Transport, Vec<u8>) {
        (self.io.into_inner(), self.read)
    }
}
