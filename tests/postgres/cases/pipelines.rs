//! Batches sent without waiting, in whatever pieces.

use fdguard::model::action::ResetHow;
use fdguard::wire::postgres::frontend::{
    Target, write_bind, write_close, write_execute, write_parse, write_query, write_sync,
};

use crate::support::batch;
use crate::support::message::{Message, tags, told};
use crate::support::pair::Pair;
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wire::Wire;

#[test]
fn an_error_in_the_middle_ends_its_own_batch_only() {
    let mut pair = Pair::new();
    pair.run("create table t (a int primary key)");
    let heard = pair.batch("ten batches, two of them bad", 10, |out| {
        for number in 0..10_u32 {
            let key = if number == 7 { 6 } else { number };
            let text = if number == 3 { "select 1/0" } else { "insert into t values ($1::int)" };
            let key = key.to_string();
            let values = [Some(key.as_bytes())];
            batch::whole(out, "", text, if number == 3 { &[] } else { &values });
        }
    });
    assert_eq!(tags(&heard), "12CZ12CZ12CZ1EZ12CZ12CZ12CZ12EZ12CZ12CZ");
    let heard = pair.batch("what stayed", 1, |out| write_query(out, b"select count(*) from t"));
    assert_eq!(heard[1].values()[0].as_deref(), Some("8"));
    pair.end();
}

#[test]
fn one_batch_of_many_statements_is_one_transaction() {
    let mut pair = Pair::new();
    pair.run("create table t (a int primary key)");
    let heard = pair.batch("the last of them fails", 1, |out| {
        for key in ["1", "2", "2"] {
            batch::run(out, "", "insert into t values ($1::int)", &[Some(key.as_bytes())]);
        }
        batch::run(out, "", "select 'skipped'", &[]);
        write_sync(out);
    });
    assert_eq!(tags(&heard), "12C12C12EZ");
    let heard = pair.batch("nothing stayed", 1, |out| write_query(out, b"select count(*) from t"));
    assert_eq!(heard[1].values()[0].as_deref(), Some("0"));
    pair.end();
}

#[test]
fn a_sync_may_come_late_and_often() {
    let mut pair = Pair::new();
    let heard = pair.same("a Sync of its own segment, and four more", |wire| {
        wire.say(|out| batch::run(out, "", "select 1", &[]));
        wire.say(write_sync);
        let mut heard = wire.until(b'Z');
        wire.say(|out| (0..4).for_each(|_| write_sync(out)));
        heard.extend(wire.ready(4));
        heard
    });
    assert_eq!(tags(&heard), "12DCZZZZZ");
    pair.end();
}

/// Says all of it in two pieces, the cut in the middle of the first message, while it listens.
fn in_halves(wire: &mut Wire, readies: usize, said: &[u8]) -> Vec<Message> {
    let mut stream = wire.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            use std::io::Write as _;
            let (first, second) = said.split_at(said.len() / 2);
            stream.write_all(first).unwrap();
            stream.write_all(second).unwrap();
        });
        wire.ready(readies)
    })
}

#[test]
fn a_statement_longer_than_any_buffer() {
    let mut pair = Pair::new();
    let filler = "x".repeat(700_000);
    let text = format!("select length('{filler}'), $1::int");
    let mut named = Vec::new();
    batch::whole(&mut named, "s", &text, &[Some(b"1")]);
    pair.same("named", |wire| in_halves(wire, 1, &named));
    let mut unnamed = Vec::new();
    batch::whole(&mut unnamed, "", &text, &[Some(b"2")]);
    pair.same("unnamed", |wire| in_halves(wire, 1, &unnamed));
    let mut simple = Vec::new();
    write_query(&mut simple, format!("select length('{filler}{filler}')").as_bytes());
    pair.same("simple, over a megabyte", |wire| in_halves(wire, 1, &simple));
    let value = "y".repeat(3_000_000);
    let mut bound = Vec::new();
    batch::whole(&mut bound, "l", "select length($1::text)", &[Some(value.as_bytes())]);
    pair.same("a value of three megabytes", |wire| in_halves(wire, 1, &bound));
    pair.end();
}

#[test]
fn long_names() {
    let mut pair = Pair::new();
    // The server itself tells names apart by 63 bytes.
    let name = "n".repeat(63);
    pair.batch("63 bytes", 2, |out| {
        batch::whole(out, &name, "select $1::int", &[Some(b"1")]);
        write_close(out, Target::Statement, name.as_bytes());
        write_sync(out);
    });
    let longer = "m".repeat(3_000);
    let mut said = Vec::new();
    batch::whole(&mut said, &longer, "select $1::int", &[Some(b"1")]);
    pair.same("longer, in two pieces", |wire| in_halves(wire, 1, &said));
    pair.batch("used again", 1, |out| batch::again(out, &longer, &[Some(b"2")]));
    let portal = "p".repeat(60);
    pair.batch("a portal's", 1, |out| {
        write_bind(out, portal.as_bytes(), longer.as_bytes(), &[Some(b"3")]);
        write_execute(out, portal.as_bytes(), 0);
        write_close(out, Target::Portal, portal.as_bytes());
        write_sync(out);
    });
    pair.end();
}

