//! The data plane of streams: one thread that owns its sessions and their pools. No lock, no channel and no wake-up lies on
//! the path of a byte.
//!
//! A thread of its own, beside that of PostgreSQL: the two know sockets by other things (a session here, a client or a
//! connection there), and a bulk transfer here can't delay a statement there. What they have in common stands one floor
//! up: the porch, guests, the pool and what is told of it.
//!
//! Each socket is registered once, edge-triggered, for both directions; all reads share one buffer. What the other side
//! does not take at once is copied and kept, and nothing more is read until it went.

mod control;
mod ending;
mod entering;
mod serving;
mod snapshot;
mod sweep;

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use mio::{Events, Poll, Waker};
use slab::Slab;
use tokio::sync::mpsc::UnboundedSender;

use crate::model::clock::{Clock as _, Timestamp};
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::obey::answer;
use crate::proxy::porch::Porch;
use crate::proxy::tcp::inbox::{Errand, Message};
use crate::proxy::tcp::relay::{After, Takes};
use crate::proxy::tcp::room::Room;
use crate::proxy::tcp::session::Session;
use crate::proxy::tcp::token::{Side, Token};
use crate::proxy::tcp::worker::ending::Parting;
use crate::sys::clock::SystemClock;

/// Events taken in one pass.
const EVENTS_MAX: usize = 1_024;
/// The buffer that all reads share.
const SCRATCH: usize = 64 << 10;
/// Limits of time are looked at so often.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// The thread's state.
pub(super) struct Worker {
    poll: Poll,
    inbox: Receiver<Message>,
    desk: UnboundedSender<Errand>,
    porch: Porch,
    rooms: Vec<Room>,
    sessions: Slab<Session>,
    /// Grows with each session, so that an event of one that is gone meets no other.
    turn: u32,
    scratch: Box<[u8]>,
    /// What had more to give than one pass takes.
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
            porch: Porch::default(),
            rooms: Vec::new(),
            sessions: Slab::new(),
            turn: 0,
            scratch: vec![0; SCRATCH].into_boxed_slice(),
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
                match token {
                    Token::Ear(place) => self.accept(place),
                    Token::Side { place, turn, side } if self.is_there(place, turn) => self.pump(place, side),
                    Token::Side { .. } => {}
                }
            }
            if self.now.since(self.swept) >= SWEEP_EVERY {
                self.swept = self.now;
                self.sweep();
            }
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let patience = if self.again.is_empty() { SWEEP_EVERY } else { Duration::ZERO };
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                // Those of the last pass would be taken once more.
                events.clear();
                Ok(())
            }
            polled => polled,
        }
    }

    fn take_event(&mut self, event: &mio::event::Event) {
        if event.token() == Token::INBOX {
            return self.take_messages();
        }
        match Token::of(event.token()) {
            Token::Ear(place) => self.accept(place),
            Token::Side { place, turn, side } => {
                if event.is_writable() && self.is_there(place, turn) {
                    self.writable(place, side);
                }
                let ends = event.is_read_closed() || event.is_error();
                if ends && self.is_there(place, turn) {
                    self.hung_up(place, side, event);
                }
                if (event.is_readable() || ends) && self.is_there(place, turn) {
                    if let Some(end) = self.sessions[place].end_mut(side) {
                        end.ready();
                    }
                    self.pump(place, side);
                }
            }
        }
    }

    /// Whether the session that an event is of is still there.
    fn is_there(&self, place: usize, turn: u32) -> bool {
        self.sessions.get(place).is_some_and(|session| session.turn == turn)
    }

    /// Carries what one side has to say, and ends the session where that is its end.
    fn pump(&mut self, place: usize, from: Side) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        let room = &mut self.rooms[usize::from(session.room)];
        let most = room.settings.buffer.min(self.scratch.len());
        let (bytes, after) = session.carry(from, &mut self.scratch[..most], self.now);
        if bytes > 0 {
            from.count(&mut room.traffic, bytes);
            if session.rests {
                session.rests = false;
                room.pool.stir(serving::client_of(place), self.now);
            }
        }
        match after {
            After::More => self.again.push(session.token(place, from)),
            After::Refused => self.again.push(session.token(place, from.other())),
            After::Broken => return self.broken(place, from),
            After::Still => {}
        }
        if session.is_over() {
            self.end(place, Farewell::Left, CloseReason::SessionOver, Parting::InOrder);
        }
    }

    /// A side takes more again.
    fn writable(&mut self, place: usize, side: Side) {
        let session = &mut self.sessions[place];
        let Some(end) = session.end_mut(side).filter(|end| end.transport.blocked()) else { return };
        let sent = end.flush();
        let (blocked, takes) = (end.transport.blocked(), end.takes);
        if sent > 0 {
            session.active = self.now;
        }
        match takes {
            Takes::Yes if blocked => {}
            Takes::Yes => self.pump(place, side.other()),
            // What it said before it went comes first.
            Takes::No => {
                end_is_ready(session, side);
                self.again.push(session.token(place, side));
            }
        }
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

    fn take_message(&mut self, message: Message) {
        match message {
            Message::Open(settings) => self.open_room(*settings),
            Message::Listen(ears) => self.open_porch(ears),
            Message::Connected(room, connection, stream) => {
                self.connected(usize::from(room), connection, stream);
            }
            Message::Failed(room, connection, failure, why) => {
                self.failed(usize::from(room), connection, (failure, &why));
            }
            Message::Resolved(room, upstream, addresses) => {
                let room = usize::from(room);
                self.rooms[room].pool.resolved(upstream, &addresses, self.now);
                self.carry_out(room);
            }
            Message::Asked(room, question) => answer(self, room, question),
            Message::End => self.begin_to_end(),
        }
    }
}

fn end_is_ready(session: &mut Session, side: Side) {
    if let Some(end) = session.end_mut(side) {
        end.ready();
    }
}
