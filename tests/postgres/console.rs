//! The console over the real psql: what it shows against what was done, and what its commands do.

use std::process::Output;

use fdguard::wire::postgres::frontend::{write_parse, write_query, write_sync};

use crate::clients::{command, ran};
use crate::support::message::{tags, text};
use crate::support::proxy::Proxy;
use crate::support::wait::{wait_for, wait_until};
use crate::support::wire::{Wire, start};

/// PgBouncer's columns, as version 1.25.2 sends them.
const CLIENTS: &str = "type|user|database|replication|state|addr|port|local_addr|local_port|connect_time|request_time|wait|\
     wait_us|close_needed|ptr|link|remote_pid|tls|application_name|prepared_statements|id";
const COLUMNS: &[(&str, &str)] = &[
    ("VERSION", "version"),
    (
        "POOLS",
        "database|user|cl_active|cl_waiting|cl_active_cancel_req|cl_waiting_cancel_req|sv_active|sv_active_cancel|\
         sv_being_canceled|sv_idle|sv_used|sv_tested|sv_login|maxwait|maxwait_us|pool_mode|load_balance_hosts",
    ),
    ("CLIENTS", CLIENTS),
    ("SERVERS", CLIENTS),
    ("SOCKETS", CLIENTS),
    ("ACTIVE_SOCKETS", CLIENTS),
    (
        "DATABASES",
        "name|host|port|database|force_user|pool_size|min_pool_size|reserve_pool_size|server_lifetime|pool_mode|\
         load_balance_hosts|max_connections|current_connections|max_client_connections|current_client_connections|\
         paused|disabled",
    ),
    (
        "STATS",
        "database|total_server_assignment_count|total_xact_count|total_query_count|total_received|total_sent|\
         total_xact_time|total_query_time|total_wait_time|total_client_parse_count|total_server_parse_count|\
         total_bind_count|avg_server_assignment_count|avg_xact_count|avg_query_count|avg_recv|avg_sent|avg_xact_time|\
         avg_query_time|avg_wait_time|avg_client_parse_count|avg_server_parse_count|avg_bind_count",
    ),
    (
        "STATS_TOTALS",
        "database|server_assignment_count|xact_count|query_count|bytes_received|bytes_sent|xact_time|query_time|\
         wait_time|client_parse_count|server_parse_count|bind_count",
    ),
    (
        "STATS_AVERAGES",
        "database|server_assignment_count|xact_count|query_count|bytes_received|bytes_sent|xact_time|query_time|\
         wait_time|avg_client_parse_count|avg_server_parse_count|avg_bind_count",
    ),
    ("TOTALS", "name|value"),
    ("LISTS", "list|items"),
    ("CONFIG", "key|value|default|changeable"),
    (
        "USERS",
        "name|pool_size|reserve_pool_size|pool_mode|max_user_connections|current_connections|\
         max_user_client_connections|current_client_connections",
    ),
    ("STATE", "key|value"),
    ("CACHE", "database|entries|bytes|hits|misses|dropped"),
];

/// What psql prints of a command on the console: a line of columns and one for each row.
fn lines(proxy: &Proxy, sql: &str) -> Vec<String> {
    let mut psql = command(proxy, "psql");
    psql.env("PGDATABASE", "pgbouncer");
    ran(psql.args(["-X", "-A", "-P", "footer=off", "-c", sql])).lines().map(str::to_owned).collect()
}

/// What psql says of a command that is refused.
fn refused(proxy: &Proxy, sql: &str) -> String {
    let mut psql = command(proxy, "psql");
    psql.env("PGDATABASE", "pgbouncer");
    let Output { status, stderr, .. } = psql.args(["-X", "-c", sql]).output().unwrap();
    assert!(!status.success(), "{sql} was not refused");
    text(&stderr)
}

/// The values of one column.
fn column(proxy: &Proxy, subject: &str, name: &str) -> Vec<String> {
    let lines = lines(proxy, &format!("SHOW {subject}"));
    let place = lines[0].split('|').position(|column| column == name).unwrap();
    lines[1..].iter().map(|line| line.split('|').nth(place).unwrap().to_owned()).collect()
}

/// The number in one column, over all rows.
fn sum(proxy: &Proxy, subject: &str, name: &str) -> u64 {
    column(proxy, subject, name).iter().map(|value| value.parse::<u64>().unwrap()).sum()
}

