//! What is said again on a new connection, while the client is heard as ever.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{Open, client, closed, json, serve, wait_for};

const SUBSCRIBES: &str = r#"
[proxy.bus.stream]
pauses    = ["100ms"]
tries     = 1000
subscribe = { "/method" = "SUBSCRIBE" }
login     = { "/method" = "LOGIN" }
login_answer = { "/login" = "ok" }
id        = "/id"
topic     = "/stream"
batch     = 1
pace      = "1s"
notice    = '{"notice": "gap", "stream": "{topic}"}'
"#;

/// A venue that tells what it hears, and answers by `answer`, which knows on which connection it is.
fn venue(
    answer: impl Fn(usize, &Value) -> Option<Value> + Clone + Send + Sync + 'static,
) -> (Server, Receiver<Value>) {
    let (heard, said): (Sender<Value>, _) = channel();
    let connections = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let server = Server::doing(move |stream| {
        let connection = connections.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        let (heard, answer) = (heard.clone(), answer.clone());
        serve(stream, move |mut open| {
            while let Ok(Message::Text(said)) = open.read() {
                let said: Value = serde_json::from_str(&said).unwrap();
                let _told = heard.send(said.clone());
                if let Some(answer) = answer(connection, &said) {
                    open.send(Message::text(answer.to_string())).unwrap();
                }
            }
        });
    });
    (server, said)
}

fn agrees(said: &Value) -> Value {
    match said["method"].as_str() {
        Some("LOGIN") => json!({"login": "ok"}),
        Some("ORDER") => json!({"order": said["n"]}),
        _ => json!({"id": said["id"], "result": null}),
    }
}

fn say(client: &mut Open, message: &Value) {
    client.send(Message::text(message.to_string())).unwrap();
}

fn subscribe(topic: &str, id: u64) -> Value {
    json!({"method": "SUBSCRIBE", "params": [topic], "id": id})
}

fn reconnected(guard: &Guard, times: u64) {
    wait_for("it is replaced", || (guard.pool().stream?.reconnects == times).then_some(()));
}

#[test]
fn a_client_is_heard_while_much_is_said_again() {
    let (server, said) = venue(|_, said| Some(agrees(said)));
    let guard = Guard::start(&[server.address], SUBSCRIBES);
    let mut client = client(&guard);
    for id in 1..=30 {
        say(&mut client, &subscribe(&format!("t{id}"), id));
        assert_eq!(json(&mut client)["id"], id);
    }
    server.hang_up();
    reconnected(&guard, 1);
    // Half a minute of messages is still to be said; the client is answered at once, and so is what it asks for.
    let begun = Instant::now();
    client.send(Message::Ping("there?".into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong("there?".into()));
    say(&mut client, &json!({"method": "ORDER", "n": 1}));
    assert_eq!(json(&mut client), json!({"order": 1}));
    client.close(None).unwrap();
    assert_eq!(closed(&mut client), 1000);
    assert!(begun.elapsed() < Duration::from_secs(20), "it did not wait for the rest");
    guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
    drop(said);
}

#[test]
fn what_is_said_while_it_is_away_is_answered_once_under_its_own_number() {
    let (server, said) = venue(|_, said| Some(agrees(said)));
    let address = server.address;
    let guard = Guard::start(&[address], &SUBSCRIBES.replace("1s", "10ms"));
    let mut client = client(&guard);
    say(&mut client, &subscribe("a", 1));
    assert_eq!(json(&mut client)["id"], 1);
    drop(server);
    guard.wait_for_pool("its server is gone", |pool| pool.servers.is_empty());
    say(&mut client, &json!({"method": "ORDER", "n": 1}));
    say(&mut client, &json!({"method": "LOGIN", "id": 7}));
    say(&mut client, &subscribe("b", 2));
    wait_for("the order went nowhere", || (guard.pool().stream?.dropped == 1).then_some(()));
    let (told, heard) = channel();
    let again = Server::at(address, move |stream| {
        let told = told.clone();
        serve(stream, move |mut open| {
            while let Ok(Message::Text(said)) = open.read() {
                let said: Value = serde_json::from_str(&said).unwrap();
                let _told = told.send(said.clone());
                open.send(Message::text(agrees(&said).to_string())).unwrap();
            }
        });
    });
    assert_eq!(json(&mut client), json!({"login": "ok"}));
    assert_eq!(json(&mut client), json!({"id": 2, "result": null}));
    // Nothing more comes of it: the next is the answer to the next.
    say(&mut client, &json!({"method": "ORDER", "n": 2}));
    assert_eq!(json(&mut client), json!({"order": 2}));
    let heard: Vec<Value> = heard.try_iter().collect();
    assert_eq!(heard[0], json!({"method": "LOGIN", "id": 7}));
    assert_eq!((&heard[1]["params"], &heard[2]), (&json!(["a"]), &subscribe("b", 2)));
    assert_eq!(heard[3]["n"], 2, "the order of before was not sent later");
    drop((again, said));
}

#[test]
fn a_login_that_is_refused_when_it_is_said_again_leaves_the_next_one_to_the_client() {
    let (server, _said) = venue(|connection, said| match said["key"].as_str() {
        Some("old") if connection > 0 => Some(json!({"event": "error", "why": "too old"})),
        _ => Some(agrees(said)),
    });
    let guard = Guard::start(&[server.address], SUBSCRIBES);
    let mut client = client(&guard);
    say(&mut client, &json!({"method": "LOGIN", "key": "old"}));
    assert_eq!(json(&mut client), json!({"login": "ok"}));
    server.hang_up();
    assert_eq!(json(&mut client)["why"], "too old", "it is told");
    say(&mut client, &json!({"method": "LOGIN", "key": "new"}));
    assert_eq!(json(&mut client), json!({"login": "ok"}), "its own answer is its own");
}

#[test]
fn a_subscription_that_is_refused_when_it_is_said_again_is_told_and_said_once_more() {
    let refusals = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (server, said) = venue(move |connection, said| {
        let refuses = connection > 0 && refusals.fetch_add(1, std::sync::atomic::Ordering::AcqRel) == 0;
        if refuses { Some(json!({"id": said["id"], "error": {"code": 429}})) } else { Some(agrees(said)) }
    });
    let guard = Guard::start(&[server.address], SUBSCRIBES);
    let mut client = client(&guard);
    say(&mut client, &subscribe("a", 1));
    assert_eq!(json(&mut client)["id"], 1);
    server.hang_up();
    assert_eq!(json(&mut client), json!({"notice": "gap", "stream": "a"}));
    let heard: Vec<Value> = (0..3).map(|_| said.recv_timeout(Duration::from_secs(30)).unwrap()).collect();
    assert!(heard.iter().all(|said| said["params"] == json!(["a"])), "{heard:?}");
}
