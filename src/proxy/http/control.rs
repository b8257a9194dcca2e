//! What the thread does because somebody asks: commands to a pool, and its own end.
//!
//! The end, once asked for: nobody is let in, sessions between requests are ended, those in a request may come to its end
//! within the drain time of their proxy; then they are cut.

use std::rc::Rc;
use std::time::Duration;

use crate::model::action::Gate;
use crate::pool::reason::Farewell;
use crate::proxy::command::{By, Command, Done, StreamWork};
use crate::proxy::http::seat::Told;
use crate::proxy::http::web::Web;
use crate::proxy::obey::{Owner, Standing, obey};
use crate::proxy::porch::Porch;
use crate::proxy::proxies::Client;
use crate::proxy::view::{GateView, View};

/// After the last drain time, until what is left is dropped as it is.
const FORCED_AFTER: Duration = Duration::from_secs(2);

impl Owner for Rc<Web> {
    fn view(&self, place: u16) -> Option<View> {
        self.room_view(place)
    }

    /// Ends one session, with its server connection.
    fn kill_client(&mut self, room: u16, client: Client) -> Done {
        let seats = self.seats.borrow();
        let seat = seats.get(client.place as usize);
        match seat.filter(|seat| seat.room == room && seat.turn == client.turn) {
            Some(seat) => {
                seat.tell(Told::Go(Farewell::Killed));
                Done { clients: 1, ..Done::default() }
            }
            None => Done::default(),
        }
    }

    fn trade(&mut self, place: u16, by: By, gate: Option<Gate>) -> Option<GateView> {
        let mut room = self.rooms.get(usize::from(place))?.borrow_mut();
        Some(room.gate.as_mut()?.close(by, gate, self.now.get()))
    }

    fn obey(&mut self, place: u16, command: Command) -> Option<Done> {
        let (room_place, now) = (usize::from(place), self.now.get());
        if let Command::Stream(work) = command {
            return self.tell_streams(room_place, work);
        }
        let mut room = self.rooms.get(room_place)?.borrow_mut();
        let before = Standing::of(&room.pool, now);
        obey(&mut room.pool, command, now);
        drop(room);
        self.carry_out(room_place);
        Some(before.until(&Standing::of(&self.rooms[room_place].borrow().pool, now)))
    }
}

impl Web {
    /// Has all streams of a room do something.
    fn tell_streams(&self, room_place: usize, work: StreamWork) -> Option<Done> {
        if self.settings.get(room_place)?.stream.is_none() {
            return Some(Done::default());
        }
        self.rooms[room_place].borrow_mut().tally.tell(work);
        let mut done = Done { streams: Some(0), ..Done::default() };
        for (_, seat) in &*self.seats.borrow() {
            if usize::from(seat.room) == room_place {
                done.streams = done.streams.map(|count| count + 1);
                seat.wake();
            }
        }
        Some(done)
    }

    /// Begins to end.
    pub(super) fn begin_to_end(self: &Rc<Self>) {
        if self.ending.replace(true) {
            return;
        }
        for door in self.doors.borrow_mut().drain(..) {
            door.abort();
        }
        *self.porch.borrow_mut() = Porch::default();
        for (_, seat) in &*self.seats.borrow() {
            if seat.stream.get().is_some() {
                seat.wake();
            }
        }
        let mut last = self.now.get();
        for room in 0..self.rooms.len() {
            let pool = &mut self.rooms[room].borrow_mut().pool;
            let deadline = self.now.get() + pool.limits().drain;
            last = last.max(deadline);
            pool.shut_down(deadline, self.now.get());
        }
        (0..self.rooms.len()).for_each(|room| self.carry_out(room));
        self.last.set(Some(last + FORCED_AFTER));
    }

    /// Whether it is told to end and everything is drained.
    pub(super) fn is_over(&self) -> bool {
        if !self.ending.get() {
            return false;
        }
        let sessions = self.seats.borrow().len();
        let drained = sessions == 0 && self.rooms.iter().all(|room| room.borrow().pool.is_over());
        if !drained && self.last.get().is_some_and(|last| last <= self.now.get()) {
            tracing::error!(clients = sessions, "the proxies could not be drained");
            return true;
        }
        drained
    }
}
