//! `SHOW CLIENTS`, `SERVERS` and `SOCKETS`. The columns behind `id` are ours: PgBouncer has none of them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::clock::WallTime;
use crate::pool::id::{ClientId, ConnectionId};
use crate::pool::reason::CloseReason;
use crate::pool::snapshot::{Activity, ClientActivity};
use crate::proxy::place::Place;
use crate::proxy::postgres::console::sight::Look;
use crate::proxy::postgres::console::table::{Column, Row, Table};
use crate::proxy::proxies::Client;
use crate::proxy::view::{ClientView, ServerView};
use crate::wire::postgres::backend::Type::{Int4, Int8, Text};

/// What both have.
const COMMON: &[Column] = &[
    ("type", Text),
    ("user", Text),
    ("database", Text),
    ("replication", Text),
    ("state", Text),
    ("addr", Text),
    ("port", Int4),
    ("local_addr", Text),
    ("local_port", Int4),
    ("connect_time", Text),
    ("request_time", Text),
    ("wait", Int4),
    ("wait_us", Int4),
    ("close_needed", Int4),
    ("ptr", Text),
    ("link", Text),
    ("remote_pid", Int4),
    ("tls", Text),
    ("application_name", Text),
    ("prepared_statements", Int4),
    ("id", Int8),
];
/// How far each has read and written, of which nothing is told here.
const POSITIONS: &[Column] = &[
    ("recv_pos", Int4),
    ("pkt_pos", Int4),
    ("pkt_remain", Int4),
    ("send_pos", Int4),
    ("send_remain", Int4),
    ("pkt_avail", Int4),
    ("send_avail", Int4),
];
/// Ours, of a client.
const OF_CLIENTS: &[Column] = &[("dbname", Text), ("uid", Int8), ("inode", Int8), ("pinned", Text)];
/// Ours, of a server connection.
const OF_SERVERS: &[Column] = &[("dbname", Text), ("uses", Int8), ("close_reason", Text)];

/// The number of a client: its place, and which of those that had the place it is.
pub(super) fn id_of(place: u32, turn: u32) -> u64 {
    u64::from(turn) << 32 | u64::from(place)
}

/// The client of a number.
pub(super) fn client_of(id: u64) -> Client {
    let [a, b, c, d, place @ ..] = id.to_be_bytes();
    Client { place: u32::from_be_bytes(place), turn: u32::from_be_bytes([a, b, c, d]) }
}

fn server_id(connection: ConnectionId) -> u64 {
    u64::from(connection.turn()) << 16 | u64::from(connection.slot())
}

pub(super) fn clients(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(&[COMMON, OF_CLIENTS].concat());
    for look in looks {
        table.extend(look.view.clients.iter().map(|client| {
            let identity = &client.identity;
            client_row(look, client)
                .with(&identity.database)
                .with_some(identity.uid)
                .with_some(identity.inode)
                .with(if client.pinned { "yes" } else { "no" })
        }));
        table.miss(look.view.clients_more);
    }
    table
}

pub(super) fn servers(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(&[COMMON, OF_SERVERS].concat());
    for look in looks {
        table.extend(look.view.servers.iter().map(|server| {
            let row = server_row(look, server).with(&server.database).with(server.uses);
            row.with_some(server.retired.map(CloseReason::name))
        }));
    }
    table
}

pub(super) fn sockets(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(&[COMMON, POSITIONS].concat());
    for look in looks {
        let servers = look.view.servers.iter().map(|server| server_row(look, server));
        let clients = look.view.clients.iter().map(|client| client_row(look, client));
        table.extend(servers.chain(clients).map(|row| row.unknown(POSITIONS.len())));
        table.miss(look.view.clients_more);
    }
    table
}

fn client_row(look: &Look<'_>, client: &ClientView) -> Row {
    let (state, wait) = match client.activity {
        ClientActivity::Idle(_) => ("idle", Duration::ZERO),
        ClientActivity::Active(_) => ("active", Duration::ZERO),
        ClientActivity::Waiting(wait) => ("waiting", wait),
        ClientActivity::Leaving(_) => ("leaving", Duration::ZERO),
    };
    let identity = &client.identity;
    let id = id_of(client.place, client.turn);
    let server = look.view.servers.iter().find(|server| server.holder == Some(client.place));
    let address = identity.address.parse::<SocketAddr>().ok();
    let host = address.map_or_else(|| identity.address.clone(), |address| address.ip().to_string());
    Row::default()
        .with("C")
        .with(&identity.user)
        .with(look.name())
        .with("none")
        .with(state)
        .with(host)
        .with_some(address.map(|address| address.port()))
        .unknown(2)
        .with(before(look.wall, client.age))
        .with(before(look.wall, client.unused))
        .with(wait.as_secs())
        .with(wait.subsec_micros())
        .with(0)
        .with(format!("client-{id:x}"))
        .with(server.map(|server| server_name(look, server.connection)).unwrap_or_default())
        .with_some(identity.pid)
        .unknown(1)
        .with(&identity.application)
        .unknown(1)
        .with(id)
}

fn server_row(look: &Look<'_>, server: &ServerView) -> Row {
    let state = match server.activity {
        Activity::Connecting => "login",
        Activity::Idle => "idle",
        Activity::Checking => "tested",
        Activity::Active => "active",
        Activity::Cleaning => "being_canceled",
    };
    let (host, port) = match look.sight.places.get(usize::from(server.upstream)) {
        Some(Place::Tcp(host, port)) => (Some(host.clone()), Some(*port)),
        Some(Place::Unix(_)) => (Some("unix".to_owned()), None),
        None => (None, None),
    };
    Row::default()
        .with("S")
        .with(&server.user)
        .with(look.name())
        .with("none")
        .with(state)
        .with_some(host)
        .with_some(port)
        .unknown(2)
        .with(before(look.wall, server.age))
        .with(before(look.wall, server.since))
        .with(0)
        .with(0)
        .with(u8::from(server.retired.is_some()))
        .with(server_name(look, server.connection))
        .with(server.holder.and_then(|holder| holder_name(look, ClientId(holder))).unwrap_or_default())
        .with_some(server.backend)
        .unknown(3)
        .with(server_id(server.connection))
}

fn server_name(look: &Look<'_>, connection: ConnectionId) -> String {
    format!("server-{}-{:x}", look.name(), server_id(connection))
}

fn holder_name(look: &Look<'_>, holder: ClientId) -> Option<String> {
    let client = look.view.clients.iter().find(|client| client.place == holder.0)?;
    Some(format!("client-{:x}", id_of(client.place, client.turn)))
}

/// The civil time that long ago, as PgBouncer writes it.
fn before(now: WallTime, ago: Duration) -> String {
    let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    let text = WallTime::from_millis(now.as_millis().saturating_sub(ago)).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_back_to_its_client() {
        for (place, turn) in [(0, 0), (7, 1), (u32::MAX, 0x3fff_ffff)] {
            let id = id_of(place, turn);
            assert_eq!(client_of(id), Client { place, turn });
            assert!(i64::try_from(id).is_ok(), "it fits its column");
        }
    }

    #[test]
    fn times_are_written_as_pgbouncer_writes_them() {
        let now = WallTime::from_millis(1_700_000_000_123);
        assert_eq!(before(now, Duration::from_secs(20)), "2023-11-14 22:13:00 UTC");
        assert!(before(now, Duration::MAX).len() > 4);
    }
}
