//! Writes that pass the proxy drop what they may have changed.

use super::{kept, simple};
use crate::support::batch;
use crate::support::server::server;
use crate::support::wait::wait_until;
use crate::support::wire::{Wire, answer};

/// Whether the server is asked: the answer before is not given again.
fn runs_anew(client: &mut Wire) -> bool {
    let before = client.run(&simple(1));
    let kept = client.run(&simple(1)) == before;
    assert!(kept, "nothing is kept");
    client.run(&simple(1)) != before
}

fn last_run(client: &mut Wire) -> Option<String> {
    client.run(&simple(1)).rows[0][1].clone()
}

#[test]
fn each_way_to_write_drops_what_it_may_change() {
    let proxy = kept();
    let (mut reader, mut writer) = (proxy.client(), proxy.client());
    server().open(&proxy.database).run(
        "create function touch() returns void language sql as $$ update prices set v = v + 1 where id = 1 $$;
         create procedure poke() language sql as $$ update prices set v = v + 1 where id = 1 $$",
    );
    let writes = [
        "update prices set v = v + 1 where id = 1",
        "UPDATE ONLY public.\"prices\" SET v = v + 1 where id = 1",
        "update prices as p set v = p.v + 1 from other where p.id = 1",
        "insert into prices (id, v) values (101, 1)",
        "insert into prices values (101, 1) on conflict (id) do update set v = 2",
        "delete from prices where id = 101",
        "with gone as (delete from prices where id = 20 returning 1) select count(*) from gone",
        "select touch()",
        "call poke()",
        "do $$ begin update prices set v = v + 1 where id = 1; end $$",
        "begin; update prices set v = v + 1 where id = 1; commit",
        "explain analyze update prices set v = v + 1 where id = 1",
        "alter table prices add column w int",
        "truncate other, now_is",
        "create index prices_v on prices (v)",
    ];
    for write in writes {
        let before = last_run(&mut reader);
        assert_eq!(last_run(&mut reader), before, "before {write}");
        writer.run(write);
        let after = last_run(&mut reader);
        assert_ne!(after, before, "{write}");
        assert_eq!(last_run(&mut reader), after, "after {write}");
    }
    // By a statement that was prepared long ago, and by the unnamed one.
    for name in ["w", ""] {
        writer.say(|out| batch::whole(out, name, "update prices set v = v + $1 where id = 1", &[Some(b"1")]));
        assert_eq!(answer(&writer.until(b'Z')).error, None);
        for _ in 0..2 {
            let before = last_run(&mut reader);
            writer.say(|out| batch::again(out, name, &[Some(b"1")]));
            assert_eq!(answer(&writer.until(b'Z')).error, None);
            assert_ne!(last_run(&mut reader), before, "{name:?}");
        }
    }
}

#[test]
fn what_writes_elsewhere_or_nothing_drops_nothing_of_others() {
    let proxy = kept();
    let (mut reader, mut writer) = (proxy.client(), proxy.client());
    // This one calls no function of the database's own, so it goes by the names in it.
    let text = "select sum(v)::int as all_of_it from prices";
    let sum = reader.value(text);
    server().open(&proxy.database).run("update prices set v = v + 1");
    let harmless = [
        "insert into other values (1, 1)",
        "update other set v = now_is.v from (select 2 as v) as now_is",
        "delete from other",
        "select count(*), max(v), now() from prices",
        "select * from prices where id = 1 for update",
        "set application_name to 'other'",
        "begin; select 1; commit",
        "show search_path",
        "analyze prices",
    ];
    for harmless in harmless {
        writer.run(harmless);
        assert_eq!(reader.value(text), sum, "{harmless}");
    }
    writer.run("delete from prices where id = 2");
    assert_ne!(reader.value(text), sum);
}

#[test]
fn between_a_write_and_its_end_the_server_answers() {
    let proxy = kept();
    let (mut reader, mut writer) = (proxy.client(), proxy.client());
    let past = &mut server().open(&proxy.database);
    let text = "select v from prices where id = 1 and 1 = 1".replace(" and 1 = 1", "");
    let text = text.replace("select v", "select v, run()");
    assert_eq!(reader.value(&text), "10");
    writer.run("begin");
    writer.run("update prices set v = 1000 where id = 1");
    for _ in 0..2 {
        let before = last_run(&mut reader);
        assert_ne!(last_run(&mut reader), before, "a write is under way");
    }
    assert_eq!(reader.value(&text), "10");
    writer.run("commit");
    assert_eq!(reader.value(&text), "1000");
    past.run("update prices set v = 1 where id = 1");
    assert_eq!(reader.value(&text), "1000", "it was kept again");
    writer.run("begin");
    writer.run("update prices set v = 2000 where id = 1");
    writer.run("rollback");
    assert_eq!(reader.value(&text), "1");
    assert!(!runs_anew(&mut reader));
}

#[test]
fn a_writer_that_dies_leaves_nothing_stale_and_nothing_stuck() {
    let proxy = kept();
    let mut reader = proxy.client();
    let past = &mut server().open(&proxy.database);
    reader.run(&simple(1));
    let mut writer = proxy.client();
    writer.run("begin");
    writer.run("update prices set v = 5 where id = 1");
    drop(writer);
    // It was rolled back, and what is read is kept again.
    wait_until("the reads are kept again", || last_run(&mut reader) == last_run(&mut reader));
    assert_eq!(reader.value(&simple(1)), "10");
    past.run("update prices set v = 6 where id = 1");
    let dropped = proxy.pool();
    assert_eq!(reader.value(&simple(1)), "10", "{dropped:?}");
}
