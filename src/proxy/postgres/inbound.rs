//! From the client to the server: every message is looked at once, by its header and the few bytes that matter, entered
//! in the book of what is owed, and sent on as it is or under the name that its statement has on the server.

mod early;
mod marks;
mod sent;

use std::rc::Rc;

use crate::proxy::postgres::assembly::Assembly;
use crate::proxy::postgres::cache::Cache;
use crate::proxy::postgres::inbound::marks::{instead, note_bound, note_call, note_query, note_session};
use crate::proxy::postgres::inbound::sent::{Sent, ensure, foreign, replace, sent_name};
use crate::proxy::postgres::side::{ClientSide, Keeps, Mode, Rest, ServerSide};
use crate::proxy::postgres::statements::Statements;
use crate::wire::postgres::exchange::{Owed, Reply};
use crate::wire::postgres::fields::Span;
use crate::wire::postgres::frame::{FrameError, HEADER_LEN, Header, MESSAGE_MAX};
use crate::wire::postgres::frontend::{Bind, Kind, Named, Parse, Target, write_query, write_renamed};

pub(super) use sent::thin_out;

/// A message that must be whole to be dealt with waits for its end up to this size.
const WHOLE_MAX: u64 = 1 << 20;
/// Why bytes are left over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// All were taken, or the message they begin is not whole yet.
    More,
    /// A unit of work begins here and needs a server connection.
    Server,
    /// The server has to answer first: it owes too much.
    Answers,
    /// The client says goodbye.
    Leave,
}

/// Why a client can't be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Lost {
    /// The stream makes no sense.
    #[error("the client's stream can't be followed")]
    Frame(#[from] FrameError),
    /// A message that no client may send here.
    #[error("unexpected message of type {0:#04x}")]
    Unexpected(u8),
    /// A message that is not built as its type has to be.
    #[error("malformed message of type {0:#04x}")]
    Malformed(u8),
    /// Over one of our bounds.
    #[error("{0}")]
    Over(&'static str),
}

/// What a pass over the client's bytes changes beside the client itself.
pub(super) struct Cx<'c> {
    pub(super) mode: Mode,
    pub(super) keeps: Keeps,
    pub(super) statements: &'c mut Statements,
    pub(super) cache: Option<&'c mut Cache>,
}

/// Takes what the assembly's input holds of whole messages, and of parts of those that can be passed in parts. Gives how
/// many bytes were taken, and why not more.
pub(super) fn take(
    client: &mut ClientSide,
    mut server: Option<&mut ServerSide>,
    cx: &mut Cx<'_>,
    input: &[u8],
    out: &mut Assembly<'_>,
) -> Result<(usize, Next), Lost> {
    let mut at = take_rest(&mut client.rest, input, out);
    loop {
        let Some(header) = Header::parse(&input[at..], MESSAGE_MAX)? else { return Ok((at, Next::More)) };
        let kind = Kind::of(header.tag).ok_or(Lost::Unexpected(header.tag))?;
        if header.len > kind.length_max() {
            return Err(Lost::Malformed(header.tag));
        }
        if kind == Kind::Terminate {
            return Ok((at, Next::Leave));
        }
        let Some(server) = server.as_deref_mut() else {
            if !is_afterthought(kind) {
                return Ok((at, before_work(header, input.len() - at)));
            }
            at += drop_message(&mut client.rest, header, input.len() - at);
            continue;
        };
        if server.exchange.full() {
            return Ok((at, Next::Answers));
        }
        if server.exchange.client_skips() && kind != Kind::Sync {
            at += drop_message(&mut client.rest, header, input.len() - at);
            continue;
        }
        let message = Message { header, kind, input, at };
        if message.is_early(client, server, cx) {
            return Ok((at, Next::Answers));
        }
        let mut ends = Ends { client, server, cx };
        match message.pass(&mut ends, out)? {
            Some(taken) => at += taken,
            None => return Ok((at, Next::More)),
        }
    }
}

