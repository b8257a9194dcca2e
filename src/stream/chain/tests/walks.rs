//! Walks by themselves.

use super::super::block::Block;
use super::super::walk::{Start, Walk, WalkError};
use super::super::*;
use super::toy::Node;

/// Nine blocks with a log each, of which the first one is known.
fn begun() -> (Node, Walk) {
    let mut node = Node::default();
    (0..9).for_each(|_| node.mine(1));
    let mut start = Start {
        known: block::Recents::default(),
        base: None,
        agreed: None,
        filters: vec![("n".to_owned(), json!({}), Some(0))],
        unsettled: false,
    };
    start.known.push(Block::parse(&node.chain[0].0).unwrap());
    (node, Walk::new(start))
}

/// Goes on to where logs are asked for.
fn until_logs(node: &mut Node, walk: &mut Walk) -> Value {
    loop {
        let question = walk.question().unwrap();
        if question.is_array() || question["method"] == "eth_getLogs" {
            return question;
        }
        walk.answered(&node.call(&question)).unwrap();
    }
}

#[test]
fn an_answer_that_is_too_long_is_asked_for_in_halves() {
    let (mut node, mut walk) = begun();
    until_logs(&mut node, &mut walk);
    let mut asked = Vec::new();
    while let Some(question) = walk.question() {
        let range =
            ["fromBlock", "toBlock"].map(|end| block::quantity(&question[1]["params"][0][end]).unwrap());
        asked.push(range);
        if range[1] - range[0] > 2 {
            walk.too_long().unwrap();
        } else {
            walk.answered(&node.call(&question)).unwrap();
        }
    }
    assert_eq!(asked, [[1, 8], [1, 4], [1, 2], [3, 4], [5, 8], [5, 6], [7, 8]]);
    assert_eq!(walk.end().logs[0].1.len(), 8);
}

#[test]
fn no_logs_of_a_node_that_is_behind_are_not_taken_for_none() {
    let (mut node, mut walk) = begun();
    until_logs(&mut node, &mut walk);
    let behind = json!([{ "id": 2, "result": null }, { "id": 1, "result": [] }]);
    assert_eq!(walk.answered(&behind), Err(WalkError::Missing(8)));
    let other = json!({ "number": "0x8", "hash": "0xother", "parentHash": "0x" });
    let elsewhere = json!([{ "id": 1, "result": [] }, { "id": 2, "result": other }]);
    assert_eq!(walk.answered(&elsewhere), Err(WalkError::Moved));
}

#[test]
fn a_node_that_takes_no_lists_is_asked_for_logs_alone() {
    let (mut node, mut walk) = begun();
    until_logs(&mut node, &mut walk);
    let refused = json!({ "id": null, "error": { "code": -32600, "message": "no lists" } });
    walk.answered(&refused).unwrap();
    let question = walk.question().unwrap();
    assert_eq!(question["method"], "eth_getLogs");
    walk.answered(&node.call(&question)).unwrap();
    assert_eq!((walk.question(), walk.end().logs[0].1.len()), (None, 8));
    let (mut node, mut walk) = begun();
    until_logs(&mut node, &mut walk);
    assert!(walk.ask_otherwise() && !walk.ask_otherwise(), "there are two ways");
}
