//! The data plane of PostgreSQL proxies: one thread that owns its clients, its server connections and their pools. No lock,
//! no channel and no wake-up lies on the path of a query.
//!
//! ```text
//!            ready client                                     ready connection
//!   login ──────────────────┐                            ┌───────────────────── connect
//!   (tokio)                 ▼                            ▼                       (tokio)
//!              epoll ─► client: read ─► inbound ─► lease ─► server: one write
//!                       client: one write ◄─ outbound ◄─ server: read ─► at rest: to the oldest waiter
//! ```
//!
//! Each socket is registered once, edge-triggered, for both directions. What a socket still has to give is remembered
//! (`drained`), so a client that waits, or whose server does not take more, is left alone without a system call, and
//! taken up again where it was left. Both directions share one buffer for reading; bytes are copied only where they must
//! wait.
//!
//! Why a loop of our own and not tasks on a runtime: measured under `pgbench -S`, a bare pooler on tokio's
//! current-thread runtime needs 0.76 to 0.96 of PgBouncer's CPU for each transaction, one on an edge-triggered loop 0.63 to
//! 0.80 (`benches/postgres.rs` keeps the comparison).

mod arriving;
mod caching;
mod cancel_keys;
mod cleaning;
mod client;
mod client_path;
mod control;
pub(super) mod hall;
mod inbox;
mod knocker;
mod refusing;
mod room;
mod server;
mod server_path;
mod serving;
mod snapshot;
mod sweep;
mod token;

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use mio::{Events, Poll, Waker};
use slab::Slab;
use tokio::sync::mpsc::UnboundedSender;

pub(super) use client::About;
pub(super) use client::Newcomer;
use client::{Client, State};
use hall::Hall;
pub(super) use inbox::{Caller, Carried, Errand, Failed, Message, Ready};
pub(super) use knocker::Seat;
use room::Room;
pub(super) use room::RoomSettings;
use server::Server;

use crate::model::clock::{Clock as _, Timestamp};
use crate::pool::id::ConnectionId;
use crate::pool::reason::Farewell;
use crate::sys::clock::SystemClock;
use cancel_keys::CancelKeys;
use token::Token;

/// Events taken in one pass.
const EVENTS_MAX: usize = 1_024;
/// The buffer that all reads share.
const SCRATCH: usize = 64 << 10;
/// Reads of one socket in one pass; one that has more waits for the next pass, so that it starves no other.
const READS_MAX: usize = 16;
/// Limits of time are looked at so often.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// Buffers kept for clients that have to wait.
const SPARE_MAX: usize = 256;
/// A buffer larger than this is given back to the allocator.
const SPARE_SIZE_MAX: usize = 16 << 10;

/// The thread's state.
pub(super) struct Worker {
    poll: Poll,
    inbox: Receiver<Message>,
    desk: UnboundedSender<Errand>,
    rooms: Vec<Room>,
    hall: Hall,
    clients: Slab<Client>,
    /// Grows with each client, so that an event of one that is gone meets no other.
    turn: u32,
    scratch: Box<[u8]>,
    made: Vec<u8>,
    cancel_keys: CancelKeys,
    spare: Vec<Vec<u8>>,
    /// Sockets that had more to give than one pass takes.
    again: Vec<Token>,
    now: Timestamp,
    swept: Timestamp,
    ending: bool,
    /// When what is not drained is dropped.
    last: Option<Timestamp>,
}

/// What a worker is made of.
pub(super) struct Parts {
    pub(super) poll: Poll,
    pub(super) inbox: Receiver<Message>,
    pub(super) desk: UnboundedSender<Errand>,
}

/// The poll of a worker and what wakes it.
pub(super) fn poll() -> io::Result<(Poll, Waker)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), Token::INBOX)?;
    Ok((poll, waker))
}

impl Worker {
    pub(super) fn new(parts: Parts) -> Self {
        let now = SystemClock.now();
        Self {
            poll: parts.poll,
            inbox: parts.inbox,
            desk: parts.desk,
            rooms: Vec::new(),
            hall: Hall::default(),
            clients: Slab::new(),
            turn: 0,
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            made: Vec::new(),
            cancel_keys: CancelKeys::default(),
            spare: Vec::new(),
            again: Vec::new(),
            now,
            swept: now,
            ending: false,
            last: None,
        }
    }

