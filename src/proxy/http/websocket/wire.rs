//! The way to the upstream: a connection lent by the pool, its handshake, and what it is once it is open.

use crate::pool::check_out::CheckOut;
use crate::pool::id::{ConnectionId, Key as PoolKey};
use crate::pool::reason::CloseReason;
use crate::proxy::http::room::{Held, Link};
use crate::proxy::http::serving::reason_of;
use crate::proxy::http::side::Rest;
use crate::proxy::http::web::{Tools, client_of};
use crate::proxy::http::websocket::channel::Channel;
use crate::proxy::http::websocket::page::Source;
use crate::proxy::http::websocket::refusal::{Read, Refusing, Trouble};
use crate::proxy::http::websocket::session::{Session, nonce};
use crate::stream::generation::Generation;
use crate::wire::http::head::{Finder, HEAD_MAX, Method, response};
use crate::wire::websocket::handshake::request::Opening;
use crate::wire::websocket::handshake::response::{Agreed, ResponseError};
use crate::wire::websocket::handshake::{Field, Key};
use crate::wire::websocket::rules::Sender;

/// The connection to the upstream.
#[derive(Debug)]
pub(super) enum Wire {
    /// There is none.
    None,
    /// The pool was asked for one; for whom, where somebody still wants it.
    Queued(Option<Generation>),
    /// In its handshake.
    Shaking(Generation, Link, Box<Shake>),
    /// Open; without its channel while that is at work.
    Open(Generation, Link, Option<Box<Channel>>),
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Shake {
    key: Key,
    finder: Finder,
    head: Vec<u8>,
    /// It is refused, and the rest of the answer is on its way.
    pub(super) refusing: Option<Box<Refusing>>,
}

impl Wire {
    pub(super) fn link(&mut self) -> Option<&mut Link> {
        match self {
            Self::Shaking(_, link, _) | Self::Open(_, link, _) => Some(link),
            Self::None | Self::Queued(_) => None,
        }
    }

    /// Whose it is.
    pub(super) fn generation(&self) -> Option<Generation> {
        match self {
            Self::Queued(generation) => *generation,
            Self::Shaking(generation, ..) | Self::Open(generation, ..) => Some(*generation),
            Self::None => None,
        }
    }
}

/// What the upstream's answer to a handshake was.
enum Shaken {
    /// It is not all there.
    More,
    /// It is open; so many bytes were the head.
    Open(Agreed, usize),
    /// It is not; so many bytes were the head of the answer that says why.
    Refused(Box<Refusing>, usize),
    /// It is not, and the answer is none.
    Broken(String),
}

impl Session {
    /// Asks the pool for a connection.
    pub(super) fn seek(&mut self, generation: Generation) {
        if let Wire::Queued(waiting) = &mut self.wire {
            *waiting = Some(generation);
            return;
        }
        let room_place = usize::from(self.seat.room);
        loop {
            let (client, now) = (client_of(self.place), self.now());
            let found = self.room().pool.check_out(client, PoolKey::HOME, now);
            match found {
                CheckOut::Lease(connection) if self.adopt(generation, connection) => return,
                CheckOut::Lease(_) => {}
                CheckOut::Wait => {
                    self.wire = Wire::Queued(Some(generation));
                    return self.web.carry_out(room_place);
                }
                CheckOut::Refused(refusal) => {
                    return self.fail(generation, Trouble::of(503, refusal.meaning()));
                }
            }
        }
    }

    /// The pool has lent a connection, for which it was asked.
    pub(super) fn served(&mut self, connection: ConnectionId) {
        match std::mem::replace(&mut self.wire, Wire::None) {
            Wire::Queued(Some(generation)) => {
                if !self.adopt(generation, connection) {
                    self.seek(generation);
                }
            }
            Wire::Queued(None) => self.give_back(connection),
            other @ (Wire::None | Wire::Shaking(..) | Wire::Open(..)) => {
                self.wire = other;
                self.give_back(connection);
            }
        }
    }

    fn give_back(&self, connection: ConnectionId) {
        self.web.discard(usize::from(self.seat.room), connection, CloseReason::Unwanted);
    }

    /// Takes a connection from the room and begins the handshake; gives whether it is good.
    fn adopt(&mut self, generation: Generation, connection: ConnectionId) -> bool {
        let held = self.room().links.put(connection, Held::Lent(self.place));
        let Some(Held::Here(mut link)) = held else {
            self.give_back(connection);
            return false;
        };
        match link.side.look() {
            Rest::Quiet => {
                self.begin(generation, link);
                true
            }
            rest @ (Rest::Spoke | Rest::Ended) => {
                self.web.discard(usize::from(self.seat.room), connection, reason_of(rest));
                false
            }
        }
    }

