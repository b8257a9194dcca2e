//! A walk along the chain by plain requests: from the last block that is known to the newest one, back first to where both
//! chains are one, and then forward block by block, with the logs of all of them.
//!
//! Logs are asked for in one list with their last block: a node that is behind the one which told of that block has no logs of
//! it, and says so by an empty answer. A node that takes no lists is asked for logs alone.
//!
//! Pure: it tells what to ask, and is told the answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::block::{Block, Recents, quantity};

/// The most blocks of one walk; the next one goes on.
const BLOCKS_MAX: u64 = 32;
/// Blocks whose logs are asked for again: nodes tell heads and logs in two queues.
const LOGS_AGAIN: u64 = 16;

/// What is known before a walk.
#[derive(Clone, Debug)]
pub struct Start {
    /// The chain as it was told last.
    pub known: Recents,
    /// The height up to which all that is known was told to everybody.
    pub agreed: Option<u64>,
    /// The block behind which it begins where none is known; the newest one where that is not known either.
    pub base: Option<u64>,
    /// The filters of logs, each with the name of its subscription and the height at its beginning.
    pub filters: Vec<(String, Value, Option<u64>)>,
    /// Whether what was told last may not be all of it.
    pub unsettled: bool,
}

/// What a walk found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Walked {
    /// The block behind which it began, where none was known before.
    pub anchor: Option<Block>,
    /// The last block that was known and still is one.
    pub fork: u64,
    /// Blocks in order, with their headers.
    pub blocks: Vec<(Block, Value)>,
    /// Logs by the name of their subscription.
    pub logs: Vec<(String, Vec<Value>)>,
    /// There are more blocks than one walk takes.
    pub more: bool,
}

/// Why a walk came to no end.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WalkError {
    /// The node refuses.
    #[error("the node refuses: {0}")]
    Refused(String),
    /// The answer is none.
    #[error("the node's answer makes no sense")]
    Nonsense,
    /// The node does not have a block that it told of.
    #[error("the node has no block {0}")]
    Missing(u64),
    /// The chain was another one in the middle of the walk.
    #[error("the chain changed meanwhile")]
    Moved,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    Head,
    Back(u64),
    Forward(u64),
    Logs,
    Done,
}

/// How logs are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    /// In one list with their last block.
    Listed,
    /// By themselves.
    Alone,
}

/// The numbers of the requests of a list.
const LOGS: u64 = 1;
const LAST: u64 = 2;

/// See the module.
#[derive(Debug)]
pub struct Walk {
    start: Start,
    stage: Stage,
    head: u64,
    /// The last block that both chains have.
    fork: u64,
    /// The last block of this walk.
    end: u64,
    found: BTreeMap<u64, (Block, Value)>,
    /// What is still to be asked of logs: which filter, from, to.
    ranges: Vec<(usize, u64, u64)>,
    manner: Manner,
    walked: Walked,
}

impl Walk {
    /// Begins.
    pub fn new(start: Start) -> Self {
        Self {
            start,
            stage: Stage::Head,
            head: 0,
            fork: 0,
            end: 0,
            found: BTreeMap::new(),
            ranges: Vec::new(),
            manner: Manner::Listed,
            walked: Walked::default(),
        }
    }

    /// What to ask next; nothing at the end.
    pub fn question(&self) -> Option<Value> {
        let call = |id: u64, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let block = |id, number| call(id, "eth_getBlockByNumber", json!([hex(number), false]));
        Some(match self.stage {
            Stage::Head => call(1, "eth_blockNumber", json!([])),
            Stage::Back(number) | Stage::Forward(number) => block(1, number),
            Stage::Logs => {
                let (filter, from, to) = self.ranges.last()?;
                let mut asked = self.start.filters[*filter].1.as_object().cloned().unwrap_or_default();
                asked.remove("blockHash");
                asked.insert("fromBlock".to_owned(), hex(*from).into());
                asked.insert("toBlock".to_owned(), hex(*to).into());
                let logs = call(LOGS, "eth_getLogs", json!([asked]));
                match self.manner {
                    Manner::Listed => json!([block(LAST, *to), logs]),
                    Manner::Alone => logs,
                }
            }
            Stage::Done => return None,
        })
    }

    /// The node had no answer to what was asked: whether there is another way to ask.
    pub fn ask_otherwise(&mut self) -> bool {
        let is_listed = self.stage == Stage::Logs && self.manner == Manner::Listed;
        if is_listed {
            self.manner = Manner::Alone;
        }
        is_listed
    }

    /// The answer to what was asked.
    pub fn answered(&mut self, answer: &Value) -> Result<(), WalkError> {
        let Some(list) = answer.as_array() else {
            // Whoever takes no lists answers one by an error.
            return if self.ask_otherwise() { Ok(()) } else { self.answered_one(answer) };
        };
        let of = |id: u64| list.iter().find(|one| one.get("id") == Some(&id.into()));
        let (Some(last), Some(logs)) = (of(LAST), of(LOGS)) else { return Err(WalkError::Nonsense) };
        let to = self.ranges.last().map(|(_, _, to)| *to).ok_or(WalkError::Nonsense)?;
        let (block, _) = take(to, last.get("result").ok_or(WalkError::Nonsense)?)?;
        let known = self.start.known.at(to).filter(|_| to <= self.fork);
        if self.found.get(&to).map(|(block, _)| block).or(known).is_some_and(|known| known.hash != block.hash)
        {
            return Err(WalkError::Moved);
        }
        self.answered_one(logs)
    }