    /// Turns until it is told to end and everything is drained.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.is_over() {
            self.wait(&mut events)?;
            self.now = SystemClock.now();
            for event in &events {
                self.take_event(event);
            }
            for token in std::mem::take(&mut self.again) {
                self.pump(token);
            }
            if self.now.since(self.swept) >= SWEEP_EVERY {
                self.swept = self.now;
                self.sweep();
                self.sweep_hall();
            }
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let patience = if self.again.is_empty() { SWEEP_EVERY } else { Duration::ZERO };
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            polled => polled,
        }
    }

    fn take_event(&mut self, event: &mio::event::Event) {
        let token = event.token();
        if token == Token::INBOX {
            return self.take_messages();
        }
        let token = Token::of(token);
        if event.is_writable() {
            self.writable(token);
        }
        let ends = event.is_read_closed() || event.is_error();
        if ends {
            self.hung_up(token);
        }
        if event.is_readable() || ends {
            self.readable(token);
        }
    }

    /// An end that comes with the last bytes has no event of its own: reads go on until they find it.
    fn hung_up(&mut self, token: Token) {
        match token {
            Token::Client { place, turn } => {
                let Some(client) = self.clients.get_mut(place).filter(|client| client.turn == turn) else {
                    return;
                };
                client.transport.hung_up();
                if matches!(client.state, State::Waiting | State::Awaiting) {
                    // It costs no server connection any more.
                    self.end_client(place, Farewell::Lost);
                }
            }
            Token::Server { room, slot, turn } => {
                let Some(connection) = self.connection(room, slot, turn) else { return };
                if let Some(server) = self.rooms[room].server_mut(connection) {
                    server.transport.hung_up();
                }
            }
            Token::Knocker { place, turn } => {
                if let Some(place) = self.knocker(place, turn) {
                    self.hall.knockers[place].transport.hung_up();
                }
            }
            Token::Ear(_) => {}
        }
    }

    fn readable(&mut self, token: Token) {
        match token {
            Token::Client { place, turn } => {
                if let Some(client) = self.clients.get_mut(place).filter(|client| client.turn == turn) {
                    client.drained = false;
                    self.pump_client(place);
                }
            }
            Token::Server { room, slot, turn } => {
                let Some(connection) = self.connection(room, slot, turn) else { return };
                if let Some(server) = self.rooms[room].server_mut(connection) {
                    server.drained = false;
                    self.pump_server(room, connection);
                }
            }
            Token::Ear(_) | Token::Knocker { .. } => self.pump(token),
        }
    }

    fn pump(&mut self, token: Token) {
        match token {
            Token::Client { place, turn } => {
                if self.clients.get(place).is_some_and(|client| client.turn == turn) {
                    self.pump_client(place);
                }
            }
            Token::Server { room, slot, turn } => {
                if let Some(connection) = self.connection(room, slot, turn) {
                    self.pump_server(room, connection);
                }
            }
            Token::Ear(place) => self.accept(place),
            Token::Knocker { place, turn } => {
                if let Some(place) = self.knocker(place, turn) {
                    self.hear(place);
                }
            }
        }
    }

    fn writable(&mut self, token: Token) {
        match token {
            Token::Client { place, turn } => {
                if self.clients.get(place).is_some_and(|client| client.turn == turn) {
                    self.client_writable(place);
                }
            }
            Token::Server { room, slot, turn } => {
                if let Some(connection) = self.connection(room, slot, turn) {
                    self.server_writable(room, connection);
                }
            }
            Token::Ear(_) | Token::Knocker { .. } => {}
        }
    }

    /// The server connection that an event is of, unless it is gone.
    fn connection(&self, room: usize, slot: u16, turn: u16) -> Option<ConnectionId> {
        self.rooms.get(room)?.connection_at(slot).filter(|connection| connection.turn() == turn)
    }

    fn take_messages(&mut self) {
        loop {
            match self.inbox.try_recv() {
                Ok(message) => self.take_message(message),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.ending = true;
                    return;
                }
            }
        }
    }

    /// A buffer for bytes that have to wait.
    fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn give_back(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0 && buffer.capacity() <= SPARE_SIZE_MAX && self.spare.len() < SPARE_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}
