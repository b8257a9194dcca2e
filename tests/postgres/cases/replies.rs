//! Every reply that is owed comes, in its order, before the server connection goes to anybody else.

use fdguard::wire::postgres::frontend::{
    Target, write_bind, write_describe, write_execute, write_flush, write_parse, write_query, write_sync,
};

use crate::support::batch;
use crate::support::message::tags;
use crate::support::pair::Pair;
use crate::support::proxy::Proxy;

#[test]
fn texts_of_several_statements() {
    let mut pair = Pair::new();
    pair.batch("rows, none, an error, and what is skipped", 1, |out| {
        write_query(out, b"select 1 as a, null as b; create table t (a int); select 1/0; select 2");
    });
    pair.batch("an empty text", 1, |out| write_query(out, b""));
    pair.batch("nothing but a comment", 1, |out| write_query(out, b" -- nothing"));
    pair.batch("a notice", 1, |out| write_query(out, b"do $$begin raise notice 'heard'; end$$"));
    pair.end();
}

#[test]
fn queries_sent_at_once_are_answered_in_order() {
    let mut pair = Pair::new();
    let heard = pair.batch("five queries", 5, |out| {
        for number in 0..5 {
            write_query(out, format!("select {number}, pg_sleep(0.01)").as_bytes());
        }
    });
    assert_eq!(tags(&heard), "TDCZ".repeat(5));
    pair.end();
}

#[test]
fn a_flush_asks_for_answers_without_a_sync() {
    let mut pair = Pair::new();
    let heard = pair.same("a Flush after each step", |wire| {
        let mut heard = Vec::new();
        wire.say(|out| {
            write_parse(out, b"s", b"select $1::int as a", &[]);
            write_describe(out, Target::Statement, b"s");
            write_flush(out);
        });
        heard.extend(wire.until(b'T'));
        wire.say(|out| {
            write_bind(out, b"", b"s", &[Some(b"7")]);
            write_flush(out);
        });
        heard.extend(wire.until(b'2'));
        wire.say(|out| {
            write_execute(out, b"", 0);
            write_flush(out);
        });
        heard.extend(wire.until(b'C'));
        wire.say(write_sync);
        heard.extend(wire.until(b'Z'));
        heard
    });
    assert_eq!(tags(&heard), "1tT2DCZ");
    pair.end();
}

#[test]
fn a_query_in_a_batch_that_failed_is_skipped() {
    let mut pair = Pair::new();
    let heard = pair.same("a Query before the Sync of a failed batch", |wire| {
        wire.say(|out| {
            batch::run(out, "", "select 1/0", &[]);
            write_query(out, b"select 'never'");
        });
        let mut heard = wire.until(b'E');
        wire.say(|out| {
            write_query(out, b"select 'never either'");
            write_sync(out);
        });
        heard.extend(wire.until(b'Z'));
        heard
    });
    assert_eq!(tags(&heard), "1EZ");
    pair.end();
}

#[test]
fn a_query_ends_a_batch_as_a_sync_does() {
    let mut pair = Pair::new();
    let heard = pair.batch("a Query in the place of a Sync", 1, |out| {
        batch::run(out, "", "select 1", &[]);
        write_query(out, b"select 2");
    });
    assert_eq!(tags(&heard), "12DCTDCZ");
    // Nothing is open any more: with the first client still there, a second one is served.
    pair.proxy.serves();
    pair.end();
}

#[test]
fn describing_alone_is_answered() {
    let mut pair = Pair::new();
    pair.run("create table t (a int, b text)");
    let heard = pair.batch("a statement", 1, |out| {
        write_parse(out, b"s", b"select a, b from t where a = $1", &[]);
        write_describe(out, Target::Statement, b"s");
        write_sync(out);
    });
    assert_eq!(tags(&heard), "1tTZ");
    let heard = pair.batch("again, later, with a portal", 1, |out| {
        write_describe(out, Target::Statement, b"s");
        write_bind(out, b"p", b"s", &[Some(b"1")]);
        write_describe(out, Target::Portal, b"p");
        write_sync(out);
    });
    assert_eq!(tags(&heard), "tT2TZ");
    pair.batch("what is not there", 2, |out| {
        write_describe(out, Target::Statement, b"absent");
        write_sync(out);
        write_describe(out, Target::Portal, b"absent");
        write_sync(out);
    });
    pair.batch("what gives no rows", 1, |out| {
        write_parse(out, b"n", b"insert into t values ($1, $2)", &[]);
        write_describe(out, Target::Statement, b"n");
        write_sync(out);
    });
    pair.end();
}

