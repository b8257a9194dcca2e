//! After a change of protocol: bytes both ways as they are, and the end of each direction carried over.

use std::task::Context;
use std::time::Duration;

use super::{Phase, Session};
use crate::model::clock::Timestamp;
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::side::{Heard, Side};
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::{Tools, client_of};

/// After an answer so long without a word is rest.
const QUIET_AFTER: Duration = Duration::from_secs(1);
/// After a question so long without an answer is rest.
const UNANSWERED_AFTER: Duration = Duration::from_secs(60);
/// A client that has closed its half is looked at so often: it may be gone.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who spoke last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Voice {
    Client,
    Server,
}

/// How a tunnel stands. What passes is not read, so whether it is at work is not known: it is held to be at rest as a stream of
/// bytes is (`proxy/tcp/session.rs`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    opened: Timestamp,
    spoke: Voice,
    /// Whether the pool holds it to be at rest.
    rests: bool,
    /// When it was last looked at whether its client is gone.
    looked: Timestamp,
}

impl Carried {
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { opened: now, spoke: Voice::Server, rests: false, looked: now }
    }

    /// So long without a word is rest.
    fn enough(self) -> Duration {
        match self.spoke {
            Voice::Client => UNANSWERED_AFTER,
            Voice::Server => QUIET_AFTER,
        }
    }
}

/// Why the server connection of a tunnel is closed whose client is told to go.
pub(super) const fn reason_of(farewell: Farewell) -> CloseReason {
    match farewell {
        Farewell::IdleOver => CloseReason::IdleOver,
        Farewell::Killed => CloseReason::Killed,
        Farewell::Shutdown => CloseReason::Shutdown,
        Farewell::Shed => CloseReason::MadeRoom,
        Farewell::Lost | Farewell::Protocol => CloseReason::ClientGone,
        Farewell::Left | Farewell::Refused | Farewell::Cut => CloseReason::SessionOver,
    }
}

/// How a direction stands after a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum After {
    /// So much went.
    Went(usize),
    /// Nothing to do until one of its sides is ready.
    Still,
    /// One of its sides broke off.
    Broken,
}

impl Session {
    /// Carries both ways.
    pub(super) fn tunnel(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        if !self.held.is_empty() {
            self.send_early();
        }
        let settings = &self.web.settings[usize::from(self.seat.room)];
        let most = settings.buffer.min(tools.scratch.len());
        let room = &mut tools.scratch[..most];
        let Some(link) = &mut self.link else { return Step::Wait };
        let up = carry(&mut self.client, &mut link.side, room, cx);
        let down = carry(&mut link.side, &mut self.client, room, cx);
        let over = self.client.has_ended()
            && link.side.has_ended()
            && !self.client.is_blocked()
            && !link.side.is_blocked();
        match (up, down) {
            (After::Broken, _) => {
                self.break_off(Farewell::Lost, CloseReason::ClientGone);
                return Step::Again;
            }
            (_, After::Broken) => {
                self.break_off(Farewell::Cut, CloseReason::StreamBroken);
                return Step::Again;
            }
            (After::Still, After::Still) if !over => return Step::Wait,
            (After::Went(up), After::Went(down)) => self.passed(up, down),
            (After::Went(up), After::Still) => self.passed(up, 0),
            (After::Still, After::Went(down)) => self.passed(0, down),
            (After::Still, After::Still) => {}
        }
        if over {
            if let Some(link) = self.link.take() {
                self.web.finish(usize::from(self.seat.room), link.id, CloseReason::SessionOver);
            }
            self.leave(Farewell::Left);
            self.phase = Phase::Over;
        }
        Step::Again
    }

    /// Bytes have passed, or an end.
    fn passed(&mut self, up: usize, down: usize) {
        self.count(up, down);
        self.carried.spoke = if down > 0 || up == 0 { Voice::Server } else { Voice::Client };
        if std::mem::take(&mut self.carried.rests) {
            let (client, now) = (client_of(self.place), self.now());
            self.room().pool.stir(client, now);
        }
    }

    /// When something is due in a tunnel.
    pub(super) fn tunnel_due(&self) -> Timestamp {
        let (idle, moved) = (self.room().pool.limits().clients.idle, self.ask.moved);
        let Some(forward) = self.settings().forward.as_ref() else { return moved + idle };
        let end = forward.lifetime.map(|lifetime| self.carried.opened + lifetime);
        let rest = (!self.carried.rests).then(|| moved + self.carried.enough().min(idle));
        let look = self.client.has_ended().then(|| moved.max(self.carried.looked) + LOOK_EVERY);
        [end, rest, look].into_iter().flatten().min().unwrap_or(moved + idle)
    }

    /// Something is due in a tunnel.
    pub(super) fn tunnel_overdue(&mut self) {
        let now = self.now();
        let Some(forward) = self.settings().forward.as_ref() else {
            return self.abort(Farewell::IdleOver, CloseReason::IdleOver);
        };
        if forward.lifetime.is_some_and(|lifetime| self.carried.opened + lifetime <= now) {
            return self.end_tunnel(Farewell::Cut, CloseReason::LifetimeOver);
        }
        if self.client.has_ended() && now.since(self.carried.looked) >= LOOK_EVERY {
            self.carried.looked = now;
            if self.is_gone() {
                return self.abort(Farewell::Left, CloseReason::ClientGone);
            }
        }
        let idle = self.room().pool.limits().clients.idle;
        if !self.carried.rests && now.since(self.ask.moved) >= self.carried.enough().min(idle) {
            self.carried.rests = true;
            let (client, since) = (client_of(self.place), self.ask.moved);
            self.room().pool.lull(client, since, now);
            self.web.carry_out(usize::from(self.seat.room));
        }
    }

    /// Ends a tunnel by a rule of this side, in order.
    pub(super) fn end_tunnel(&mut self, farewell: Farewell, reason: CloseReason) {
        self.drop_link(reason);
        self.part(farewell);
    }

    /// What the client said before the protocol was changed.
    fn send_early(&mut self) {
        let Some(link) = &mut self.link else { return };
        // What it breaks is heard when it is read.
        let _heard = link.side.send(&self.held);
        let count = self.held.len();
        self.used(count);
        self.count(count, 0);
    }
}

/// Carries what one side has to say to the other.
fn carry(from: &mut Side, to: &mut Side, room: &mut [u8], cx: &mut Context<'_>) -> After {
    if to.is_blocked() {
        match to.flush(cx) {
            Ok(_) if to.is_blocked() => return After::Still,
            Ok(_) => {}
            Err(_) => return After::Broken,
        }
    }
    match from.hear(room, cx) {
        None => After::Still,
        Some(Ok(Heard::Bytes(count))) => match to.send(&room[..count]) {
            Ok(_) => After::Went(count),
            Err(_) => After::Broken,
        },
        Some(Ok(Heard::End)) => {
            to.finish();
            After::Went(0)
        }
        Some(Err(_)) => After::Broken,
    }
}
