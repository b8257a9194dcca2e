//! The read cache: which questions are answered without the server, and that no answer is older than what was committed
//! before it was asked for.
//!
//! Whether an answer is the server's own is told by the answer: a function of the test counts each time it is run, or the
//! rows are changed past the proxy, which it can't see.

mod bots;
mod drops;
mod hits;
mod races;

use crate::support::proxy::Proxy;
use crate::support::server::server;

/// What the proxies here keep.
const KEPT: &str = r#"
cache_size = "256KiB"
cache = [
    { query = "select v, run() from prices where id = $1", ttl = "1h" },
    { query = "SELECT sum(v)::int AS all_of_it FROM prices", ttl = "1h" },
    { query = "select v from prices where id = $1 and 1 = 1", ttl = "300ms" },
    { query = "select repeat('x', 9000), v from prices where id = $1", ttl = "1h", size = "8KiB" },
    { query = "select current_user::text, v from prices where id = $1", ttl = "1h" },
    { query = "select now_is.at, v from prices, now_is where id = $1", ttl = "1h" },
]"#;

/// What counts how often the first of them was run.
const SCHEMA: &str = "create table prices (id int primary key, v int);
    create table other (id int primary key, v int);
    create table now_is (at timestamptz);
    insert into now_is values ('2026-01-02 03:04:05+00');
    insert into prices select n, n * 10 from generate_series(1, 20) n;
    create sequence runs;
    create function run() returns bigint language sql volatile as $$ select nextval('runs') $$;";

/// The first of the kept reads, as clients without parameters write it.
fn simple(id: u32) -> String {
    format!("select v, run() from prices where id = {id}")
}

/// The same with a parameter.
const PREPARED: &str = "select v, run() from prices where id = $1";

/// A proxy with these reads before a database with these tables.
fn kept() -> Proxy {
    kept_with("pool = { max = 3 }")
}

fn kept_with(keys: &str) -> Proxy {
    let proxy = Proxy::with(&format!("{keys}{KEPT}"));
    server().open(&proxy.database).run(SCHEMA);
    proxy
}