/// The value beside a name, where an answer has such rows.
fn beside(proxy: &Proxy, subject: &str, name: &str) -> Option<String> {
    let prefix = format!("{name}|");
    lines(proxy, &format!("SHOW {subject}")).iter().find_map(|line| {
        let value = line.strip_prefix(&prefix)?;
        value.split('|').next().map(str::to_owned)
    })
}

/// A visitor that says exactly what it is told to.
fn visitor(proxy: &Proxy) -> Wire {
    Wire::open(proxy.address, "pgbouncer")
}

#[test]
fn it_has_the_columns_of_pgbouncer_in_their_order_and_its_own_behind() {
    let proxy = Proxy::single();
    let mut client = proxy.client();
    client.run("select 1");
    for (subject, expected) in COLUMNS {
        let found = lines(&proxy, &format!("show {};", subject.to_lowercase())).remove(0);
        let own = found.strip_prefix(expected);
        assert!(own.is_some_and(|own| own.is_empty() || own.starts_with('|')), "{subject}: {found}");
    }
    assert_eq!(lines(&proxy, "SHOW VERSION")[1], concat!("fdguard ", env!("CARGO_PKG_VERSION")));
    assert_eq!(lines(&proxy, "SHOW HELP"), ["SHOW"]);
    proxy.serves();
}

#[test]
fn it_tells_who_works_who_waits_and_who_rests() {
    let proxy = Proxy::with("pool = { max = 2, wait = \"60s\" }\nclients = { max = 30 }");
    let mut working: Vec<Wire> = (0..2).map(|_| proxy.client()).collect();
    working.iter_mut().for_each(|client| drop(client.run("begin")));
    let mut waiting: Vec<Wire> = (0..3).map(|_| Wire::open(proxy.address, &proxy.database)).collect();
    for client in &mut waiting {
        client.say(|out| write_query(out, b"select 1"));
    }
    let resting: Vec<Wire> = (0..4).map(|_| Wire::open(proxy.address, &proxy.database)).collect();
    wait_until("all of them are there", || {
        sum(&proxy, "POOLS", "cl_waiting") == 3 && sum(&proxy, "DATABASES", "current_client_connections") == 9
    });
    assert_eq!(sum(&proxy, "POOLS", "cl_active"), 6, "those that work and those that rest");
    assert_eq!((sum(&proxy, "POOLS", "sv_active"), sum(&proxy, "POOLS", "sv_idle")), (2, 0));
    assert_eq!(column(&proxy, "POOLS", "database"), ["db"]);
    let states = column(&proxy, "CLIENTS", "state");
    let count = |state: &str| states.iter().filter(|found| *found == state).count();
    assert_eq!((count("active"), count("waiting"), count("idle")), (2, 3, 4), "{states:?}");
    assert_eq!(column(&proxy, "SERVERS", "state"), ["active", "active"]);
    let (links, servers) = (column(&proxy, "CLIENTS", "link"), column(&proxy, "SERVERS", "ptr"));
    assert!(servers.iter().all(|server| links.contains(server)), "{links:?} {servers:?}");
    assert_eq!(sum(&proxy, "DATABASES", "current_client_connections"), 9);
    assert_eq!(sum(&proxy, "DATABASES", "max_connections"), 2);
    assert_eq!(beside(&proxy, "LISTS", "used_clients").as_deref(), Some("9"));
    assert_eq!(beside(&proxy, "LISTS", "free_clients").as_deref(), Some("21"));
    assert_eq!(beside(&proxy, "CONFIG", "max_client_conn").as_deref(), Some("30"));
    assert!(sum(&proxy, "LISTS", "items") > 9, "each row has a number: exporters stop at one that has none");
    assert_eq!(sum(&proxy, "USERS", "current_connections"), 2);
    let backends = column(&proxy, "SERVERS", "remote_pid");
    let own = working[0].value("select pg_backend_pid()");
    assert!(backends.contains(&own), "{backends:?} {own}");
    let before = sum(&proxy, "STATS", "total_xact_count");
    working.iter_mut().for_each(|client| drop(client.run("commit")));
    waiting.iter_mut().for_each(|client| drop(client.ready(1)));
    assert_eq!(sum(&proxy, "STATS", "total_xact_count"), before + 5);
    assert!(sum(&proxy, "STATS", "total_wait_time") > 0);
    assert_eq!(column(&proxy, "STATS", "total_query_count"), [""], "what is not counted is not 0");
    drop(resting);
}

