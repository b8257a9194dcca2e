//! One connection as the data plane sees it: a non-blocking stream, in the clear or under TLS, and what could not be sent
//! yet.
//!
//! A read that leaves room says that the socket is drained: no second read is made to hear `EAGAIN`. That holds for
//! plain streams (epoll(7), edge-triggered); under TLS a record may hold less than it took to read it, so there only
//! `EAGAIN` counts.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
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

/// A connection.
#[derive(Debug)]
pub struct Transport {
    stream: Stream,
    tls: Option<Box<rustls::Connection>>,
    /// Not sent yet, from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
}

impl Transport {
    /// One in the clear.
    pub fn plain(stream: Stream) -> Self {
        Self { stream, tls: None, unsent: Vec::new(), sent: 0 }
    }

    /// One under TLS, its handshake done.
    pub fn secure(stream: Stream, tls: rustls::Connection) -> Self {
        Self { stream, tls: Some(Box::new(tls)), unsent: Vec::new(), sent: 0 }
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
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
                Ok(count) if count < room.len() => return Ok(Taken::Last(count)),
                Ok(count) => return Ok(Taken::Bytes(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Taken::Nothing),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take_secure(&mut self, room: &mut [u8]) -> io::Result<Taken> {
        let Some(tls) = self.tls.as_deref_mut() else { return Ok(Taken::Nothing) };
        loop {
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
            tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
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

    fn send_secure(&mut self, bytes: &[u8]) -> io::Result<Flow> {
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
        let _gone = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(std::net::Shutdown::Write),
        };
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
