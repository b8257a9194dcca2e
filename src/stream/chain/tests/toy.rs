//! A toy node whose chain is mined, reorganised and cut off at any moment, and a client that must end up with its chain.

use std::collections::VecDeque;

use super::super::walk::Walk;
use super::super::*;

/// A node: its chain, and what it has to say on the connection there is.
#[derive(Default)]
pub(super) struct Node {
    pub(super) chain: Vec<(Value, Vec<Value>)>,
    pub(super) mined: u64,
    /// Names on this connection: of what, by its parameters.
    pub(super) named: Vec<(String, Value)>,
    pub(super) queues: Vec<VecDeque<Value>>,
}

pub(super) fn hash(number: u64) -> String {
    format!("{number:#066x}")
}

impl Node {
    /// A new block with so many logs.
    pub(super) fn mine(&mut self, logs: u64) {
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
    pub(super) fn revert(&mut self, depth: usize) {
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

    pub(super) fn tell(&mut self, kind: &str, results: &[Value]) {
        for result in results {
            let named = self.named.iter().zip(&mut self.queues);
            for ((name, _), queue) in named.filter(|((_, params), _)| params[0] == kind) {
                let params = json!({ "subscription": name, "result": result });
                queue.push_back(json!({ "method": "eth_subscription", "params": params }));
            }
        }
    }

    pub(super) fn call(&mut self, request: &Value) -> Value {
        if let Some(list) = request.as_array() {
            return list.iter().map(|one| self.call(one)).collect();
        }
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
pub(super) struct Scene {
    pub(super) node: Node,
    pub(super) chain: Chain,
    pub(super) link: Link,
    pub(super) heads: Vec<Value>,
    pub(super) logs: Vec<Value>,
    pub(super) gaps: usize,
}

impl Scene {
    pub(super) fn new() -> Self {
        let mut node = Node::default();
        (0..3).for_each(|_| node.mine(1));
        Self { node, chain: Chain::new(7), link: Link::Up, heads: Vec::new(), logs: Vec::new(), gaps: 0 }
    }

    pub(super) fn subscribe(&mut self, what: &str) -> String {
        let request = json!({ "id": what, "method": "eth_subscribe", "params": [what, {}] });
        let acts = self.chain.heard(&request.to_string(), &request, self.link);
        self.act(acts).expect("an answer")
    }

    /// Carries out; gives the name that the client was told.
    pub(super) fn act(&mut self, acts: Vec<Act>) -> Option<String> {
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
    pub(super) fn hear_all(&mut self) {
        (0..self.node.queues.len()).for_each(|place| self.hear(place, usize::MAX));
    }

    /// So many messages of a subscription arrive: a node tells each by itself.
    pub(super) fn hear(&mut self, place: usize, count: usize) {
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

    pub(super) fn event(&mut self, event: &str) {
        let event: Value = serde_json::from_str(event).unwrap();
        let judged = self.chain.judge(&event);
        self.chain.taken_back().iter().for_each(|event| self.event(event));
        match judged {
            (Judged::New, true) => {
                let result = event["params"]["result"].clone();
                let told = if result.get("logIndex").is_some() { &mut self.logs } else { &mut self.heads };
                told.push(result);
            }
            (Judged::New | Judged::Old, _) => {}
            (Judged::Hole(..), _) => self.lose(),
        }
    }

    pub(super) fn lose(&mut self) {
        self.node.queues.clear();
        self.node.named.clear();
        self.link = Link::Down;
        let acts = self.chain.lost();
        assert!(self.act(acts).is_none());
    }

    pub(super) fn walk(&mut self) {
        let mut walk = Walk::new(self.chain.start());
        while let Some(question) = walk.question() {
            walk.answered(&self.node.call(&question)).unwrap();
        }
        let (events, gaps) = self.chain.walked(walk.end());
        self.gaps += gaps.len();
        events.iter().for_each(|event| self.event(event));
    }

    pub(super) fn reconnect(&mut self) {
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
    pub(super) fn view(&self) -> (Vec<Value>, Vec<Value>) {
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
    pub(super) fn assert_whole(&self, since: usize) {
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
