//! Servers that vanish at every stage: the client hears what the server said last, and nobody else hears anything.

use fdguard::wire::postgres::frontend::{write_copy_data, write_flush, write_query};

use crate::support::batch;
use crate::support::look::Look;
use crate::support::message::Message;
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wire::Wire;

/// What a client is in the middle of, and the state its server connection then is in.
type Stage = (&'static str, fn(&mut Wire), &'static str);

const STAGES: [Stage; 4] = [
    (
        "in a query",
        |wire| wire.say(|out| write_query(out, b"select pg_sleep(600)")),
        "wait_event = 'PgSleep'",
    ),
    (
        "in a transaction",
        |wire| {
            wire.run("begin");
        },
        "state = 'idle in transaction'",
    ),
    (
        "in a batch",
        |wire| {
            wire.say(|out| {
                batch::run(out, "", "select 1", &[]);
                write_flush(out);
            });
            wire.until(b'C');
        },
        "true",
    ),
    (
        "in a COPY into it",
        |wire| {
            wire.say(|out| write_query(out, b"copy t from stdin"));
            wire.until(b'G');
            wire.say(|out| write_copy_data(out, b"1\n"));
        },
        "wait_event = 'ClientRead' and state = 'active'",
    ),
];

fn last_words(heard: &[Message]) -> Vec<String> {
    heard.iter().filter_map(Message::code).collect()
}

#[test]
fn a_client_whose_server_ends_is_told_and_others_are_not() {
    let proxy = Proxy::single();
    let mut other = proxy.client();
    other.run("create table t (a int)");
    let mut look = Look::at(server(), &proxy.database);
    for (what, stage, state) in STAGES {
        let mut client = proxy.client();
        stage(&mut client);
        look.wait(state, 1);
        look.terminate();
        let codes = last_words(&ends(&mut client));
        assert!(!codes.is_empty() && codes.len() <= 2, "{what}: {codes:?}");
        for code in &codes {
            assert!(matches!(&code[..2], "57" | "08"), "{what}: {codes:?}");
        }
        assert_eq!(other.value("select count(*) from t"), "0", "{what}");
    }
    proxy.serves();
}

/// What comes up to the end.
fn ends(client: &mut Wire) -> Vec<Message> {
    client.rest()
}

#[test]
fn a_connection_that_ended_while_idle_is_nobodys_loss() {
    let proxy = Proxy::with("pool = { max = 3 }");
    let mut look = Look::at(server(), &proxy.database);
    let mut clients: Vec<_> = (0..3).map(|_| proxy.client()).collect();
    for round in 0..5 {
        for client in &mut clients {
            client.run("begin");
        }
        assert_eq!(look.count("true"), 3);
        for client in &mut clients {
            client.run("commit");
        }
        look.terminate();
        // A login is dealt with after what came before it.
        drop(proxy.client());
        for client in &mut clients {
            assert_eq!(client.value("select 'fine'"), "fine", "round {round}");
        }
    }
}

#[test]
fn a_server_that_does_not_listen_is_told_of() {
    let database = server().database();
    let address = crate::support::proxy::free_address();
    let proxy = Proxy::through(&database, &format!("\"{address}\""), "pool = { max = 1, wait = \"300ms\" }");
    let mut client = Wire::dial(proxy.address);
    client.say(|out| crate::support::wire::start(out, &database, &[]));
    let error = client.logged_in().unwrap_err();
    assert!(matches!(error.code().as_deref(), Some("57P03" | "53300" | "08006" | "08001")), "{error:?}");
}

#[test]
fn a_database_that_is_not_there_is_told_in_the_servers_words() {
    let proxy = Proxy::single();
    let mut client = Wire::dial(proxy.address);
    client.say(|out| crate::support::wire::start(out, "not there", &[]));
    let error = client.logged_in().unwrap_err();
    assert_eq!(error.code().as_deref(), Some("3D000"), "{error:?}");
    proxy.serves();
}
