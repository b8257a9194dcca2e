//! Limits of time and number, and what a client is told that meets one.

use fdguard::wire::postgres::frontend::{
    write_copy_data, write_copy_done, write_flush, write_query, write_sync,
};

use crate::support::batch;
use crate::support::message::{Message, tags};
use crate::support::proxy::Proxy;
use crate::support::wire::{Wire, start};

fn codes(heard: &[Message]) -> Vec<String> {
    heard.iter().filter_map(Message::code).collect()
}

#[test]
fn a_command_that_takes_too_long_is_cancelled() {
    let proxy = Proxy::with("pool = { max = 1, command_timeout = \"400ms\" }");
    let mut client = proxy.client();
    client.say(|out| write_query(out, b"select pg_sleep(600)"));
    assert_eq!(codes(&client.until(b'Z')), ["57014"]);
    client.say(|out| batch::whole(out, "", "select pg_sleep(600)", &[]));
    assert_eq!(tags(&client.until(b'Z')), "12EZ");
    client.run("begin");
    client.say(|out| write_query(out, b"select pg_sleep(600)"));
    client.until(b'Z');
    assert_eq!(client.query("rollback").state, 'I');
    proxy.serves();
}

#[test]
fn a_transaction_in_which_nothing_happens_is_ended() {
    let proxy = Proxy::with("pool = { max = 1, idle_transaction = \"300ms\" }");
    let mut client = proxy.client();
    client.run("create table t (a int)");
    client.run("begin; insert into t values (1)");
    let mut other = proxy.client();
    assert_eq!(other.value("select count(*) from t"), "0");
    assert_eq!(codes(&client.rest()), ["25P03"]);
    proxy.serves();
}

#[test]
fn a_batch_that_does_not_end_is_a_transaction_in_which_nothing_happens() {
    let proxy = Proxy::with("pool = { max = 1, idle_transaction = \"300ms\" }");
    let mut client = proxy.client();
    client.run("create table t (a int)");
    client.say(|out| batch::run(out, "", "insert into t values (1)", &[]));
    let mut other = proxy.client();
    assert_eq!(other.value("select count(*) from t"), "0");
    assert_eq!(codes(&client.rest()), ["25P03"]);
    // One that wants its answers is at work.
    client = proxy.client();
    client.say(|out| {
        batch::run(out, "", "select pg_sleep(1)", &[]);
        write_flush(out);
    });
    assert_eq!(tags(&client.until(b'C')), "12DC");
    client.say(write_sync);
    assert_eq!(tags(&client.until(b'Z')), "Z");
    proxy.serves();
}

#[test]
fn a_client_that_does_not_go_on_with_what_it_began_is_idle_in_a_transaction() {
    let proxy = Proxy::with("pool = { max = 1, idle_transaction = \"300ms\" }");
    proxy.client().run("create table t (a int)");
    for begin in [
        |client: &mut Wire| client.say(|out| batch::lying(out, b'Q', 8 << 20, &vec![b' '; 2 << 20])),
        |client: &mut Wire| {
            client.say(|out| write_query(out, b"copy t from stdin"));
            client.until(b'G');
            client.say(|out| write_copy_data(out, b"1\n"));
        },
        |client: &mut Wire| client.say(|out| batch::lying(out, b'B', 8 << 20, &vec![0; 2 << 20])),
    ] {
        let mut client = proxy.client();
        begin(&mut client);
        let mut other = proxy.client();
        assert_eq!(other.value("select count(*) from t"), "0");
        assert_eq!(codes(&client.rest()), ["25P03"]);
    }
    // One that goes on, though slowly, is served.
    let mut client = proxy.client();
    client.say(|out| write_query(out, b"copy t from stdin"));
    client.until(b'G');
    for number in 0..8 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        client.say(|out| write_copy_data(out, format!("{number}\n").as_bytes()));
    }
    client.say(write_copy_done);
    assert_eq!(tags(&client.until(b'Z')), "CZ");
    assert_eq!(client.value("select count(*) from t"), "8");
    proxy.serves();
}

#[test]
fn a_client_that_waits_too_long_is_told_so() {
    let proxy = Proxy::with("pool = { max = 1, wait = \"200ms\" }");
    let mut holder = proxy.client();
    holder.run("begin");
    let mut waiter = proxy.client();
    waiter.say(|out| write_query(out, b"select 1"));
    assert_eq!(codes(&waiter.rest()), ["53300"]);
    holder.run("commit");
    proxy.serves();
}

#[test]
fn only_so_many_wait() {
    let proxy = Proxy::with("pool = { max = 1, waiters = 2 }");
    let mut holder = proxy.client();
    holder.run("begin");
    let mut clients: Vec<_> = (0..3).map(|_| proxy.client()).collect();
    for client in &mut clients {
        client.say(|out| write_query(out, b"select 1"));
        // A login is dealt with after what came before it.
        drop(proxy.client());
    }
    assert_eq!(codes(&clients.pop().unwrap().rest()), ["53300"]);
    holder.run("commit");
    clients.iter_mut().for_each(|client| assert_eq!(tags(&client.until(b'Z')), "TDCZ"));
}

#[test]
fn only_so_many_clients_are_let_in() {
    let proxy = Proxy::with("pool = { max = 1 }\nclients = { max = 6, reserve = 0 }");
    let clients: Vec<_> = (0..6).map(|_| proxy.client()).collect();
    let mut more = Wire::dial(proxy.address);
    more.say(|out| start(out, &proxy.database, &[]));
    assert_eq!(more.logged_in().unwrap_err().code().as_deref(), Some("53300"));
    drop(clients);
    crate::support::wait::wait_until("those that left make room", || {
        let mut next = Wire::dial(proxy.address);
        next.say(|out| start(out, &proxy.database, &[]));
        next.logged_in().is_ok()
    });
}