#[test]
fn pause_waits_for_the_transaction_under_way_and_holds_the_next() {
    let proxy = Proxy::with("pool = { max = 2, wait = \"60s\" }");
    let (mut working, mut next) = (proxy.client(), proxy.client());
    working.run("begin");
    let mut operator = visitor(&proxy);
    operator.say(|out| write_query(out, b"PAUSE db"));
    wait_until("the pool is paused", || sum(&proxy, "DATABASES", "paused") == 1);
    next.say(|out| write_query(out, b"select 'next'"));
    wait_until("the next one waits", || sum(&proxy, "POOLS", "cl_waiting") == 1);
    assert_eq!(column(&proxy, "SERVERS", "close_needed"), ["1"], "its connection is still at work");
    working.run("select 1");
    working.run("commit");
    let answer = operator.ready(1);
    assert!(answer.iter().any(|message| message.tag == b'C' && message.body == b"PAUSE\0"), "{answer:?}");
    assert_eq!(column(&proxy, "SERVERS", "state"), Vec::<String>::new());
    assert_eq!(beside(&proxy, "STATE", "paused").as_deref(), Some("yes"));
    assert_eq!(lines(&proxy, "RESUME db"), ["RESUME"]);
    next.ready(1);
    assert!(refused(&proxy, "RESUME db").contains("database db is not paused"));
    assert!(refused(&proxy, "RESUME").contains("pooler is not paused/suspended"));
    wait_until("it stands in the history", || {
        ["pool pause db", "pool resume db"].iter().all(|command| proxy.log().contains(command))
    });
    proxy.serves();
}

#[test]
fn kill_client_ends_that_one_and_no_other() {
    let proxy = Proxy::with("pool = { max = 3 }");
    let (mut one, mut other) = (proxy.client(), proxy.client());
    one.run("set application_name = 'one'");
    one.run("begin");
    other.run("begin");
    let port = one.stream.local_addr().unwrap().port().to_string();
    let (ports, ids) = (column(&proxy, "CLIENTS", "port"), column(&proxy, "CLIENTS", "id"));
    let id = &ids[ports.iter().position(|found| *found == port).unwrap()];
    assert_eq!(lines(&proxy, &format!("KILL_CLIENT {id}")), ["KILL_CLIENT"]);
    let said = one.rest();
    assert!(said.iter().any(|message| message.tag == b'E'), "{said:?}");
    assert_eq!(other.value("select 'still here'"), "still here");
    assert!(refused(&proxy, &format!("KILL_CLIENT {id}")).contains("client not found"));
    other.run("commit");
    proxy.serves();
}

#[test]
fn reconnect_replaces_and_disable_refuses() {
    let proxy = Proxy::single();
    let mut client = proxy.client();
    let first = client.value("select pg_backend_pid()");
    assert_eq!(lines(&proxy, "RECONNECT"), ["RECONNECT"]);
    assert_eq!(lines(&proxy, "WAIT_CLOSE db"), ["WAIT_CLOSE"]);
    assert_ne!(client.value("select pg_backend_pid()"), first);
    assert_eq!(lines(&proxy, "DISABLE db"), ["DISABLE"]);
    assert_eq!(sum(&proxy, "DATABASES", "disabled"), 1);
    let mut late = Wire::dial(proxy.address);
    late.say(|out| start(out, &proxy.database, &[]));
    let told = late.rest();
    assert!(told.iter().any(|message| message.tag == b'E'), "{told:?}");
    assert_eq!(lines(&proxy, "ENABLE db"), ["ENABLE"]);
    proxy.serves();
    assert_eq!(lines(&proxy, "KILL db"), ["KILL"]);
    assert_eq!(sum(&proxy, "DATABASES", "paused"), 1);
    assert_eq!(lines(&proxy, "RESUME"), ["RESUME"]);
    proxy.serves();
}