/// Whether a unit of work begins with this message. One that takes its time to send a request holds no server
/// connection meanwhile, unless the request is too long to be kept.
fn before_work(header: Header, here: usize) -> Next {
    let (_, left) = split(header, here);
    if left == 0 || header.message_len() > WHOLE_MAX { Next::Server } else { Next::More }
}

/// What is left of a COPY that has failed already, or of nothing at all: the server would ignore it.
fn is_afterthought(kind: Kind) -> bool {
    match kind {
        Kind::CopyData | Kind::CopyDone | Kind::CopyFail | Kind::Flush => true,
        Kind::Bind
        | Kind::Close
        | Kind::Describe
        | Kind::Execute
        | Kind::FunctionCall
        | Kind::Parse
        | Kind::Password
        | Kind::Query
        | Kind::Sync
        | Kind::Terminate => false,
    }
}

/// The rest of a message begun before.
pub(super) fn take_rest(rest: &mut Rest, input: &[u8], out: &mut Assembly<'_>) -> usize {
    if rest.left == 0 {
        return 0;
    }
    let here = usize::try_from(rest.left).map_or(input.len(), |left| left.min(input.len()));
    if !rest.dropped {
        out.keep(0..here);
    }
    rest.left -= here as u64;
    here
}

fn drop_message(rest: &mut Rest, header: Header, here: usize) -> usize {
    let (taken, left) = split(header, here);
    *rest = Rest { left, dropped: true };
    taken
}

/// Of a message, how much is here and how much is to come.
pub(super) fn split(header: Header, here: usize) -> (usize, u64) {
    let len = header.message_len();
    match usize::try_from(len) {
        Ok(len) if len <= here => (len, 0),
        Ok(_) | Err(_) => (here, len - here as u64),
    }
}

/// The two ends of a session, and what they share with others.
struct Ends<'e, 'c> {
    client: &'e mut ClientSide,
    server: &'e mut ServerSide,
    cx: &'e mut Cx<'c>,
}

/// One message of the client.
struct Message<'m> {
    header: Header,
    kind: Kind,
    input: &'m [u8],
    at: usize,
}

