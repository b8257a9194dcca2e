//! A bot that reads the same rows at each tick, what of that reaches the server, and what is told of it.

use std::collections::BTreeMap;

use fdguard::agent::request::{Command, PoolWork};
use fdguard::agent::status::PoolCache;
use fdguard::model::name::Name;
use fdguard::wire::postgres::frontend::{Target, write_describe, write_parse, write_sync};

use super::{PREPARED, kept, kept_with, simple};
use crate::support::batch;
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wait::wait_for;
use crate::support::wire::{Wire, answer};

/// What is told of the cache, once it says that so many questions were asked.
fn told(proxy: &Proxy, asked: u64) -> PoolCache {
    wait_for("the agent tells of the cache", || {
        proxy.pool().cache.filter(|cache| cache.hits + cache.misses == asked)
    })
}

#[test]
fn a_bot_that_leaks_clients_and_reads_the_same_row_costs_one_unit_of_work() {
    let proxy = kept();
    let mut leaked: Vec<Wire> = Vec::new();
    for _ in 0..100 {
        let mut client = proxy.client();
        assert_eq!(client.value(&simple(3)), "30");
        leaked.push(client);
    }
    let cache = told(&proxy, 100);
    assert_eq!((cache.hits, cache.misses, cache.entries), (99, 1, 1), "{cache:?}");
    assert_eq!(server().open(&proxy.database).value("select last_value from runs"), "1");
    let page = proxy.page();
    assert!(page.contains("db: cache answered 99 of 100 reads (99 %), keeps 1 in "), "{page}");
    // Who is answered here works, and does not rest.
    let pool = proxy.pool();
    assert_eq!(pool.clients.len(), 100, "{pool:?}");
}

#[test]
fn answers_are_dropped_by_hand_and_by_what_a_person_changes() {
    let proxy = kept();
    let mut client = proxy.client();
    let mut past = server().open(&proxy.database);
    let pool = Name::parse("db").unwrap();
    let mut value = 10;
    let works = [PoolWork::FlushCache, PoolWork::Reconnect, PoolWork::Pause];
    for work in works {
        assert_eq!(client.value(&simple(1)), value.to_string());
        value += 1;
        past.run(&format!("update prices set v = {value} where id = 1"));
        assert_eq!(client.value(&simple(1)), (value - 1).to_string());
        let done = proxy.tell(Command::Pool { pool: pool.clone(), work });
        if work == PoolWork::FlushCache {
            assert_eq!(done, "db: dropped 1 cached answer");
        }
        if work == PoolWork::Pause {
            proxy.tell(Command::Pool { pool: pool.clone(), work: PoolWork::Resume });
        }
        assert_eq!(client.value(&simple(1)), value.to_string(), "{work:?}");
    }
}

#[test]
fn many_answers_stay_within_their_bytes() {
    let proxy = kept();
    server().open(&proxy.database).run("insert into prices select n, n from generate_series(100, 3000) n");
    let mut client = proxy.client();
    client.say(|out| {
        write_parse(out, b"s", PREPARED.as_bytes(), &[]);
        write_describe(out, Target::Statement, b"s");
        write_sync(out);
    });
    client.until(b'Z');
    let mut first = BTreeMap::new();
    for id in 100..3_000 {
        let text = id.to_string();
        client.say(|out| batch::again(out, "s", &[Some(text.as_bytes())]));
        first.insert(id, answer(&client.until(b'Z')).rows);
    }
    let cache = told(&proxy, 2_900);
    assert!(cache.bytes <= 256 << 10 && cache.bytes > 200 << 10, "{cache:?}");
    // Those asked for last are there still, the first ones are gone.
    for (id, there) in [(2_999, true), (2_900, true), (100, false)] {
        let text = id.to_string();
        client.say(|out| batch::again(out, "s", &[Some(text.as_bytes())]));
        assert_eq!(answer(&client.until(b'Z')).rows == first[&id], there, "{id}");
    }
}

#[test]
fn who_does_not_take_its_answers_is_not_given_more() {
    let proxy = kept_with("pool = { max = 1 }\nclients = { idle = \"1h\" }");
    let wide = "select sum(v)::int as all_of_it from prices";
    let mut client = proxy.client();
    client.run(wide);
    let before = proxy.pool();
    let mut question = Vec::new();
    fdguard::wire::postgres::frontend::write_query(&mut question, wide.as_bytes());
    let many = 60_000;
    let mut writer = client.stream.try_clone().unwrap();
    let said = std::thread::spawn(move || {
        use std::io::Write as _;
        let all = question.repeat(many);
        writer.write_all(&all).map(|()| all.len())
    });
    // Others go on meanwhile.
    for _ in 0..20 {
        proxy.serves();
    }
    let answers = client.ready(many);
    assert_eq!(answers.len(), many * 4);
    said.join().unwrap().unwrap();
    let after = told(&proxy, many as u64 + 1);
    assert_eq!(after.misses, 1, "{before:?}");
}
