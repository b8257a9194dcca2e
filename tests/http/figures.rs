//! What the signals `http[…]` tell of requests.

use std::io::Write as _;
use std::time::Duration;

use fdguard::agent::status::PoolStatus;
use fdguard::model::reading::Reading;

use crate::support::guard::{Guard, free_address};
use crate::support::{ask, get, ok, server};

fn figure(pool: &PoolStatus, name: &str) -> Reading<f64> {
    pool.signals[&format!("http[].{name}")]
}

#[test]
fn requests_in_flight_failed_ones_and_their_median_are_told() {
    let far = server(|request| match request.head.split(' ').nth(1) {
        Some("/429") => "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Some("/500") => "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Some("/404") => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Some("/half") => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_owned(),
        _ => ok("fine"),
    });
    let guard = Guard::start(&[far.address], "pool.read_timeout = \"3s\"");
    let before = guard.pool();
    assert_eq!(figure(&before, "in_flight"), Reading::Known(0.0));
    assert_eq!(figure(&before, "errors"), Reading::Known(0.0));
    assert!(
        matches!(figure(&before, "latency"), Reading::Unavailable(_)),
        "no answer is not an answer at once"
    );
    let mut client = guard.client();
    for (path, status) in [("/", 200), ("/404", 404), ("/429", 429), ("/500", 500), ("/", 200)] {
        assert_eq!(ask(&mut client, &get(path)).status(), status);
    }
    let after = guard.wait_for_pool("two failed", |pool| figure(pool, "errors") == Reading::Known(2.0));
    let Reading::Known(latency) = figure(&after, "latency") else { panic!("{after:?}") };
    assert!(latency > 0.0 && latency < Duration::from_secs(1).as_secs_f64(), "{latency}");
    let mut half = guard.client();
    half.write_all(get("/half").as_bytes()).unwrap();
    guard.wait_for_pool("it is in flight", |pool| figure(pool, "in_flight") == Reading::Known(1.0));
    guard.wait_for_pool("half an answer is none", |pool| figure(pool, "errors") == Reading::Known(3.0));
    guard.wait_for_pool("nothing is in flight", |pool| figure(pool, "in_flight") == Reading::Known(0.0));
}

#[test]
fn who_is_not_served_has_failed_and_who_the_gate_keeps_back_has_not() {
    let gate = "[proxy.bus.gate]\norders = [{ method = \"POST\", path = \"/order\" }]\n";
    let guard = Guard::start(&[free_address()], &format!("pool.wait = \"300ms\"\n{gate}"));
    assert_eq!(ask(&mut guard.client(), &get("/")).status(), 503);
    guard.wait_for_pool("it failed", |pool| figure(pool, "errors") == Reading::Known(1.0));
    guard.run(&["ctl", "trading", "halted"]);
    let order = "POST /order HTTP/1.1\r\nHost: bot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(ask(&mut guard.client(), order).reason(), "trading_halted");
    assert_eq!(ask(&mut guard.client(), &get("/")).status(), 503);
    guard.wait_for_pool("only the other one did", |pool| figure(pool, "errors") == Reading::Known(2.0));
}