    fn begin(&mut self, generation: Generation, mut link: Link) {
        let Some(nonce) = nonce() else {
            self.web.discard(usize::from(self.seat.room), link.id, CloseReason::Unwanted);
            return self.fail(generation, Trouble::of(503, "the system gives no random numbers"));
        };
        let key = Key::of(nonce);
        let line = &self.settings().hosts[link.upstream.index()];
        let host = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        let host = host.trim_start_matches("Host: ");
        let scheme = if self.settings().tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{host}");
        let opening = Opening { host, target: &self.ask.target, key: &key, protocols: &self.ask.protocols };
        let mut out = Vec::new();
        let fields = self.ask.fields.iter().map(|(name, value)| -> Field<'_> { (name, value) });
        let named: Option<Field<'_>> =
            (self.ask.source == Source::Ours).then_some(("Origin", origin.as_bytes()));
        opening.write(&mut out, fields.chain(named));
        // What it breaks is heard when it is read.
        let _heard = link.side.send(&out);
        self.count(out.len(), 0);
        let shake = Shake { key, finder: Finder::default(), head: Vec::new(), refusing: None };
        self.wire = Wire::Shaking(generation, link, Box::new(shake));
    }

    /// Bytes of the upstream's answer, which lie in the scratch.
    pub(super) fn shake(&mut self, count: usize, tools: &mut Tools) {
        let Wire::Shaking(generation, link, mut shake) = std::mem::replace(&mut self.wire, Wire::None) else {
            return;
        };
        if let Some(refusing) = &mut shake.refusing {
            let read = refusing.take(&tools.scratch[..count]);
            self.wire = Wire::Shaking(generation, link, shake);
            return self.refused_so_far(generation, read);
        }
        shake.head.extend_from_slice(&tools.scratch[..count]);
        match judge(&mut shake, &self.ask.protocols, tools) {
            Shaken::More => self.wire = Wire::Shaking(generation, link, shake),
            Shaken::Open(agreed, end) if self.agreed.as_ref().is_none_or(|before| *before == agreed) => {
                self.agreed = Some(agreed);
                let stream = self.stream();
                let channel = Channel::new(Sender::Server, stream.reading, stream.message_max);
                let (room, connection, now) = (usize::from(self.seat.room), link.id, self.now());
                self.wire = Wire::Open(generation, link, Some(Box::new(channel)));
                self.opened = now;
                self.web.settle(room, connection);
                self.feed.opened(generation, now);
                self.carry_out();
                self.hear(generation, &shake.head[end..]);
            }
            Shaken::Open(..) => {
                self.wire = Wire::Shaking(generation, link, shake);
                self.fail(generation, Trouble::of(502, "the upstream chose another subprotocol than before"));
            }
            Shaken::Refused(mut refusing, end) => {
                let read = refusing.take(&shake.head[end..]);
                shake.refusing = Some(refusing);
                self.wire = Wire::Shaking(generation, link, shake);
                self.refused_so_far(generation, read);
            }
            Shaken::Broken(why) => {
                self.wire = Wire::Shaking(generation, link, shake);
                self.fail(generation, Trouble::of(502, why));
            }
        }
    }

    fn refused_so_far(&mut self, generation: Generation, read: Read) {
        if let (Read::Done, Some(trouble)) = (read, self.take_refusal()) {
            self.fail(generation, trouble);
        }
    }

    /// What the upstream has said so far to refuse a handshake, where it does.
    pub(super) fn take_refusal(&mut self) -> Option<Trouble> {
        let Wire::Shaking(_, _, shake) = &mut self.wire else { return None };
        shake.refusing.take().map(|refusing| refusing.end())
    }

    /// The upstream has ended a connection in its handshake.
    pub(super) fn handshake_ended(&mut self, generation: Generation) {
        let silent = || Trouble::of(502, "the upstream ended the handshake");
        let trouble = self.take_refusal().unwrap_or_else(silent);
        self.fail(generation, trouble);
    }

    /// A connection was not to be had.
    pub(super) fn fail(&mut self, generation: Generation, trouble: Trouble) {
        let now = self.now();
        if self.room().told.is_due(&trouble.why, now) {
            let (client, why) = (&self.seat.about.address, &trouble.why);
            tracing::warn!(proxy = self.settings().name, client, why, "a stream can't be opened");
        }
        self.drop_wire(trouble.reason);
        self.failed = Some((generation, trouble.pause));
        self.trouble = Some(trouble);
    }

    /// The connection is given up, or what was asked for is not wanted any more.
    pub(super) fn drop_wire(&mut self, reason: CloseReason) {
        match std::mem::replace(&mut self.wire, Wire::None) {
            Wire::Queued(_) => self.wire = Wire::Queued(None),
            Wire::Shaking(_, link, _) => self.web.discard(usize::from(self.seat.room), link.id, reason),
            Wire::Open(_, link, _) => {
                self.forget_said();
                self.web.discard(usize::from(self.seat.room), link.id, reason);
            }
            Wire::None => {}
        }
    }
}

fn judge(shake: &mut Shake, offered: &[String], tools: &mut Tools) -> Shaken {
    let fields = &mut tools.fields;
    let head = match response(&shake.head, Method::Get, &mut shake.finder, fields) {
        Ok(Some(head)) => head,
        Ok(None) if shake.head.len() <= HEAD_MAX => return Shaken::More,
        Ok(None) => return Shaken::Broken("the upstream's answer is too long".to_owned()),
        Err(fault) => return Shaken::Broken(format!("the upstream's answer is none: {fault}")),
    };
    let bytes = &shake.head[..head.end];
    let text = |(name, value)| std::str::from_utf8(name).ok().map(|name| (name, value));
    let all: Vec<Field<'_>> = fields.iter(bytes).filter_map(text).collect();
    match Agreed::parse(head.status, &all, &shake.key, offered) {
        Ok(agreed) => Shaken::Open(agreed, head.end),
        Err(error @ ResponseError::Status(status)) => {
            let refusing = Refusing::new(status, &all, head.body, error.to_string());
            Shaken::Refused(Box::new(refusing), head.end)
        }
        Err(error) => Shaken::Broken(error.to_string()),
    }
}
