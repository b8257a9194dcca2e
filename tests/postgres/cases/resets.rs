//! What a RESET gives back is what the client started with, and what a client starts with is nobody else's.

use std::thread;

use fdguard::wire::postgres::frontend::write_query;

use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wire::Wire;

/// Followed, followed and not reported, and not followed.
const START: [(&str, &str); 5] = [
    ("application_name", "bot"),
    ("TimeZone", "Asia/Tokyo"),
    ("search_path", "bot"),
    ("extra_float_digits", "2"),
    ("statement_timeout", "5s"),
];

/// Texts of one session, one after the other.
const TEXTS: [&str; 16] = [
    "set timezone = 'UTC'",
    "reset timezone",
    "set timezone = 'UTC'; set application_name = 'other'",
    "reset timezone; set application_name = 'third'",
    // asyncpg, when its pool takes a connection back.
    "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;",
    "set timezone = 'UTC'",
    "begin; reset all",
    "rollback",
    "begin; reset all; commit",
    "set search_path = public",
    "reset search_path",
    "set statement_timeout = '7s'",
    "reset timezone",
    "reset statement_timeout",
    "discard all",
    "reset no_such_setting",
];

fn shown(wire: &mut Wire) -> Vec<String> {
    START.iter().map(|(name, _)| wire.value(&format!("show {name}"))).collect()
}

fn compared(keys: &str, start: &[(&str, &str)]) {
    let proxy = Proxy::with(keys);
    let mut direct = Wire::open_with(server().address, &proxy.database, start);
    direct.run("create schema bot; create table bot.t as select 1 a; create table public.t as select 2 a");
    let mut pooled = Wire::open_with(proxy.address, &proxy.database, start);
    for text in TEXTS {
        let answers = [&mut direct, &mut pooled].map(|wire| {
            wire.say(|out| write_query(out, text.as_bytes()));
            crate::support::wire::answer(&wire.until(b'Z')).error
        });
        assert_eq!(answers[0], answers[1], "{keys}: {text}");
        assert_eq!(shown(&mut pooled), shown(&mut direct), "{keys}: after {text}");
        assert_eq!(pooled.value("select a from t"), direct.value("select a from t"), "{keys}: after {text}");
    }
    drop(pooled);
    let mut next = proxy.client();
    assert_eq!(next.value("show search_path"), "\"$user\", public", "{keys}");
    assert_eq!(next.value("select a from t"), "2", "{keys}");
    assert_eq!(next.value("show statement_timeout"), "0", "{keys}");
}

#[test]
fn a_reset_comes_back_to_the_settings_of_the_start() {
    for keys in ["pool = { max = 1 }", "pool = { max = 1, mode = \"session\" }"] {
        compared(keys, &START);
        compared(keys, &START[..4]);
        compared(keys, &START[..1]);
    }
}

#[test]
fn who_never_reset_anything_reads_its_own_schema() {
    let proxy = Proxy::single();
    let mut direct = server().open(&proxy.database);
    direct.run("create schema bot; create table bot.t as select 1 a; create table public.t as select 2 a");
    let open = || Wire::open_with(proxy.address, &proxy.database, &START[..4]);
    for text in ["reset all", "discard all", "reset search_path"] {
        let mut one = open();
        assert_eq!(one.value("select a from t"), "1");
        one.run(text);
        assert_eq!(open().value("select a from t"), "1", "after {text} of another");
        assert_eq!(proxy.client().value("select a from t"), "2", "after {text} of another");
    }
}

#[test]
fn a_drop_by_command_that_failed_drops_nothing_later() {
    let proxy = Proxy::single();
    let mut client = proxy.client();
    let prepare = |client: &mut Wire, name: &str| {
        client.say(|out| {
            crate::support::batch::run(out, name, "select 1", &[]);
            fdguard::wire::postgres::frontend::write_sync(out);
        });
        client.until(b'Z');
    };
    prepare(&mut client, "p1");
    client.run("begin");
    assert!(client.query("select 1/0").error.is_some());
    assert!(client.query("deallocate p1").error.is_some());
    client.run("rollback");
    // Of the server's own making: its end must not be taken for that of p1.
    client.run("prepare s as select 2; deallocate s");
    client.run("select 1");
    client.say(|out| {
        crate::support::batch::again(out, "p1", &[]);
        fdguard::wire::postgres::frontend::write_sync(out);
    });
    let answer = crate::support::wire::answer(&client.until(b'Z'));
    assert_eq!(answer.error, None);
}

/// The first clients of an agent, all at once, when no server has said yet what it tells in its greeting.
#[test]
fn settings_of_the_first_clients_are_theirs() {
    for keys in ["pool = { max = 10 }", "pool = { max = 3 }", "pool = { max = 30, mode = \"session\" }"] {
        let proxy = Proxy::with(keys);
        let databases = [proxy.database.clone(), "template1".to_owned(), "postgres".to_owned()];
        thread::scope(|scope| {
            for number in 0..24_usize {
                let (database, address) = (&databases[number % databases.len()], proxy.address);
                scope.spawn(move || {
                    let name = format!("client {number}");
                    let mut settings = vec![("application_name", name.as_str())];
                    if number % 4 == 3 {
                        settings.push(("statement_timeout", "77s"));
                    }
                    let mut client = Wire::open_with(address, database, &settings);
                    let asked = format!(
                        "select '{number} ' || current_database() || ' ' || current_setting('application_name') \
                         || ' ' || current_setting('statement_timeout')"
                    );
                    let timeout = if number % 4 == 3 { "77s" } else { "0" };
                    let expected = format!("{number} {database} {name} {timeout}");
                    for _ in 0..5 {
                        assert_eq!(client.value(&asked), expected);
                    }
                });
            }
        });
    }
}

#[test]
fn a_client_that_was_pinned_by_its_start_and_says_nothing_leaves_others_alone() {
    let proxy = Proxy::with("pool = { max = 4 }");
    let start = [("statement_timeout", "7s"), ("application_name", "silent")];
    let mut silent = Wire::open_with(proxy.address, "postgres", &start);
    let mut other = Wire::open_with(proxy.address, "template1", &[("application_name", "other")]);
    for _ in 0..2 {
        assert_eq!(other.value("show application_name"), "other");
        assert_eq!(other.value("show statement_timeout"), "0");
    }
    assert_eq!(silent.value("show statement_timeout"), "7s");
    assert_eq!(silent.value("show application_name"), "silent");
}

#[test]
fn an_error_that_quotes_a_long_text_is_passed_whole() {
    let proxy = Proxy::single();
    let mut client = proxy.client();
    let asked = format!("select '{}'::int", "x".repeat(300_000));
    client.say(|out| write_query(out, asked.as_bytes()));
    let heard = client.until(b'Z');
    let error = heard.iter().find(|message| message.tag == b'E').expect("an error");
    assert_eq!(error.code().as_deref(), Some("22P02"));
    assert!(error.body.len() > 300_000);
    assert_eq!(client.value("select 1"), "1");
}
