//! After a change of protocol: bytes both ways as they are, and the end of each direction carried over.

use std::task::Context;

use super::{Phase, Session};
use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::http::side::{Heard, Side};
use crate::proxy::http::turns::Step;
use crate::proxy::http::web::Tools;

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
            (After::Went(up), After::Went(down)) => self.count(up, down),
            (After::Went(up), After::Still) => self.count(up, 0),
            (After::Still, After::Went(down)) => self.count(0, down),
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
