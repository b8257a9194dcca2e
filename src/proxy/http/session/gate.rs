//! The order gate in the way of a request.
//!
//! What is decided on is what is sent: the head that was parsed, and the body as it lies in the buffer from which it is passed
//! on. A request that has waited is held against the gate once more, as it stands then.

use std::borrow::Cow;
use std::task::Context;

use super::request::{Answer, Expect};
use super::rest::Word;
use super::{Phase, Session};
use crate::gate::{Content, Head, Kind, Known, Matter, Path, passes};
use crate::model::trading::Trading;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::reply::Reply;
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::Tools;
use crate::wire::http::body::Body;
use crate::wire::http::chunks::content;
use crate::wire::http::fault::Fault;
use crate::wire::http::fields::Fields;
use crate::wire::http::head::{After, Finder, Request, Version, request};

/// Said to a client that waits for a word before it sends the body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// Fields by which servers take a request for one by another method; some take underscores for dashes.
const RENAMES: [&str; 6] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x_http_method_override",
    "x_http_method",
    "x_method_override",
];
/// The type of a form; with a parameter other than this one it could be written in letters that are read otherwise.
const FORM: &[u8] = b"application/x-www-form-urlencoded";
const FORM_LETTERS: &[u8] = b"charset=utf-8";

/// How much of a body is there.
enum Extent {
    /// All of it, so many bytes as they were sent.
    Whole(usize),
    /// More is to come.
    Part,
    /// More than is read before it is decided.
    Long,
}

impl Session {
    /// Holds a request against the gate. Gives whether it went no further: it was answered, or its body is read first.
    pub(super) fn is_kept_back(&mut self, head: &Request, tools: &mut Tools) -> bool {
        let Some(gate) = &self.settings().gate else { return false };
        let known = gate.rules.by_head(&seen(&self.held, head, &tools.fields));
        let state = self.trading();
        self.ask.kind = match known {
            Known::Is(kind) => Some(kind),
            Known::InBody => None,
        };
        match (known, state) {
            (Known::Is(kind), _) if passes(kind, state) => false,
            (Known::InBody, Trading::Active) => false,
            (Known::Is(_), _) | (Known::InBody, Trading::Reducing | Trading::Halted) => {
                self.phase = Phase::Weighing;
                true
            }
        }
    }

    /// Whether the gate was closed to a request while it waited. Its connection goes back then.
    pub(super) fn is_overtaken(&mut self, tools: &mut Tools) -> bool {
        if self.still_passes() {
            return false;
        }
        self.drop_unused();
        match request(&self.held, &mut Finder::default(), &mut tools.fields) {
            Ok(Some(_)) => self.phase = Phase::Weighing,
            Ok(None) | Err(_) => self.abort(Farewell::Protocol, CloseReason::ClientProtocol),
        }
        true
    }

    /// Whether the gate, as it stands now, lets the request pass.
    pub(super) fn still_passes(&self) -> bool {
        match (self.ask.kind, self.trading()) {
            (_, Trading::Active) => true,
            (Some(kind), state) => passes(kind, state),
            (None, Trading::Reducing | Trading::Halted) => false,
        }
    }

    /// What passes now; everything where there is no gate.
    fn trading(&self) -> Trading {
        let now = self.now();
        self.room().gate.as_ref().map(|gate| gate.state(now)).unwrap_or_default()
    }

    /// A request that is sent is counted.
    pub(super) fn count_passed(&mut self) {
        let kind = self.ask.kind;
        if let Some(gate) = &mut self.room().gate {
            gate.passed(kind);
        }
    }

    /// In a body, before it is decided.
    pub(super) fn weigh(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        let Ok(Some(head)) = request(&self.held, &mut Finder::default(), &mut tools.fields) else {
            self.abort(Farewell::Protocol, CloseReason::ClientProtocol);
            return Step::Again;
        };
        match self.extent(&head) {
            Ok(Extent::Whole(length)) => self.decide(&head, Some(length), tools),
            Ok(Extent::Long) => self.decide(&head, None, tools),
            Ok(Extent::Part) => match self.ask.kind {
                // Its head tells all: nothing of its body is waited for.
                Some(kind) if !passes(kind, self.trading()) => self.refuse_early(&head, kind, tools),
                Some(_) | None => return self.more_of_body(&head, cx, tools),
            },
            Err(fault) => self.reply(&Reply::fault(fault), tools),
        }
        Step::Again
    }

    fn extent(&self, head: &Request) -> Result<Extent, Fault> {
        let bound = self.settings().gate.as_ref().map_or(0, |gate| gate.body);
        let (mut body, sent) = (head.body, &self.held[head.end..]);
        if matches!(body, Body::Length(length) if length > bound) {
            return Ok(Extent::Long);
        }
        let here = body.advance(sent)?;
        Ok(match (body.is_over(), sent.len() as u64 > bound) {
            (true, _) => Extent::Whole(here),
            (false, true) => Extent::Long,
            (false, false) => Extent::Part,
        })
    }

