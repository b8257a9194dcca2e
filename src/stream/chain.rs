//! What a client of an Ethereum node has subscribed to by `eth_subscribe`, and how each block and each log of it comes to the
//! client once: over connections that are lost, nodes that take turns, polls between them, and chains that are reorganised.
//!
//! - A client's subscription has a name of the proxy's own, which stays; each connection has another one for it.
//! - Heads go by their number and hash: each comes right behind its parent. Logs go by the hash of their block and their
//!   place in it. What was delivered of a block that is gone is taken back by `removed` before what came instead.
//! - A subscription of the proxy's own to heads, the *clock*, tells how far the chain has come where the client asks for
//!   logs alone.
//! - Whatever a connection may have left out is found by a [`walk::Walk`] from the last block of the clock on.
//! - A request that is under way when its connection is lost is asked again where it only reads; of any other the client
//!   is told that nobody knows what became of it.

pub mod block;
mod filling;
mod request;
mod subscription;
mod told;
pub mod walk;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use request::refusal;
use request::{Pending, is_read};
pub use subscription::Judged;
use subscription::{Kind, Subscription};
use told::Room;

use crate::stream::cursor::Gap;
use crate::stream::ledger::Step;

/// The clock's name; no client's subscription is called so.
const CLOCK: &str = "clock";
/// The most subscriptions of one client, with those that are being asked for; and the bytes of all their requests.
const SUBSCRIPTIONS_MAX: usize = 256;
const SUBSCRIPTION_BYTES: usize = 4 << 20;
/// Requests under way whose answers are waited for, and their bytes; further ones are not known again.
const PENDING_MAX: usize = 1_024;
const PENDING_BYTES: usize = 1 << 20;
/// Numbers of our own begin here.
const NUMBERS_FROM: u64 = 8_000_000_000;

/// Whether there is a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// There is.
    Up,
    /// There is none.
    Down,
}

/// What is to be done about a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// It passes as it is.
    Forward,
    /// The node is told this.
    Say(String),
    /// The client is told this.
    Tell(String),
    /// The node is asked this by a plain request, whose answer is the client's.
    Ask(String),
}

/// What a message of the node was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// An event: it is judged when its turn comes.
    Event(String),
    /// An answer: this is to be done.
    Answer(Vec<Act>),
    /// All that was said again is agreed to.
    Settled,
    /// Something that was said again is refused.
    Refused,
    /// Something else, or of a subscription that nobody has.
    Other,
    /// Nothing that anybody waits for.
    Nothing,
}

/// See the module.
#[derive(Debug)]
pub struct Chain {
    clock: Subscription,
    own: BTreeMap<String, Subscription>,
    /// Their names on this connection.
    named: BTreeMap<String, String>,
    pending: BTreeMap<String, Pending>,
    pending_bytes: usize,
    seed: u64,
    count: u64,
    number: u64,
    /// Whether a connection may have left something out that no walk has looked for.
    unsettled: bool,
    /// Whether the clock was asked for.
    ticks: bool,
    /// Logs that are to be taken back.
    gone: Vec<String>,
}

impl Chain {
    /// Nothing is subscribed to. Names are told apart by the seed.
    pub fn new(seed: u64) -> Self {
        Self {
            clock: Subscription::new(json!(["newHeads"]), None),
            own: BTreeMap::new(),
            named: BTreeMap::new(),
            pending: BTreeMap::new(),
            pending_bytes: 0,
            seed,
            count: 0,
            number: 0,
            unsettled: false,
            ticks: false,
            gone: Vec::new(),
        }
    }

    /// A message of the client.
    pub fn heard(&mut self, text: &str, message: &Value, link: Link) -> Vec<Act> {
        let method = message.get("method").and_then(Value::as_str);
        if names_subscriptions(message) {
            return vec![Act::Tell(refusal(
                message,
                "a subscription is asked for by itself and not in a list",
            ))];
        }
        match (method, message.get("id").filter(|id| !id.is_null()), link) {
            (Some("eth_subscribe"), Some(_), _) if self.is_full(text.len()) => {
                vec![Act::Tell(refusal(message, "too many subscriptions"))]
            }
            (Some("eth_subscribe"), Some(_), Link::Up) => self.ask_height(message),
            (Some("eth_subscribe"), Some(_), Link::Down) => vec![self.adopt(message, self.height())],
            (Some("eth_unsubscribe"), Some(_), _) => self.unsubscribe(message, link),
            (Some(method), Some(id), Link::Up) => {
                let kept = if is_read(method) { text } else { "" };
                self.wait(id.to_string(), Pending::Call { id: id.clone(), text: kept.to_owned() });
                vec![Act::Forward]
            }
            (_, _, Link::Up) => vec![Act::Forward],
            (_, _, Link::Down) => vec![Act::Ask(text.to_owned())],
        }
    }

