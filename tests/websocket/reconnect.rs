//! An upstream that goes away and comes back: its client stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fdguard::sys::pidfd::Signal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{Open, PATIENCE, client, json, serve, text};

/// Subscriptions as venues have them, with quick retries.
pub(crate) const SUBSCRIBED: &str = r#"
pauses    = ["100ms"]
tries     = 1000
subscribe = { "/method" = "SUBSCRIBE" }
unsubscribe = { "/method" = "UNSUBSCRIBE" }
login     = { "/method" = "LOGIN" }
login_answer = { "/login" = "ok" }
id        = "/id"
topic     = "/stream"
cursor    = "/n"
numbers   = "by-one"
notice    = '{"notice": "gap", "from": "{/from}", "to": "{/to}", "certain": "{/certain}"}'
"#;

/// A venue: it answers what it is asked, and numbers what it says to who subscribes.
fn venue(numbers: &Arc<AtomicUsize>, heard: &std::sync::mpsc::Sender<Value>) -> impl Fn(Open) + use<> {
    let (numbers, heard) = (Arc::clone(numbers), heard.clone());
    move |mut open| {
        while let Ok(Message::Text(said)) = open.read() {
            let said: Value = serde_json::from_str(&said).unwrap();
            heard.send(said.clone()).unwrap();
            let answer = match said["method"].as_str() {
                Some("LOGIN") => json!({"login": "ok"}),
                _ => json!({"id": said["id"], "result": null}),
            };
            open.send(Message::text(answer.to_string())).unwrap();
            if said["method"] == "SUBSCRIBE" {
                for _ in 0..3 {
                    let n = numbers.fetch_add(1, Ordering::AcqRel);
                    open.send(Message::text(json!({"stream": "btc", "n": n}).to_string())).unwrap();
                }
            }
        }
    }
}

#[test]
fn it_is_subscribed_again_and_what_is_missing_is_marked() {
    let numbers = Arc::new(AtomicUsize::new(1));
    let (heard, said) = std::sync::mpsc::channel();
    let handle = venue(&numbers, &heard);
    let server = Server::doing(move |stream| serve(stream, &handle));
    let address = server.address;
    let guard = Guard::start(&[address], &format!("[proxy.bus.stream]{SUBSCRIBED}"));
    let mut client = client(&guard);
    client.send(Message::text(r#"{"method":"LOGIN","key":"k"}"#)).unwrap();
    assert_eq!(json(&mut client), json!({"login": "ok"}));
    client.send(Message::text(r#"{"method":"SUBSCRIBE","params":["btc","eth"],"id":1}"#)).unwrap();
    assert_eq!(json(&mut client), json!({"id": 1, "result": null}));
    for n in 1..=3 {
        assert_eq!(json(&mut client), json!({"stream": "btc", "n": n}));
    }
    // Four messages are lost while it is away.
    drop(server);
    numbers.fetch_add(4, Ordering::AcqRel);
    guard.wait_for_pool("its server is gone", |pool| pool.servers.is_empty());
    let handle = venue(&numbers, &heard);
    let again = Server::at(address, move |stream| serve(stream, &handle));
    let gap = json!({"notice": "gap", "from": 3, "to": 8, "certain": true});
    assert_eq!(json(&mut client), gap, "the gap is told before what comes after it");
    for n in 8..=10 {
        assert_eq!(
            json(&mut client),
            json!({"stream": "btc", "n": n}),
            "answers to what was said again are kept"
        );
    }
    let heard: Vec<Value> = said.try_iter().collect();
    let methods: Vec<&str> = heard.iter().map(|said| said["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["LOGIN", "SUBSCRIBE", "LOGIN", "SUBSCRIBE"], "a login comes first");
    assert_eq!(heard[3]["params"], json!(["btc", "eth"]));
    assert_ne!(heard[3]["id"], heard[1]["id"], "it bears a number of its own");
    drop(again);
}

#[test]
fn a_plain_relay_reconnects_too_and_its_client_is_answered_meanwhile() {
    let server = crate::support::server(crate::support::echo);
    let address = server.address;
    let guard = Guard::start(&[address], "stream = { pauses = [\"100ms\"], tries = 1000 }");
    let mut client = client(&guard);
    client.send(Message::text("one")).unwrap();
    assert_eq!(text(&mut client), "one");
    drop(server);
    guard.wait_for_pool("its server is gone", |pool| pool.servers.is_empty());
    client.send(Message::Ping("still".into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong("still".into()));
    let again = Server::at(address, |stream| serve(stream, crate::support::echo));
    guard.wait_for_pool("it is back", |pool| pool.servers.iter().any(|server| server.state == "active"));
    let end = std::time::Instant::now() + PATIENCE;
    // What is said in the moment before it is open goes nowhere, and is counted.
    loop {
        client.send(Message::text("two")).unwrap();
        client.get_ref().set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        match client.read() {
            Ok(message) => break assert_eq!(message, Message::text("two")),
            Err(_) => assert!(std::time::Instant::now() < end, "nothing comes back\n{}", guard.log()),
        }
    }
    drop(again);
}

#[test]
fn an_upstream_that_answers_no_ping_is_replaced() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&accepted);
    let server = Server::doing(move |stream| {
        let first = own.fetch_add(1, Ordering::AcqRel) == 0;
        serve(stream, |mut open| {
            if first {
                // It holds the connection, and reads nothing of it.
                std::thread::park_timeout(PATIENCE);
            } else {
                open.send(Message::text("here again")).unwrap();
                crate::support::echo(open);
            }
        });
    });
    let guard = Guard::start(
        &[server.address],
        "stream = { heartbeat = \"200ms\", pong = \"300ms\", pauses = [\"100ms\"] }",
    );
    let mut client = client(&guard);
    assert_eq!(text(&mut client), "here again");
    assert!(accepted.load(Ordering::Acquire) >= 2);
}

#[test]
fn what_lay_there_while_the_agent_stood_still_is_heard_before_anything_is_late() {
    let server = crate::support::server(|mut open| {
        while open.send(Message::text("here")).is_ok() {
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
    });
    let guard = Guard::start(&[server.address], "stream = { silence = \"400ms\", pauses = [\"100ms\"] }");
    let mut client = client(&guard);
    for _ in 0..3 {
        assert_eq!(text(&mut client), "here");
        guard.signal(Signal::STOP);
        std::thread::sleep(std::time::Duration::from_millis(800));
        guard.signal(Signal::CONT);
        (0..20).for_each(|_| assert_eq!(text(&mut client), "here"));
    }
    assert_eq!(guard.pool().stream.unwrap().reconnects, 0);
}

#[test]
fn silence_is_a_loss_where_the_settings_say_so() {
    let server = crate::support::server(|mut open| {
        open.send(Message::text("first")).unwrap();
        // It answers pings, and says nothing more.
        while open.read().is_ok() {}
    });
    let guard = Guard::start(&[server.address], "stream = { silence = \"500ms\", pauses = [\"100ms\"] }");
    let mut client = client(&guard);
    assert_eq!((text(&mut client), text(&mut client)), ("first".to_owned(), "first".to_owned()));
}
