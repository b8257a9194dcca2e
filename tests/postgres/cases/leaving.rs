//! Clients that vanish at every stage: what they did is rolled back, what they ran is cancelled, and the next one finds
//! a clean connection.

use fdguard::sys::pidfd::{PidFd, Signal};
use fdguard::wire::postgres::frontend::{
    write_bind, write_copy_data, write_execute, write_flush, write_parse, write_query, write_sync,
    write_terminate,
};

use crate::support::batch;
use crate::support::look::Look;
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wait::wait_until;
use crate::support::wire::Wire;

/// SIGINT, by which a server process is told to cancel, among the signals that wait for a process.
const SIGINT_BIT: u64 = 1 << 1;

/// What a client does before it vanishes.
type Stage = fn(&mut Wire);

fn query(wire: &mut Wire, text: &str) {
    wire.say(|out| write_query(out, text.as_bytes()));
}

const STAGES: [(&str, Stage); 20] = [
    ("in a transaction", |wire| {
        wire.run("begin; insert into t values (1)");
    }),
    ("in a transaction that failed", |wire| {
        wire.run("begin; insert into t values (1)");
        wire.query("select 1/0");
    }),
    ("with a Terminate in a transaction", |wire| {
        wire.run("begin; insert into t values (1)");
        wire.say(write_terminate);
    }),
    ("with a Terminate in the segment of a begin", |wire| {
        wire.say(|out| {
            write_query(out, b"begin; insert into t values (1)");
            write_terminate(out);
        });
    }),
    ("with a Terminate before the answer", |wire| {
        wire.say(|out| {
            write_query(out, b"select pg_sleep(600)");
            write_terminate(out);
        });
    }),
    ("in a query", |wire| query(wire, "insert into t select 1 from pg_sleep(600)")),
    ("in a transaction's query", |wire| {
        wire.run("begin; insert into t values (1)");
        query(wire, "select pg_sleep(600)");
    }),
    ("with queries behind one that runs", |wire| {
        for _ in 0..3 {
            query(wire, "select pg_sleep(600)");
        }
        query(wire, "select 1");
    }),
    ("before a Sync", |wire| wire.say(|out| batch::run(out, "", "insert into t values (1)", &[]))),
    ("before a Sync, answered by a Flush", |wire| {
        wire.say(|out| {
            batch::run(out, "", "insert into t values (1)", &[]);
            write_flush(out);
        });
        wire.until(b'C');
    }),
    ("before the Sync of a batch that failed", |wire| {
        wire.say(|out| {
            batch::run(out, "", "insert into t values (1)", &[]);
            batch::run(out, "", "select 1/0", &[]);
        });
        wire.until(b'E');
    }),
    ("with a portal suspended", |wire| {
        wire.say(|out| {
            write_parse(out, b"", b"select generate_series(1, 5)", &[]);
            write_bind(out, b"p", b"", &[]);
            write_execute(out, b"p", 2);
            write_flush(out);
        });
        wire.until(b's');
    }),
    ("in the middle of a header", |wire| wire.send(b"Q\0\0")),
    ("in the middle of a query", |wire| wire.send(b"Q\0\0\0\x20insert into")),
    ("in the middle of a large value", |wire| {
        let mut said = Vec::new();
        let value = vec![b'v'; 2_000_000];
        batch::whole(&mut said, "", "insert into t values (length($1))", &[Some(&value)]);
        wire.send(&said[..1_000_000]);
    }),
    ("in a COPY into the server", |wire| {
        query(wire, "copy t from stdin");
        wire.until(b'G');
        wire.say(|out| write_copy_data(out, b"1\n"));
    }),
    ("in a COPY into the server, within a row", |wire| {
        query(wire, "copy t from stdin");
        wire.until(b'G');
        wire.send(b"d\0\0\x20\x001\n2\n");
    }),
    ("in a prepared COPY with its Sync sent", |wire| {
        wire.say(|out| {
            batch::copy(out, "", "copy t from stdin");
            write_sync(out);
        });
        wire.until(b'G');
        wire.say(|out| write_copy_data(out, b"1\n"));
    }),
    ("in a COPY out of the server that it does not read", |wire| {
        query(wire, "copy (select repeat('c', 10000) from generate_series(1, 20000)) to stdout");
        wire.until(b'H');
    }),
    ("in a large row that it does not read", |wire| {
        query(wire, "select repeat('r', 100000000)");
        wire.until(b'T');
    }),
];

#[test]
fn whatever_a_client_was_doing_the_next_is_served() {
    let proxy = Proxy::single();
    proxy.client().run("create table t (a int)");
    let mut look = Look::at(server(), &proxy.database);
    for (what, stage) in STAGES {
        let mut leaver = proxy.client();
        stage(&mut leaver);
        drop(leaver);
        let mut next = proxy.client();
        assert_eq!(next.value("select count(*) from t"), "0", "{what}");
        assert_eq!(next.run("select 1").state, 'I', "{what}");
        drop(next);
        look.wait("state <> 'idle'", 0);
        assert!(look.count("true") <= 1, "{what}");
    }
}

#[test]
fn a_client_in_session_mode_leaves_nothing_behind() {
    let proxy = Proxy::with("pool = { max = 1, mode = \"session\" }");
    let mut leaver = proxy.client();
    leaver.run("set work_mem = '77MB'; create temp table left_over (a int); listen left_over");
    leaver.run("prepare left_over as select 1; select pg_advisory_lock(7)");
    leaver.run("begin; declare c cursor with hold for select 1");
    drop(leaver);
    let mut next = proxy.client();
    assert_ne!(next.value("show work_mem"), "77MB");
    assert_eq!(next.query("table left_over").error.as_deref(), Some("42P01"));
    assert_eq!(next.value("select count(*) from pg_prepared_statements"), "0");
    assert_eq!(next.value("select count(*) from pg_listening_channels()"), "0");
    assert_eq!(next.value("select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"), "0");
}

#[test]
fn a_waiter_that_closed_its_half_costs_no_connection_for_long() {
    let proxy = Proxy::single();
    let mut holder = proxy.client();
    holder.run("begin");
    let mut waiter = proxy.client();
    query(&mut waiter, "select pg_sleep(600)");
    waiter.half_close();
    drop(proxy.client());
    holder.run("commit");
    proxy.serves();
}

#[test]
fn a_cancel_that_the_server_missed_comes_again() {
    let proxy = Proxy::single();
    let mut look = Look::at(server(), &proxy.database);
    let mut client = proxy.client();
    let backend: i32 = client.value("select pg_backend_pid()").parse().unwrap();
    let process = PidFd::open(backend).unwrap();
    process.signal(Signal::STOP).unwrap();
    client.say(|out| write_query(out, b"select pg_sleep(600)"));
    wait_until("it is passed on", || proxy.pool().servers.iter().any(|server| server.state == "active"));
    drop(client);
    // A session that is cancelled before it has begun to read the query runs it all the same.
    wait_until("the cancel is there", || {
        let status = std::fs::read_to_string(format!("/proc/{backend}/status")).unwrap();
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap().trim();
        u64::from_str_radix(pending, 16).unwrap() & SIGINT_BIT != 0
    });
    process.signal(Signal::CONT).unwrap();
    look.wait("wait_event = 'PgSleep'", 1);
    look.wait("wait_event = 'PgSleep'", 0);
    assert_eq!(proxy.client().value("select pg_backend_pid()"), backend.to_string(), "it was closed");
}