#[test]
fn what_it_does_not_know_is_refused_and_the_session_goes_on() {
    let proxy = Proxy::single();
    let long = format!("SHOW {}", "x".repeat(60_000));
    for (sql, expected) in [
        ("SHOW NOPE", "invalid command 'SHOW NOPE', use SHOW HELP;"),
        ("PAUSE nope", "no such database: nope"),
        ("SHUTDOWN", "the proxies end with the agent"),
        ("select 1", "invalid command 'select 1', use SHOW HELP;"),
        (&long, "invalid command 'SHOW xxx"),
    ] {
        let told = refused(&proxy, sql);
        assert!(told.contains(expected), "{told}");
    }
    let mut wire = visitor(&proxy);
    for sql in ["", ";", "\u{0}", "SHOW \"POOLS"] {
        let answer = wire.query(sql);
        assert_eq!((answer.error.as_deref(), answer.state), (Some("08P01"), 'I'), "{sql:?}");
    }
    // A batch of the extended protocol has one error and one end.
    wire.say(|out| {
        write_parse(out, b"", b"SHOW POOLS", &[]);
        write_sync(out);
    });
    assert_eq!(tags(&wire.ready(1)), "EZ");
    assert_eq!(wire.value("SHOW VERSION"), concat!("fdguard ", env!("CARGO_PKG_VERSION")));
    wire.send(&[b'?', 0, 0, 0, 4]);
    wire.rest();
    wait_for("it is open for others", || beside(&proxy, "STATE", "active"));
}

#[test]
fn reload_is_the_agents_and_its_faults_are_told() {
    let proxy = Proxy::single();
    assert_eq!(lines(&proxy, "RELOAD"), ["RELOAD"]);
    proxy.rewrite(|settings| settings.replace("max = 1", "max = 5"));
    assert_eq!(lines(&proxy, "RELOAD"), ["RELOAD"]);
    wait_until("it is taken over", || sum(&proxy, "DATABASES", "pool_size") == 5);
    proxy.rewrite(|settings| settings.replace("max = 5", "max = \"five\""));
    let told = refused(&proxy, "RELOAD");
    assert!(told.contains("RELOAD failed"), "{told}");
    assert_eq!(sum(&proxy, "DATABASES", "pool_size"), 5);
}

#[test]
fn strangers_are_refused_and_whoever_may_use_the_console_needs_no_more() {
    if fdguard::sys::peer::own_uid() != 0 {
        eprintln!("left out: another user can only be played by root");
        return;
    }
    let proxy = Proxy::with("pool = { max = 1 }\nallow = { uid = [65533] }\nconsole = { uid = [65532] }");
    let other = |uid: &str, database: &str| {
        let mut setpriv = command(&proxy, "setpriv");
        let play = ["--reuid", uid, "--regid", uid, "--clear-groups", "psql", "-XAt", "-c", "SHOW VERSION"];
        let Output { stdout, stderr, .. } = setpriv.env("PGDATABASE", database).args(play).output().unwrap();
        (text(&stdout), text(&stderr))
    };
    let (said, _) = other("65532", "pgbouncer");
    assert_eq!(said, concat!("fdguard ", env!("CARGO_PKG_VERSION"), "\n"), "the console and nothing else");
    let (_, told) = other("65532", &proxy.database);
    assert!(told.contains("user 65532 of this machine may not use this proxy"), "{told}");
    let (_, told) = other("65533", "pgbouncer");
    assert!(told.contains("user 65533 of this machine may not use the console"), "{told}");
    assert!(told.contains("`console` of [proxy.db]"), "{told}");
    let (_, told) = other("65534", "pgbouncer");
    assert!(told.contains("user 65534 of this machine may not use this proxy"), "{told}");
}

#[test]
fn only_so_many_visitors_come_in_and_the_next_is_told() {
    let proxy = Proxy::single();
    let visitors: Vec<Wire> = (0..16).map(|_| visitor(&proxy)).collect();
    let told = refused(&proxy, "SHOW VERSION");
    assert!(told.contains("as many visitors as it may"), "{told}");
    proxy.serves();
    drop(visitors);
    wait_until("there is room again", || {
        let mut psql = command(&proxy, "psql");
        psql.env("PGDATABASE", "pgbouncer")
            .args(["-X", "-c", "SHOW VERSION"])
            .output()
            .unwrap()
            .status
            .success()
    });
}
