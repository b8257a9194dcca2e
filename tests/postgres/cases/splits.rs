//! A session cut in two at every one of its bytes.

use fdguard::wire::postgres::frontend::{
    Target, write_bind, write_close, write_copy_data, write_copy_done, write_describe, write_execute,
    write_flush, write_parse, write_query, write_sync,
};

use crate::support::batch;
use crate::support::message::told;
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wire::{Wire, start};

/// A bit of everything; gives how many ReadyForQuery answer it.
fn session(out: &mut Vec<u8>) -> usize {
    write_query(out, b"select 1 as a");
    write_parse(out, b"s", b"select $1::int, $2", &[23, 25]);
    write_describe(out, Target::Statement, b"s");
    write_bind(out, b"p", b"s", &[Some(b"41"), None]);
    write_execute(out, b"p", 0);
    write_flush(out);
    write_sync(out);
    batch::again(out, "absent", &[]);
    batch::again(out, "s", &[Some(b"1"), Some(b"x")]);
    write_query(out, b"copy t from stdin");
    write_copy_data(out, b"1\tx\n");
    write_copy_done(out);
    batch::call(out, 177, &[&[0, 0, 0, 1], &[0, 0, 0, 2]]);
    batch::whole(out, "", "select 2", &[]);
    write_close(out, Target::Statement, b"s");
    write_sync(out);
    write_query(out, b"begin; delete from t");
    write_query(out, b"commit");
    10
}

#[test]
fn a_session_cut_at_any_byte_is_answered_the_same() {
    let proxy = Proxy::with("pool = { max = 2 }");
    let mut said = Vec::new();
    let readies = session(&mut said);
    let mut direct = server().open(&server().database());
    direct.run("create table t (a int, b text)");
    direct.send(&said);
    let expected = told(&direct.ready(readies));

    // What the other client hears was said after the proxy had dealt with what came before.
    let (mut client, mut other) = (proxy.client(), proxy.client());
    client.run("create table t (a int, b text)");
    for cut in 1..said.len() {
        client.send(&said[..cut]);
        assert_eq!(other.value("select 'other'"), "other");
        client.send(&said[cut..]);
        assert_eq!(told(&client.ready(readies)), expected, "cut at {cut}: {}", said[..cut].escape_ascii());
    }
    proxy.serves();
}

#[test]
fn a_session_of_single_bytes_is_answered_the_same() {
    let proxy = Proxy::single();
    let mut said = Vec::new();
    let readies = session(&mut said);
    let mut direct = server().open(&server().database());
    direct.run("create table t (a int, b text)");
    direct.send(&said);
    let expected = told(&direct.ready(readies));
    let mut client = proxy.client();
    client.run("create table t (a int, b text)");
    said.iter().for_each(|byte| client.send(&[*byte]));
    assert_eq!(told(&client.ready(readies)), expected);
    proxy.serves();
}

#[test]
fn a_login_cut_at_any_byte_is_a_login() {
    let proxy = Proxy::single();
    let mut other = proxy.client();
    let mut said = Vec::new();
    start(&mut said, &proxy.database, &[("application_name", "cut")]);
    write_query(&mut said, b"show application_name");
    for cut in 1..said.len() {
        let mut client = Wire::dial(proxy.address);
        client.send(&said[..cut]);
        assert_eq!(other.value("select 'other'"), "other");
        client.send(&said[cut..]);
        client.logged_in().unwrap();
        let heard = client.until(b'Z');
        assert_eq!(heard[1].values()[0].as_deref(), Some("cut"), "cut at {cut}: {heard:?}");
    }
}