#[test]
fn a_batch_larger_than_the_buffers_and_the_book() {
    let mut pair = Pair::new();
    let filler = "z".repeat(200);
    let mut said = Vec::new();
    write_parse(&mut said, b"s", b"select $1::int, length($2)", &[]);
    for number in 0..6_000_u32 {
        batch::bind(&mut said, "s", &[Some(number.to_string().as_bytes()), Some(filler.as_bytes())]);
    }
    write_sync(&mut said);
    let heard = pair.same("12,001 requests and one Sync", |wire| in_halves(wire, 1, &said));
    assert_eq!(heard.len(), 1 + 6_000 * 3 + 1);
    let mut said = Vec::new();
    for number in 0..4_000_u32 {
        batch::again(&mut said, "s", &[Some(number.to_string().as_bytes()), Some(filler.as_bytes())]);
    }
    let heard = pair.same("4,000 batches of three", |wire| in_halves(wire, 4_000, &said));
    assert_eq!(heard.len(), 4_000 * 4);
    pair.end();
}

#[test]
fn both_sides_full_at_once() {
    let mut pair = Pair::new();
    pair.run("set client_min_messages = warning; create table t (a text)");
    let value = "v".repeat(100_000);
    let mut said = Vec::new();
    for _ in 0..100 {
        // Each row goes there and comes back: neither side reads before it has written.
        batch::whole(&mut said, "echo", "select $1::text", &[Some(value.as_bytes())]);
        write_close(&mut said, Target::Statement, b"echo");
    }
    write_sync(&mut said);
    pair.same("ten megabytes there and back", |wire| in_halves(wire, 101, &said));
    pair.end();
}

#[test]
fn what_an_error_skipped_in_one_batch_the_next_does_not_rely_on() {
    let mut pair = Pair::new();
    // All is sent before the first answer comes.
    let heard = pair.batch("another name for a text whose Parse was skipped", 2, |out| {
        write_parse(out, b"bad", b"selec", &[]);
        write_parse(out, b"s", b"select 'skipped'", &[]);
        write_sync(out);
        batch::whole(out, "t", "select 'skipped'", &[]);
    });
    assert_eq!(tags(&heard), "EZ12DCZ");
    let heard = pair.batch("the same name once more", 3, |out| {
        write_parse(out, b"bad", b"selec", &[]);
        write_parse(out, b"u", b"select 'first'", &[]);
        write_sync(out);
        batch::whole(out, "u", "select 'second'", &[]);
        batch::again(out, "u", &[]);
    });
    assert_eq!(tags(&heard), "EZ12DCZ2DCZ");
    assert!(format!("{:?}", heard.last()).contains('Z') && format!("{heard:?}").contains("second"));
    let heard = pair.batch("a name that was skipped is not there", 3, |out| {
        write_parse(out, b"bad", b"selec", &[]);
        write_parse(out, b"v", b"select 'skipped'", &[]);
        write_sync(out);
        batch::again(out, "v", &[]);
        batch::whole(out, "v", "select 'v'", &[]);
    });
    assert_eq!(tags(&heard), "EZEZ12DCZ");
    let heard = pair.batch("a Close that was skipped", 3, |out| {
        write_parse(out, b"bad", b"selec", &[]);
        write_close(out, Target::Statement, b"v");
        write_sync(out);
        batch::again(out, "v", &[]);
        batch::whole(out, "v", "select 'taken'", &[]);
    });
    assert_eq!(tags(&heard), "EZ2DCZEZ");
    // Statements of earlier transactions, which a server connection may have to be given anew.
    pair.run("discard plans");
    for name in ["x", "y"] {
        pair.batch("prepared before", 1, |out| {
            write_parse(out, name.as_bytes(), format!("select '{name}'").as_bytes(), &[]);
            write_sync(out);
        });
    }
    let heard = pair.batch("a statement that goes before an error of its batch", 2, |out| {
        batch::bind(out, "not there", &[]);
        batch::bind(out, "x", &[]);
        write_sync(out);
        batch::again(out, "x", &[]);
    });
    assert_eq!(tags(&heard), "EZ2DCZ");
    pair.end();
}

