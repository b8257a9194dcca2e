//! A connection of the upstream: its bytes, in clear or under TLS, and what it has asked for.

use std::io::{ErrorKind, Read as _, Write as _};

use mio::net::TcpStream;

use crate::common::Attempt;
use crate::websocket::cell::Talk;
use crate::websocket::frames::{ANSWER, Frames};
use crate::websocket::opening::{accept, end_of_head};

/// See the module.
pub(crate) struct Guest {
    pub(crate) stream: TcpStream,
    tls: Option<rustls::ServerConnection>,
    /// Its request, so far as it is there.
    head: Vec<u8>,
    talk: Option<Talk>,
    frames: Frames,
    /// What the socket has not taken.
    unsent: Vec<u8>,
}

impl Guest {
    pub(crate) fn new(stream: TcpStream, tls: Option<rustls::ServerConnection>) -> Self {
        Self { stream, tls, head: Vec::new(), talk: None, frames: Frames::questions(), unsent: Vec::new() }
    }

    /// Whether it has all that was sent so far.
    pub(crate) fn is_drained(&self) -> bool {
        self.unsent.is_empty() && self.tls.as_ref().is_none_or(|tls| !tls.wants_write())
    }

    /// Reads all that is there and answers it; gives what it asks for, once it is a feed.
    pub(crate) fn hear(&mut self, room: &mut [u8], answers: &[u8]) -> Attempt<Option<Talk>> {
        self.flush()?;
        let mut asked = None;
        loop {
            let Some(count) = self.read(room)? else { return Ok(asked) };
            if self.talk.is_none() {
                self.ask(&room[..count])?;
                continue;
            }
            let mut heard = 0;
            self.frames.take(&room[..count], |_| heard += 1)?;
            if let (Some(Talk::Feed(..)), 1..) = (self.talk, heard) {
                asked = self.talk;
                continue;
            }
            while heard > 0 {
                let now = heard.min(answers.len() / ANSWER);
                self.send(&answers[..now * ANSWER])?;
                heard -= now;
            }
        }
    }

    fn ask(&mut self, bytes: &[u8]) -> Attempt<()> {
        self.head.extend_from_slice(bytes);
        let Some(end) = end_of_head(&self.head) else { return Ok(()) };
        let (talk, answer) = accept(&self.head[..end])?;
        self.send(&answer)?;
        // Clients of the bench wait for the answer before they say anything.
        self.head = Vec::new();
        self.talk = Some(talk);
        Ok(())
    }

    /// What it says, in clear; none where there is nothing for now.
    fn read(&mut self, room: &mut [u8]) -> Attempt<Option<usize>> {
        loop {
            let read = match &mut self.tls {
                None => self.stream.read(room),
                Some(tls) => match tls.reader().read(room) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        match tls.read_tls(&mut self.stream) {
                            Ok(0) => Ok(0),
                            Ok(_) => {
                                tls.process_new_packets()?;
                                self.flush()?;
                                continue;
                            }
                            Err(error) => Err(error),
                        }
                    }
                    read => read,
                },
            };
            return match read {
                Ok(0) => Err("a connection was closed".into()),
                Ok(count) => Ok(Some(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Says something; what the socket does not take leaves later.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Attempt<()> {
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(bytes)?,
            None if self.unsent.is_empty() => {
                let count = written(self.stream.write(bytes))?;
                self.unsent.extend_from_slice(&bytes[count..]);
                return Ok(());
            }
            None => self.unsent.extend_from_slice(bytes),
        }
        self.flush()
    }

    fn flush(&mut self) -> Attempt<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                if written(tls.write_tls(&mut self.stream))? == 0 {
                    break;
                }
            }
        }
        if !self.unsent.is_empty() {
            let count = written(self.stream.write(&self.unsent))?;
            self.unsent.drain(..count);
        }
        Ok(())
    }
}

/// A socket that is full has taken nothing.
fn written(result: std::io::Result<usize>) -> Attempt<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        result => Ok(result?),
    }
}
