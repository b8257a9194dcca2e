//! What the worker tells of a room: see [`View`].

use std::cmp::Reverse;
use std::sync::Arc;

use crate::pool::snapshot::{ClientActivity, ConnectionView};
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::client::Client;
use crate::proxy::postgres::worker::client_path::token_of;
use crate::proxy::postgres::worker::room::Room;
use crate::proxy::view::{CLIENTS_SHOWN_MAX, ClientView, ServerView, View};

impl Worker {
    /// A room at this moment; none where there is none.
    pub(super) fn view(&self, place: u16) -> Option<View> {
        let room = self.rooms.get(usize::from(place))?;
        let of_room = self.clients.iter().filter(|(_, client)| client.room == place);
        let mut clients: Vec<(usize, &Client)> = of_room.collect();
        let clients_more = clients.len().saturating_sub(CLIENTS_SHOWN_MAX);
        if clients_more > 0 {
            clients.select_nth_unstable_by_key(CLIENTS_SHOWN_MAX, |(_, client)| client.active);
            clients.truncate(CLIENTS_SHOWN_MAX);
        }
        clients.sort_unstable_by_key(|(_, client)| client.active);
        Some(View {
            at: self.now,
            pool: room.pool.snapshot(self.now),
            gate: room.pool.gate(),
            counters: *room.pool.counters(),
            clients: clients.iter().map(|(place, client)| self.client_view(room, *place, client)).collect(),
            clients_more,
            parted: room.parted.view(self.now),
            servers: self.server_views(room),
            traffic: None,
        })
    }

    fn client_view(&self, room: &Room, place: usize, client: &Client) -> ClientView {
        let token = token_of(place);
        let unused = self.now.since(client.active);
        ClientView {
            place: token.0,
            identity: Arc::clone(&client.about),
            activity: room.pool.client(token, self.now).unwrap_or(ClientActivity::Leaving(unused)),
            age: self.now.since(client.since),
            unused,
            pinned: client.side.pinned.is_some(),
            traffic: None,
        }
    }

    fn server_views(&self, room: &Room) -> Vec<ServerView> {
        let mut connections: Vec<ConnectionView> = room.pool.connections(self.now).collect();
        connections.sort_by_key(|seen| Reverse(seen.age));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let server_view = |seen: ConnectionView| {
            let door = room.door(seen.key);
            ServerView {
                activity: seen.activity,
                since: seen.since,
                age: seen.age,
                uses: seen.uses,
                upstream: seen.upstream.0,
                user: door.map(|door| text(&door.user)).unwrap_or_default(),
                database: door.map(|door| text(&door.database)).unwrap_or_default(),
                backend: room.server(seen.connection).map(|server| server.cancel.0),
                holder: seen.holder.map(|client| client.0),
                retired: seen.retired,
            }
        };
        connections.into_iter().map(server_view).collect()
    }
}