#[test]
fn a_client_that_rests_too_long_is_ended() {
    let proxy = Proxy::with("pool = { max = 1 }\nclients = { idle = \"300ms\" }");
    let mut client = proxy.client();
    client.run("select 1");
    let heard = client.rest();
    assert_eq!(codes(&heard).len(), 1, "{heard:?}");
}

#[test]
fn connections_are_renewed_after_so_many_uses_and_never_more_than_max() {
    let proxy = Proxy::with("pool = { max = 2, max_uses = 5 }");
    let mut client = proxy.client();
    let mut servers = std::collections::BTreeSet::new();
    for _ in 0..30 {
        servers.insert(client.value("select pg_backend_pid()"));
    }
    assert!((5..=8).contains(&servers.len()), "{servers:?}");
}

#[test]
fn statement_mode_refuses_transactions() {
    let proxy = Proxy::with("pool = { max = 1, mode = \"statement\" }");
    let mut client = proxy.client();
    assert_eq!(client.value("select 1"), "1");
    client.say(|out| {
        batch::run(out, "", "select 2", &[]);
        write_sync(out);
    });
    assert_eq!(tags(&client.until(b'Z')), "12DCZ");
    client.say(|out| write_query(out, b"begin"));
    let heard = client.rest();
    assert_eq!(codes(&heard), ["0A000"], "{heard:?}");
    proxy.serves();
}

#[test]
fn session_mode_keeps_one_connection_for_each_client() {
    let proxy = Proxy::with("pool = { max = 2, mode = \"session\" }");
    let (mut one, mut two) = (proxy.client(), proxy.client());
    let own = [one.value("select pg_backend_pid()"), two.value("select pg_backend_pid()")];
    assert_ne!(own[0], own[1]);
    one.run("set work_mem = '77MB'; create temp table t (a int)");
    for _ in 0..3 {
        assert_eq!(one.value("select pg_backend_pid()"), own[0]);
        assert_eq!(two.value("select pg_backend_pid()"), own[1]);
    }
    one.say(|out| batch::whole(out, "s", "select 1", &[]));
    one.until(b'Z');
    one.say(|out| batch::again(out, "s", &[]));
    assert_eq!(tags(&one.until(b'Z')), "2DCZ");
    drop(one);
    proxy.serves();
}

#[test]
fn who_keeps_a_connection_and_rests_too_long_gives_it_back() {
    for (keys, text) in [
        ("pool = { max = 2, mode = \"session\" }", "select 1"),
        ("pool = { max = 2 }", "set statement_timeout = '77s'"),
        ("pool = { max = 2 }", "create temp table mine (a int)"),
    ] {
        let proxy = Proxy::with(&format!("{keys}\nclients = {{ idle = \"2s\" }}"));
        let mut leaked = [proxy.client(), proxy.client()];
        leaked.iter_mut().for_each(|client| drop(client.run(text)));
        assert_eq!(proxy.client().value("select 1"), "1", "{keys}: {text}");
        for client in &mut leaked {
            assert_eq!(codes(&client.rest()), ["57P01"], "{keys}: {text}");
        }
        proxy.serves();
    }
}

#[test]
fn who_works_now_and_then_or_waits_for_news_keeps_its_connection() {
    for (keys, text) in [
        ("pool = { max = 2, mode = \"session\" }", "listen news"),
        ("pool = { max = 2 }", "listen news"),
        ("pool = { max = 2, mode = \"session\" }", "select pg_advisory_lock(7)"),
        ("pool = { max = 2 }", "select pg_advisory_lock(7)"),
    ] {
        let proxy = Proxy::with(&format!("{keys}\nclients = {{ idle = \"1s\" }}"));
        let (mut waits, mut works) = (proxy.client(), proxy.client());
        waits.run(text);
        let backend = waits.value("select pg_backend_pid()");
        works.run("set statement_timeout = '77s'");
        // Three times the bound, with work in between.
        for _ in 0..6 {
            works.run("select pg_sleep(0.25)");
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
        assert_eq!(works.value("show statement_timeout"), "77s", "{keys}: {text}");
        assert_eq!(waits.value("select pg_backend_pid()"), backend, "{keys}: {text}");
    }
}

#[test]
fn a_reset_of_what_is_idle_frees_what_a_session_keeps_for_nothing() {
    use fdguard::model::action::ResetHow;
    let proxy = Proxy::with("pool = { max = 2, mode = \"session\" }");
    let (mut leaked, mut works) = (proxy.client(), proxy.client());
    leaked.run("select 1");
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    works.run("select 1");
    proxy.reset(ResetHow::Idle);
    assert_eq!(codes(&leaked.rest()), ["57P01"]);
    assert_eq!(works.value("select 1"), "1", "between two requests nobody is idle");
    proxy.serves();
}

#[test]
fn who_takes_nothing_of_an_answer_gives_its_connection_back() {
    let proxy = Proxy::with("pool = { max = 1, wait = \"20s\", idle_transaction = \"1s\" }");
    let mut client = proxy.client();
    client.say(|out| write_query(out, b"select repeat('r', 100000) from generate_series(1, 3000)"));
    client.until(b'T');
    // The only connection serves others once it is clear that this one does not read.
    proxy.serves();
    let mut slow = proxy.client();
    slow.say(|out| write_query(out, b"select repeat('r', 100000) from generate_series(1, 300)"));
    let heard = (0..301).map(|count| {
        if count % 60 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(700));
        }
        slow.read().tag
    });
    assert_eq!(heard.filter(|tag| *tag == b'D').count(), 300, "who reads slowly is not cut");
}
