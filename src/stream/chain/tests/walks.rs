//! Walks by themselves.

use super::super::block::Block;
use super::super::walk::{Start, Walk};
use super::super::*;
use super::toy::Node;

#[test]
fn an_answer_that_is_too_long_is_asked_for_in_halves() {
    let mut node = Node::default();
    (0..9).for_each(|_| node.mine(1));
    let known = Block::parse(&node.chain[0].0).unwrap();
    let mut start = Start {
        known: block::Recents::default(),
        base: None,
        agreed: None,
        filters: vec![("n".to_owned(), json!({}), Some(0))],
        unsettled: false,
    };
    start.known.push(known);
    let mut walk = Walk::new(start);
    let mut asked = Vec::new();
    while let Some(question) = walk.question() {
        if question["method"] == "eth_getLogs" {
            let range =
                ["fromBlock", "toBlock"].map(|end| block::quantity(&question["params"][0][end]).unwrap());
            asked.push(range);
            if range[1] - range[0] > 2 {
                walk.too_long().unwrap();
                continue;
            }
        }
        walk.answered(&node.call(&question)).unwrap();
    }
    assert_eq!(asked, [[1, 8], [1, 4], [1, 2], [3, 4], [5, 8], [5, 6], [7, 8]]);
    assert_eq!(walk.end().logs[0].1.len(), 8);
}
