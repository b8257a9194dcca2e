//! A request to a forward proxy: where it wants to go, whether it may, and what becomes of a CONNECT.

use std::rc::Rc;

use super::{Phase, Session};
use crate::model::destination::Destination;
use crate::pool::id::Key;
use crate::pool::reason::Refusal;
use crate::proxy::http::forward::{Goal, Way};
use crate::proxy::http::reply::Reply;
use crate::proxy::http::room::Room;
use crate::proxy::http::start::host;
use crate::proxy::http::web::Tools;
use crate::proxy::place::Place;
use crate::wire::http::fields::Fields;
use crate::wire::http::head::{Method, Request};
use crate::wire::http::target::Target;

/// Where HTTP in the clear is where no port is written.
const HTTP_PORT: u16 = 80;
/// The answer to a CONNECT whose tunnel is open.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

impl Session {
    /// Sees where a request wants to go, and whether it may.
    pub(super) fn aim(&mut self, head: &Request) -> Result<(), Reply> {
        self.goal = None;
        let settings = &self.web.settings[usize::from(self.seat.room)];
        let forward = match (&settings.forward, &head.form) {
            (Some(forward), _) => forward,
            (None, Target::Origin | Target::Asterisk) => return Ok(()),
            (None, Target::Absolute { .. } | Target::Authority) => return Err(Reply::forward()),
        };
        let target = &self.held[head.target.clone()];
        let (authority, usual, way) = match &head.form {
            // What comes behind the head of a CONNECT is the tunnel's: a body is nothing that could be told from it.
            Target::Authority if !head.body.is_over() => return Err(Reply::connect_with_body()),
            Target::Authority => (target, None, Way::Tunnel),
            Target::Absolute { scheme, .. } if target[scheme.clone()].eq_ignore_ascii_case(b"https") => {
                return Err(Reply::wants_connect());
            }
            Target::Absolute { authority, .. } => (&target[authority.clone()], Some(HTTP_PORT), Way::Plain),
            Target::Origin | Target::Asterisk => return Err(Reply::wants_absolute()),
        };
        let to = std::str::from_utf8(authority).ok().and_then(|text| Destination::parse(text, usual));
        let to = to.ok_or_else(Reply::no_destination)?;
        if !forward.allows(&to) {
            return Err(Reply::not_allowed(&to));
        }
        self.goal = Some(Rc::new(Goal { to, way }));
        Ok(())
    }

    /// What the pool is asked for; none where no more places are kept in mind.
    pub(super) fn key(&self) -> Option<Key> {
        let Some(goal) = &self.goal else { return Some(Key::HOME) };
        let now = self.now();
        let Room { goals, pool, .. } = &mut *self.room();
        goals.key(goal, pool, now)
    }

    /// Whether what is asked for is a tunnel.
    pub(super) fn is_for_tunnel(&self) -> bool {
        self.goal.as_ref().is_some_and(|goal| goal.way == Way::Tunnel)
    }

    /// What the client is told whom the pool has refused.
    pub(super) fn refused(&self, refusal: Refusal) -> Reply {
        let Some(goal) = self.goal.as_ref().filter(|_| refusal == Refusal::UpstreamDown) else {
            return Reply::refused(refusal);
        };
        match self.room().goals.trouble(goal) {
            Some(trouble) => Reply::unreached(trouble),
            None => Reply::refused(refusal),
        }
    }

    /// The connection of a CONNECT is there; `end` is where its head ends. What the client said behind it goes first.
    pub(super) fn open_tunnel(&mut self, end: usize, tools: &mut Tools) {
        let Some(connection) = self.link.as_ref().map(|link| link.id) else { return };
        self.used(end);
        tools.out.clear();
        tools.out.extend_from_slice(ESTABLISHED);
        self.count(0, ESTABLISHED.len());
        // Who does not hear it has gone, which is heard when it is read.
        let _heard = self.client.send(&tools.out);
        self.web.settle(usize::from(self.seat.room), connection);
        self.begin_tunnel();
    }

    /// From here on bytes pass as they are.
    pub(super) fn begin_tunnel(&mut self) {
        self.carried = super::tunnel::Carried::begin(self.now());
        self.phase = Phase::Tunnel;
    }
}

/// The line `Host` for a destination, whatever the client has said (RFC 9112, 3.2.2).
pub(super) fn host_line(to: &Destination) -> Vec<u8> {
    host(&Place::Tcp(to.host().to_owned(), to.port()), HTTP_PORT)
}

/// Writes the first line of a request for a whole URL as the server of that URL is asked, and gives where the rest of the head
/// begins.
pub(super) fn write_line(bytes: &[u8], head: &Request, fields: &Fields, out: &mut Vec<u8>) -> usize {
    let rest = if fields.is_empty() { bytes.len() - 2 } else { fields.line(0).start };
    let Target::Absolute { path, .. } = &head.form else { return head.start };
    let path = &bytes[head.target.clone()][path.clone()];
    out.extend_from_slice(&bytes[head.start..head.target.start]);
    match path.first() {
        None if head.method == Method::Options => out.push(b'*'),
        Some(b'/') => {}
        None | Some(_) => out.push(b'/'),
    }
    out.extend_from_slice(path);
    out.extend_from_slice(&bytes[head.target.end..rest]);
    rest
}
