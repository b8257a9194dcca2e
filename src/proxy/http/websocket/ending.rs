//! Ends: of a connection to the upstream that is closed in order, and of the client's own.

use std::ops::ControlFlow;
use std::task::Context;
use std::time::Duration;

use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::room::Link;
use crate::proxy::http::side::Heard;
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::Tools;
use crate::proxy::http::websocket::channel::{Channel, Said};
use crate::proxy::http::websocket::session::{Phase, Session};
use crate::proxy::http::websocket::wire::Wire;
use crate::stream::generation::Generation;
use crate::stream::order::{Blame, Why};
use crate::wire::websocket::close::{Close, Code};
use crate::wire::websocket::head::write;
use crate::wire::websocket::opcode::Opcode;

/// A client gets so long to answer the last word: a socket that is closed with something unread is reset, and the word on
/// its way is lost.
const PARTING_WITHIN: Duration = Duration::from_secs(2);

/// A connection to the upstream that was told to close, and is not the pool's any more.
#[derive(Debug)]
pub(super) struct Closing {
    generation: Generation,
    link: Link,
    channel: Option<Box<Channel>>,
}

impl Session {
    /// Closes the connection to the upstream in order.
    pub(super) fn close_wire(&mut self, generation: Generation) {
        if self.wire.generation() != Some(generation) || !matches!(self.wire, Wire::Open(..)) {
            return self.drop_wire(CloseReason::SessionOver);
        }
        self.say(Opcode::Close, &Close { code: Some(Code::NORMAL), reason: "" }.payload());
        self.send();
        if let Wire::Open(_, link, channel) = std::mem::replace(&mut self.wire, Wire::None) {
            self.forget_said();
            self.web.finish(usize::from(self.seat.room), link.id, CloseReason::SessionOver);
            self.closing = Some(Box::new(Closing { generation, link, channel }));
        }
    }

    /// Drops a connection, whichever it is.
    pub(super) fn drop_link(&mut self, generation: Generation, blame: Blame) {
        if self.closing.as_ref().is_some_and(|closing| closing.generation == generation) {
            self.closing = None;
        } else if self.wire.generation() == Some(generation) {
            if let Some(trouble) = self.take_refusal() {
                // The head of a refusal says enough.
                self.drop_wire(trouble.reason);
                return self.trouble = Some(trouble);
            }
            let reason = match (blame, &self.wire) {
                (Blame::Nobody, _) => CloseReason::SessionOver,
                (Blame::Upstream, Wire::Open(..)) => self.break_reason(),
                (Blame::Upstream, Wire::Shaking(..) | Wire::Queued(_) | Wire::None) => {
                    CloseReason::ConnectLate
                }
            };
            self.drop_wire(reason);
        }
    }

    /// Why a connection is closed that the upstream broke off. One that has held for long enough says nothing against it:
    /// venues end what is old, and all of it at once where they restart; whether they are back says the next connect.
    pub(super) fn break_reason(&self) -> CloseReason {
        let held = self.now().since(self.opened) >= self.stream().machine.retry.stable;
        if held { CloseReason::StreamBroken } else { CloseReason::UpstreamLost }
    }

    /// Waits for the last word of a connection that is being closed: one read in a step, since it may have much to say
    /// before it.
    pub(super) fn close_on(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        let Some(closing) = &mut self.closing else { return Step::Wait };
        let Closing { generation, link, channel } = &mut **closing;
        let heard = link.side.flush(cx).is_ok().then(|| link.side.hear(&mut tools.scratch, cx));
        let over = match heard {
            Some(None) => return Step::Wait,
            Some(Some(Ok(Heard::Bytes(count)))) => {
                let mut over = channel.is_none();
                if let Some(channel) = channel {
                    let fed = channel.feed(&tools.scratch[..count], |said| match said {
                        Said::Close(_) => {
                            over = true;
                            ControlFlow::Break(())
                        }
                        Said::Message(..) | Said::Ping(_) | Said::Pong => ControlFlow::Continue(()),
                    });
                    over |= fed.is_err();
                }
                over
            }
            Some(Some(Ok(Heard::End) | Err(_))) | None => true,
        };
        if over {
            let generation = *generation;
            self.closing = None;
            self.feed.lost(generation, Why::Lost, self.now());
            self.carry_out();
        }
        Step::Again
    }

    /// The last word to a client whose WebSocket is open.
    pub(super) fn bye(&mut self, (code, reason): (Code, &str), farewell: Farewell) {
        let payload = Close { code: Some(code), reason }.payload();
        write(&mut self.to_client, Opcode::Close, None, &payload);
        self.part(farewell);
    }

    /// The last word was said.
    pub(super) fn part(&mut self, farewell: Farewell) {
        self.phase = Phase::Parting(self.now() + PARTING_WITHIN);
        self.send();
        self.leave(farewell);
        if !self.client.is_blocked() {
            self.client.finish();
        }
    }

    /// Waits until the client has read it, and the upstream has closed.
    pub(super) fn parting(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        let closing = self.close_on(cx, tools);
        if self.client.is_blocked() {
            match self.client.flush(cx) {
                Ok(_) if self.client.is_blocked() => {}
                Ok(_) => self.client.finish(),
                Err(_) => {
                    self.phase = Phase::Over;
                    return Step::Again;
                }
            }
        }
        if self.client.has_ended() && !self.client.is_blocked() && self.closing.is_none() {
            self.phase = Phase::Over;
            return Step::Again;
        }
        if self.client.has_ended() {
            return closing;
        }
        match self.client.hear(&mut tools.scratch, cx) {
            None => return closing,
            Some(Ok(_)) => {}
            Some(Err(_)) => self.phase = Phase::Over,
        }
        Step::Again
    }
}
