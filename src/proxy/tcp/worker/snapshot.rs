//! What the worker tells of a room: see [`View`].

use std::sync::Arc;

use crate::pool::snapshot::ClientActivity;
use crate::proxy::tcp::room::Room;
use crate::proxy::tcp::session::Session;
use crate::proxy::tcp::worker::Worker;
use crate::proxy::tcp::worker::serving::client_of;
use crate::proxy::view::{ClientView, ServerView, View, longest_unused, servers};

impl Worker {
    /// A room at this moment; none where there is none.
    pub(super) fn room_view(&self, place: u16) -> Option<View> {
        let room = self.rooms.get(usize::from(place))?;
        let of_room = self.sessions.iter().filter(|(_, session)| session.room == place);
        let mut clients: Vec<(usize, &Session)> = of_room.collect();
        let clients_more = longest_unused(&mut clients, |session| session.active);
        Some(View {
            at: self.now,
            pool: room.pool.snapshot(self.now),
            limits: *room.pool.limits(),
            gate: room.pool.gate(),
            supply: room.pool.supply(),
            counters: *room.pool.counters(),
            clients: clients.iter().map(|(place, session)| self.client_view(room, *place, session)).collect(),
            clients_more,
            parted: room.parted.view(self.now),
            servers: servers(&room.pool, self.now, ServerView::of),
            doors: Vec::new(),
            cache: None,
            trading: None,
            traffic: Some(room.traffic),
            stream: None,
            requests: None,
        })
    }

    fn client_view(&self, room: &Room, place: usize, session: &Session) -> ClientView {
        let client = client_of(place);
        let unused = self.now.since(session.active);
        ClientView {
            place: client.0,
            turn: session.turn,
            identity: Arc::clone(&session.about),
            activity: room.pool.client(client, self.now).unwrap_or(ClientActivity::Leaving(unused)),
            age: self.now.since(session.since),
            unused,
            pinned: false,
            traffic: Some(session.traffic),
        }
    }
}
