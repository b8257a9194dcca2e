//! A toy node whose chain is mined, reorganised and cut off at any moment, and a client that must end up with its chain.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::block::Block;
use super::walk::{Start, Walk};
use super::*;

/// Histories in each run: one has up to sixty steps.
const CASES: u32 = 64;

/// A node: its chain, and what it has to say on the connection there is.
#[derive(Default)]
struct Node {
    chain: Vec<(Value, Vec<Value>)>,
    mined: u64,
    /// Names on this connection: of what, by its parameters.
    named: Vec<(String, Value)>,
    queues: Vec<VecDeque<Value>>,
}

fn hash(number: u64) -> String {
    format!("{number:#066x}")
}

impl Node {
    /// A new block with so many logs.
    fn mine(&mut self, logs: u64) {
        self.mined += 1;
        let (height, own) = (self.chain.len() as u64, hash(self.mined));
        let parent = self.chain.last().map_or(hash(0), |(head, _)| head["hash"].as_str().unwrap().to_owned());
        let head = json!({ "number": format!("{height:#x}"), "hash": own, "parentHash": parent });
        let log = |index: u64| json!({ "blockNumber": head["number"], "blockHash": own, "logIndex": format!("{index:#x}"), "removed": false });
        let logs: Vec<Value> = (0..logs).map(log).collect();
        self.tell("logs", &logs);
        self.tell("newHeads", std::slice::from_ref(&head));
        self.chain.push((head, logs));
    }

    /// So many blocks are gone.
    fn revert(&mut self, depth: usize) {
        let left = self.chain.len().saturating_sub(depth).max(1);
        for (_, logs) in self.chain.split_off(left).into_iter().rev() {
            let gone: Vec<Value> = logs
                .into_iter()
                .rev()
                .map(|mut log| {
                    log["removed"] = true.into();
                    log
                })
                .collect();
            self.tell("logs", &gone);
        }
    }

    fn tell(&mut self, kind: &str, results: &[Value]) {
        for result in results {
            let named = self.named.iter().zip(&mut self.queues);
            for ((name, _), queue) in named.filter(|((_, params), _)| params[0] == kind) {
                let params = json!({ "subscription": name, "result": result });
                queue.push_back(json!({ "method": "eth_subscription", "params": params }));
            }
        }
    }

    fn call(&mut self, request: &Value) -> Value {
        let params = &request["params"];
        let at = |value: &Value| usize::try_from(block::quantity(value).unwrap()).unwrap();
        let result = match request["method"].as_str().unwrap() {
            "eth_blockNumber" => format!("{:#x}", self.chain.len() - 1).into(),
            "eth_getBlockByNumber" => {
                self.chain.get(at(&params[0])).map(|(head, _)| head.clone()).unwrap_or_default()
            }
            "eth_getLogs" => {
                let range = at(&params[0]["fromBlock"])..=at(&params[0]["toBlock"]);
                let logs = self.chain.iter().enumerate().filter(|(number, _)| range.contains(number));
                Value::Array(logs.flat_map(|(_, (_, logs))| logs.clone()).collect())
            }
            "eth_subscribe" => {
                let name = format!("{:#x}", self.named.len());
                self.named.push((name.clone(), params.clone()));
                self.queues.push(VecDeque::new());
                name.into()
            }
            other => panic!("{other} is not asked for"),
        };
        json!({ "id": request["id"], "result": result })
    }
}

/// The proxy with one client, and what that was told.
struct Scene {
    node: Node,
    chain: Chain,
    link: Link,
    heads: Vec<Value>,
    logs: Vec<Value>,
    gaps: usize,
}

impl Scene {
    fn new() -> Self {
        let mut node = Node::default();
        (0..3).for_each(|_| node.mine(1));
        Self { node, chain: Chain::new(7), link: Link::Up, heads: Vec::new(), logs: Vec::new(), gaps: 0 }
    }

    fn subscribe(&mut self, what: &str) -> String {
        let request = json!({ "id": what, "method": "eth_subscribe", "params": [what, {}] });
        let acts = self.chain.heard(&request.to_string(), &request, self.link);
        self.act(acts).expect("an answer")
    }

    /// Carries out; gives the name that the client was told.
    fn act(&mut self, acts: Vec<Act>) -> Option<String> {
        let mut named = None;
        for act in acts {
            match act {
                Act::Say(text) => {
                    let answer = self.node.call(&serde_json::from_str(&text).unwrap());
                    match self.chain.said(&answer) {
                        Said::Answer(acts) => named = self.act(acts).or(named),
                        Said::Settled | Said::Nothing => {}
                        said => panic!("{said:?}"),
                    }
                }
                Act::Tell(text) => {
                    let told: Value = serde_json::from_str(&text).unwrap();
                    named = told["result"].as_str().map(str::to_owned);
                }
                act @ (Act::Forward | Act::Ask(_)) => panic!("{act:?}"),
            }
        }
        named
    }

