//! What is said again on a new socket.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Awaited, Ledger, SAID_MAX, Standing};

/// Numbers of our own begin here: above those that clients count up from one, below those that they take from the time in
/// milliseconds, and exact in every JSON reader.
pub(super) const NUMBERS_FROM: u64 = 8_000_000_000;

/// A step of what is said again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Say this.
    Say(String),
    /// Say this login, and wait for its answer.
    Login(String),
    /// Wait for the answers to what was said.
    Await,
}

impl Ledger {
    /// What is to be said on a new socket. Answers that were waited for on the old one never come.
    pub fn replay(&mut self) -> Vec<Step> {
        self.said.clear();
        while let Some(place) = self.owed.iter().position(|owed| owed.said > SAID_MAX) {
            self.give_up(place);
        }
        let mut steps = Vec::from_iter(self.login_again());
        let owed: BTreeSet<String> = self.owed.iter().flat_map(|owed| owed.topics.iter().cloned()).collect();
        let held: Vec<String> = self.topics.keys().filter(|name| !owed.contains(*name)).cloned().collect();
        steps.extend(self.say_again(&held));
        for owed in &mut self.owed {
            owed.said += 1;
            steps.push(Step::Say(owed.message.clone()));
        }
        steps
    }

    fn login_again(&mut self) -> Option<Step> {
        let mut login = self.login.clone()?;
        if self.awaited != Awaited::Client {
            let number = self.number(&mut login);
            let is_answered = number.is_some() || self.patterns.login_answer.is_some();
            self.awaited = if is_answered { Awaited::Here(number) } else { Awaited::Nobody };
        }
        Some(self.login_step(login.to_string()))
    }

    /// How a login is said.
    pub fn login_step(&self, login: String) -> Step {
        if self.patterns.login_answer.is_some() { Step::Login(login) } else { Step::Say(login) }
    }

    /// How topics are said again, those of them that are still held.
    pub fn say_again(&mut self, names: &[String]) -> Vec<Step> {
        let mut steps = Vec::new();
        for (shape, mut names) in self.by_shape(names) {
            let Some(message) = self.shapes.get(&shape).cloned() else { continue };
            let size = if self.is_listed(&message) { self.patterns.batch.max(1) } else { 1 };
            while !names.is_empty() {
                let batch: Vec<String> = names.drain(..size.min(names.len())).collect();
                steps.push(Step::Say(self.say(message.clone(), batch)));
            }
        }
        steps
    }

    /// Topics by their shape, in the order in which they came.
    fn by_shape(&self, names: &[String]) -> Vec<(String, Vec<String>)> {
        let mut topics: Vec<_> =
            names.iter().filter_map(|name| Some((name, self.topics.get(name)?))).collect();
        topics.sort_by_key(|(_, topic)| topic.turn);
        let (mut order, mut names) = (Vec::new(), BTreeMap::<_, Vec<String>>::new());
        for (name, topic) in topics {
            if !names.contains_key(&topic.shape) {
                order.push(topic.shape.clone());
            }
            names.entry(topic.shape.clone()).or_default().push(name.clone());
        }
        let of = |shape: String| (names.remove(&shape).unwrap_or_default(), shape);
        order.into_iter().map(of).map(|(names, shape)| (shape, names)).collect()
    }

    /// Whether a message names its topics in a list.
    fn is_listed(&self, message: &Value) -> bool {
        let place = self.patterns.subscribe.as_ref().and_then(|naming| naming.topics.of(message));
        place.is_some_and(Value::is_array)
    }

    fn say(&mut self, mut message: Value, names: Vec<String>) -> String {
        let mut values =
            names.iter().filter_map(|name| self.topics.get(name)).map(|topic| topic.value.clone());
        let place = self.patterns.subscribe.as_ref().and_then(|naming| naming.topics.of_mut(&mut message));
        if let Some(place) = place {
            *place = match place {
                Value::Array(_) => Value::Array(values.collect()),
                _ => values.next().unwrap_or_default(),
            };
        }
        let number = self.number(&mut message);
        let standing = if number.is_some() { Standing::Pending } else { Standing::Confirmed };
        for name in &names {
            if let Some(topic) = self.topics.get_mut(name) {
                topic.standing = standing;
            }
        }
        if let Some(number) = number {
            self.said.insert(number, names);
        }
        message.to_string()
    }

    /// Gives a message a number of our own, where it has one at all.
    fn number(&mut self, message: &mut Value) -> Option<u64> {
        let place = self.patterns.id.as_ref()?.of_mut(message)?;
        self.number += 1;
        let number = self.number;
        *place = if place.is_string() { number.to_string().into() } else { number.into() };
        Some(number)
    }
}
