//! An answer on its way down: its head, rewritten for the client, and its body as it comes.

use std::task::Context;

use super::request::{Answer, Takes};
use super::{Phase, Session};
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::reply::Reply;
use crate::proxy::http::side::Heard;
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::Tools;
use crate::sys::tcp::abort_on_close;
use crate::wire::http::body::Body;
use crate::wire::http::fault::Fault;
use crate::wire::http::fields::Fields;
use crate::wire::http::head::{After, Finder, Response, Version, response};
use crate::wire::http::rewrite;

/// Said to a client whose connection is closed after the answer.
const CLOSES: &[u8] = b"Connection: close\r\n";
/// Said to one of HTTP/1.0 whose connection stays.
const KEEPS: &[u8] = b"Connection: keep-alive\r\n";
/// Said with a change of protocol.
const UPGRADES: &[u8] = b"Connection: Upgrade\r\n";
/// Where the last digit of the version is in the first line.
const MINOR: usize = b"HTTP/1.".len();

impl Session {
    /// Reads the upstream, and passes on what it says.
    pub(super) fn downward(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        let Some(link) = &mut self.link else { return Step::Wait };
        // After the answer only an end is awaited, and only while the request is not over.
        if self.client.is_blocked() {
            return Step::Wait;
        }
        let settings = &self.web.settings[usize::from(self.seat.room)];
        let most = settings.buffer.min(tools.scratch.len());
        match link.side.hear(&mut tools.scratch[..most], cx) {
            Some(Ok(Heard::Bytes(count))) => {
                self.said(count, tools);
                Step::Again
            }
            None => Step::Wait,
            Some(Ok(Heard::End)) => {
                self.ended(tools);
                Step::Again
            }
            Some(Err(_)) => {
                self.upstream_lost(tools);
                Step::Again
            }
        }
    }

    /// The upstream has said so many bytes, which lie in the scratch.
    fn said(&mut self, count: usize, tools: &mut Tools) {
        if let (Answer::Body(body, after), true) = (self.ask.answer, self.answer.is_empty())
            && self.ask.version == Version::Http11
        {
            return self.said_body((body, after), count, tools);
        }
        let Tools { scratch, out, fields } = tools;
        out.clear();
        let passed = if self.answer.is_empty() {
            self.pass(&mut scratch[..count], out, fields)
        } else {
            let mut gathered = std::mem::take(&mut self.answer);
            gathered.extend_from_slice(&scratch[..count]);
            let passed = self.pass(&mut gathered, out, fields);
            self.web.give_back(gathered);
            passed
        };
        let fault = passed.err();
        if !out.is_empty() {
            self.count(0, out.len());
            if self.client.send(out).is_err() {
                return self.abort(Farewell::Lost, CloseReason::ClientGone);
            }
        }
        if let Some(fault) = fault {
            self.upstream_fault(fault, tools);
        }
    }

    /// More of a body, which lies in the scratch and is passed on from there: nothing of it is copied.
    fn said_body(&mut self, (mut body, after): (Body, After), count: usize, tools: &mut Tools) {
        let here = match body.advance(&tools.scratch[..count]) {
            Ok(here) => here,
            Err(fault) => return self.upstream_fault(fault, tools),
        };
        self.ask.answer = if body.is_over() {
            // More than was asked for: what it belongs to is not known.
            Answer::Over(if here < count { After::Close } else { after })
        } else {
            Answer::Body(body, after)
        };
        self.count(0, here);
        if self.client.send(&tools.scratch[..here]).is_err() {
            self.abort(Farewell::Lost, CloseReason::ClientGone);
        }
    }

    /// Passes bytes of the upstream on to `out`.
    fn pass(&mut self, bytes: &mut [u8], out: &mut Vec<u8>, fields: &mut Fields) -> Result<(), Fault> {
        let mut at = 0;
        while self.ask.answer == Answer::Awaited && at < bytes.len() {
            // What it did not answer in time, and what it answered before it was asked, can't be told apart.
            self.forget_request();
            let rest = &mut bytes[at..];
            let Some(head) = response(rest, self.ask.method, &mut self.answer_finder, fields)? else {
                self.answer = self.web.lend();
                self.answer.extend_from_slice(rest);
                return Ok(());
            };
            self.answer_finder = Finder::default();
            at += head.end;
            if head.status == 101 {
                self.switch(&bytes[at - head.end..at], out, fields)?;
                // What the new protocol says may come with it.
                out.extend_from_slice(&bytes[at..]);
                return Ok(());
            }
            self.write_head(&mut bytes[at - head.end..at], head, out, fields);
        }
        let rest = &bytes[at..];
        match &mut self.ask.answer {
            Answer::Body(body, after) => {
                let count = match self.ask.version {
                    // It would take the sizes of chunks for content.
                    Version::Http10 => body.extract(rest, out)?,
                    Version::Http11 => {
                        let count = body.advance(rest)?;
                        out.extend_from_slice(&rest[..count]);
                        count
                    }
                };
                if body.is_over() {
                    // More than was asked for: what it belongs to is not known.
                    let after = if count < rest.len() { After::Close } else { *after };
                    self.ask.answer = Answer::Over(after);
                }
            }
            Answer::Over(after) if !rest.is_empty() => *after = After::Close,
            Answer::Awaited | Answer::Over(_) => {}
        }
        Ok(())
    }

