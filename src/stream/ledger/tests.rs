use serde_json::json;

use super::*;
use crate::stream::pattern::Meant;

fn at(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn looks(place: &str, word: &str) -> Pattern {
    Pattern(vec![(at(place), Meant::Is(json!(word)))])
}

fn patterns() -> Patterns {
    let naming = |word| Naming { looks: looks("/method", word), topics: at("/params") };
    Patterns {
        login: Some(looks("/method", "LOGIN")),
        login_answer: Some(looks("/event", "login")),
        subscribe: Some(naming("SUBSCRIBE")),
        unsubscribe: Some(naming("UNSUBSCRIBE")),
        id: Some(at("/id")),
        refused: Some(Pattern(vec![(at("/error"), Meant::Something)])),
        batch: 2,
    }
}

fn subscribe(topics: &[&str], id: u64) -> Value {
    json!({"method": "SUBSCRIBE", "params": topics, "id": id})
}

fn said(steps: &[Step]) -> Vec<Value> {
    let said = steps.iter().filter_map(|step| match step {
        Step::Say(text) => Some(text),
        Step::Await => None,
    });
    said.map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn standings(ledger: &Ledger) -> Vec<(&str, Standing)> {
    ledger.topics().collect()
}

#[test]
fn a_login_comes_first_and_topics_follow_in_batches() {
    let mut ledger = Ledger::new(patterns());
    ledger.heard(1, &subscribe(&["c", "a", "b"], 1));
    assert_eq!(ledger.heard(1, &json!({"method": "LOGIN", "key": "k", "id": 2})), Heard::Login);
    ledger.heard(1, &json!({"method": "SUBSCRIBE", "params": ["z"], "deep": true, "id": 3}));
    let steps = ledger.replay();
    assert_eq!(steps[1], Step::Await);
    let meant = [
        json!({"method": "LOGIN", "key": "k", "id": 8_000_000_001_u64}),
        json!({"method": "SUBSCRIBE", "params": ["c", "a"], "id": 8_000_000_002_u64}),
        json!({"method": "SUBSCRIBE", "params": ["b"], "id": 8_000_000_003_u64}),
        json!({"method": "SUBSCRIBE", "params": ["z"], "deep": true, "id": 8_000_000_004_u64}),
    ];
    assert_eq!(said(&steps), meant);
}

#[test]
fn answers_are_told_apart_and_refused_topics_forgotten() {
    let (pending, confirmed) = (Standing::Pending, Standing::Confirmed);
    let mut ledger = Ledger::new(patterns());
    ledger.heard(1, &subscribe(&["a", "b"], 1));
    ledger.heard(1, &subscribe(&["bad"], 2));
    assert_eq!(standings(&ledger), [("a", pending), ("b", pending), ("bad", pending)]);
    assert_eq!(ledger.answered(&json!({"result": null, "id": 1})), Answered::Request);
    assert_eq!(ledger.answered(&json!({"error": {"code": 2}, "id": 2})), Answered::Request);
    assert_eq!(ledger.answered(&json!({"result": null, "id": 1})), Answered::Other, "it was answered");
    assert_eq!(standings(&ledger), [("a", confirmed), ("b", confirmed)]);
    ledger.replay();
    assert_eq!(standings(&ledger), [("a", pending), ("b", pending)]);
    assert_eq!(ledger.answered(&json!({"result": null, "id": 8_000_000_001_u64})), Answered::Own);
    assert_eq!(standings(&ledger), [("a", confirmed), ("b", confirmed)]);
}

#[test]
fn the_answer_to_a_login_is_waited_for_once() {
    let mut ledger = Ledger::new(patterns());
    let answer = json!({"event": "login", "code": 0});
    ledger.heard(1, &json!({"method": "LOGIN"}));
    assert_eq!(ledger.answered(&answer), Answered::Other, "the client waits for this one");
    ledger.replay();
    assert_eq!((ledger.answered(&answer), ledger.answered(&answer)), (Answered::Login, Answered::Other));
}

#[test]
fn a_topic_is_left_when_the_last_of_its_holders_has() {
    let mut ledger = Ledger::new(patterns());
    let topic = |name: &str| vec![name.to_owned()];
    assert_eq!(ledger.heard(1, &subscribe(&["a"], 1)), Heard::Subscribed(topic("a")));
    assert_eq!(ledger.heard(2, &subscribe(&["a", "b"], 1)), Heard::Subscribed(topic("b")));
    let leave = |name: &str| json!({"method": "UNSUBSCRIBE", "params": name, "id": 9});
    assert_eq!(ledger.heard(1, &leave("a")), Heard::Unsubscribed(Vec::new()));
    assert_eq!(ledger.heard(1, &leave("a")), Heard::Unsubscribed(Vec::new()));
    assert_eq!(ledger.leave(2), ["a", "b"]);
    assert_eq!((ledger.topics().count(), ledger.shapes.len(), ledger.replay()), (0, 0, Vec::new()));
}

#[test]
fn one_topic_a_message_and_objects_are_said_again_as_they_came() {
    let one = Naming { looks: looks("/op", "sub"), topics: at("/arg") };
    let mut ledger = Ledger::new(Patterns { subscribe: Some(one), id: None, batch: 9, ..patterns() });
    let arg = json!({"channel": "trades", "instId": "BTC-USDT"});
    ledger.heard(1, &json!({"op": "sub", "arg": arg}));
    ledger.heard(1, &json!({"op": "sub", "arg": "books"}));
    assert!(ledger.topics().all(|(_, standing)| standing == Standing::Confirmed), "no answers are declared");
    let steps = ledger.replay();
    assert_eq!(said(&steps), [json!({"op": "sub", "arg": arg}), json!({"op": "sub", "arg": "books"})]);
}

#[test]
fn no_more_topics_than_the_bound() {
    let mut ledger = Ledger::new(patterns());
    let names: Vec<String> = (0..=TOPICS_MAX).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(ledger.heard(1, &subscribe(&names, 1)), Heard::TooMany);
    assert!(matches!(ledger.heard(1, &subscribe(&names[1..], 1)), Heard::Subscribed(_)));
    assert_eq!(ledger.heard(2, &subscribe(&["more"], 1)), Heard::TooMany);
    assert_eq!(ledger.heard(2, &json!({"ping": 1})), Heard::Other);
}
