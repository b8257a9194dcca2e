//! Prepared statements whose server connection is another one each time.

use fdguard::wire::postgres::frontend::{
    Target, write_bind, write_close, write_describe, write_execute, write_flush, write_parse, write_query,
    write_sync,
};

use crate::support::batch;
use crate::support::message::{Message, tags};
use crate::support::pair::Pair;
use crate::support::proxy::Proxy;
use crate::support::wire::answer;

fn codes(heard: &[Message]) -> Vec<String> {
    heard.iter().filter_map(Message::code).collect()
}

#[test]
fn a_statement_follows_its_client_to_every_connection() {
    let proxy = Proxy::with("pool = { max = 2 }");
    let (mut client, mut other) = (proxy.client(), proxy.client());
    client.say(|out| {
        write_parse(out, b"s", b"select $1::int + 1, pg_backend_pid()", &[]);
        write_sync(out);
    });
    client.until(b'Z');
    let mut servers = std::collections::BTreeSet::new();
    for round in 0..10 {
        // With the other one in a transaction on one connection, the client gets the other connection.
        if round % 2 == 0 {
            other.run("begin");
        }
        client.say(|out| batch::again(out, "s", &[Some(b"41")]));
        let answer = answer(&client.until(b'Z'));
        assert_eq!(answer.rows[0][0].as_deref(), Some("42"), "{answer:?}");
        servers.insert(answer.rows[0][1].clone());
        if round % 2 == 0 {
            client.run("begin");
            other.run("commit");
            other.run("begin");
            client.run("commit");
            other.run("commit");
        }
    }
    proxy.serves();
}

#[test]
fn a_text_that_was_refused_is_not_kept() {
    let mut pair = Pair::new();
    let heard = pair.batch("refused, then used", 2, |out| {
        write_parse(out, b"s", b"selec 1", &[]);
        write_sync(out);
        batch::again(out, "s", &[]);
    });
    assert_eq!(codes(&heard), ["42601", "26000"]);
    pair.batch("refused for now", 1, |out| {
        write_parse(out, b"t", b"select * from later", &[]);
        write_sync(out);
    });
    pair.run("create table later (a int)");
    let heard = pair.batch("the same name and text once more", 2, |out| {
        batch::whole(out, "t", "select * from later", &[]);
        batch::whole(out, "s", "select 1", &[]);
    });
    assert_eq!(tags(&heard), "12CZ12DCZ");
    pair.end();
}

#[test]
fn only_what_was_not_acknowledged_is_taken_back() {
    let mut pair = Pair::new();
    let heard = pair.batch("good, bad, good", 1, |out| {
        write_parse(out, b"a", b"select 'a'", &[]);
        write_parse(out, b"b", b"selec 'b'", &[]);
        write_parse(out, b"c", b"select 'c'", &[]);
        write_sync(out);
    });
    assert_eq!(tags(&heard), "1EZ");
    let heard = pair.batch("each", 3, |out| {
        batch::again(out, "a", &[]);
        batch::again(out, "b", &[]);
        batch::again(out, "c", &[]);
    });
    assert_eq!(tags(&heard), "2DCZEZEZ");
    pair.end();
}

#[test]
fn a_client_that_leaves_before_its_sync_leaves_nothing_half_known() {
    let proxy = Proxy::single();
    let text = "select 'shared', $1::int";
    for flushes in [true, false] {
        let mut leaver = proxy.client();
        leaver.say(|out| {
            write_parse(out, b"s", text.as_bytes(), &[]);
            if flushes {
                write_flush(out);
            }
        });
        if flushes {
            leaver.until(b'1');
        }
        drop(leaver);
        let mut next = proxy.client();
        next.say(|out| batch::whole(out, "other name", text, &[Some(b"1")]));
        assert_eq!(tags(&next.until(b'Z')), "12DCZ");
        next.say(|out| batch::again(out, "other name", &[Some(b"2")]));
        assert_eq!(tags(&next.until(b'Z')), "2DCZ");
        next.run("discard all");
    }
    proxy.serves();
}

#[test]
fn more_statements_than_a_connection_keeps() {
    let proxy = Proxy::with("pool = { max = 1, statements = 2 }");
    let mut client = proxy.client();
    client.say(|out| {
        for number in 0..6_u32 {
            write_parse(out, format!("s{number}").as_bytes(), format!("select {number}").as_bytes(), &[]);
        }
        for number in 0..6_u32 {
            batch::bind(out, &format!("s{number}"), &[]);
        }
        write_sync(out);
    });
    let heard = client.until(b'Z');
    assert_eq!(tags(&heard), format!("{}{}Z", "1".repeat(6), "2DC".repeat(6)));
    for round in 0..3 {
        for number in [0_u32, 5, 2, 3] {
            client.say(|out| batch::again(out, &format!("s{number}"), &[]));
            let heard = client.until(b'Z');
            assert_eq!(tags(&heard), "2DCZ", "s{number} in round {round}: {heard:?}");
            assert_eq!(heard[1].values()[0], Some(number.to_string()));
        }
    }
    assert_eq!(client.value("select count(*) from pg_prepared_statements"), "2");
    proxy.serves();
}

