//! A session: a client, and the server connection that is its own.
//!
//! ```text
//!   accepted ─► waiting ─► carried ─┬─► both sides have ended ─────────────► over
//!                  │                ├─► one broke off: the other is cut ───► over
//!                  │                └─► idle, too old, reset, shut down ───► over
//!                  └─► refused
//! ```
//!
//! Whether a session is at work is not known, since what passes is not read. It is held to be at rest when nothing has
//! passed for [`QUIET_AFTER`] and the server spoke last. Where the client spoke last an answer may be under way: then
//! it takes [`UNANSWERED_AFTER`]. A limit on idleness that is shorter than these counts as it is.

use std::sync::Arc;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::id::ConnectionId;
use crate::pool::limits::Limits;
use crate::proxy::guests::Origin;
use crate::proxy::tcp::relay::{After, End, Reads, carry};
use crate::proxy::tcp::token::{Side, Token};
use crate::proxy::transport::Stream;
use crate::proxy::view::{Identity, Traffic};

/// After an answer so long without a word is rest.
pub(super) const QUIET_AFTER: Duration = Duration::from_secs(1);
/// After a question so long without an answer is rest.
pub(super) const UNANSWERED_AFTER: Duration = Duration::from_secs(60);
/// A client that has closed its half, or whose server takes nothing, is looked at so often: it may be gone.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: End,
    /// None while it waits for one.
    pub(super) server: Option<End>,
    pub(super) room: u16,
    pub(super) turn: u32,
    /// The server connection in the pool's books.
    pub(super) lease: Option<ConnectionId>,
    pub(super) origin: Origin,
    /// Who it is; told in reports.
    pub(super) about: Arc<Identity>,
    /// When it came.
    pub(super) since: Timestamp,
    /// When it got its server connection.
    pub(super) opened: Timestamp,
    /// When something last passed.
    pub(super) active: Timestamp,
    /// When it was last looked at whether its client is gone.
    pub(super) looked: Timestamp,
    /// Who spoke last.
    pub(super) spoke: Side,
    /// Whether the pool holds it to be at rest.
    pub(super) rests: bool,
    /// Whether the poll has said that nobody holds the client's end any more.
    pub(super) gone: bool,
    pub(super) traffic: Traffic,
}

/// What is due in a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    /// Its client has broken off, and is not read to hear of it.
    Broken,
    /// It has come to rest.
    Rest,
    /// It is as old as it may be.
    End,
    /// To see whether its client is gone.
    Look,
}

impl Session {
    /// A name of one of its sockets.
    pub(super) fn token(&self, place: usize, side: Side) -> Token {
        Token::Side { place, turn: self.turn, side }
    }

    /// One of its sides, where it is there.
    pub(super) fn end_mut(&mut self, side: Side) -> Option<&mut End> {
        match side {
            Side::Client => Some(&mut self.client),
            Side::Server => self.server.as_mut(),
        }
    }

    /// Carries what one side has to say to the other.
    pub(super) fn carry(&mut self, from: Side, room: &mut [u8], now: Timestamp) -> (u64, After) {
        let Some(server) = &mut self.server else { return (0, After::Still) };
        let (bytes, after) = match from {
            Side::Client => carry(&mut self.client, server, room),
            Side::Server => carry(server, &mut self.client, room),
        };
        if bytes > 0 {
            self.active = now;
            self.spoke = from;
            from.count(&mut self.traffic, bytes);
        }
        (bytes, after)
    }

    /// Whether both directions have come to their end.
    pub(super) fn is_over(&self) -> bool {
        self.server.as_ref().is_some_and(|server| End::are_over(&self.client, server))
    }

    /// Whether its client has broken off while the server takes nothing: then the client is not read, and nobody hears of it.
    /// A unix socket does not break: what was said before its end may still be taken.
    pub(super) fn is_cut_off(&self) -> bool {
        let is_tcp = matches!(self.client.transport.stream(), Stream::Tcp(_));
        is_tcp && self.gone && self.is_stuck()
    }

    /// Whether the server does not take what it was sent.
    pub(super) fn is_stuck(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.transport.blocked())
    }

    /// What is due by now.
    pub(super) fn due(&self, limits: &Limits, now: Timestamp) -> Option<Due> {
        self.server.as_ref()?;
        if now.since(self.opened) >= limits.lifetime {
            return Some(Due::End);
        }
        if self.is_cut_off() {
            return Some(Due::Broken);
        }
        let quiet = now.since(self.active);
        // What a client has left behind may still be taken: it is given as long as an answer.
        let may_be_gone = if self.is_stuck() {
            quiet >= UNANSWERED_AFTER
        } else {
            self.client.reads == Reads::Ended && quiet >= LOOK_EVERY
        };
        if may_be_gone && now.since(self.looked) >= LOOK_EVERY {
            return Some(Due::Look);
        }
        let enough = match self.spoke {
            Side::Client => UNANSWERED_AFTER,
            Side::Server => QUIET_AFTER,
        };
        (!self.rests && quiet >= enough.min(limits.clients.idle)).then_some(Due::Rest)
    }
}
