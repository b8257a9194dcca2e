//! Proxies as a part of the guard: what the agent sees of them, what policies and people do to them, how they end.

use std::fs;

use fdguard::model::reading::Reading;
use fdguard::sys::pidfd::Signal;

mod client;
mod guard;
mod server;

use client::Client;
use guard::Guard;

use crate::support::wait::wait_for;

/// A policy that resets the pool's idle connections by the clock.
const UPKEEP: &str = "schema = 1\nname = \"kept\"\n[[upkeep]]\nevery = \"1s\"\n\
                      do = [{ reset_pool = { pool = \"db\", how = \"idle\" } }]\n";

/// A policy that lets nobody in while there are three clients.
const THROTTLE: &str = "schema = 1\nname = \"narrow\"\n[ladder.clients]\nstart_grace = \"0s\"\n\
                        [[ladder.clients.tier]]\nname = \"crowded\"\nraise = 'pool[\"db\"].clients >= 3'\n\
                        clear = 'pool[\"db\"].clients < 2'\ndwell = \"1s\"\n\
                        hold = [{ throttle_connects = { pool = \"db\", rate = \"1/min\" } }]\n";

/// Opens so many server connections, which are idle afterwards.
fn warm(clients: &mut [Client]) {
    for client in &mut *clients {
        client.say("select pg_sleep(2)");
    }
    for client in clients {
        assert_eq!(client.hear().error, None);
    }
}

#[test]
fn a_reset_closes_what_it_says_and_cuts_no_query_but_when_it_is_hard() {
    let guard = Guard::start("pool = { max = 4 }\n", "");
    let mut clients: Vec<Client> = (0..4).map(|_| guard.client()).collect();
    warm(&mut clients);
    let (busy, idle) = clients.split_at_mut(2);
    for client in &mut *busy {
        client.say("select pg_sleep(8)");
    }
    guard.wait_for_pool("two are at work", |pool| {
        pool.servers.iter().filter(|one| one.state == "active").count() == 2
    });
    assert_eq!(guard.ctl(&["reset", "db"]), "db: closed 2 connections\n");
    let drained = guard.ctl(&["reset", "db", "--how", "drain", "--share", "50%"]);
    assert_eq!(drained, "db: closed 0 connections; 1 in use, closed when they come back\n");
    for client in &mut *busy {
        assert_eq!(client.hear().error, None, "an answer was cut");
    }
    idle[0].say("select 1");
    assert_eq!(idle[0].hear().error, None);
    busy[0].say("select pg_sleep(60)");
    guard.wait_for_pool("one is at work", |pool| pool.servers.iter().any(|one| one.state == "active"));
    assert!(guard.ctl(&["reset", "db", "--how", "hard"]).starts_with("db: closed "));
    assert_eq!(busy[0].hear().error.as_deref(), Some("57P01"));
    assert!(guard.ctl(&["pool", "pause", "db"]).starts_with("db: closed "));
    guard.wait_for_pool("it is paused", |pool| pool.mode == "paused");
    assert!(guard.ctl(&["pool", "resume", "db"]).starts_with("db: closed "));
    guard.wait_for_pool("it works again", |pool| pool.mode == "running");
    assert!(guard.refused(&["pool", "kill", "elsewhere"]).contains("no pool `elsewhere` here"));
    assert!(guard.refused(&["reset", "elsewhere"]).contains("no pool `elsewhere` here"));
}

#[test]
fn a_policy_with_upkeep_resets_the_pool() {
    let guard = Guard::start("pool = { max = 1, idle = \"10m\" }\n", UPKEEP);
    let mut client = guard.client();
    let backend = |client: &mut Client| {
        client.say("select pg_backend_pid()");
        client.hear().value.expect("a number")
    };
    let first = backend(&mut client);
    guard.wait_for_pool("a reset", |pool| pool.counters.contains_key("closed.reset"));
    assert_ne!(backend(&mut client), first);
    wait_for("the history tells it", || guard.history().contains("db: closed 1 connection").then_some(()));
}