#[test]
fn a_parse_that_is_not_sent_is_answered_in_its_turn() {
    let mut pair = Pair::new();
    let known = "select 'known'";
    let mut first = pair.proxy.client();
    first.say(|out| batch::whole(out, "mine", known, &[]));
    first.until(b'Z');
    let heard = pair.batch("between rows", 1, |out| {
        batch::run(out, "", "select repeat('x', 300000) from generate_series(1, 3)", &[]);
        batch::run(out, "k1", known, &[]);
        batch::run(out, "", "select 3", &[]);
        write_sync(out);
    });
    assert_eq!(tags(&heard), "12DDDC12DC12DCZ");
    let heard = pair.batch("before an error, and skipped by one", 1, |out| {
        write_parse(out, b"k2", known.as_bytes(), &[]);
        batch::run(out, "", "select 1/0", &[]);
        write_parse(out, b"k3", known.as_bytes(), &[]);
        write_sync(out);
    });
    assert_eq!(tags(&heard), "11EZ");
    let heard = pair.batch("what is known now", 3, |out| {
        batch::again(out, "k1", &[]);
        batch::again(out, "k2", &[]);
        batch::again(out, "k3", &[]);
    });
    assert_eq!(tags(&heard), "2DCZ2DCZEZ");
    let heard = pair.batch("alone, in a batch of their own", 1, |out| {
        write_parse(out, b"k4", known.as_bytes(), &[]);
        write_parse(out, b"k5", known.as_bytes(), &[]);
        write_close(out, Target::Statement, b"k4");
        write_sync(out);
    });
    assert_eq!(tags(&heard), "113Z");
    let heard = pair.same("with a Flush and nothing else", |wire| {
        wire.say(|out| {
            write_parse(out, b"k6", known.as_bytes(), &[]);
            write_flush(out);
        });
        let mut heard = wire.until(b'1');
        wire.say(write_sync);
        heard.extend(wire.until(b'Z'));
        heard
    });
    assert_eq!(tags(&heard), "1Z");
    pair.end();
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let mut pair = Pair::new();
    pair.batch("prepared", 1, |out| batch::whole(out, "s", "select 1", &[]));
    let heard = pair.batch("again, another text", 1, |out| batch::whole(out, "s", "select 2", &[]));
    assert_eq!(codes(&heard), ["42P05"]);
    let heard = pair.batch("again, the same text", 1, |out| batch::whole(out, "s", "select 1", &[]));
    assert_eq!(codes(&heard), ["42P05"]);
    let heard = pair.batch("closed and taken anew, in one batch", 1, |out| {
        write_close(out, Target::Statement, b"s");
        batch::whole(out, "s", "select 2", &[]);
    });
    assert_eq!(tags(&heard), "312DCZ");
    let heard = pair.batch("closed behind an error, so not closed", 1, |out| {
        write_parse(out, b"", b"selec", &[]);
        write_close(out, Target::Statement, b"s");
        write_sync(out);
    });
    assert_eq!(tags(&heard), "EZ");
    let heard = pair.batch("still there", 1, |out| batch::again(out, "s", &[]));
    assert_eq!(tags(&heard), "2DCZ");
    pair.batch("closing what is not there", 1, |out| {
        write_close(out, Target::Statement, b"absent");
        write_sync(out);
    });
    pair.end();
}

#[test]
fn statements_go_by_command() {
    let mut pair = Pair::new();
    for command in ["deallocate s", "deallocate all", "discard all", "DEALLOCATE PREPARE \"s\""] {
        pair.batch("prepared", 1, |out| batch::whole(out, "s", "select 1", &[]));
        pair.batch(command, 1, |out| write_query(out, command.as_bytes()));
        let heard = pair.batch("gone", 1, |out| batch::again(out, "s", &[]));
        assert_eq!(codes(&heard), ["26000"], "{command}");
    }
    pair.batch("what is not there", 1, |out| write_query(out, b"deallocate absent"));
    pair.end();
}