impl<'m> Message<'m> {
    /// What is here of its body.
    fn body(&self) -> &'m [u8] {
        let (here, _) = split(self.header, self.input.len() - self.at);
        &self.input[self.at + HEADER_LEN..self.at + here]
    }

    /// Its whole body; none where it has not come yet.
    fn whole(&self) -> Result<Option<&'m [u8]>, Lost> {
        if split(self.header, self.input.len() - self.at).1 == 0 {
            return Ok(Some(self.body()));
        }
        if self.header.message_len() > WHOLE_MAX {
            return Err(Lost::Over("a statement of more than 1 MiB can't be shared between transactions"));
        }
        Ok(None)
    }

    /// Sends it on as it is, as far as it is here.
    fn keep(&self, rest: &mut Rest, out: &mut Assembly<'_>) -> usize {
        let (taken, left) = split(self.header, self.input.len() - self.at);
        out.keep(self.at..self.at + taken);
        *rest = Rest { left, dropped: false };
        taken
    }

    /// Sends it on under another name, as far as it is here.
    fn rename(&self, rest: &mut Rest, old: Span<'_>, name: &[u8], out: &mut Assembly<'_>) -> usize {
        let from = write_renamed(out.buffer(), self.header, self.body(), old, name);
        let (taken, left) = split(self.header, self.input.len() - self.at);
        out.keep(self.at + HEADER_LEN + from..self.at + taken);
        *rest = Rest { left, dropped: false };
        taken
    }

    fn malformed(&self) -> Lost {
        Lost::Malformed(self.header.tag)
    }

    /// Deals with it; none where more of it must come first.
    fn pass(&self, ends: &mut Ends<'_, '_>, out: &mut Assembly<'_>) -> Result<Option<usize>, Lost> {
        let shared = ends.cx.mode != Mode::Session && !ends.server.exchange.skipping();
        if ends.cx.mode == Mode::Session {
            self.note_session(ends);
        }
        let owed = match self.kind {
            Kind::Query if shared => return Ok(self.query(ends, out)),
            Kind::Query => Owed::Query(Reply::Pass),
            Kind::Parse if shared => return self.parse(ends, out),
            Kind::Bind if shared => return self.bind(ends, out),
            Kind::Describe | Kind::Close if shared => return self.named(ends, out),
            Kind::Parse => Owed::Parse { statement: None, reply: Reply::Pass },
            Kind::Bind => Owed::Bind(None),
            Kind::Describe => Owed::Describe(None),
            Kind::Close => Owed::Close(Reply::Pass),
            Kind::Execute => Owed::Execute,
            Kind::Sync => Owed::Sync(Reply::Pass),
            Kind::FunctionCall => {
                note_call(ends);
                Owed::FunctionCall
            }
            Kind::CopyDone | Kind::CopyFail => Owed::CopyEnd,
            Kind::Flush => {
                ends.client.flushed = true;
                ends.server.exchange.flush();
                return Ok(Some(self.keep(&mut ends.client.rest, out)));
            }
            Kind::CopyData => return Ok(Some(self.keep(&mut ends.client.rest, out))),
            Kind::Password | Kind::Terminate => return Err(Lost::Unexpected(self.header.tag)),
        };
        ends.server.exchange.enter(owed);
        Ok(Some(self.keep(&mut ends.client.rest, out)))
    }

    /// In a session of its own a text is sent as it is. That it gives settings back is to be known all the same.
    fn note_session(&self, ends: &mut Ends<'_, '_>) {
        let Ok(Some(body)) = self.whole() else { return };
        match self.kind {
            Kind::Query => note_session(body.strip_suffix(b"\0").unwrap_or(body), ends),
            Kind::Parse => {
                if let Ok(parse) = Parse::parse(body) {
                    note_session(parse.query.bytes, ends);
                }
            }
            _ => {}
        }
    }

    fn query(&self, ends: &mut Ends<'_, '_>, out: &mut Assembly<'_>) -> Option<usize> {
        let (taken, left) = split(self.header, self.input.len() - self.at);
        if left > 0 && self.header.message_len() <= WHOLE_MAX {
            return None;
        }
        if let Some(names) = ends.client.known_names() {
            names.forget_unnamed();
        }
        ends.server.unnamed_is_ours = false;
        // Of a text longer than that, its start tells enough: such ones carry data.
        let text = self.body();
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        note_query(text, left, ends);
        let instead = instead(text, ends, out);
        ends.server.exchange.enter(Owed::Query(Reply::Pass));
        let Some(instead) = instead else { return Some(self.keep(&mut ends.client.rest, out)) };
        write_query(out.buffer(), instead.as_bytes());
        ends.client.rest = Rest { left, dropped: true };
        Some(taken)
    }

    fn parse(&self, ends: &mut Ends<'_, '_>, out: &mut Assembly<'_>) -> Result<Option<usize>, Lost> {
        let Some(body) = self.whole()? else { return Ok(None) };
        let parse = Parse::parse(body).map_err(|_| self.malformed())?;
        let (taken, _) = split(self.header, self.input.len() - self.at);
        if let Some(instead) = instead(parse.query.bytes, ends, out) {
            replace(parse.name.bytes, &instead, ends, out);
            return Ok(Some(taken));
        }
        if parse.name.bytes.is_empty() {
            ends.client.names().keep_unnamed(&self.input[self.at..self.at + taken]);
            ends.server.unnamed_is_ours = true;
            ends.server.unnamed_sent = Some(ends.server.exchange.batch_number());
            ends.server.exchange.enter(Owed::Parse { statement: None, reply: Reply::Pass });
            return Ok(Some(self.keep(&mut ends.client.rest, out)));
        }
        let statement = ends.cx.statements.share(&body[parse.name.end() + 1..]);
        let names = ends.client.names();
        if names.find(parse.name.bytes).is_some() {
            // The name is taken: so that the server says so, and in its turn, it is sent one that it has.
            ensure(ends.server, &statement, out);
            ends.server.exchange.enter(Owed::Parse { statement: None, reply: Reply::Pass });
            return Ok(Some(self.rename(&mut ends.client.rest, parse.name, statement.name().bytes(), out)));
        }
        if names.full() || ends.cx.statements.full() {
            return Err(Lost::Over("the client has too many prepared statements"));
        }
        let batch = ends.server.exchange.batch_number();
        names.add(parse.name.bytes, Rc::clone(&statement), batch);
        let id = statement.id();
        if ends.server.prepared.touch(id) {
            ends.server.exchange.enter(Owed::Own(b'1'));
            return Ok(Some(taken));
        }
        ends.server.prepared.add(id, batch);
        ends.server.exchange.enter(Owed::Parse { statement: Some(id), reply: Reply::Pass });
        Ok(Some(self.rename(&mut ends.client.rest, parse.name, statement.name().bytes(), out)))
    }

    fn bind(&self, ends: &mut Ends<'_, '_>, out: &mut Assembly<'_>) -> Result<Option<usize>, Lost> {
        let body = self.body();
        let Some((_, name)) = Bind::names(body) else {
            let ended = split(self.header, self.input.len() - self.at).1 == 0;
            let over = ended || body.len() as u64 > WHOLE_MAX;
            return if over { Err(self.malformed()) } else { Ok(None) };
        };
        let sent = sent_name(name, ends, out);
        note_bound(&sent, name, ends);
        ends.server.exchange.enter(Owed::Bind(sent.id()));
        Ok(Some(self.send(sent, name, &mut ends.client.rest, out)))
    }

    /// A Describe or a Close.
    fn named(&self, ends: &mut Ends<'_, '_>, out: &mut Assembly<'_>) -> Result<Option<usize>, Lost> {
        let Some(body) = self.whole()? else { return Ok(None) };
        let named = Named::parse(body).map_err(|_| self.malformed())?;
        let closes = self.kind == Kind::Close;
        let owed = if closes { Owed::Close(Reply::Pass) } else { Owed::Describe(None) };
        let name = named.name;
        if named.target == Target::Portal {
            ends.server.exchange.enter(owed);
            return Ok(Some(self.keep(&mut ends.client.rest, out)));
        }
        if !closes {
            let sent = sent_name(name, ends, out);
            ends.server.exchange.enter(Owed::Describe(sent.id()));
            return Ok(Some(self.send(sent, name, &mut ends.client.rest, out)));
        }
        if name.bytes.is_empty() {
            if let Some(names) = ends.client.known_names() {
                names.forget_unnamed();
            }
            ends.server.exchange.enter(owed);
            return Ok(Some(self.keep(&mut ends.client.rest, out)));
        }
        if ends.client.known_names().is_some_and(|names| names.find(name.bytes).is_some()) {
            ends.client.names().remove(name.bytes, ends.server.exchange.batch_number());
            ends.server.exchange.enter(Owed::Own(b'3'));
            return Ok(Some(split(self.header, self.input.len() - self.at).0));
        }
        ends.server.exchange.enter(owed);
        let sent = foreign(name.bytes);
        Ok(Some(self.send(sent, name, &mut ends.client.rest, out)))
    }

    fn send(&self, sent: Sent, old: Span<'_>, rest: &mut Rest, out: &mut Assembly<'_>) -> usize {
        match sent {
            Sent::AsItIs => self.keep(rest, out),
            Sent::Lost(name) => self.rename(rest, old, name, out),
            Sent::Shared(statement) => self.rename(rest, old, statement.name().bytes(), out),
        }
    }
}