    fn answered_one(&mut self, answer: &Value) -> Result<(), WalkError> {
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            let said = error.get("message").and_then(Value::as_str).unwrap_or("without a word");
            return self.halve().ok_or_else(|| WalkError::Refused(said.to_owned()));
        }
        let result = answer.get("result").ok_or(WalkError::Nonsense)?;
        match self.stage {
            Stage::Head => self.begin(quantity(result).ok_or(WalkError::Nonsense)?),
            Stage::Back(number) => self.back(number, take(number, result)?)?,
            Stage::Forward(number) => {
                self.found.insert(number, take(number, result)?);
                self.step(number + 1)?;
            }
            Stage::Logs => self.logs(result.as_array().ok_or(WalkError::Nonsense)?)?,
            Stage::Done => {}
        }
        Ok(())
    }

    /// The answer was too long to be read; whether less can be asked for.
    pub fn too_long(&mut self) -> Result<(), WalkError> {
        self.halve().ok_or(WalkError::Nonsense)
    }

    /// What it found, once nothing more is to be asked.
    pub fn end(self) -> Walked {
        self.walked
    }

    fn begin(&mut self, head: u64) {
        self.head = head;
        let last = self.start.known.last().map(|last| last.number).or(self.start.base).unwrap_or(head);
        self.stage = Stage::Back(last.min(head));
    }

    fn back(&mut self, number: u64, found: (Block, Value)) -> Result<(), WalkError> {
        if self.start.known.last().is_none() {
            self.walked.anchor = Some(found.0);
            return self.go(number);
        }
        match self.start.known.at(number) {
            Some(known) if known.hash == found.0.hash => self.go(number),
            Some(_) if number > 0 && self.start.known.at(number - 1).is_some() => {
                self.found.insert(number, found);
                self.stage = Stage::Back(number - 1);
                Ok(())
            }
            // Deeper than what is kept in mind: from here on all is new.
            Some(_) | None => {
                self.found.insert(number, found);
                self.go(number.saturating_sub(1))
            }
        }
    }

    fn go(&mut self, fork: u64) -> Result<(), WalkError> {
        self.fork = fork;
        self.walked.fork = fork;
        let from = self.start.agreed.map_or(fork, |agreed| agreed.min(fork)) + 1;
        self.end = self.head.min(fork + BLOCKS_MAX);
        self.walked.more = self.end < self.head;
        self.step(from)
    }

    /// On to the next block that was not found yet.
    fn step(&mut self, mut number: u64) -> Result<(), WalkError> {
        while self.found.contains_key(&number) {
            number += 1;
        }
        self.stage = Stage::Forward(number);
        if number > self.end {
            self.judge()?;
            self.ask_logs();
        }
        Ok(())
    }

    /// Whether what was found is one chain, and one with what was known.
    fn judge(&self) -> Result<(), WalkError> {
        let mut before = None;
        for (number, (block, _)) in &self.found {
            let known =
                || self.start.known.at(number.checked_sub(1)?).filter(|block| block.number <= self.fork);
            let parent = before.or_else(|| known().map(|block| &block.hash));
            if parent.is_some_and(|parent| *parent != block.parent) {
                return Err(WalkError::Moved);
            }
            before = Some(&block.hash);
        }
        Ok(())
    }

    fn ask_logs(&mut self) {
        self.walked.blocks = self.found.values().cloned().collect();
        let news = self.end > self.fork || self.start.unsettled;
        for (place, (name, _, since)) in self.start.filters.iter().enumerate().filter(|_| news) {
            let again = (self.fork + 1).saturating_sub(LOGS_AGAIN);
            let from = again.max(since.map_or(self.fork + 1, |since| since + 1));
            self.walked.logs.push((name.clone(), Vec::new()));
            if from <= self.end {
                self.ranges.push((place, from, self.end));
            }
        }
        self.stage = if self.ranges.is_empty() { Stage::Done } else { Stage::Logs };
    }

    fn logs(&mut self, logs: &[Value]) -> Result<(), WalkError> {
        for log in logs {
            let number = log.get("blockNumber").and_then(quantity).ok_or(WalkError::Nonsense)?;
            let known = self.start.known.at(number).filter(|_| number <= self.fork);
            let block = self.found.get(&number).map(|(block, _)| block).or(known);
            if block.is_some_and(|block| log.get("blockHash").and_then(Value::as_str) != Some(&block.hash)) {
                return Err(WalkError::Moved);
            }
        }
        if let Some((filter, ..)) = self.ranges.pop() {
            self.walked.logs[filter].1.extend_from_slice(logs);
        }
        if self.ranges.is_empty() {
            self.stage = Stage::Done;
        }
        Ok(())
    }

    /// Asks for half of the blocks; the lower half first.
    fn halve(&mut self) -> Option<()> {
        let (filter, from, to) = self.ranges.last().copied().filter(|(_, from, to)| from < to)?;
        self.ranges.pop();
        let middle = from.midpoint(to);
        self.ranges.push((filter, middle + 1, to));
        self.ranges.push((filter, from, middle));
        Some(())
    }
}

fn take(number: u64, header: &Value) -> Result<(Block, Value), WalkError> {
    if header.is_null() {
        return Err(WalkError::Missing(number));
    }
    let block = Block::parse(header).filter(|block| block.number == number).ok_or(WalkError::Nonsense)?;
    Ok((block, header.clone()))
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}
