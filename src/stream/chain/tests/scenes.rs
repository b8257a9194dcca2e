//! What a client is told in one history after the other.

use std::collections::VecDeque;

use super::super::*;
use super::toy::Scene;

#[test]
fn names_stay_over_connections_and_what_was_missed_comes_once() {
    let mut scene = Scene::new();
    let names = ["newHeads", "logs"].map(|what| scene.subscribe(what));
    assert_ne!(names[0], names[1]);
    scene.node.mine(2);
    // It breaks off between the two logs.
    scene.hear(2, 1);
    scene.lose();
    scene.node.mine(1);
    scene.walk();
    scene.reconnect();
    scene.node.mine(1);
    scene.hear_all();
    scene.assert_whole(2);
    assert_eq!(scene.heads.len(), 3);
    let away = json!({ "id": 5, "method": "eth_unsubscribe", "params": [names[0]] });
    let acts = scene.chain.heard(&away.to_string(), &away, Link::Up);
    let [Act::Say(said)] = &acts[..] else { panic!("{acts:?}") };
    assert!(
        scene.node.named.iter().any(|(name, _)| said.contains(&format!("[\"{name}\"]"))),
        "by its name there: {said}"
    );
}

#[test]
fn what_was_told_of_blocks_that_are_gone_is_taken_back() {
    let mut scene = Scene::new();
    for what in ["logs", "newHeads"] {
        scene.subscribe(what);
    }
    scene.node.mine(1);
    scene.node.mine(2);
    scene.hear_all();
    scene.lose();
    scene.node.revert(2);
    (0..3).for_each(|_| scene.node.mine(1));
    scene.walk();
    let removed = scene.logs.iter().filter(|log| log["removed"] == true).count();
    assert_eq!((removed, scene.logs.len(), scene.heads.len()), (3, 3 + 3 + 3, 2 + 3));
    scene.assert_whole(2);
}

#[test]
fn a_hole_on_a_living_connection_is_found() {
    let mut scene = Scene::new();
    scene.subscribe("logs");
    scene.node.mine(1);
    scene.node.queues.iter_mut().for_each(VecDeque::clear);
    scene.node.mine(1);
    scene.hear_all();
    assert_eq!(scene.link, Link::Down, "it is given up for that, by the clock alone");
    scene.walk();
    assert_eq!(scene.logs.len(), 2);
}

#[test]
fn what_was_under_way_is_asked_again_where_it_only_reads() {
    let mut chain = Chain::new(1);
    let call = |id: u64, method: &str| json!({ "id": id, "method": method, "params": [] });
    for (id, method) in
        [(1, "eth_call"), (2, "eth_sendRawTransaction"), (3, "eth_getFilterChanges"), (4, "eth_gasPrice")]
    {
        let request = call(id, method);
        assert_eq!(chain.heard(&request.to_string(), &request, Link::Up), [Act::Forward]);
    }
    assert_eq!(chain.said(&json!({ "id": 4, "result": "0x1" })), Said::Other);
    let acts = chain.lost();
    assert_eq!(acts[0], Act::Ask(call(1, "eth_call").to_string()));
    for (act, id) in acts[1..].iter().zip([2, 3]) {
        let Act::Tell(text) = act else { panic!("{act:?}") };
        let told: Value = serde_json::from_str(text).unwrap();
        assert!(
            told["id"] == id && told["error"]["message"].as_str().unwrap().contains("not known"),
            "{told}"
        );
    }
    assert_eq!((acts.len(), chain.lost().len()), (3, 0));
    let list = json!([call(7, "eth_call"), call(8, "eth_call")]);
    assert_eq!(chain.heard(&list.to_string(), &list, Link::Down), [Act::Ask(list.to_string())]);
    let refused: Value = serde_json::from_str(&refusal(&list, "no")).unwrap();
    assert_eq!((refused[0]["id"].clone(), refused[1]["id"].clone()), (json!(7), json!(8)));
}

#[test]
fn more_logs_than_are_kept_as_text_come_once_as_well() {
    let mut scene = Scene::new();
    for what in ["newHeads", "logs"] {
        scene.subscribe(what);
    }
    (0..4).for_each(|_| scene.node.mine(2_500));
    scene.hear_all();
    scene.lose();
    scene.node.mine(1);
    scene.walk();
    assert_eq!(scene.logs.len(), 4 * 2_500 + 1, "those of the last blocks are asked for again");
}

#[test]
fn logs_of_a_branch_that_a_new_node_never_had_are_taken_back() {
    let mut scene = Scene::new();
    for what in ["newHeads", "logs"] {
        scene.subscribe(what);
    }
    (0..3).for_each(|_| scene.node.mine(2));
    scene.hear_all();
    scene.lose();
    scene.reconnect();
    scene.node.revert(2);
    // It tells of its own branch alone.
    scene.node.queues.iter_mut().for_each(VecDeque::clear);
    (0..3).for_each(|_| scene.node.mine(1));
    scene.hear_all();
    assert_eq!(scene.link, Link::Up);
    assert_eq!(scene.logs.iter().filter(|log| log["removed"] == true).count(), 4);
    scene.assert_whole(2);
}

#[test]
fn a_subscription_in_a_list_is_refused_and_not_left_without_a_word() {
    let mut chain = Chain::new(1);
    let list = json!([
        { "id": 1, "method": "eth_chainId", "params": [] },
        { "id": 2, "method": "eth_subscribe", "params": ["newHeads"] },
    ]);
    for link in [Link::Up, Link::Down] {
        let acts = chain.heard(&list.to_string(), &list, link);
        let [Act::Tell(told)] = &acts[..] else { panic!("{acts:?}") };
        let told: Value = serde_json::from_str(told).unwrap();
        assert!(
            told[1]["id"] == 2 && told[1]["error"]["message"].as_str().unwrap().contains("list"),
            "{told}"
        );
    }
}

#[test]
fn subscriptions_that_are_being_asked_for_count_as_well() {
    let mut chain = Chain::new(1);
    let mut ask = |id: usize, address: &str| {
        let request =
            json!({ "id": id, "method": "eth_subscribe", "params": ["logs", { "address": address }] });
        let acts = chain.heard(&request.to_string(), &request, Link::Up);
        matches!(acts.last(), Some(Act::Say(_)))
    };
    assert!(!ask(0, &"x".repeat(SUBSCRIPTION_BYTES)));
    let taken = (1..400).filter(|id| ask(*id, "0x1")).count();
    assert_eq!(taken, SUBSCRIPTIONS_MAX);
}