#[test]
fn a_statement_that_was_skipped_is_given_to_a_new_connection_all_the_same() {
    let proxy = Proxy::single();
    let mut client = proxy.client();
    client.say(|out| batch::whole(out, "s", "select 'mine'", &[]));
    client.until(b'Z');
    // Another connection, which has the statement not yet.
    proxy.reset(ResetHow::Idle);
    client.say(|out| {
        batch::bind(out, "not there", &[]);
        batch::bind(out, "s", &[]);
        write_sync(out);
        batch::again(out, "s", &[]);
    });
    assert_eq!(tags(&client.ready(2)), "EZ2DCZ");
    proxy.serves();
}

#[test]
fn an_unnamed_statement_that_was_skipped_is_nobody_elses() {
    let proxy = Proxy::single();
    let (mut one, mut other) = (proxy.client(), proxy.client());
    one.say(|out| batch::whole(out, "", "select 'mine'", &[]));
    one.until(b'Z');
    other.say(|out| batch::whole(out, "", "select 'theirs'", &[]));
    other.until(b'Z');
    one.say(|out| {
        batch::bind(out, "not there", &[]);
        write_parse(out, b"", b"select 'skipped'", &[]);
        write_sync(out);
        batch::again(out, "", &[]);
    });
    let heard = one.ready(2);
    assert_eq!(tags(&heard), "EZEZ", "{heard:?}");
    assert_eq!(heard[2].code().as_deref(), Some("26000"));
    one.say(|out| batch::whole(out, "", "select 'again'", &[]));
    assert_eq!(tags(&one.until(b'Z')), "12DCZ");
    proxy.serves();
}

#[test]
fn a_close_and_the_use_of_its_name_in_one_go() {
    let mut pair = Pair::new();
    pair.batch("prepared", 1, |out| batch::whole(out, "s", "select 's'", &[]));
    let heard = pair.batch("closed and used", 2, |out| {
        write_close(out, Target::Statement, b"s");
        batch::again(out, "s", &[]);
        batch::whole(out, "s", "select 'new'", &[]);
    });
    assert_eq!(tags(&heard), "3EZ12DCZ");
    let heard = pair.batch("closed and made anew in one batch", 1, |out| {
        write_close(out, Target::Statement, b"s");
        write_parse(out, b"s", b"select 'newer'", &[]);
        write_bind(out, b"p", b"s", &[]);
        write_close(out, Target::Statement, b"s");
        write_execute(out, b"p", 0);
        write_sync(out);
    });
    assert_eq!(tags(&heard), "3123DCZ");
    let heard = pair.batch("closed in one batch, used in the next", 3, |out| {
        write_parse(out, b"s", b"select 's'", &[]);
        write_sync(out);
        write_close(out, Target::Statement, b"s");
        write_sync(out);
        batch::again(out, "s", &[]);
    });
    assert_eq!(tags(&heard), "1Z3ZEZ");
    pair.end();
}

#[test]
fn thousands_of_statements_in_one_go() {
    let mut pair = Pair::with("pool = { max = 1, statements = 50 }");
    pair.batch("unnamed, each a batch", 3_000, |out| {
        for number in 0..3_000 {
            batch::whole(out, "", "select $1::int", &[Some(format!("{number}").as_bytes())]);
        }
    });
    pair.batch("named, each a batch that uses the one before", 3_000, |out| {
        for number in 0..3_000_u32 {
            write_parse(out, format!("n{number}").as_bytes(), format!("select {number}").as_bytes(), &[]);
            batch::again(out, &format!("n{}", number.saturating_sub(1)), &[]);
        }
    });
    pair.batch("simple", 3_000, |out| {
        (0..3_000).for_each(|number| write_query(out, format!("select {number}").as_bytes()));
    });
    pair.end();
}

#[test]
fn long_names_in_pieces() {
    let proxy = Proxy::with("pool = { max = 2 }");
    let (mut client, mut other) = (proxy.client(), proxy.client());
    let (name, portal) = ("n".repeat(9_000), "p".repeat(9_000));
    let mut said = Vec::new();
    write_parse(&mut said, name.as_bytes(), b"select $1::text", &[]);
    write_bind(&mut said, portal.as_bytes(), name.as_bytes(), &[Some(b"value")]);
    write_execute(&mut said, portal.as_bytes(), 0);
    write_close(&mut said, Target::Statement, name.as_bytes());
    write_sync(&mut said);
    let mut direct = server().open(&proxy.database);
    direct.send(&said);
    let expected = told(&direct.until(b'Z'));
    for piece in [1_000, 4_096, 5_000, 17_000] {
        for part in said.chunks(piece) {
            client.send(part);
            // What the other client hears was said after the proxy had dealt with what came before.
            assert_eq!(other.value("select 'other'"), "other");
        }
        assert_eq!(told(&client.until(b'Z')), expected, "in pieces of {piece}");
    }
    proxy.serves();
}