    /// All that the node has to say arrives.
    fn hear_all(&mut self) {
        (0..self.node.queues.len()).for_each(|place| self.hear(place, usize::MAX));
    }

    /// So many messages of a subscription arrive: a node tells each by itself.
    fn hear(&mut self, place: usize, count: usize) {
        for _ in 0..count {
            let Some(message) = self.node.queues.get_mut(place).and_then(VecDeque::pop_front) else { return };
            match self.chain.said(&message) {
                Said::Event(event) => self.event(&event),
                said => panic!("{said:?}"),
            }
            if self.link == Link::Down {
                return;
            }
        }
    }

    fn event(&mut self, event: &str) {
        let event: Value = serde_json::from_str(event).unwrap();
        match self.chain.judge(&event) {
            (Judged::New, true) => {
                let result = event["params"]["result"].clone();
                let told = if result.get("logIndex").is_some() { &mut self.logs } else { &mut self.heads };
                told.push(result);
            }
            (Judged::New | Judged::Old, _) => {}
            (Judged::Hole(..), _) => self.lose(),
        }
    }

    fn lose(&mut self) {
        self.node.queues.clear();
        self.node.named.clear();
        self.link = Link::Down;
        let acts = self.chain.lost();
        assert!(self.act(acts).is_none());
    }

    fn walk(&mut self) {
        let mut walk = Walk::new(self.chain.start());
        while let Some(question) = walk.question() {
            walk.answered(&self.node.call(&question)).unwrap();
        }
        let (events, gaps) = self.chain.walked(walk.end());
        self.gaps += gaps.len();
        events.iter().for_each(|event| self.event(event));
    }

    fn reconnect(&mut self) {
        if self.link == Link::Down {
            self.link = Link::Up;
            let says = self.chain.replay().into_iter().filter_map(|step| match step {
                Step::Say(text) | Step::Login(text) => Some(Act::Say(text)),
                Step::Await => None,
            });
            let acts = says.collect();
            self.act(acts);
            self.walk();
        }
    }

    /// What the client holds to be the chain, and its logs.
    fn view(&self) -> (Vec<Value>, Vec<Value>) {
        let mut chain: Vec<Value> = Vec::new();
        for head in &self.heads {
            let number = |head: &Value| block::quantity(&head["number"]).unwrap();
            while chain.last().is_some_and(|last| number(last) >= number(head)) {
                chain.pop();
            }
            assert!(
                chain.last().is_none_or(|last| last["hash"] == head["parentHash"]),
                "each comes behind its parent"
            );
            chain.push(head.clone());
        }
        let mut logs: Vec<Value> = Vec::new();
        for log in &self.logs {
            let same = |known: &Value| {
                known["blockHash"] == log["blockHash"] && known["logIndex"] == log["logIndex"]
            };
            let known = logs.iter().position(same);
            assert_eq!(
                known.is_some(),
                log["removed"] == true,
                "each comes once, and is taken back once: {log}"
            );
            match known {
                Some(place) => drop(logs.remove(place)),
                None => logs.push(log.clone()),
            }
        }
        (chain, logs)
    }

    /// The client's view is the node's chain above a height.
    fn assert_whole(&self, since: usize) {
        let (chain, mut logs) = self.view();
        let above = self.node.chain.get(since + 1..).unwrap_or_default();
        let heads: Vec<Value> = above.iter().map(|(head, _)| head.clone()).collect();
        assert_eq!(chain, heads);
        let mut all: Vec<Value> = above.iter().flat_map(|(_, logs)| logs.clone()).collect();
        logs.sort_by_key(Value::to_string);
        all.sort_by_key(Value::to_string);
        assert_eq!(logs, all);
        assert_eq!(self.gaps, 0);
    }
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn every_block_and_log_comes_once_whatever_happens(
        steps in prop::collection::vec((0_u8..7, 0_usize..5), 0..60),
        since in 0_usize..3,
    ) {
        let mut scene = Scene::new();
        (0..since).for_each(|_| scene.node.mine(1));
        let first = scene.node.chain.len() - 1;
        for what in ["newHeads", "logs"] {
            scene.subscribe(what);
        }
        for (step, count) in steps {
            // Its queues are not far apart.
            if scene.node.queues.iter().any(|queue| queue.len() > 12) {
                scene.hear_all();
            }
            match step {
                0 | 1 => scene.node.mine(count as u64),
                2 => {
                    // Never below where the subscriptions began.
                    let depth = count.min(scene.node.chain.len() - 1 - first);
                    scene.node.revert(depth);
                    (0..=depth).for_each(|_| scene.node.mine(1));
                }
                3 | 4 => scene.hear(count, 1 + usize::from(step)),
                5 => scene.lose(),
                _ if scene.link == Link::Down && count > 1 => scene.reconnect(),
                _ if scene.link == Link::Down => scene.walk(),
                _ => scene.hear_all(),
            }
        }
        scene.lose();
        scene.walk();
        scene.walk();
        scene.assert_whole(first);
    }
}