    fn more_of_body(&mut self, head: &Request, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        if head.expects && self.ask.expect == Expect::Theirs && self.ask.version == Version::Http11 {
            self.ask.expect = Expect::Ours;
            // Who does not hear it has gone, which is heard when it is read.
            let _heard = self.client.send(CONTINUE);
        }
        match self.listen(cx, tools) {
            Word::More => Step::Again,
            Word::Nothing => Step::Wait,
            // Half a request is none.
            Word::End | Word::Broken => {
                self.abort(Farewell::Lost, CloseReason::ClientGone);
                Step::Again
            }
        }
    }

    /// Decides, with the body where so many bytes are all of it.
    fn decide(&mut self, head: &Request, length: Option<usize>, tools: &mut Tools) {
        let Some(gate) = &self.settings().gate else { return };
        let seen = seen(&self.held, head, &tools.fields);
        let sent = length.map(|length| &self.held[head.end..head.end + length]);
        let kind = match gate.rules.by_head(&seen) {
            Known::Is(kind) => kind,
            Known::InBody => {
                let body = sent.and_then(|sent| plain(&self.held[..head.end], head, sent, &tools.fields));
                let content = content_of(&self.held[..head.end], &tools.fields, body.as_deref());
                gate.rules.by_all(&seen, &Matter::of_request(seen.path.query(), content))
            }
        };
        self.ask.kind = Some(kind);
        let state = self.trading();
        if passes(kind, state) {
            return self.seek_with(Some(head), tools);
        }
        let reply = self.refusal(state);
        match length {
            Some(length) if self.keeps() => self.refuse(&reply, (head.end + length, Body::NONE), tools),
            Some(_) | None => self.reply(&reply, tools),
        }
    }

    /// Refuses an order of which only a part of the body is there.
    fn refuse_early(&mut self, head: &Request, kind: Kind, tools: &mut Tools) {
        self.ask.kind = Some(kind);
        let state = self.trading();
        let reply = self.refusal(state);
        let mut body = head.body;
        match (body, body.advance(&self.held[head.end..])) {
            // Who waits for a word before it sends the body may never send it.
            (Body::Length(_), Ok(here)) if self.keeps() && !head.expects => {
                self.refuse(&reply, (head.end + here, body), tools);
            }
            // Where a body of unknown length ends is not waited for.
            (_, _) => self.reply(&reply, tools),
        }
    }

    /// Whether the client's connection stays.
    fn keeps(&self) -> bool {
        self.ask.after == After::Keep && self.ask.version == Version::Http11
    }

    /// What a refused order is answered; it is counted.
    fn refusal(&mut self, state: Trading) -> Reply {
        if let Some(gate) = &mut self.room().gate {
            gate.refused();
        }
        let settings = self.settings();
        match &settings.gate {
            Some(gate) => Reply::kept_back(&gate.refusal, &settings.name, state),
            None => Reply::forward(),
        }
    }

    /// Answers a request of which so many bytes are here and `rest` is to come, and waits for the next one once the client has
    /// taken the answer: it is an exchange without a server, so that one who does not read is not read either.
    fn refuse(&mut self, reply: &Reply, (here, rest): (usize, Body), tools: &mut Tools) {
        tracing::debug!(proxy = self.settings().name, reason = reply.reason(), "a request is answered here");
        tools.out.clear();
        reply.write(&self.settings().name, (self.ask.method, After::Keep), &mut tools.out);
        self.used(here);
        self.count(here, tools.out.len());
        // Who does not hear it has gone, which is heard when it is read.
        let _heard = self.client.send(&tools.out);
        self.ask.body = rest;
        self.ask.answer = Answer::Over(After::Keep);
        self.phase = Phase::Exchange;
    }
}

/// A head as the rules see it.
fn seen<'a>(held: &'a [u8], head: &Request, fields: &Fields) -> Head<'a> {
    let bytes = &held[..head.end];
    let line = &bytes[head.start..];
    let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let renamed = RENAMES.iter().any(|name| fields.get(bytes, name).is_some());
    let path = Path::of(&bytes[head.target.clone()]);
    Head { method, path, renamed, has_body: !head.body.is_over() }
}

/// A body with what the head says of it.
fn content_of<'a>(head: &[u8], fields: &Fields, body: Option<&'a [u8]>) -> Content<'a> {
    let mut types = fields.iter(head).filter(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
    let is_form = match (types.next(), types.next()) {
        (Some((_, kind)), None) => {
            let mut parts = kind.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(FORM))
                && parts.all(|one| one.eq_ignore_ascii_case(FORM_LETTERS))
        }
        (_, _) => false,
    };
    match body {
        None => Content::Unread,
        Some(body) if is_form || body.is_empty() => Content::Form(body),
        Some(body) => Content::Other(body),
    }
}

/// A body as whoever it is for reads it; none where it is coded.
fn plain<'a>(bytes: &[u8], head: &Request, sent: &'a [u8], fields: &Fields) -> Option<Cow<'a, [u8]>> {
    if fields.get(bytes, "content-encoding").is_some() {
        return None;
    }
    match head.body {
        Body::Length(_) => Some(Cow::Borrowed(sent)),
        Body::Chunked(_) => content(sent).map(Cow::Owned),
        Body::UntilClose => None,
    }
}
