//! Which questions are answered without the server.

use std::time::{Duration, Instant};

use fdguard::wire::postgres::frontend::{
    Target, write_bind, write_close, write_describe, write_execute, write_parse, write_query, write_sync,
};

use super::{PREPARED, kept, simple};
use crate::support::batch;
use crate::support::message::{Message, tags, told};
use crate::support::server::server;
use crate::support::wire::{Wire, answer};

/// Writes a batch of one form.
type Form = fn(&mut Vec<u8>);

fn ask(client: &mut Wire, write: impl FnOnce(&mut Vec<u8>)) -> Vec<Message> {
    client.say(write);
    client.until(b'Z')
}

#[test]
fn the_same_question_is_answered_once_by_the_server() {
    let proxy = kept();
    let (mut one, mut two) = (proxy.client(), proxy.client());
    let first = one.run(&simple(1));
    assert_eq!(first.rows[0][0].as_deref(), Some("10"));
    for _ in 0..5 {
        assert_eq!(one.run(&simple(1)), first);
        assert_eq!(two.run("SELECT  v, run() /* where it stands */ FROM prices\nWHERE id = 1;"), first);
    }
    let seen = proxy.pool();
    let before = server().open(&proxy.database).value("select last_value from runs");
    assert_eq!(before, "1", "{seen:?}");
    assert_ne!(one.run(&simple(2)).rows, first.rows);
    // A text that only looks alike is another one.
    assert_ne!(one.run("select v, run() from prices where id = '1'").rows[0][1], first.rows[0][1]);
    assert_eq!(one.run("select v, run() from prices where id = 1 "), first);
    proxy.serves();
}

#[test]
fn each_form_of_a_batch_is_answered_as_the_server_does() {
    let proxy = kept();
    let mut client = proxy.client();
    let forms: [(&str, Form); 5] = [
        ("libpq", |out| {
            write_parse(out, b"", PREPARED.as_bytes(), &[]);
            write_bind(out, b"", b"", &[Some(b"3")]);
            write_describe(out, Target::Portal, b"");
            write_execute(out, b"", 0);
            write_sync(out);
        }),
        ("described as a statement", |out| {
            write_parse(out, b"", PREPARED.as_bytes(), &[23]);
            write_describe(out, Target::Statement, b"");
            write_bind(out, b"", b"", &[Some(b"3")]);
            write_execute(out, b"", 0);
            write_sync(out);
        }),
        ("bare", |out| batch::whole(out, "", PREPARED, &[Some(b"3")])),
        ("of no row", |out| batch::whole(out, "", PREPARED, &[Some(b"300")])),
        ("with a portal that is closed", |out| {
            write_parse(out, b"", PREPARED.as_bytes(), &[]);
            write_bind(out, b"", b"", &[Some(b"3")]);
            write_execute(out, b"", 0);
            write_close(out, Target::Portal, b"");
            write_sync(out);
        }),
    ];
    for (what, form) in forms {
        let first = ask(&mut client, form);
        for _ in 0..3 {
            assert_eq!(told(&ask(&mut client, form)), told(&first), "{what}");
        }
        // What a Parse that was answered here leaves behind can be bound, on a connection that never saw it.
        if what != "of no row" {
            let bound = answer(&ask(&mut client, |out| batch::again(out, "", &[Some(b"4")])));
            assert_eq!(bound.rows[0][0].as_deref(), Some("40"), "{what}");
        }
    }
    let runs = server().open(&proxy.database).value("select last_value from runs");
    // One of each form but that without a row, and what was bound behind them: with and without types.
    assert_eq!(runs, "6");
}

#[test]
fn a_statement_prepared_once_is_answered_by_its_values() {
    let proxy = kept();
    let (mut one, mut two) = (proxy.client(), proxy.client());
    for client in [&mut one, &mut two] {
        let heard = ask(client, |out| {
            write_parse(out, b"s", PREPARED.as_bytes(), &[]);
            write_describe(out, Target::Statement, b"s");
            write_sync(out);
        });
        assert_eq!(tags(&heard), "1tTZ");
    }
    let first = ask(&mut one, |out| batch::again(out, "s", &[Some(b"5")]));
    for _ in 0..3 {
        assert_eq!(told(&ask(&mut one, |out| batch::again(out, "s", &[Some(b"5")]))), told(&first));
        assert_eq!(told(&ask(&mut two, |out| batch::again(out, "s", &[Some(b"5")]))), told(&first));
    }
    let other = answer(&ask(&mut two, |out| batch::again(out, "s", &[Some(b"6")])));
    assert_eq!(other.rows[0][0].as_deref(), Some("60"));
    // A Parse of a name with a question that is known: the name counts from there on.
    let named = ask(&mut one, |out| batch::whole(out, "n", PREPARED, &[Some(b"5")]));
    assert_eq!(tags(&named), "12DCZ");
    let again = ask(&mut two, |out| batch::whole(out, "n", PREPARED, &[Some(b"5")]));
    assert_eq!(told(&again), told(&named));
    let bound = answer(&ask(&mut two, |out| batch::again(out, "n", &[Some(b"7")])));
    assert_eq!(bound.rows[0][0].as_deref(), Some("70"));
    let taken = ask(&mut two, |out| batch::whole(out, "n", PREPARED, &[Some(b"5")]));
    assert_eq!(taken[0].code().as_deref(), Some("42P05"));
}

