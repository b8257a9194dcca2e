//! Settings follow their client from connection to connection, and stick to none.

use crate::support::pair::Pair;
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wire::Wire;

/// Settings that the proxy follows, and a value that is no default.
const FOLLOWED: [(&str, &str); 5] = [
    ("application_name", "bot"),
    ("DateStyle", "SQL, DMY"),
    ("IntervalStyle", "iso_8601"),
    ("TimeZone", "Asia/Tokyo"),
    ("client_encoding", "LATIN1"),
];

#[test]
fn a_setting_is_its_clients_alone() {
    let proxy = Proxy::single();
    let (mut one, mut two) = (proxy.client(), proxy.client());
    for (name, value) in FOLLOWED {
        let before = two.value(&format!("show {name}"));
        one.run(&format!(
            "set {name} = {}",
            value.split(", ").map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
        ));
        for _ in 0..3 {
            assert_eq!(one.value(&format!("show {name}")), value);
            assert_eq!(two.value(&format!("show {name}")), before);
        }
        one.run(&format!("reset {name}"));
        assert_eq!(one.value(&format!("show {name}")), before);
    }
}

#[test]
fn settings_of_the_start_are_kept() {
    let proxy = Proxy::single();
    let mut plain = proxy.client();
    let settings = [
        ("application_name", "started"),
        ("TimeZone", "Asia/Tokyo"),
        ("search_path", "pg_catalog"),
        ("extra_float_digits", "2"),
    ];
    let mut one = Wire::open_with(proxy.address, &proxy.database, &settings);
    let mut direct = Wire::open_with(server().address, &proxy.database, &settings);
    let mut told = [one.parameters.clone(), direct.parameters.clone()];
    told.iter_mut().for_each(|told| told.sort());
    assert_eq!(told[0], told[1]);
    for _ in 0..3 {
        for (name, value) in settings {
            assert_eq!(one.value(&format!("show {name}")), value);
        }
        assert_ne!(plain.value("show application_name"), "started");
        assert_ne!(plain.value("show search_path"), "pg_catalog");
    }
    direct.run("select 1");
}

#[test]
fn settings_in_the_startup_options_count_as_well() {
    let proxy = Proxy::with("pool = { max = 2 }");
    let options = [
        ("TimeZone", "Asia/Tokyo"),
        ("options", "-c TimeZone=UTC --search-path=a,\\ b -c statement_timeout=61s -cDateStyle=German"),
    ];
    let asked = ["TimeZone", "search_path", "statement_timeout", "DateStyle"];
    let mut direct = Wire::open_with(server().address, &proxy.database, &options);
    let mut plain = proxy.client();
    let mut one = Wire::open_with(proxy.address, &proxy.database, &options);
    let before: Vec<String> = asked.map(|name| plain.value(&format!("show {name}"))).into();
    for _ in 0..3 {
        for (name, before) in asked.iter().zip(&before) {
            assert_eq!(one.value(&format!("show {name}")), direct.value(&format!("show {name}")));
            assert_eq!(plain.value(&format!("show {name}")), *before);
        }
    }
    let mut refused = Wire::dial(proxy.address);
    refused.say(|out| crate::support::wire::start(out, &proxy.database, &[("options", "-e")]));
    assert_eq!(refused.logged_in().unwrap_err().code().as_deref(), Some("0A000"));
    proxy.serves();
}

#[test]
fn what_is_rolled_back_or_local_is_gone() {
    let mut pair = Pair::new();
    let mut other = pair.proxy.client();
    let texts = [
        "begin; set application_name = 'rolled back'",
        "rollback",
        "show application_name",
        "begin; set local timezone = 'Asia/Tokyo'",
        "show timezone",
        "commit",
        "show timezone",
        "begin; set timezone = 'Asia/Tokyo'; savepoint s; set timezone = 'UTC'; rollback to s; commit",
        "show timezone",
        "set datestyle = 'german'",
        "select date '2026-11-25'",
        "reset all",
        "select date '2026-11-25'",
        "set standard_conforming_strings = off",
        "select 'a\\\\b'",
        "set standard_conforming_strings = on",
    ];
    for text in texts {
        pair.batch(text, 1, |out| fdguard::wire::postgres::frontend::write_query(out, text.as_bytes()));
        if !text.starts_with("begin") && text != "show timezone" {
            other.run("select 1");
        }
    }
    pair.end();
}

/// What leaves state that can't be carried over.
const PINS: [&str; 7] = [
    "set statement_timeout = '77s'",
    "set search_path = pg_catalog",
    "listen channel",
    "prepare p as select 1",
    "create temp table temporary (a int)",
    "select pg_advisory_lock(77)",
    "select set_config('work_mem', '77MB', false)",
];

#[test]
fn state_that_cannot_be_shared_pins_its_client_until_it_discards_it() {
    for text in PINS {
        let proxy = Proxy::with("pool = { max = 1, wait = \"200ms\" }");
        let mut client = proxy.client();
        client.run(text);
        let server = client.value("select pg_backend_pid()");
        let mut other = proxy.client();
        let told = {
            other.say(|out| fdguard::wire::postgres::frontend::write_query(out, b"select 1"));
            other.read()
        };
        assert_eq!(told.code().as_deref(), Some("53300"), "{text}: {told:?}");
        assert_eq!(client.value("select pg_backend_pid()"), server, "{text}");
        client.run("discard all");
        proxy.serves();
    }
}

#[test]
fn the_state_of_a_pinned_client_goes_with_it() {
    for text in PINS {
        let proxy = Proxy::single();
        let before = proxy.client().value("show search_path");
        proxy.client().run(text);
        let mut next = proxy.client();
        assert_eq!(next.value("show statement_timeout"), "0", "{text}");
        assert_eq!(next.value("show search_path"), before, "{text}");
        assert_ne!(next.value("show work_mem"), "77MB", "{text}");
        assert_eq!(next.query("table temporary").error.as_deref(), Some("42P01"), "{text}");
        assert_eq!(next.value("select count(*) from pg_prepared_statements"), "0", "{text}");
        assert_eq!(next.value("select count(*) from pg_listening_channels()"), "0", "{text}");
        assert_eq!(next.value("select count(*) from pg_locks where locktype = 'advisory' and objid = 77 and pid = pg_backend_pid()"), "0", "{text}");
    }
}

#[test]
fn where_it_is_refused_the_client_is_told_and_goes_on() {
    let proxy = Proxy::with("pool = { max = 1, state = \"refuse\" }");
    let mut client = proxy.client();
    for text in PINS {
        let answer = client.query(text);
        assert_eq!(answer.error.as_deref(), Some("0A000"), "{text}");
        client.say(|out| crate::support::batch::whole(out, "", text, &[]));
        let answer = crate::support::wire::answer(&client.until(b'Z'));
        assert_eq!(answer.error.as_deref(), Some("0A000"), "{text}");
        proxy.serves();
    }
    client.run("set application_name = 'followed'; begin; set local statement_timeout = '1s'; commit");
    client.run("select pg_advisory_xact_lock(1)");
    proxy.serves();
}

#[test]
fn notifications_reach_a_pinned_client() {
    let proxy = Proxy::with("pool = { max = 2 }");
    let (mut listener, mut sender) = (proxy.client(), proxy.client());
    listener.run("listen prices");
    sender.run("notify prices, 'up'");
    let heard = listener.read();
    assert_eq!(
        (heard.tag, heard.body[4..].escape_ascii().to_string().as_str()),
        (b'A', "prices\\x00up\\x00")
    );
    assert_eq!(listener.value("select 1"), "1");
}