#[test]
fn a_portal_that_is_run_in_parts_stays_until_its_sync() {
    let mut pair = Pair::new();
    let heard = pair.same("two rows at a time, with Flushes", |wire| {
        wire.say(|out| {
            write_parse(out, b"", b"select generate_series(1, 5)", &[]);
            write_bind(out, b"p", b"", &[]);
            write_execute(out, b"p", 2);
            write_flush(out);
        });
        let mut heard = wire.until(b's');
        for _ in 0..2 {
            wire.say(|out| {
                write_execute(out, b"p", 2);
                write_flush(out);
            });
            let last = if heard.len() < 7 { b's' } else { b'C' };
            heard.extend(wire.until(last));
        }
        wire.say(|out| {
            write_sync(out);
            write_execute(out, b"p", 2);
            write_sync(out);
        });
        heard.extend(wire.ready(2));
        heard
    });
    assert_eq!(tags(&heard), "12DDsDDsDCZEZ");
    pair.end();
}

#[test]
fn a_portal_lives_as_long_as_its_transaction() {
    let mut pair = Pair::new();
    pair.batch("opened", 2, |out| {
        write_query(out, b"begin");
        write_parse(out, b"s", b"select generate_series(1, 5)", &[]);
        write_bind(out, b"p", b"s", &[]);
        write_execute(out, b"p", 2);
        write_sync(out);
    });
    let heard = pair.batch("read on", 1, |out| {
        write_execute(out, b"p", 2);
        write_sync(out);
    });
    assert_eq!(tags(&heard), "DDsZ");
    let heard = pair.batch("ended, and gone", 2, |out| {
        write_query(out, b"commit");
        write_execute(out, b"p", 2);
        write_sync(out);
    });
    assert_eq!(tags(&heard), "CZEZ");
    pair.end();
}

/// `int4pl`, which adds two integers.
const ADD: u32 = 177;

#[test]
fn functions_are_called_by_number() {
    let mut pair = Pair::new();
    let (two, three) = (2_i32.to_be_bytes(), 3_i32.to_be_bytes());
    let heard = pair.batch("a call", 1, |out| batch::call(out, ADD, &[&two, &three]));
    assert_eq!(tags(&heard), "VZ");
    pair.batch("no such function", 1, |out| batch::call(out, 999_999, &[]));
    let heard = pair.batch("in a transaction, after an error, and after it", 5, |out| {
        write_query(out, b"begin");
        batch::call(out, ADD, &[&two, &three]);
        batch::call(out, ADD, &[b"??"]);
        batch::call(out, ADD, &[&two, &three]);
        write_query(out, b"rollback");
    });
    assert_eq!(tags(&heard), "CZVZEZEZCZ");
    pair.batch("sent with others", 3, |out| {
        batch::call(out, ADD, &[&two, &three]);
        batch::whole(out, "", "select 1", &[]);
        batch::call(out, ADD, &[&two, &three]);
    });
    pair.end();
}

#[test]
fn answers_come_before_the_request_is_whole() {
    let mut pair = Pair::new();
    let heard = pair.same("the rows of a batch whose next message is half sent", |wire| {
        let mut said = Vec::new();
        batch::run(&mut said, "", "select 1", &[]);
        write_flush(&mut said);
        let flushed = said.len();
        batch::run(&mut said, "", "select 2", &[]);
        write_sync(&mut said);
        let (first, second) = said.split_at(flushed + 9);
        wire.send(first);
        let mut heard = wire.until(b'C');
        wire.send(second);
        heard.extend(wire.until(b'Z'));
        heard
    });
    assert_eq!(tags(&heard), "12DC12DCZ");
    pair.end();
}

#[test]
fn many_clients_of_one_connection_get_their_own_answers() {
    let proxy = Proxy::single();
    let clients: Vec<_> = (0..8_u32)
        .map(|number| {
            let mut wire = proxy.client();
            std::thread::spawn(move || {
                for round in 0..40_u32 {
                    let own = format!("{number} {round}");
                    wire.say(|out| {
                        for _ in 0..3 {
                            batch::whole(
                                out,
                                "",
                                "select $1::text, pg_sleep(0.0005)",
                                &[Some(own.as_bytes())],
                            );
                        }
                    });
                    for _ in 0..3 {
                        let heard = wire.until(b'Z');
                        assert_eq!(tags(&heard), "12DCZ", "{heard:?}");
                        assert_eq!(heard[2].values()[0].as_deref(), Some(&own[..]));
                    }
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    proxy.serves();
}
