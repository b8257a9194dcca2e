//! What is said again on a new socket.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Ledger, Pending, Standing};

/// Numbers of our own begin here: above those that clients count up from one, and exact in every JSON reader.
const NUMBERS_FROM: u64 = 8_000_000_000;

/// A step of what is said again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Say this.
    Say(String),
    /// Wait for the answers to what was said.
    Await,
}

impl Ledger {
    /// What is to be said on a new socket. Answers that were waited for on the old one never come.
    pub fn replay(&mut self) -> Vec<Step> {
        self.pending.clear();
        self.login_pending = false;
        let mut steps = Vec::new();
        if let Some(login) = self.login.clone() {
            self.login_pending = self.patterns.login_answer.is_some();
            steps.push(Step::Say(self.numbered(login, Vec::new())));
            steps.extend(self.login_pending.then_some(Step::Await));
        }
        for (shape, mut names) in self.by_shape() {
            let Some(message) = self.shapes.get(&shape).cloned() else { continue };
            let listed = self.listed(&message);
            let size = if listed { self.patterns.batch.max(1) } else { 1 };
            while !names.is_empty() {
                let batch: Vec<String> = names.drain(..size.min(names.len())).collect();
                steps.push(Step::Say(self.said(message.clone(), batch)));
            }
        }
        steps
    }

    /// The topics of each shape, in the order in which they came.
    fn by_shape(&self) -> Vec<(String, Vec<String>)> {
        let mut topics: Vec<_> = self.topics.iter().collect();
        topics.sort_by_key(|(_, topic)| topic.turn);
        let (mut order, mut names) = (Vec::new(), BTreeMap::<_, Vec<String>>::new());
        for (name, topic) in topics {
            if !names.contains_key(&topic.shape) {
                order.push(topic.shape.clone());
            }
            names.entry(topic.shape.clone()).or_default().push(name.clone());
        }
        order
            .into_iter()
            .map(|shape| (names.remove(&shape).unwrap_or_default(), shape))
            .map(|(n, s)| (s, n))
            .collect()
    }

    /// Whether a message names its topics in a list.
    fn listed(&self, message: &Value) -> bool {
        let place = self.patterns.subscribe.as_ref().and_then(|naming| naming.topics.of(message));
        place.is_some_and(Value::is_array)
    }

    fn said(&mut self, mut message: Value, names: Vec<String>) -> String {
        let mut values =
            names.iter().filter_map(|name| self.topics.get(name)).map(|topic| topic.value.clone());
        let place = self.patterns.subscribe.as_ref().and_then(|naming| naming.topics.of_mut(&mut message));
        if let Some(place) = place {
            *place = match place {
                Value::Array(_) => Value::Array(values.collect()),
                _ => values.next().unwrap_or_default(),
            };
        }
        let answers = self.patterns.id.as_ref().is_some_and(|id| id.of(&message).is_some());
        let standing = if answers { Standing::Pending } else { Standing::Confirmed };
        for name in &names {
            if let Some(topic) = self.topics.get_mut(name) {
                topic.standing = standing;
            }
        }
        self.numbered(message, names)
    }

    /// A message with a number of our own, where it has one at all.
    fn numbered(&mut self, mut message: Value, topics: Vec<String>) -> String {
        let id = self.patterns.id.clone();
        if let Some(place) = id.as_ref().and_then(|id| id.of_mut(&mut message)) {
            self.number += 1;
            let number = NUMBERS_FROM + self.number;
            *place = if place.is_string() { number.to_string().into() } else { number.into() };
            self.ask(number.to_string(), Pending { topics, ours: true });
        }
        message.to_string()
    }
}