    /// The height at which a subscription begins is asked for before the subscription itself.
    fn ask_height(&mut self, message: &Value) -> Vec<Act> {
        let mut acts = Vec::new();
        if !std::mem::replace(&mut self.ticks, true) {
            acts.push(Act::Say(self.subscribe(CLOCK)));
        }
        let question = self.numbered("eth_blockNumber", &json!([]), Pending::Height(message.clone()));
        acts.push(Act::Say(question));
        acts
    }

    /// Whether there is no room for one more subscription, with a request of so many bytes.
    fn is_full(&self, bytes: usize) -> bool {
        let asked = self.pending.values().filter_map(Pending::weight);
        let (count, asked) = asked.fold((0, 0), |(count, sum), weight| (count + 1, sum + weight));
        let had: usize = self.own.values().map(|own| own.weight).sum();
        self.own.len() + count >= SUBSCRIPTIONS_MAX || had + asked + bytes > SUBSCRIPTION_BYTES
    }

    fn height(&self) -> Option<u64> {
        self.clock.blocks.last().map(|last| last.number)
    }

    /// The client's subscription under a name of its own, and the answer that says so.
    fn adopt(&mut self, request: &Value, since: Option<u64>) -> Act {
        self.ticks = true;
        let name = self.name();
        let params = request.get("params").cloned().unwrap_or_default();
        self.own.insert(name.clone(), Subscription::new(params, since));
        answer(request, &name.into())
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("0x{:016x}{:016x}", self.seed, self.count)
    }

    fn unsubscribe(&mut self, message: &Value, link: Link) -> Vec<Act> {
        let name = message.pointer("/params/0").and_then(Value::as_str).unwrap_or_default().to_owned();
        if self.own.remove(&name).is_none() {
            return if link == Link::Up { vec![Act::Forward] } else { vec![answer(message, &false.into())] };
        }
        let there = self.named.iter().find(|(_, own)| **own == name).map(|(there, _)| there.clone());
        let Some(there) = there else { return vec![answer(message, &true.into())] };
        self.named.remove(&there);
        let mut message = message.clone();
        message["params"] = json!([there]);
        vec![Act::Say(message.to_string())]
    }

    /// A message of the node.
    pub fn said(&mut self, message: &Value) -> Said {
        if message.get("method").and_then(Value::as_str) == Some("eth_subscription") {
            let there = message.pointer("/params/subscription").and_then(Value::as_str);
            let Some(name) = there.and_then(|there| self.named.get(there)) else { return Said::Nothing };
            let result = message.pointer("/params/result").cloned().unwrap_or_default();
            return Said::Event(event(name, &result));
        }
        let Some(id) = message.get("id").filter(|_| message.get("method").is_none()) else {
            return Said::Other;
        };
        let Some(pending) = self.pending.remove(&id.to_string()) else { return Said::Other };
        self.pending_bytes -= pending.bytes();
        let result = message.get("result").and_then(Value::as_str);
        match pending {
            Pending::Call { .. } => Said::Other,
            Pending::Height(request) => {
                let since = message.get("result").and_then(block::quantity).or_else(|| self.height());
                if self.clock.blocks.last().is_none() {
                    self.clock.since = self.clock.since.or(since);
                }
                let (id, text) = (request["id"].to_string(), request.to_string());
                self.wait(id, Pending::Subscribe(request, since));
                Said::Answer(vec![Act::Say(text)])
            }
            Pending::Subscribe(request, since) => {
                let Some(there) = result else { return Said::Other };
                let told = self.adopt(&request, since);
                let name = format!("0x{:016x}{:016x}", self.seed, self.count);
                self.named.insert(there.to_owned(), name);
                Said::Answer(vec![told])
            }
            Pending::Again(name) => {
                let Some(there) = result else { return Said::Refused };
                self.named.insert(there.to_owned(), name);
                if self.is_settled() { Said::Settled } else { Said::Nothing }
            }
        }
    }

    /// The connection is gone: what to do about what was under way on it.
    pub fn lost(&mut self) -> Vec<Act> {
        self.named.clear();
        self.unsettled = true;
        self.pending_bytes = 0;
        let unknown = "the connection to the node was lost: it is not known what became of this";
        let mut acts = Vec::new();
        for pending in std::mem::take(&mut self.pending).into_values() {
            match pending {
                Pending::Again(_) => {}
                Pending::Height(request) => acts.push(self.adopt(&request, self.height())),
                Pending::Subscribe(request, since) => acts.push(self.adopt(&request, since)),
                Pending::Call { id, text } if text.is_empty() => {
                    acts.push(Act::Tell(refusal(&json!({ "id": id }), unknown)));
                }
                Pending::Call { text, .. } => acts.push(Act::Ask(text)),
            }
        }
        acts
    }

