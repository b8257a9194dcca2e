//! What the thread tells of a room: see [`View`].

use std::cmp::Reverse;
use std::rc::Rc;
use std::sync::Arc;

use crate::pool::Pool;
use crate::pool::snapshot::ConnectionView;
use crate::proxy::http::seat::Seat;
use crate::proxy::http::web::{Web, client_of};
use crate::proxy::view::{CLIENTS_SHOWN_MAX, ClientView, ServerView, View};

impl Web {
    /// A room at this moment; none where there is none.
    pub(super) fn view(&self, place: u16) -> Option<View> {
        let room = self.rooms.get(usize::from(place))?.borrow();
        let (now, seats) = (self.now.get(), self.seats.borrow());
        // Those that are only told why they may not come are none of the pool's.
        let of_room = seats.iter().filter(|(number, seat)| {
            seat.room == place && room.pool.client(client_of(*number), now).is_some()
        });
        let mut clients: Vec<(usize, &Rc<Seat>)> = of_room.collect();
        let clients_more = clients.len().saturating_sub(CLIENTS_SHOWN_MAX);
        if clients_more > 0 {
            clients.select_nth_unstable_by_key(CLIENTS_SHOWN_MAX, |(_, seat)| seat.active.get());
            clients.truncate(CLIENTS_SHOWN_MAX);
        }
        clients.sort_unstable_by_key(|(_, seat)| seat.active.get());
        let view = |(number, seat): &(usize, &Rc<Seat>)| self.client_view(&room.pool, *number, seat);
        Some(View {
            at: now,
            pool: room.pool.snapshot(now),
            limits: *room.pool.limits(),
            gate: room.pool.gate(),
            counters: *room.pool.counters(),
            clients: clients.iter().filter_map(view).collect(),
            clients_more,
            parted: room.parted.view(now),
            servers: self.server_views(&room.pool),
            doors: Vec::new(),
            cache: None,
            traffic: Some(room.traffic),
        })
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

    fn server_views(&self, pool: &Pool) -> Vec<ServerView> {
        let mut connections: Vec<ConnectionView> = pool.connections(self.now.get()).collect();
        connections.sort_by_key(|seen| Reverse(seen.age));
        let server_view = |seen: ConnectionView| ServerView {
            connection: seen.connection,
            activity: seen.activity,
            since: seen.since,
            age: seen.age,
            uses: seen.uses,
            upstream: seen.upstream.0,
            user: String::new(),
            database: String::new(),
            backend: None,
            holder: seen.holder.map(|client| client.0),
            retired: seen.retired,
        };
        connections.into_iter().map(server_view).collect()
    }
}
