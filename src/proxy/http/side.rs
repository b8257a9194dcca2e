//! One socket of a session under tokio's poll: what may be read of it, and whether it takes what it is sent.
//!
//! Readiness is taken back before a read and not after it: what comes meanwhile has an edge of its own, so no read is made
//! to hear `EAGAIN`.

use std::io;
use std::task::{Context, Poll, Waker};

use tokio::io::unix::AsyncFd;

use crate::proxy::transport::{Flow, Handshake, Taken, Transport};
use crate::sys::polled::polled;

/// Whether there is something to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reads {
    /// There may be.
    Ready,
    /// Not until the poll says so.
    Drained,
    /// Never again: it has closed its half, and all of it was read.
    Ended,
}

/// What one has to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// So many bytes.
    Bytes(usize),
    /// The end of its half.
    End,
}

/// What a look at a resting connection finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    /// Nothing to read: it can be used.
    Quiet,
    /// Bytes that nobody asked for.
    Spoke,
    /// It has ended.
    Ended,
}

/// One socket.
#[derive(Debug)]
pub(super) struct Side {
    io: AsyncFd<Transport>,
    reads: Reads,
}

impl Side {
    /// Watches a connection.
    pub(super) fn new(transport: Transport) -> io::Result<Self> {
        Ok(Self { io: polled(transport)?, reads: Reads::Ready })
    }

    pub(super) fn transport(&self) -> &Transport {
        self.io.get_ref()
    }

    /// Whether it will never be read again.
    pub(super) fn has_ended(&self) -> bool {
        self.reads == Reads::Ended
    }

    /// Whether it does not take more for now.
    pub(super) fn is_blocked(&self) -> bool {
        self.io.get_ref().blocked()
    }

    /// Whether a read may bring something; where not, the task is woken when it does.
    fn is_readable(&mut self, cx: &mut Context<'_>) -> bool {
        match self.reads {
            Reads::Ready => return true,
            Reads::Ended => return false,
            Reads::Drained => {}
        }
        let closed = match self.io.poll_read_ready(cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(mut guard)) => {
                let closed = guard.ready().is_read_closed();
                guard.clear_ready();
                closed
            }
            // The runtime ends; a read says so as well.
            Poll::Ready(Err(_)) => true,
        };
        if closed {
            self.io.get_mut().hung_up();
        }
        self.reads = Reads::Ready;
        true
    }

    /// Whether all was read and nothing has come since; then the task is woken when something does.
    pub(super) fn is_drained(&mut self, cx: &mut Context<'_>) -> bool {
        self.reads == Reads::Drained && !self.is_readable(cx)
    }

    /// Has the next read made whatever the poll has told: it may not have been asked for a while.
    pub(super) fn doubt(&mut self) {
        if self.reads == Reads::Drained {
            self.reads = Reads::Ready;
        }
    }

    /// Reads into `room`, which is not empty; none where there is nothing for now, and then the task is woken when there
    /// is. An end and an error come once.
    pub(super) fn hear(&mut self, room: &mut [u8], cx: &mut Context<'_>) -> Option<io::Result<Heard>> {
        while self.is_readable(cx) {
            match self.take(room) {
                Ok(Taken::Bytes(count) | Taken::Last(count)) => return Some(Ok(Heard::Bytes(count))),
                Ok(Taken::End) => return Some(Ok(Heard::End)),
                // Only a look at the poll has the task woken.
                Ok(Taken::Nothing) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    fn take(&mut self, room: &mut [u8]) -> io::Result<Taken> {
        let taken = self.io.get_mut().take(room);
        match taken {
            Ok(Taken::Bytes(_)) => {}
            Ok(Taken::Last(_) | Taken::Nothing) => self.reads = Reads::Drained,
            Ok(Taken::End) | Err(_) => self.reads = Reads::Ended,
        }
        taken
    }

    /// Sends, or keeps what can't be sent yet.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<Flow> {
        self.io.get_mut().send(bytes)
    }

    /// Sends more of what was kept, as far as the other side takes it; otherwise the task is woken when it does. Gives
    /// whether anything went.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let before = self.io.get_ref().unsent();
        while self.is_blocked() {
            match self.io.poll_write_ready(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(mut guard)) => guard.clear_ready(),
                Poll::Ready(Err(error)) => return Err(error),
            }
            self.io.get_mut().flush()?;
        }
        Ok(self.io.get_ref().unsent() < before || !self.is_blocked())
    }

    /// Goes through the handshake of TLS.
    pub(super) async fn handshake(&mut self) -> io::Result<()> {
        let mut early = Vec::new();
        loop {
            let mut guard = match self.io.get_mut().handshake(&mut early)? {
                Handshake::Done => return Ok(()),
                Handshake::Reads => self.io.readable().await?,
                Handshake::Writes => self.io.writable().await?,
            };
            // Taken back before the next step: what comes meanwhile has an edge of its own.
            guard.clear_ready();
        }
    }

    /// Says that nothing more is going to be sent, and goes on reading.
    pub(super) fn finish(&mut self) {
        self.io.get_mut().finish();
    }

    /// Looks at a connection on which nothing is awaited.
    pub(super) fn look(&mut self) -> Rest {
        if self.reads == Reads::Ended {
            return Rest::Ended;
        }
        if !self.is_readable(&mut Context::from_waker(Waker::noop())) {
            return Rest::Quiet;
        }
        match self.take(&mut [0]) {
            Ok(Taken::Nothing) => Rest::Quiet,
            Ok(Taken::Bytes(_) | Taken::Last(_)) => Rest::Spoke,
            Ok(Taken::End) | Err(_) => Rest::Ended,
        }
    }
}