#[test]
fn what_is_asked_at_once_is_answered_in_order() {
    let proxy = kept();
    let mut client = proxy.client();
    client.run(&simple(1));
    client.say(|out| {
        write_query(out, simple(1).as_bytes());
        write_query(out, b"select 'between'");
        write_query(out, simple(1).as_bytes());
        batch::whole(out, "", PREPARED, &[Some(b"2")]);
        write_query(out, simple(1).as_bytes());
    });
    let heard = client.ready(5);
    assert_eq!(tags(&heard), "TDCZTDCZTDCZ12DCZTDCZ");
    let values: Vec<_> = heard
        .iter()
        .filter(|message| message.tag == b'D')
        .map(|message| message.values()[0].clone())
        .collect();
    let values: Vec<_> = values.iter().flatten().map(String::as_str).collect();
    assert_eq!(values, ["10", "between", "10", "20", "10"]);
}

#[test]
fn settings_users_and_values_are_never_mixed() {
    let proxy = kept();
    server().open(&proxy.database).run("create role someone login; grant select on prices to someone");
    let mut one = proxy.client();
    let text = "select now_is.at, v from prices, now_is where id = 1";
    assert_eq!(one.value(text), "2026-01-02 03:04:05+00");
    let mut abroad = Wire::open_with(
        proxy.address,
        &proxy.database,
        &[("TimeZone", "Asia/Tokyo"), ("DateStyle", "German")],
    );
    assert_eq!(abroad.value(text), "02.01.2026 12:04:05 JST");
    assert_eq!(one.value(text), "2026-01-02 03:04:05+00");
    one.run("set timezone to 'Asia/Tokyo'");
    assert_eq!(one.value(text), "2026-01-02 12:04:05+09");
    one.run("set timezone to default");
    assert_eq!(one.value(text), "2026-01-02 03:04:05+00");
    let own = "select current_user::text, v from prices where id = 1";
    assert_eq!(one.value(own), "postgres");
    // Who is a role is pinned to a connection, and asks the server.
    one.run("set role someone");
    assert_eq!(one.value(own), "someone");
    one.run("reset role");
    assert_eq!(proxy.client().value(own), "postgres");
    let mut other = Wire::dial(proxy.address);
    other.say(|out| {
        let pairs = [("user", "someone"), ("database", proxy.database.as_str())];
        fdguard::wire::postgres::startup::write_startup(
            out,
            fdguard::wire::postgres::startup::Version::V3_0,
            pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        );
    });
    other.logged_in().unwrap();
    assert_eq!(other.value(own), "someone");
    server().open(&proxy.database).run("drop owned by someone");
    // In binary, values are another answer.
    let text = told(&ask(&mut one, |out| batch::whole(out, "", PREPARED, &[Some(b"9")])));
    let binary = ask(&mut one, |out| {
        write_parse(out, b"", PREPARED.as_bytes(), &[]);
        let mut body = b"\0\0".to_vec();
        body.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, b'9', 0, 1, 0, 1]);
        batch::raw(out, b'B', &body);
        write_execute(out, b"", 0);
        write_sync(out);
    });
    assert_ne!(told(&binary), text);
    assert!(tags(&binary).contains('D'), "{binary:?}");
}

#[test]
fn an_answer_lives_for_its_time() {
    let proxy = kept();
    let mut client = proxy.client();
    let past = &mut server().open(&proxy.database);
    let text = "select v from prices where id = 1 and 1 = 1";
    let begun = Instant::now();
    assert_eq!(client.value(text), "10");
    past.run("update prices set v = 11 where id = 1");
    let mut olds = 0;
    while client.value(text) == "10" {
        olds += 1;
    }
    let took = begun.elapsed();
    assert!(olds > 10, "{olds} in {took:?}");
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert_eq!(client.value(text), "11");
}

#[test]
fn what_is_too_large_or_wrong_or_within_a_transaction_is_not_kept() {
    let proxy = kept();
    let mut client = proxy.client();
    let past = &mut server().open(&proxy.database);
    let large = "select repeat('x', 9000), v from prices where id = 1";
    client.run(large);
    past.run("update prices set v = 12 where id = 1");
    assert_eq!(client.run(large).rows[0][1].as_deref(), Some("12"));
    client.run("begin");
    let first = client.run(&simple(1));
    assert_ne!(client.run(&simple(1)), first);
    client.run("commit");
    // What a transaction saw was not kept, and what was kept is not given within one.
    let kept = client.run(&simple(1));
    assert_ne!(kept.rows, first.rows);
    assert_eq!(client.run(&simple(1)), kept);
    client.run("begin isolation level repeatable read");
    assert_ne!(client.run(&simple(1)).rows, kept.rows);
    client.run("rollback");
    let wrong = "select v, run() from prices where id = 'x'";
    assert_eq!(client.query(wrong).error.as_deref(), Some("22P02"));
    assert_eq!(client.query(wrong).error.as_deref(), Some("22P02"));
    // Half a portal is not the answer.
    let part = ask(&mut client, |out| {
        write_parse(out, b"", PREPARED.as_bytes(), &[]);
        write_bind(out, b"", b"", &[Some(b"8")]);
        write_execute(out, b"", 1);
        write_sync(out);
    });
    assert_eq!(tags(&part), "12DsZ");
    proxy.serves();
}
