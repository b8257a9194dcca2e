//! `SHOW POOLS`, `DATABASES`, `USERS` and `LISTS`. What PgBouncer calls a database is a pool here: it goes by the name of
//! its proxy, and one row of `POOLS` stands for all that one user has in it.

use std::collections::BTreeMap;

use crate::model::name::Name;
use crate::pool::snapshot::KeyView;
use crate::proxy::place::Place;
use crate::proxy::postgres::console::sight::Look;
use crate::proxy::postgres::console::table::{Column, Row, Table};
use crate::wire::postgres::backend::Type::{Int4, Text};

const POOLS: &[Column] = &[
    ("database", Text),
    ("user", Text),
    ("cl_active", Int4),
    ("cl_waiting", Int4),
    ("cl_active_cancel_req", Int4),
    ("cl_waiting_cancel_req", Int4),
    ("sv_active", Int4),
    ("sv_active_cancel", Int4),
    ("sv_being_canceled", Int4),
    ("sv_idle", Int4),
    ("sv_used", Int4),
    ("sv_tested", Int4),
    ("sv_login", Int4),
    ("maxwait", Int4),
    ("maxwait_us", Int4),
    ("pool_mode", Text),
    ("load_balance_hosts", Text),
];

const DATABASES: &[Column] = &[
    ("name", Text),
    ("host", Text),
    ("port", Int4),
    ("database", Text),
    ("force_user", Text),
    ("pool_size", Int4),
    ("min_pool_size", Int4),
    ("reserve_pool_size", Int4),
    ("server_lifetime", Int4),
    ("pool_mode", Text),
    ("load_balance_hosts", Text),
    ("max_connections", Int4),
    ("current_connections", Int4),
    ("max_client_connections", Int4),
    ("current_client_connections", Int4),
    ("paused", Int4),
    ("disabled", Int4),
];

const USERS: &[Column] = &[
    ("name", Text),
    ("pool_size", Text),
    ("reserve_pool_size", Text),
    ("pool_mode", Text),
    ("max_user_connections", Int4),
    ("current_connections", Int4),
    ("max_user_client_connections", Int4),
    ("current_client_connections", Int4),
];

const LISTS: &[Column] = &[("list", Text), ("items", Int4)];

/// Clients and server connections of one user.
#[derive(Clone, Copy, Default)]
struct Share {
    clients: u32,
    pool: KeyView,
}

impl Share {
    fn add(&mut self, clients: u32, pool: &KeyView) {
        self.clients += clients;
        self.pool.add(pool);
    }
}

/// The users of a pool, over all databases behind it.
fn shares<'l>(look: &'l Look<'_>) -> BTreeMap<&'l str, Share> {
    let mut shares: BTreeMap<&str, Share> = BTreeMap::new();
    for door in &look.view.doors {
        shares.entry(&door.user).or_default().add(door.clients, &door.pool);
    }
    shares
}

pub(super) fn pools(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(POOLS);
    for look in looks {
        table.extend(shares(look).into_iter().map(|(user, share)| pool_row(look, user, &share)));
    }
    table
}

/// Connections that are to be asked before their next loan count as idle, and not under `sv_used`: which they are is
/// only looked at when one is lent.
fn pool_row(look: &Look<'_>, user: &str, Share { clients, pool }: &Share) -> Row {
    Row::default()
        .with(look.name())
        .with(user)
        .with(clients.saturating_sub(pool.waiting))
        .with(pool.waiting)
        .unknown(2)
        .with(pool.active)
        .unknown(1)
        .with(pool.cleaning)
        .with(pool.idle)
        .with(0)
        .with(pool.checking)
        .with(pool.connecting)
        .with(pool.max_wait.as_secs())
        .with(pool.max_wait.subsec_micros())
        .with(look.mode())
        .unknown(1)
}

pub(super) fn databases(looks: &[Look<'_>]) -> Table {
    let mut table = Table::new(DATABASES);
    table.extend(looks.iter().map(database_row));
    table
}

fn database_row(look: &Look<'_>) -> Row {
    let limits = &look.view.limits;
    let endless = limits.lifetime == std::time::Duration::MAX;
    let (host, port) = host(&look.sight.places);
    Row::default()
        .with(look.name())
        .with(host)
        .with_some(port)
        .with_some(look.sight.database.as_ref())
        .with_some(look.sight.user.as_ref())
        .with(limits.max)
        .with(limits.min)
        .with(0)
        .with_some((!endless).then_some(limits.lifetime.as_secs()))
        .with(look.mode())
        .unknown(1)
        .with(limits.max)
        .with(look.size())
        .with(limits.clients.max)
        .with(look.pool().clients)
        .with(u8::from(look.is_paused()))
        .with(u8::from(look.is_disabled()))
}

/// All hosts with commas between, and the port of the first, as PgBouncer has them.
fn host(places: &[Place]) -> (String, Option<u16>) {
    let hosts = places.iter().map(|place| match place {
        Place::Tcp(host, _) => host.clone(),
        Place::Unix(path) => path.display().to_string(),
    });
    let port = places.iter().find_map(|place| match place {
        Place::Tcp(_, port) => Some(*port),
        Place::Unix(_) => None,
    });
    (hosts.collect::<Vec<_>>().join(","), port)
}

pub(super) fn users(looks: &[Look<'_>]) -> Table {
    let mut all: BTreeMap<&str, Share> = BTreeMap::new();
    for look in looks {
        for (user, share) in shares(look) {
            all.entry(user).or_default().add(share.clients, &share.pool);
        }
    }
    let mut table = Table::new(USERS);
    // No bound is kept by user: 0 says so, there as here.
    let row = |(user, share): (&str, Share)| {
        let row = Row::default().with(user).unknown(3);
        row.with(0).with(share.pool.size()).with(0).with(share.clients)
    };
    table.extend(all.into_iter().map(row));
    table
}

pub(super) fn lists(looks: &[Look<'_>]) -> Table {
    let mut users: Vec<&str> = looks.iter().flat_map(|look| shares(look).into_keys()).collect();
    users.sort_unstable();
    users.dedup();
    let pools: usize = looks.iter().map(|look| shares(look).len()).sum();
    let clients: u32 = looks.iter().map(|look| look.pool().clients).sum();
    let clients_max = looks.iter().fold(0_u32, |sum, look| sum.saturating_add(look.view.limits.clients.max));
    let servers: u32 = looks.iter().map(Look::size).sum();
    let servers_max = looks.iter().fold(0_u32, |sum, look| sum.saturating_add(look.view.limits.max));
    // A row without a number would end what exporters read: lists that are not kept here are left out.
    let known = [
        ("databases", looks.len().to_string()),
        ("users", users.len().to_string()),
        ("peers", "0".to_owned()),
        ("pools", pools.to_string()),
        ("peer_pools", "0".to_owned()),
        ("free_clients", clients_max.saturating_sub(clients).to_string()),
        ("used_clients", clients.to_string()),
        ("free_servers", servers_max.saturating_sub(servers).to_string()),
        ("used_servers", servers.to_string()),
    ];
    let mut table = Table::new(LISTS);
    table.extend(known.map(|(list, items)| Row::default().with(list).with(items)));
    table
}

/// The name of each pool, for what is told of them.
pub(super) fn names<'l>(looks: impl Iterator<Item = &'l Name>) -> String {
    looks.map(Name::to_string).collect::<Vec<_>>().join(", ")
}
