//! What the thread tells of a room: see [`View`].

use std::rc::Rc;
use std::sync::Arc;

use crate::pool::Pool;
use crate::proxy::http::room::Room;
use crate::proxy::http::seat::Seat;
use crate::proxy::http::web::{Web, client_of};
use crate::proxy::view::{ClientView, RequestView, ServerView, StreamView, View, longest_unused, servers};

impl Web {
    /// A room at this moment; none where there is none.
    pub(super) fn room_view(&self, place: u16) -> Option<View> {
        let room = self.rooms.get(usize::from(place))?.borrow();
        let (now, seats) = (self.now.get(), self.seats.borrow());
        // Those that are only told why they may not come are none of the pool's.
        let of_room = seats.iter().filter(|(number, seat)| {
            seat.room == place && room.pool.client(client_of(*number), now).is_some()
        });
        let mut clients: Vec<(usize, &Rc<Seat>)> = of_room.collect();
        let clients_more = longest_unused(&mut clients, |seat| seat.active.get());
        let view = |(number, seat): &(usize, &Rc<Seat>)| self.client_view(&room.pool, *number, seat);
        Some(View {
            at: now,
            pool: room.pool.snapshot(now),
            limits: *room.pool.limits(),
            gate: room.pool.gate(),
            supply: room.pool.supply(),
            counters: *room.pool.counters(),
            clients: clients.iter().filter_map(view).collect(),
            clients_more,
            parted: room.parted.view(now),
            servers: servers(&room.pool, now, ServerView::of),
            doors: Vec::new(),
            cache: None,
            trading: room.gate.as_ref().map(|gate| gate.view(now)),
            traffic: Some(room.traffic),
            stream: self.stream_view(place, &room),
            requests: self.request_view(place, &room),
        })
    }

    /// Its requests, where it carries no streams.
    fn request_view(&self, place: u16, room: &Room) -> Option<RequestView> {
        if self.settings.get(usize::from(place))?.stream.is_some() {
            return None;
        }
        let in_flight =
            self.seats.borrow().iter().filter(|(_, seat)| seat.room == place && seat.asks.get()).count();
        Some(room.requests.view(in_flight, self.now.get()))
    }

    /// Its streams as one, where it carries WebSockets.
    fn stream_view(&self, place: u16, room: &Room) -> Option<StreamView> {
        self.settings.get(usize::from(place))?.stream.as_ref()?;
        let seats = self.seats.borrow();
        let of_room = seats.iter().filter(|(_, seat)| seat.room == place);
        Some(room.tally.view(of_room.filter_map(|(_, seat)| seat.stream.get()), self.now.get()))
    }

    fn client_view(&self, pool: &Pool, number: usize, seat: &Seat) -> Option<ClientView> {
        let (client, now) = (client_of(number), self.now.get());
        Some(ClientView {
            place: client.0,
            turn: seat.turn,
            identity: Arc::clone(&seat.about),
            activity: pool.client(client, now)?,
            age: now.since(seat.since),
            unused: now.since(seat.active.get()),
            pinned: false,
            traffic: Some(seat.traffic.get()),
        })
    }
}
