//! Limits of time, looked at a few times a second: no timer is kept for a session.

use std::rc::Rc;

use crate::proxy::http::serving::reason_of;
use crate::proxy::http::side::Rest;
use crate::proxy::http::web::Web;

impl Web {
    pub(super) fn sweep(self: &Rc<Self>) {
        let now = self.now.get();
        for (_, seat) in &*self.seats.borrow() {
            if seat.due.get().is_some_and(|due| due <= now) {
                seat.wake();
            }
        }
        for room in 0..self.rooms.len() {
            self.close_ended(room);
            let spare = self.settings[room].forward.as_ref().and_then(|forward| forward.spare);
            let mut inside = self.rooms[room].borrow_mut();
            if let Some(spare) = spare {
                inside.pool.make_way(spare, now);
            }
            inside.pool.tick(now);
            drop(inside);
            self.carry_out(room);
        }
        let stalled = self.porch.borrow_mut().take_stalled();
        for place in stalled {
            while self.accept(place) {}
        }
    }

    /// Resting connections that their servers have closed: nobody is told of it by the poll while they rest.
    fn close_ended(self: &Rc<Self>, room_place: usize) {
        let mut room = self.rooms[room_place].borrow_mut();
        let looked = room.all_here().map(|link| (link.id, link.side.look()));
        let over: Vec<_> = looked.filter(|(_, rest)| *rest != Rest::Quiet).collect();
        for (connection, rest) in over {
            room.pool.discard(connection, reason_of(rest), self.now.get());
        }
    }
}
