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

fn login(id: u64) -> Value {
    json!({"method": "LOGIN", "key": "k", "id": id})
}

fn said(steps: &[Step]) -> Vec<Value> {
    let said = steps.iter().filter_map(|step| match step {
        Step::Say(text) | Step::Login(text) => Some(text),
        Step::Await => None,
    });
    said.map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn standings(ledger: &Ledger) -> Vec<(&str, Standing)> {
    ledger.topics().collect()
}

/// The client asks for topics, and is told that it gets them.
fn agreed(ledger: &mut Ledger, topics: &[&str], id: u64) {
    assert_eq!(ledger.heard(&subscribe(topics, id)), Heard::Topics);
    assert_eq!(ledger.answered(&json!({"result": null, "id": id})), Answered::Request);
}

const OWN: u64 = 8_000_000_001;

#[test]
fn a_login_comes_first_and_topics_follow_in_batches() {
    let mut ledger = Ledger::new(patterns());
    agreed(&mut ledger, &["c", "a", "b"], 1);
    assert_eq!(ledger.heard(&login(2)), Heard::Login);
    assert_eq!(ledger.answered(&json!({"event": "login"})), Answered::ClientLogin);
    let deep = json!({"method": "SUBSCRIBE", "params": ["z"], "deep": true, "id": 3});
    ledger.heard(&deep);
    ledger.answered(&json!({"result": null, "id": 3}));
    let steps = ledger.replay();
    assert!(matches!(steps[0], Step::Login(_)) && steps[1..].iter().all(|step| matches!(step, Step::Say(_))));
    let meant = [
        login(OWN),
        json!({"method": "SUBSCRIBE", "params": ["c", "a"], "id": OWN + 1}),
        json!({"method": "SUBSCRIBE", "params": ["b"], "id": OWN + 2}),
        json!({"method": "SUBSCRIBE", "params": ["z"], "deep": true, "id": OWN + 3}),
    ];
    assert_eq!(said(&steps), meant);
}

#[test]
fn answers_are_told_apart_and_refused_topics_forgotten() {
    let (pending, confirmed) = (Standing::Pending, Standing::Confirmed);
    let mut ledger = Ledger::new(patterns());
    ledger.heard(&subscribe(&["a", "b"], 1));
    ledger.heard(&subscribe(&["bad"], 2));
    assert_eq!(standings(&ledger), [("a", pending), ("b", pending), ("bad", pending)]);
    assert_eq!(ledger.answered(&json!({"result": null, "id": 1})), Answered::Request);
    assert_eq!(ledger.answered(&json!({"error": {"code": 2}, "id": 2})), Answered::Request);
    assert_eq!(ledger.answered(&json!({"result": null, "id": 1})), Answered::Other, "it was answered");
    assert_eq!(standings(&ledger), [("a", confirmed), ("b", confirmed)]);
    ledger.replay();
    assert_eq!(standings(&ledger), [("a", pending), ("b", pending)]);
    for _ in 0..2 {
        assert_eq!(ledger.answered(&json!({"result": null, "id": OWN})), Answered::Own, "once or more often");
    }
    assert_eq!(standings(&ledger), [("a", confirmed), ("b", confirmed)]);
}

#[test]
fn what_is_refused_when_it_is_said_again_is_kept_and_can_be_said_once_more() {
    let mut ledger = Ledger::new(patterns());
    agreed(&mut ledger, &["a", "b"], 1);
    ledger.replay();
    let refusal = json!({"error": {"code": 429}, "id": OWN});
    let names = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(ledger.answered(&refusal), Answered::Refused(names.clone()));
    assert_eq!(ledger.answered(&refusal), Answered::Own, "it is no news");
    ledger.heard(&json!({"method": "UNSUBSCRIBE", "params": ["b"], "id": 2}));
    assert_eq!(said(&ledger.say_again(&names)), [subscribe(&["a"], OWN + 1)], "what is still held");
    assert_eq!(ledger.answered(&json!({"result": null, "id": OWN + 1})), Answered::Own);
    assert_eq!(standings(&ledger), [("a", Standing::Confirmed)]);
}

#[test]
fn the_answer_to_a_login_is_waited_for_once_and_the_clients_own_is_the_clients() {
    let mut ledger = Ledger::new(patterns());
    let answer = json!({"event": "login", "code": 0});
    ledger.heard(&json!({"method": "LOGIN"}));
    assert_eq!(ledger.answered(&answer), Answered::ClientLogin, "the client waits for this one");
    ledger.replay();
    assert_eq!((ledger.answered(&answer), ledger.answered(&answer)), (Answered::Login, Answered::Other));
    // The one that was said again comes too late; the client logs in by itself.
    ledger.replay();
    ledger.login_late();
    assert_eq!(ledger.answered(&answer), Answered::Other);
    ledger.replay();
    ledger.heard(&json!({"method": "LOGIN"}));
    assert_eq!(ledger.answered(&answer), Answered::ClientLogin);
}

#[test]
fn a_login_that_is_refused_when_it_is_said_again_is_told_under_its_own_number() {
    let mut ledger = Ledger::new(patterns());
    ledger.heard(&login(7));
    assert_eq!(ledger.answered(&json!({"result": "ok", "id": 7})), Answered::ClientLogin);
    ledger.replay();
    let told = json!({"error": "too old", "id": 7}).to_string();
    assert_eq!(ledger.answered(&json!({"error": "too old", "id": OWN})), Answered::LoginRefused(told));
    assert_eq!(ledger.answered(&json!({"event": "login"})), Answered::Other);
}

#[test]
fn what_a_client_waits_for_is_said_again_as_it_was_said_and_its_answer_is_the_clients() {
    let mut ledger = Ledger::new(patterns());
    agreed(&mut ledger, &["a"], 1);
    // In flight at a loss, or said while there was nobody to say it to.
    let leave = json!({"method": "UNSUBSCRIBE", "params": ["c"], "id": 4});
    let owed = [login(2), subscribe(&["b", "c"], 3), leave];
    owed.iter().for_each(|message| assert_ne!(ledger.heard(message), Heard::Other));
    for round in 0..2 {
        let steps = said(&ledger.replay());
        assert_eq!(steps, [&owed[0], &subscribe(&["a"], OWN + round), &owed[1], &owed[2]].map(Value::clone));
    }
    assert_eq!(ledger.answered(&json!({"event": "login"})), Answered::ClientLogin);
    for id in [3, 4] {
        assert_eq!(ledger.answered(&json!({"result": null, "id": id})), Answered::Request);
    }
    assert_eq!(said(&ledger.replay())[1..], [subscribe(&["a", "b"], OWN + 3)]);
}

#[test]
fn what_is_never_answered_is_waited_for_on_a_few_connections_only() {
    let mut ledger = Ledger::new(patterns());
    ledger.heard(&subscribe(&["a"], 1));
    for _ in 0..SAID_MAX {
        assert_eq!(said(&ledger.replay()), [subscribe(&["a"], 1)]);
    }
    assert_eq!(said(&ledger.replay()), [subscribe(&["a"], OWN)]);
}

#[test]
fn a_topic_that_is_left_leaves_nothing_behind() {
    let mut ledger = Ledger::new(patterns());
    agreed(&mut ledger, &["a"], 1);
    // Again, by messages that differ: nothing is learnt from them.
    for nonce in 0..100 {
        let again = json!({"method": "SUBSCRIBE", "params": ["a"], "nonce": nonce, "id": 2});
        assert_eq!(ledger.heard(&again), Heard::Topics);
        ledger.answered(&json!({"id": 2}));
    }
    assert_eq!(ledger.shapes.len(), 1);
    for _ in 0..2 {
        assert_eq!(ledger.heard(&json!({"method": "UNSUBSCRIBE", "params": "a", "id": 9})), Heard::Topics);
        ledger.answered(&json!({"id": 9}));
    }
    assert_eq!((ledger.topics().count(), ledger.shapes.len(), ledger.replay()), (0, 0, Vec::new()));
}

#[test]
fn one_topic_a_message_and_objects_are_said_again_as_they_came() {
    let one = Naming { looks: looks("/op", "sub"), topics: at("/arg") };
    let mut ledger = Ledger::new(Patterns { subscribe: Some(one), id: None, batch: 9, ..patterns() });
    let arg = json!({"channel": "trades", "instId": "BTC-USDT"});
    ledger.heard(&json!({"op": "sub", "arg": arg}));
    ledger.heard(&json!({"op": "sub", "arg": "books"}));
    assert!(ledger.topics().all(|(_, standing)| standing == Standing::Confirmed), "no answers are declared");
    let steps = ledger.replay();
    assert_eq!(said(&steps), [json!({"op": "sub", "arg": arg}), json!({"op": "sub", "arg": "books"})]);
}

#[test]
fn no_more_topics_than_the_bound_and_all_of_their_answers_are_known() {
    let mut ledger = Ledger::new(Patterns { batch: 1, ..patterns() });
    let names: Vec<String> = (0..=TOPICS_MAX).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(ledger.heard(&subscribe(&names, 1)), Heard::TooMany);
    agreed(&mut ledger, &names[1..], 1);
    assert_eq!(ledger.heard(&subscribe(&["more"], 1)), Heard::TooMany);
    assert_eq!(ledger.heard(&json!({"ping": 1})), Heard::Other);
    let steps = ledger.replay();
    assert_eq!(steps.len(), TOPICS_MAX);
    for message in said(&steps) {
        assert_eq!(ledger.answered(&json!({"result": null, "id": message["id"]})), Answered::Own);
    }
}

#[test]
fn answers_that_never_come_are_bounded() {
    let mut ledger = Ledger::new(patterns());
    (0..3_000).for_each(|id| assert_eq!(ledger.heard(&subscribe(&["a"], id)), Heard::Topics));
    assert_eq!(ledger.owed.len(), OWED_MAX);
    let long = "x".repeat(OWED_BYTES_MAX / 2);
    (0..3).for_each(|id| {
        ledger.heard(&json!({"method": "SUBSCRIBE", "params": ["b"], "long": long, "id": id}));
    });
    assert!(ledger.owed_bytes <= OWED_BYTES_MAX && ledger.owed.len() == 1);
    assert_eq!(ledger.answered(&json!({"id": 2_999})), Answered::Other);
}