    /// The answer has begun: the request is not repeated.
    fn forget_request(&mut self) {
        if self.ask.kept > 0 {
            let kept = std::mem::take(&mut self.ask.kept);
            self.used(kept);
            self.begun = self.now();
        }
    }

    /// Writes a head as the client gets it.
    fn write_head(&mut self, bytes: &mut [u8], head: Response, out: &mut Vec<u8>, fields: &mut Fields) {
        let old = self.ask.version == Version::Http10;
        if head.is_interim() {
            if !old {
                rewrite::write(bytes, fields, 0, &[], out);
            }
            return;
        }
        self.answered(head.status);
        let unwrapped = old && matches!(head.body, Body::Chunked(_));
        if unwrapped {
            // Its end is that of the connection then.
            fields.cut_named(bytes, b"transfer-encoding");
            fields.cut_named(bytes, b"trailer");
        }
        if head.body == Body::UntilClose || unwrapped || self.web.ending.get() {
            self.ask.after = After::Close;
        }
        let extra: &[u8] = match (self.ask.after, old) {
            (After::Close, _) => CLOSES,
            (After::Keep, true) => KEEPS,
            (After::Keep, false) => b"",
        };
        if head.version == Version::Http10 {
            bytes[MINOR] = b'1';
        }
        rewrite::write(bytes, fields, 0, &[extra], out);
        self.ask.answer =
            if head.body.is_over() { Answer::Over(head.after) } else { Answer::Body(head.body, head.after) };
    }

    /// The upstream goes over to another protocol: from here on bytes pass as they are.
    fn switch(&mut self, head: &[u8], out: &mut Vec<u8>, fields: &mut Fields) -> Result<(), Fault> {
        if !self.ask.upgrades || !self.ask.body.is_over() {
            return Err(Fault::Start);
        }
        fields.keep_named(head, b"upgrade");
        rewrite::write(head, fields, 0, &[UPGRADES], out);
        self.begin_tunnel();
        Ok(())
    }

    /// The upstream has closed its half.
    fn ended(&mut self, tools: &mut Tools) {
        match self.ask.answer {
            Answer::Body(Body::UntilClose, _) => self.ask.answer = Answer::Over(After::Close),
            // It does not want the rest of the request.
            Answer::Over(_) => {
                if let Some(link) = self.link.take() {
                    self.web.finish(usize::from(self.seat.room), link.id, CloseReason::LastAnswer);
                }
                self.part(Farewell::Left);
            }
            Answer::Awaited | Answer::Body(..) => self.upstream_lost(tools),
        }
    }

    /// The upstream connection is gone in the middle of an exchange or a tunnel.
    pub(super) fn upstream_lost(&mut self, tools: &mut Tools) {
        if self.phase == Phase::Tunnel {
            return self.break_off(Farewell::Cut, CloseReason::UpstreamLost);
        }
        let again = self.ask.kept > 0 && self.ask.answer == Answer::Awaited && self.still_passes();
        if again {
            // It rested, and its end crossed with the request: nothing speaks against the upstream.
            self.drop_link(CloseReason::UpstreamClosed);
            self.ask.kept = 0;
            self.ask.takes = Takes::Yes;
            return self.seek(tools);
        }
        self.drop_link(CloseReason::UpstreamLost);
        match self.ask.answer {
            Answer::Awaited => self.reply(&Reply::lost_upstream(), tools),
            Answer::Body(..) => self.break_off(Farewell::Cut, CloseReason::UpstreamLost),
            Answer::Over(_) => self.part(Farewell::Left),
        }
    }

    /// What the upstream says is no answer.
    fn upstream_fault(&mut self, fault: Fault, tools: &mut Tools) {
        self.drop_link(CloseReason::UpstreamProtocol);
        match self.ask.answer {
            Answer::Awaited => self.reply(&Reply::bad_upstream(fault), tools),
            Answer::Body(..) | Answer::Over(_) => {
                self.break_off(Farewell::Cut, CloseReason::UpstreamProtocol);
            }
        }
    }

    /// Ends it so that its client does not take what it got for all there was.
    pub(super) fn break_off(&mut self, farewell: Farewell, reason: CloseReason) {
        if self.phase == Phase::Exchange && !matches!(self.ask.answer, Answer::Over(_)) {
            self.fail();
        }
        // One that can't be told so is closed all the same; unix sockets know no other end.
        let _told = abort_on_close(self.client.transport());
        self.abort(farewell, reason);
    }
}