#[test]
fn a_throttle_refuses_new_clients_and_is_lifted() {
    let guard = Guard::start("clients = { max = 20, reserve = 1 }\n", THROTTLE);
    let mut clients: Vec<Client> = (0..3).map(|_| guard.client()).collect();
    guard.wait_for_pool("the throttle", |pool| pool.throttle.is_some());
    assert_eq!(guard.connect().unwrap_err(), "53300");
    clients.truncate(1);
    guard.wait_for_pool("the end of the throttle", |pool| pool.throttle.is_none());
    let mut another = guard.client();
    another.say("select 1");
    assert_eq!(another.hear().error, None);
}

#[test]
fn status_tells_the_signals_of_a_pool() {
    let guard = Guard::start("", "");
    let mut clients: Vec<Client> = (0..3).map(|_| guard.client()).collect();
    clients[0].say("select 1");
    clients[0].hear();
    let is = |pool: &fdguard::agent::status::PoolStatus, signal: &str, value: f64| {
        pool.signals.get(signal) == Some(&Reading::Known(value))
    };
    let pool = guard.wait_for_pool("three clients", |pool| is(pool, "pool[].clients", 3.0));
    assert!(is(&pool, "pool[].breaker", 0.0) && is(&pool, "pool[].waiting", 0.0), "{pool:?}");
    assert_eq!((pool.mode.as_str(), pool.clients.len()), ("running", 3));
    assert!(pool.servers.iter().all(|server| server.backend.is_some()), "{pool:?}");
    let page = guard.run(&["status"]);
    let row = page.lines().find(|line| line.starts_with("db ")).unwrap_or_default();
    assert!(row.contains("running") && row.contains("closed"), "{page}");
}

#[test]
fn limits_change_without_loss_of_a_session() {
    let guard = Guard::start("pool = { max = 1 }\n", "");
    let mut client = guard.client();
    client.say("begin");
    client.hear();
    let path = guard.folder().join("agent.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("max = 1", "max = 2")).unwrap();
    // The change may be seen before it is asked for.
    let answer = guard.ctl(&["reload"]);
    assert!(answer.contains("proxy db has new limits") || answer.contains("nothing has changed"), "{answer}");
    let mut second = guard.client();
    second.say("select 1");
    assert_eq!(second.hear().error, None, "the first one holds the only connection there was");
    client.say("commit");
    assert_eq!(client.hear().error, None);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("max = 2", "max = 2, mode = \"session\"")).unwrap();
    assert!(guard.refused(&["reload"]).contains("proxy.db"));
}

#[test]
fn the_end_lets_work_be_finished_and_sends_the_others_off() {
    let mut guard = Guard::start("drain = \"20s\"\n", "");
    let mut idle = guard.client();
    let mut busy = guard.client();
    idle.say("select 1");
    idle.hear();
    busy.say("select pg_sleep(4)");
    guard.wait_for_pool("one is at work", |pool| pool.servers.iter().any(|one| one.state == "active"));
    guard.signal(Signal::TERM);
    assert_eq!(idle.hear().error.as_deref(), Some("57P01"));
    assert_eq!(busy.hear().error, None, "its work was cut");
    assert_eq!(busy.hear().error.as_deref(), Some("57P01"));
    assert_eq!(guard.ended().code(), Some(0));
}

#[test]
fn work_that_does_not_end_is_cut_at_the_deadline() {
    let mut guard = Guard::start("drain = \"1s\"\n", "");
    let mut busy = guard.client();
    busy.say("select pg_sleep(600)");
    guard.wait_for_pool("it is at work", |pool| pool.servers.iter().any(|one| one.state == "active"));
    guard.signal(Signal::TERM);
    assert_eq!(busy.hear().error.as_deref(), Some("57P01"));
    assert_eq!(guard.ended().code(), Some(0));
    wait_for("nobody listens any more", || guard.connect().is_err().then_some(()));
}
