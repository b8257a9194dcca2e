//! What a walk begins with, and what becomes of what it found.

use serde_json::Value;

use super::block::{self, KEPT};
use super::subscription::{Kind, Subscription};
use super::walk::{Start, Walked};
use super::{CLOCK, Chain, event, gap};
use crate::stream::cursor::Gap;

impl Chain {
    /// Where a walk begins.
    pub fn start(&self) -> Start {
        let filters = self.own.iter().filter_map(|(name, subscription)| match &subscription.kind {
            Kind::Logs(filter) => Some((name.clone(), filter.clone(), subscription.since)),
            Kind::Heads | Kind::Other => None,
        });
        Start {
            known: self.clock.blocks.clone(),
            agreed: self.agreed(),
            base: self.clock.since,
            filters: filters.collect(),
            unsettled: self.unsettled,
        }
    }

    /// The height up to which every client's subscription to heads has been told what the clock has.
    fn agreed(&self) -> Option<u64> {
        let last = self.clock.blocks.last()?.number;
        let heads = self.own.values().filter(|own| own.kind == Kind::Heads);
        let agreed = heads.map(|own| {
            let newest = own.blocks.last().map(|block| block.number).or(own.since).unwrap_or(last);
            let same = |number: &u64| match (own.blocks.at(*number), self.clock.blocks.at(*number)) {
                (Some(told), Some(known)) => told.hash == known.hash,
                (Some(_), None) => false,
                (None, _) => own.since.is_some_and(|since| *number <= since),
            };
            (0..=newest.min(last)).rev().take(KEPT).find(same).unwrap_or(last)
        });
        agreed.min()
    }

    /// A gap of the client's logs, where it has asked for any.
    pub(super) fn gap_of_logs(&self, from: u64, to: u64) -> Option<Gap> {
        let asked = self.own.values().any(|own| matches!(own.kind, Kind::Logs(_)));
        asked.then(|| Gap { topic: None, from: from.checked_sub(1), to: Some(to), certain: true })
    }

    /// What a walk found, as events in order; and what it could not reach.
    pub fn walked(&mut self, walked: Walked) -> (Vec<String>, Vec<Gap>) {
        let (mut events, mut gaps) = (self.left_behind(&walked), Vec::new());
        if let Some(anchor) = walked.anchor {
            for subscription in self.own.values_mut() {
                subscription.since.get_or_insert(anchor.number);
            }
            if self.clock.blocks.last().is_none() {
                self.clock.blocks.push(anchor);
            }
        }
        if let Some((first, _)) = walked.blocks.first() {
            self.skip_to(first.number, &mut gaps);
        }
        let first = walked.blocks.first().map_or(u64::MAX, |(first, _)| first.number);
        let of = |log: &Value| log.get("blockNumber").and_then(block::quantity).unwrap_or_default();
        let logs = |wanted: &dyn Fn(u64) -> bool, events: &mut Vec<String>| {
            for (name, logs) in &walked.logs {
                events.extend(logs.iter().filter(|log| wanted(of(log))).map(|log| event(name, log)));
            }
        };
        logs(&|number| number < first, &mut events);
        for (block, header) in &walked.blocks {
            events.push(event(CLOCK, header));
            for (name, _) in self.own.iter().filter(|(_, own)| own.kind == Kind::Heads) {
                events.push(event(name, header));
            }
            logs(&|number| number == block.number, &mut events);
        }
        self.unsettled = false;
        (events, gaps)
    }

    /// Logs of blocks that are gone, the newest first.
    fn left_behind(&self, walked: &Walked) -> Vec<String> {
        let is_gone = |number: u64, hash: &str| {
            let found = walked.blocks.iter().map(|(block, _)| block).find(|block| block.number == number);
            let known = self.clock.blocks.at(number).filter(|block| block.number <= walked.fork);
            found.or(known).is_some_and(|block| block.hash != hash)
        };
        self.logs_of_gone(is_gone)
    }

    /// Logs of all subscriptions that lie in blocks which are gone, as events that take them back.
    pub(super) fn logs_of_gone(&self, is_gone: impl Fn(u64, &str) -> bool) -> Vec<String> {
        let of = |(name, own): (&String, &Subscription)| {
            own.logs.of_gone(&is_gone).iter().map(|log| event(name, log)).collect::<Vec<_>>()
        };
        self.own.iter().flat_map(of).collect()
    }

    /// What lies before the first block of a walk and was not delivered is given up, and told.
    fn skip_to(&mut self, first: u64, gaps: &mut Vec<Gap>) {
        let last = |of: &Subscription| of.blocks.last().map(|last| last.number).or(of.since);
        if let Some(last) = last(&self.clock).filter(|last| last + 1 < first) {
            self.clock.forgive(first);
            gaps.extend(self.gap_of_logs(last + 1, first));
        }
        for (name, own) in self.own.iter_mut().filter(|(_, own)| own.kind == Kind::Heads) {
            if let Some(last) = last(own).filter(|last| last + 1 < first) {
                gaps.push(gap(name, last + 1, first));
                own.forgive(first);
            }
        }
    }
}
