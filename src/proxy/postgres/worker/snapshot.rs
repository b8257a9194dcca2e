//! What the worker tells of a room: see [`View`].

use std::sync::Arc;

use crate::pool::snapshot::{ClientActivity, KeyView};
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::client::Client;
use crate::proxy::postgres::worker::client_path::token_of;
use crate::proxy::postgres::worker::room::{Door, Room};
use crate::proxy::view::{ClientView, DoorView, ServerView, View, longest_unused, servers};

impl Worker {
    /// A room at this moment; none where there is none.
    pub(super) fn room_view(&self, place: u16) -> Option<View> {
        let room = self.rooms.get(usize::from(place))?;
        let of_room = self.clients.iter().filter(|(_, client)| client.room == place);
        let mut clients: Vec<(usize, &Client)> = of_room.collect();
        let doors = self.door_views(room, &clients);
        let clients_more = longest_unused(&mut clients, |client| client.active);
        Some(View {
            at: self.now,
            pool: room.pool.snapshot(self.now),
            limits: *room.pool.limits(),
            gate: room.pool.gate(),
            supply: room.pool.supply(),
            counters: *room.pool.counters(),
            clients: clients.iter().map(|(place, client)| self.client_view(room, *place, client)).collect(),
            clients_more,
            parted: room.parted.view(self.now),
            servers: self.server_views(room),
            doors,
            traffic: None,
            stream: None,
            requests: None,
            cache: room.cache.as_ref().map(|cache| cache.view()),
            trading: None,
        })
    }

    fn client_view(&self, room: &Room, place: usize, client: &Client) -> ClientView {
        let token = token_of(place);
        let unused = self.now.since(client.active);
        ClientView {
            place: token.0,
            turn: client.turn,
            identity: Arc::clone(&client.about),
            activity: room.pool.client(token, self.now).unwrap_or(ClientActivity::Leaving(unused)),
            age: self.now.since(client.since),
            unused,
            pinned: client.side.pinned.is_some(),
            traffic: None,
        }
    }

    /// Users and databases with a client or a server connection. Every client counts, also one that is not told of by
    /// itself.
    fn door_views(&self, room: &Room, clients: &[(usize, &Client)]) -> Vec<DoorView> {
        let mut counts = vec![0_u32; room.doors().len()];
        for (_, client) in clients {
            counts[client.key.index()] += 1;
        }
        let keys = room.pool.keys(counts.len(), self.now);
        let seen = room.doors().iter().zip(counts).zip(keys);
        let in_use = seen.filter(|((_, clients), pool)| *clients > 0 || pool.size() > 0);
        let view = |((door, clients), pool): ((&Door, u32), KeyView)| DoorView {
            user: text(&door.user),
            database: text(&door.database),
            clients,
            pool,
        };
        in_use.map(view).collect()
    }

    fn server_views(&self, room: &Room) -> Vec<ServerView> {
        servers(&room.pool, self.now, |seen| {
            let door = room.door(seen.key);
            ServerView {
                user: door.map(|door| text(&door.user)).unwrap_or_default(),
                database: door.map(|door| text(&door.database)).unwrap_or_default(),
                backend: room.server(seen.connection).map(|server| server.cancel.0),
                ..ServerView::of(seen)
            }
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
