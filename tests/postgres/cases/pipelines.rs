//! Batches sent without waiting, in whatever pieces.

use fdguard::wire::postgres::frontend::{
    Target, write_bind, write_close, write_execute, write_parse, write_query, write_sync,
};

use crate::support::batch;
use crate::support::message::{Message, tags};
use crate::support::pair::Pair;
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
