//! What large messages leave behind: nothing.

use fdguard::wire::postgres::frontend::write_query;

use crate::support::batch;
use crate::support::look::{Look, memory};
use crate::support::proxy::Proxy;
use crate::support::server::server;

/// How much more memory the agent may have needed, in kilobytes.
const MORE_MAX: u64 = 24 << 10;

#[test]
fn a_hundred_megabytes_there_and_back() {
    let proxy = Proxy::single();
    let mut client = proxy.client();
    client.run("select 1");
    let before = memory(&proxy, "VmHWM");
    let mut said = Vec::new();
    let value = vec![b'v'; 100_000_000];
    batch::whole(&mut said, "", "select length($1)", &[Some(&value)]);
    client.send(&said);
    assert_eq!(client.until(b'Z')[2].values()[0].as_deref(), Some("100000000"));
    drop((said, value));
    client.say(|out| write_query(out, b"select repeat('r', 100000000)"));
    let row = &client.until(b'Z')[1];
    assert_eq!(row.body.len(), 100_000_006);
    let more = memory(&proxy, "VmHWM") - before;
    assert!(more < MORE_MAX, "{more} kB more at its peak, after {before} kB");
}

#[test]
fn a_slow_reader_makes_its_server_wait() {
    let proxy = Proxy::with("pool = { max = 2 }");
    let mut look = Look::at(server(), &proxy.database);
    let mut client = proxy.client();
    client.run("select 1");
    let before = memory(&proxy, "VmRSS");
    client.say(|out| write_query(out, b"select repeat('r', 100000) from generate_series(1, 3000)"));
    look.wait("wait_event = 'ClientWrite'", 1);
    proxy.serves();
    let more = memory(&proxy, "VmRSS").saturating_sub(before);
    assert!(more < MORE_MAX, "{more} kB more");
    assert_eq!(client.until(b'Z').len(), 3_003);
}

#[test]
fn the_texts_that_a_client_has_prepared_go_with_it() {
    let proxy = Proxy::with("pool = { max = 1, statements = 20 }");
    proxy.client().run("select 1");
    let before = memory(&proxy, "VmRSS");
    let more = || memory(&proxy, "VmRSS").saturating_sub(before);
    let mut held = 0;
    for turn in 0..5 {
        let mut client = proxy.client();
        for number in 0..40 {
            let text = format!("select {number} /* {turn} {} */", "x".repeat(900_000));
            client.say(|out| batch::whole(out, &format!("s{number}"), &text, &[]));
            client.until(b'Z');
        }
        held = held.max(more());
    }
    // What one held the next one has; all five would be 180 MB.
    assert!((30 << 10..80 << 10).contains(&held), "{held} kB");
}

#[test]
fn a_client_that_prepares_without_end_is_told_where_it_ends() {
    let proxy = Proxy::with("pool = { max = 1, statements = 20 }");
    let mut client = proxy.client();
    let mut told = None;
    for number in 0..100 {
        let text = format!("select {number} /* {} */", "x".repeat(1_000_000));
        client.say(|out| batch::whole(out, &format!("s{number}"), &text, &[]));
        told = std::iter::from_fn(|| Some(client.read())).find(|message| matches!(message.tag, b'Z' | b'E'));
        if told.as_ref().is_some_and(|message| message.tag == b'E') {
            break;
        }
    }
    assert_eq!(told.and_then(|message| message.code()).as_deref(), Some("54000"));
    proxy.serves();
}
