//! Many at once: one question for all, and never an answer older than what was committed before it was asked.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use super::{PREPARED, kept_with};
use crate::support::batch;
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wait::wait_until;
use crate::support::wire::{Wire, answer};

/// A read that takes its time, and counts.
const SLOW: &str = "\ncache = [{ query = \"select slow(), v from prices where id = $1\", ttl = \"1h\" }]";

fn slow(keys: &str, sleep: &str) -> Proxy {
    let proxy = Proxy::with(&format!("{keys}{SLOW}"));
    server().open(&proxy.database).run(super::SCHEMA);
    server().open(&proxy.database).run(&format!(
        "create function slow() returns bigint language sql volatile as $$
           select nextval('runs') from pg_sleep({sleep}) $$"
    ));
    proxy
}

fn runs(proxy: &Proxy) -> String {
    server().open(&proxy.database).value("select last_value from runs")
}

const ASKED: &str = "select slow(), v from prices where id = 1";

#[test]
fn who_asks_the_same_at_once_gets_the_answer_of_one() {
    let proxy = slow("pool = { max = 4 }", "0.3");
    let clients: Vec<Wire> = (0..20).map(|_| proxy.client()).collect();
    let barrier = Arc::new(Barrier::new(clients.len()));
    let asking = clients.into_iter().map(|mut client| {
        let barrier = Arc::clone(&barrier);
        std::thread::spawn(move || {
            barrier.wait();
            client.value(ASKED)
        })
    });
    let asking: Vec<_> = asking.collect();
    let answers: Vec<String> = asking.into_iter().map(|one| one.join().unwrap()).collect();
    assert_eq!(answers, vec!["1"; 20]);
    assert_eq!(runs(&proxy), "1");
}

#[test]
fn nobody_waits_for_one_that_is_gone_or_slow() {
    let proxy = slow("pool = { max = 4 }", "20");
    let mut asker = proxy.client();
    asker.say(|out| fdguard::wire::postgres::frontend::write_query(out, ASKED.as_bytes()));
    let busy = || {
        let text =
            "select count(*) from pg_stat_activity where query like 'select slow()%' and state = 'active'";
        server().admin().value(text)
    };
    wait_until("it runs", || busy() == "1");
    let mut second = proxy.client();
    let begun = Instant::now();
    second.say(|out| fdguard::wire::postgres::frontend::write_query(out, ASKED.as_bytes()));
    // The first one takes too long: the second goes by itself.
    wait_until("both run", || busy() == "2");
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop((asker, second));
    wait_until("both are cancelled", || busy() == "0");
    server().open(&proxy.database).run(
        "create or replace function slow() returns bigint language sql volatile as $$
           select nextval('runs') from pg_sleep(0.4) $$",
    );
    let mut asker = proxy.client();
    asker.say(|out| fdguard::wire::postgres::frontend::write_query(out, ASKED.as_bytes()));
    wait_until("it runs", || busy() == "1");
    let mut waiters: Vec<Wire> = (0..3).map(|_| proxy.client()).collect();
    for waiter in &mut waiters {
        waiter.say(|out| fdguard::wire::postgres::frontend::write_query(out, ASKED.as_bytes()));
    }
    drop(asker);
    for waiter in &mut waiters {
        assert_eq!(answer(&waiter.until(b'Z')).rows[0][1].as_deref(), Some("10"));
    }
    proxy.serves();
}

#[test]
fn who_waits_can_cancel_and_can_leave() {
    let proxy = slow("pool = { max = 4 }", "0.4");
    let mut asker = proxy.client();
    asker.say(|out| fdguard::wire::postgres::frontend::write_query(out, ASKED.as_bytes()));
    let (mut one, mut two) = (proxy.client(), proxy.client());
    for client in [&mut one, &mut two] {
        client.say(|out| fdguard::wire::postgres::frontend::write_query(out, ASKED.as_bytes()));
    }
    drop(one);
    two.cancel(proxy.address);
    let told = two.rest();
    let code = told.iter().find_map(crate::support::message::Message::code);
    assert_eq!(code.as_deref(), Some("57014"), "{told:?}");
    assert_eq!(answer(&asker.until(b'Z')).rows[0][1].as_deref(), Some("10"));
    proxy.serves();
}

/// Commits that were acknowledged, by the value they wrote. Values only grow.
struct Truth {
    acknowledged: AtomicI64,
    over: AtomicBool,
}

/// A client that writes ever larger values, in all the ways that there are.
fn write(mut client: Wire, truth: &Truth, seed: u64) -> u64 {
    let mut dice = seed;
    let mut writes = 0;
    while !truth.over.load(Ordering::Relaxed) {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        writes += 1;
        let raise = "update prices set v = v + 1 where id = 1 returning v";
        let committed = match (dice >> 33) % 8 {
            0 => client.value(raise),
            1 => {
                client.run("begin");
                let value = client.value(raise);
                client.run("commit");
                value
            }
            2 => {
                client.run("begin");
                client.value(raise);
                client.run("rollback");
                continue;
            }
            3 => {
                client.say(|out| batch::whole(out, "", raise, &[]));
                answer(&client.until(b'Z')).rows[0][0].clone().unwrap()
            }
            4 => client.value("select raise()"),
            // Time in which nothing is written, for answers to be kept.
            5 | 6 => {
                client.run("select pg_sleep(0.02)");
                continue;
            }
            _ => {
                let rows = client.run(&format!("begin; {raise}; commit")).rows;
                rows[0][0].clone().unwrap()
            }
        };
        truth.acknowledged.fetch_max(committed.parse().unwrap(), Ordering::SeqCst);
    }
    writes
}

/// A client that reads; gives how many answers it got.
fn read(mut client: Wire, truth: &Truth, prepared: bool) -> u64 {
    let mut reads = 0;
    let mut last = 0;
    while !truth.over.load(Ordering::Relaxed) {
        let least = truth.acknowledged.load(Ordering::SeqCst).max(last);
        let value: i64 = if prepared {
            client.say(|out| batch::whole(out, "", PREPARED, &[Some(b"1")]));
            answer(&client.until(b'Z')).rows[0][0].clone().unwrap().parse().unwrap()
        } else {
            client.value(&super::simple(1)).parse().unwrap()
        };
        assert!(value >= least, "{value} was read after {least} was committed or read");
        last = value;
        reads += 1;
    }
    reads
}

#[test]
fn no_read_gives_less_than_what_was_committed_before_it() {
    let proxy = kept_with("pool = { max = 6 }");
    server().open(&proxy.database).run(
        "create function raise() returns int language sql as
         $$ update prices set v = v + 1 where id = 1 returning v $$",
    );
    let truth = Arc::new(Truth { acknowledged: AtomicI64::new(0), over: AtomicBool::new(false) });
    let mut threads = Vec::new();
    for number in 0..3_u64 {
        let (client, truth) = (proxy.client(), Arc::clone(&truth));
        threads.push(std::thread::spawn(move || write(client, &truth, number)));
    }
    for number in 0..5 {
        let (client, truth) = (proxy.client(), Arc::clone(&truth));
        threads.push(std::thread::spawn(move || read(client, &truth, number % 2 == 0)));
    }
    std::thread::sleep(Duration::from_secs(4));
    let hits = |proxy: &Proxy| proxy.pool().cache.unwrap().hits;
    truth.over.store(true, Ordering::Relaxed);
    let counts: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
    eprintln!("writes {:?} reads {:?}; {:?}", &counts[..3], &counts[3..], proxy.pool().cache);
    wait_until("the cache answered some", || hits(&proxy) > 0);
}
