//! What the worker tells of a room: see [`View`].

use std::cmp::Reverse;
use std::sync::Arc;

use crate::pool::snapshot::{ClientActivity, ConnectionView};
use crate::proxy::tcp::room::Room;
use crate::proxy::tcp::session::Session;
use crate::proxy::tcp::worker::Worker;
use crate::proxy::tcp::worker::serving::client_of;
use crate::proxy::view::{CLIENTS_SHOWN_MAX, ClientView, ServerView, View};

impl Worker {
    /// A room at this moment; none where there is none.
    pub(super) fn view(&self, place: u16) -> Option<View> {
        let room = self.rooms.get(usize::from(place))?;
        let of_room = self.sessions.iter().filter(|(_, session)| session.room == place);
        let mut clients: Vec<(usize, &Session)> = of_room.collect();
        let clients_more = clients.len().saturating_sub(CLIENTS_SHOWN_MAX);
        if clients_more > 0 {
            clients.select_nth_unstable_by_key(CLIENTS_SHOWN_MAX, |(_, session)| session.active);
            clients.truncate(CLIENTS_SHOWN_MAX);
        }
        clients.sort_unstable_by_key(|(_, session)| session.active);
        Some(View {
            at: self.now,
            pool: room.pool.snapshot(self.now),
            limits: *room.pool.limits(),
            gate: room.pool.gate(),
            counters: *room.pool.counters(),
            clients: clients.iter().map(|(place, session)| self.client_view(room, *place, session)).collect(),
            clients_more,
            parted: room.parted.view(self.now),
            servers: self.server_views(room),
            doors: Vec::new(),
            cache: None,
            traffic: Some(room.traffic),
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

    fn server_views(&self, room: &Room) -> Vec<ServerView> {
        let mut connections: Vec<ConnectionView> = room.pool.connections(self.now).collect();
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
