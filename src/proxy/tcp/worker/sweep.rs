//! Limits of time, looked at a few times a second: no timer is kept for a session.

use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::tcp::session::{Due, Session};
use crate::proxy::tcp::token::Side;
use crate::proxy::tcp::worker::Worker;
use crate::proxy::tcp::worker::ending::Parting;
use crate::proxy::tcp::worker::serving::client_of;

impl Worker {
    pub(super) fn sweep(&mut self) {
        let due = self.sessions.iter().filter_map(|(place, session)| {
            let limits = self.rooms[usize::from(session.room)].pool.limits();
            Some((place, session.due(limits, self.now)?))
        });
        // Sessions come to rest now and then: mostly there is nothing to gather.
        for (place, due) in due.collect::<Vec<_>>() {
            match due {
                Due::Broken => self.broken(place, Side::Client),
                Due::Rest => self.rest(place),
                Due::End => {
                    self.end(place, Farewell::Cut, CloseReason::LifetimeOver, Parting::InOrder);
                }
                Due::Look => {
                    let is_stuck = self.sessions.get(place).is_some_and(Session::is_stuck);
                    let is_gone = self.is_gone(place);
                    if is_gone && is_stuck {
                        // The server does not have all that was said.
                        self.broken(place, Side::Client);
                    } else if is_gone {
                        self.end(place, Farewell::Left, CloseReason::ClientGone, Parting::InOrder);
                    }
                }
            }
        }
        for room in 0..self.rooms.len() {
            self.rooms[room].pool.tick(self.now);
            self.carry_out(room);
        }
        for place in self.porch.take_stalled() {
            self.accept(place);
        }
    }

    fn rest(&mut self, place: usize) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        session.rests = true;
        let pool = &mut self.rooms[usize::from(session.room)].pool;
        pool.lull(client_of(place), session.active, self.now);
    }
}