    /// What is to be said on a new connection.
    pub fn replay(&mut self) -> Vec<Step> {
        if !self.ticks {
            return Vec::new();
        }
        let names: Vec<String> = self.own.keys().cloned().collect();
        let mut steps = vec![Step::Say(self.subscribe(CLOCK))];
        steps.extend(names.iter().map(|name| Step::Say(self.subscribe(name))));
        steps.push(Step::Await);
        steps
    }

    /// Whether all that was said again is agreed to.
    pub fn is_settled(&self) -> bool {
        !self.pending.values().any(|pending| matches!(pending, Pending::Again(_)))
    }

    fn subscribe(&mut self, name: &str) -> String {
        let params = self.own.get(name).unwrap_or(&self.clock).params.clone();
        self.numbered("eth_subscribe", &params, Pending::Again(name.to_owned()))
    }

    fn numbered(&mut self, method: &str, params: &Value, pending: Pending) -> String {
        self.number += 1;
        let id = NUMBERS_FROM + self.number;
        self.wait(id.to_string(), pending);
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
    }

    fn wait(&mut self, id: String, pending: Pending) {
        let bytes = pending.bytes();
        let room = self.pending.len() < PENDING_MAX && self.pending_bytes + bytes <= PENDING_BYTES;
        if room || pending.is_kept() {
            self.pending_bytes += bytes;
            if let Some(old) = self.pending.insert(id, pending) {
                self.pending_bytes -= old.bytes();
            }
        }
    }

    /// An event whose turn has come, as [`said`](Self::said) or [`walked`](Self::walked) gave it; and whether the client
    /// is told of it. What is to be taken back before what comes next gives [`taken_back`](Self::taken_back).
    pub fn judge(&mut self, event: &Value) -> (Judged, bool) {
        let name = event.pointer("/params/subscription").and_then(Value::as_str).unwrap_or_default();
        let Some(result) = event.pointer("/params/result") else { return (Judged::Old, false) };
        let subscriptions = self.own.values().filter(|own| matches!(own.kind, Kind::Logs(_))).count();
        let room = Room::of_one_of(subscriptions);
        if name == CLOCK {
            let replaced = self.replaced_by(result);
            let judged = self.clock.judge(result, room);
            if judged == Judged::New && !replaced.is_empty() {
                let is_gone = |_: u64, hash: &str| replaced.iter().any(|gone| gone == hash);
                self.gone.extend(self.logs_of_gone(is_gone));
            }
            return (judged, false);
        }
        match self.own.get_mut(name) {
            Some(subscription) => (subscription.judge(result, room), true),
            None => (Judged::Old, false),
        }
    }

    /// Logs of blocks that the last event has replaced, to be judged as events: a node that was never on their branch does
    /// not take them back.
    pub fn taken_back(&mut self) -> Vec<String> {
        std::mem::take(&mut self.gone)
    }

    /// The blocks of the clock that are gone once this one is the newest, by their hashes.
    fn replaced_by(&self, header: &Value) -> Vec<String> {
        let Some(block) = block::Block::parse(header) else { return Vec::new() };
        let last = self.clock.blocks.last().map_or(0, |last| last.number);
        let above = (block.number..=last).take(block::KEPT).filter_map(|number| self.clock.blocks.at(number));
        above.filter(|known| known.hash != block.hash).map(|known| known.hash.clone()).collect()
    }

    /// A hole that no walk could fill: it is told, and the event taken as it comes.
    pub fn forgive(&mut self, event: &Value, (from, to): (u64, u64)) -> Option<Gap> {
        let name = event.pointer("/params/subscription").and_then(Value::as_str)?;
        if name == CLOCK {
            self.clock.forgive(to);
            return self.gap_of_logs(from, to);
        }
        self.own.get_mut(name)?.forgive(to);
        Some(gap(name, from, to))
    }
}

/// Whether a list has anything about subscriptions in it: its answer has no place for their names.
fn names_subscriptions(message: &Value) -> bool {
    let is_one = |one: &Value| {
        let method = one.get("method").and_then(Value::as_str);
        matches!(method, Some("eth_subscribe" | "eth_unsubscribe"))
    };
    message.as_array().is_some_and(|list| list.iter().any(is_one))
}

fn gap(name: &str, from: u64, to: u64) -> Gap {
    Gap { topic: Some(name.to_owned()), from: from.checked_sub(1), to: Some(to), certain: true }
}

fn event(name: &str, result: &Value) -> String {
    let params = json!({ "subscription": name, "result": result });
    json!({ "jsonrpc": "2.0", "method": "eth_subscription", "params": params }).to_string()
}

fn answer(request: &Value, result: &Value) -> Act {
    let id = request.get("id").cloned().unwrap_or_default();
    Act::Tell(json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string())
}

#[cfg(test)]
mod tests;
