//! A cancel hits the query it was meant for, or nothing.

use fdguard::wire::postgres::frontend::{write_query, write_sync};
use fdguard::wire::postgres::startup::write_cancel;

use crate::support::batch;
use crate::support::look::Look;
use crate::support::message::{Message, tags};
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wire::Wire;

const SLEEP: &[u8] = b"select pg_sleep(600)";
const SLEEPS: &str = "wait_event = 'PgSleep'";

fn codes(heard: &[Message]) -> Vec<String> {
    heard.iter().filter_map(Message::code).collect()
}

#[test]
fn a_query_is_cancelled_and_its_session_goes_on() {
    let proxy = Proxy::single();
    let mut look = Look::at(server(), &proxy.database);
    let mut client = proxy.client();
    for _ in 0..3 {
        client.say(|out| write_query(out, SLEEP));
        look.wait(SLEEPS, 1);
        client.cancel(proxy.address);
        assert_eq!(codes(&client.until(b'Z')), ["57014"]);
        client.say(|out| batch::whole(out, "", "select pg_sleep(600)", &[]));
        look.wait(SLEEPS, 1);
        client.cancel(proxy.address);
        assert_eq!(tags(&client.until(b'Z')), "12EZ");
        assert_eq!(client.value("select 'on'"), "on");
    }
    client.run("begin");
    client.say(|out| write_query(out, SLEEP));
    look.wait(SLEEPS, 1);
    client.cancel(proxy.address);
    client.until(b'Z');
    assert_eq!(client.query("rollback").state, 'I');
    proxy.serves();
}

#[test]
fn a_cancel_that_comes_late_hits_nobody() {
    let proxy = Proxy::single();
    let mut look = Look::at(server(), &proxy.database);
    let (mut late, mut next) = (proxy.client(), proxy.client());
    for _ in 0..10 {
        late.run("select 1");
        next.say(|out| write_query(out, b"select 'whole' from pg_sleep(0.2)"));
        look.wait(SLEEPS, 1);
        late.cancel(proxy.address);
        let heard = next.until(b'Z');
        assert_eq!(tags(&heard), "TDCZ", "{heard:?}");
    }
}

#[test]
fn a_cancel_that_races_the_end_of_its_query_hits_nobody_else() {
    let proxy = Proxy::single();
    let (mut racer, mut next) = (proxy.client(), proxy.client());
    for round in 0..60_u32 {
        let text = format!("select pg_sleep({})", f64::from(round % 6) / 1_000.0);
        racer.say(|out| write_query(out, text.as_bytes()));
        next.say(|out| write_query(out, b"select pg_sleep(0.004), 'whole'"));
        racer.cancel(proxy.address);
        let heard = racer.until(b'Z');
        assert!(matches!(&codes(&heard)[..], []) || codes(&heard) == ["57014"], "{heard:?}");
        let heard = next.until(b'Z');
        assert_eq!(tags(&heard), "TDCZ", "round {round}: {heard:?}");
    }
}

#[test]
fn a_wrong_key_cancels_nothing() {
    let proxy = Proxy::single();
    let mut look = Look::at(server(), &proxy.database);
    let mut client = proxy.client();
    client.say(|out| write_query(out, b"select 'whole' from pg_sleep(0.5)"));
    look.wait(SLEEPS, 1);
    let (number, secret) = client.key.clone();
    let others = [(number, vec![0; 4]), (number + 1, secret), (0, vec![1; 4]), (u32::MAX, vec![2; 4])];
    for (number, secret) in others {
        let mut stranger = Wire::dial(proxy.address);
        stranger.say(|out| write_cancel(out, number, &secret));
        assert_eq!(stranger.rest(), []);
    }
    assert_eq!(tags(&client.until(b'Z')), "TDCZ");
}

#[test]
fn a_client_that_waits_can_be_cancelled() {
    let proxy = Proxy::single();
    let mut holder = proxy.client();
    holder.run("create table t (a int); begin");
    let mut waiter = proxy.client();
    waiter.say(|out| write_query(out, b"insert into t values (1)"));
    // Whether its query or the cancel is read first is not ours to say.
    waiter.cancel(proxy.address);
    let heard = waiter.read();
    assert_eq!(heard.code().as_deref(), Some("57014"), "{heard:?}");
    holder.run("commit");
    assert_eq!(holder.value("select count(*) from t"), "0");
    proxy.serves();
}

#[test]
fn a_cancel_while_nothing_runs_is_ignored() {
    let proxy = Proxy::single();
    let mut client = proxy.client();
    client.cancel(proxy.address);
    assert_eq!(client.value("select 1"), "1");
    client.run("begin");
    client.cancel(proxy.address);
    assert_eq!(client.run("commit").tags, ["COMMIT"]);
    client.say(|out| batch::run(out, "", "select 1", &[]));
    client.cancel(proxy.address);
    client.say(write_sync);
    let heard = client.until(b'Z');
    assert!(["12DCZ", "12EZ", "1EZ", "EZ"].contains(&&tags(&heard)[..]), "{heard:?}");
    proxy.serves();
}
