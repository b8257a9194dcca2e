//! One connection as the data plane sees it: a non-blocking stream, in the clear or under TLS, and what could not be sent
//! yet.
//!
//! A read that leaves room says that the socket is drained: no second read is made to hear `EAGAIN`. That holds for
//! plain streams (epoll(7), edge-triggered) unless the poll has told of an end as well: the end had no edge of its own
//! then, and only a read finds it ([`Transport::hung_up`]). Under TLS a record may hold less than it took to read it, so
//! there only `EAGAIN` counts; and what rustls has decrypted is given before the socket is asked, since no edge tells of
//! it.
//!
//! What TLS itself wants to send (tickets, answers to key updates, alerts) leaves as soon as it arises: nothing else
//! would wake the loop for it, and until it is gone the connection counts as blocked.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

/// A stream of either family, non-blocking.
#[derive(Debug)]
pub enum Stream {
    /// TCP, with Nagle's delay off.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl Stream {
    /// Closes a half or both.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl io::Read for Stream {
    #[inline]
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(room),
            Self::Unix(stream) => stream.read(room),
        }
    }
}

impl io::Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a read brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Bytes; there may be more.
    Bytes(usize),
    /// The last bytes there are for now.
    Last(usize),
    /// None for now.
    Nothing,
    /// The other side has closed its half.
    End,
}

/// Whether everything is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// It is.
    Clear,
    /// The other side does not take more for now.
    Blocked,
}

/// Whether a handshake can go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// It is over.
    Done,
    /// When there is more to read.
    Reads,
    /// When the other side takes more.
    Writes,
}

/// What is known of the other side's half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Half {
    Open,
    /// The poll has told of an end that was not read yet.
    Ending,
}

/// A connection.
#[derive(Debug)]
pub struct Transport {
    stream: Stream,
    tls: Option<Box<rustls::Connection>>,
    half: Half,
    /// Not sent yet, from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
}

impl Transport {
    /// One in the clear.
    pub fn plain(stream: Stream) -> Self {
        Self { stream, tls: None, half: Half::Open, unsent: Vec::new(), sent: 0 }
    }

    /// Begins TLS on one in the clear from which everything was sent: [`Transport::handshake`] comes next.
    pub fn secure(&mut self, tls: rustls::Connection) {
        debug_assert!(self.unsent.is_empty() && self.tls.is_none(), "nothing goes out in the clear any more");
        self.tls = Some(Box::new(tls));
    }

    /// Goes on with the handshake. `early` is what was read of it already; it is used up first.
    pub fn handshake(&mut self, early: &mut Vec<u8>) -> io::Result<Handshake> {
        loop {
            if !self.flush_records()? {
                return Ok(Handshake::Writes);
            }
            let Some(tls) = self.tls.as_deref_mut() else { return Ok(Handshake::Done) };
            if !early.is_empty() {
                let count = tls.read_tls(&mut early.as_slice())?;
                early.drain(..count);
            } else if tls.is_handshaking() {
                match tls.read_tls(&mut self.stream) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Handshake::Reads),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                }
            } else {
                return Ok(Handshake::Done);
            }
            self.process_records()?;
        }
    }

    /// Its TLS, where there is.
    pub fn tls(&self) -> Option<&rustls::Connection> {
        self.tls.as_deref()
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Its stream.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The poll has told that the other side has closed its half, or that the connection is gone: reads go on until
    /// they find that.
    pub fn hung_up(&mut self) {
        self.half = Half::Ending;
    }

    /// Whether something waits to be sent.
    #[inline]
    pub fn blocked(&self) -> bool {
        !self.unsent.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Bytes that wait to be sent.
    pub fn unsent(&self) -> usize {
        self.unsent.len() - self.sent
    }

    /// Reads into `room`, which is not empty.
    #[inline]
    pub fn take(&mut self, room: &mut [u8]) -> io::Result<Taken> {
        if self.tls.is_some() {
            return self.take_secure(room);
        }
        loop {
            match self.stream.read(room) {
                Ok(0) => return Ok(Taken::End),
                Ok(count) if count < room.len() && self.half == Half::Open => return Ok(Taken::Last(count)),
                Ok(count) => return Ok(Taken::Bytes(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Taken::Nothing),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take_secure(&mut self, room: &mut [u8]) -> io::Result<Taken> {
        loop {
            let Some(tls) = self.tls.as_deref_mut() else { return Ok(Taken::Nothing) };
            match tls.reader().read(room) {
                Ok(0) => return Ok(Taken::End),
                Ok(count) => return Ok(Taken::Bytes(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            match tls.read_tls(&mut self.stream) {
                // The reader tells whether that end was proper.
                Ok(0) => {}
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Taken::Nothing),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.process_records()?;
        }
    }

    /// Decrypts what was read, and sends what that made TLS want to say.
    fn process_records(&mut self) -> io::Result<()> {
        let Some(tls) = self.tls.as_deref_mut() else { return Ok(()) };
        let processed = tls.process_new_packets();
        // What does not go now goes when the poll says that the socket takes more: then it was full.
        let sent = self.flush_records();
        processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        sent.map(|_| ())
    }

    /// Sends, or keeps what can't be sent yet.
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<Flow> {
        if self.tls.is_some() {
            return self.send_secure(bytes);
        }
        if bytes.is_empty() {
            return Ok(if self.blocked() { Flow::Blocked } else { Flow::Clear });
        }
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return Ok(Flow::Blocked);
        }
        let count = write_some(&mut self.stream, bytes)?;
        if count == bytes.len() {
            return Ok(Flow::Clear);
        }
        self.unsent.extend_from_slice(&bytes[count..]);
        Ok(Flow::Blocked)
    }

    fn send_secure(&mut self, mut bytes: &[u8]) -> io::Result<Flow> {
        if self.unsent.is_empty() {
            while !bytes.is_empty() && self.flush_records()? {
                let Some(tls) = self.tls.as_deref_mut() else { break };
                let count = tls.writer().write(bytes)?;
                if count == 0 {
                    break;
                }
                bytes = &bytes[count..];
            }
        }
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends more of what was kept.
    pub fn flush(&mut self) -> io::Result<Flow> {
        loop {
            if !self.flush_records()? {
                return Ok(Flow::Blocked);
            }
            let rest = &self.unsent[self.sent..];
            if rest.is_empty() {
                self.unsent = Vec::new();
                self.sent = 0;
                return Ok(Flow::Clear);
            }
            let count = match self.tls.as_deref_mut() {
                Some(tls) => tls.writer().write(rest)?,
                None => write_some(&mut self.stream, rest)?,
            };
            self.sent += count;
            if count == 0 {
                return Ok(Flow::Blocked);
            }
        }
    }

    /// Sends the TLS records that are ready; gives whether all of them went.
    fn flush_records(&mut self) -> io::Result<bool> {
        let Some(tls) = self.tls.as_deref_mut() else { return Ok(true) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Says that nothing more is going to be sent. What was kept is lost.
    pub fn finish(&mut self) {
        if let Some(tls) = self.tls.as_deref_mut() {
            tls.send_close_notify();
            // The other side may be gone already, or full: then it does without.
            let _gone = self.flush_records();
        }
        let _gone = self.stream.shutdown(Shutdown::Write);
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl AsRawFd for Transport {
    fn as_raw_fd(&self) -> RawFd {
        self.fd()
    }
}

fn write_some(stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