#[test]
fn others_keep_theirs_when_one_deallocates_all() {
    let proxy = Proxy::single();
    let (mut one, mut two) = (proxy.client(), proxy.client());
    for wire in [&mut one, &mut two] {
        wire.say(|out| batch::whole(out, "s", "select 'same'", &[]));
        assert_eq!(tags(&wire.until(b'Z')), "12DCZ");
    }
    one.run("deallocate all");
    two.say(|out| batch::again(out, "s", &[]));
    assert_eq!(tags(&two.until(b'Z')), "2DCZ");
    one.say(|out| batch::again(out, "s", &[]));
    assert_eq!(codes(&one.until(b'Z')), ["26000"]);
    two.run("deallocate s");
    one.say(|out| batch::whole(out, "s", "select 'same'", &[]));
    assert_eq!(tags(&one.until(b'Z')), "12DCZ");
}

#[test]
fn the_unnamed_statement_outlives_its_transaction() {
    let mut pair = Pair::new();
    let mut other = pair.proxy.client();
    pair.batch("prepared", 1, |out| {
        write_parse(out, b"", b"select 'mine', $1::int", &[]);
        write_sync(out);
    });
    other.say(|out| batch::whole(out, "", "select 'the other one''s'", &[]));
    other.until(b'Z');
    let heard = pair.batch("described", 1, |out| {
        write_describe(out, Target::Statement, b"");
        write_sync(out);
    });
    assert_eq!(tags(&heard), "tTZ");
    other.run("select 'ends an unnamed statement'");
    for value in ["1", "2"] {
        let heard = pair.batch("used", 1, |out| batch::again(out, "", &[Some(value.as_bytes())]));
        assert_eq!(tags(&heard), "2DCZ");
        assert_eq!(heard[1].values()[0].as_deref(), Some("mine"));
    }
    pair.batch("ended by a simple query", 1, |out| write_query(out, b"select 1"));
    pair.end();
}

#[test]
fn an_unnamed_statement_that_is_gone_is_nobody_elses() {
    let proxy = Proxy::single();
    let (mut one, mut two) = (proxy.client(), proxy.client());
    two.say(|out| batch::whole(out, "", "select 'the secret of the other'", &[]));
    two.until(b'Z');
    one.say(|out| {
        write_bind(out, b"", b"", &[]);
        write_execute(out, b"", 0);
        write_sync(out);
    });
    assert_eq!(codes(&one.until(b'Z')), ["26000"]);
    one.say(|out| batch::whole(out, "", "select 1", &[]));
    one.until(b'Z');
    one.run("select 'ends it'");
    one.say(|out| batch::again(out, "", &[]));
    assert_eq!(codes(&one.until(b'Z')), ["26000"]);
    proxy.serves();
}

#[test]
fn a_table_that_changes_costs_one_error() {
    let proxy = Proxy::with("pool = { max = 2 }");
    let (mut client, mut other) = (proxy.client(), proxy.client());
    client.run("create table t (a int)");
    client.run("insert into t values (1)");
    for wire in [&mut client, &mut other] {
        wire.say(|out| batch::whole(out, "s", "select * from t", &[]));
        assert_eq!(tags(&wire.until(b'Z')), "12DCZ");
    }
    client.run("alter table t add column b text default 'new'");
    client.say(|out| batch::again(out, "s", &[]));
    let heard = client.until(b'Z');
    assert_eq!(codes(&heard), ["0A000"], "{heard:?}");
    for wire in [&mut client, &mut other] {
        wire.say(|out| batch::again(out, "s", &[]));
        let heard = wire.until(b'Z');
        assert_eq!(tags(&heard), "2DCZ", "{heard:?}");
        assert_eq!(heard[1].values()[1].as_deref(), Some("new"));
    }
}

#[test]
fn prepared_by_sql() {
    let mut pair = Pair::new();
    pair.run("prepare p (int) as select $1 * 2");
    pair.batch("executed", 1, |out| write_query(out, b"execute p(21)"));
    let heard = pair.batch("bound by its name", 1, |out| batch::again(out, "p", &[Some(b"4")]));
    assert_eq!(tags(&heard), "2DCZ");
    pair.run("deallocate p");
    pair.batch("gone", 1, |out| write_query(out, b"execute p(21)"));
    pair.end();
}

#[test]
fn names_that_look_like_ours() {
    let mut pair = Pair::new();
    let mut other = pair.proxy.client();
    other.say(|out| batch::whole(out, "s", "select 'the other one''s'", &[]));
    other.until(b'Z');
    for name in ["fdguard_00000001", "fdguard_", "fdguard_ffffffff"] {
        let heard = pair.batch("not prepared by this client", 2, |out| {
            batch::again(out, name, &[]);
            write_describe(out, Target::Statement, name.as_bytes());
            write_sync(out);
        });
        assert_eq!(codes(&heard), ["26000", "26000"]);
        pair.batch("prepared", 2, |out| {
            batch::whole(out, name, "select 'mine'", &[]);
            batch::again(out, name, &[]);
        });
    }
    pair.end();
}
