//! From a head, and perhaps a body, to what a request is.

use serde_json::Value;

use super::condition::{Condition, Holds};
use super::matter::Matter;
use super::path::Path;
use super::rule::{Kind, Rule, Rules};

/// What the head of a request says.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// Its method, as written.
    pub method: &'a [u8],
    /// Its path and query.
    pub path: Path<'a>,
    /// Whether a field of it names another method: servers may go by that one.
    pub renamed: bool,
    /// Whether it has a body.
    pub has_body: bool,
}

/// What is known of a request by its head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// What it is.
    Is(Kind),
    /// Only its body tells.
    InBody,
}

impl Head<'_> {
    /// Whether a server may take it for one of the rule.
    fn may_be(&self, rule: &Rule) -> bool {
        let by = |method: &String| method.as_bytes().eq_ignore_ascii_case(self.method);
        let method = self.renamed || rule.methods.is_empty() || rule.methods.iter().any(by);
        method && rule.path.as_ref().is_none_or(|pattern| self.path.may_be(pattern))
    }

    /// Whether every server takes it for one of the rule.
    fn is(&self, rule: &Rule) -> bool {
        let by = |method: &String| method.as_bytes() == self.method;
        let method = rule.methods.is_empty() || (!self.renamed && rule.methods.iter().any(by));
        method && rule.path.as_ref().is_none_or(|pattern| self.path.is(pattern))
    }
}

impl Rules {
    /// What a request is, as far as its head tells.
    pub fn by_head(&self, head: &Head<'_>) -> Known {
        if self.cancels.iter().any(|rule| rule.when.is_empty() && head.is(rule)) {
            return Known::Is(Kind::Cancel);
        }
        let mut asks = self.cancels.iter().any(|rule| head.is(rule));
        let orders = self.orders.iter().filter(|rule| head.may_be(rule));
        let mut is_order = false;
        for rule in orders {
            is_order = true;
            asks |= !rule.when.is_empty() || !rule.reduces.is_empty();
        }
        match (is_order, asks, head.has_body) {
            // Data passes in any case, and so does a cancel.
            (false, _, _) => Known::Is(Kind::Data),
            (true, false, _) => Known::Is(Kind::Order),
            (true, true, true) => Known::InBody,
            (true, true, false) => {
                Known::Is(self.by_all(head, &Matter::of_request(head.path.query(), Some(b""))))
            }
        }
    }

    /// What a request is, with its body.
    pub fn by_all(&self, head: &Head<'_>, matter: &Matter) -> Kind {
        let judge = |message: Option<&Value>| {
            self.judge(|rule| head.is(rule), |rule| head.may_be(rule), matter, message)
        };
        worst(matter, judge)
    }

    /// What a message is: rules with a path or a method are not for messages.
    pub fn of_message(&self, matter: &Matter) -> Kind {
        let fits = |rule: &Rule| rule.path.is_none() && rule.methods.is_empty();
        worst(matter, |message| self.judge(fits, fits, matter, message))
    }

    fn judge(
        &self,
        is: impl Fn(&Rule) -> bool,
        may_be: impl Fn(&Rule) -> bool,
        matter: &Matter,
        message: Option<&Value>,
    ) -> Kind {
        let holds = |conditions: &[Condition]| {
            Holds::all(conditions.iter().map(|condition| condition.holds(matter, message)))
        };
        if self.cancels.iter().any(|rule| is(rule) && holds(&rule.when) == Holds::Yes) {
            return Kind::Cancel;
        }
        let order = self.orders.iter().find(|rule| may_be(rule) && holds(&rule.when) != Holds::No);
        match order {
            None => Kind::Data,
            Some(rule) if !rule.reduces.is_empty() && is(rule) && holds(&rule.reduces) == Holds::Yes => {
                Kind::Reduces
            }
            Some(_) => Kind::Order,
        }
    }
}

/// A batch is as risky as the riskiest of its messages.
fn worst(matter: &Matter, judge: impl Fn(Option<&Value>) -> Kind) -> Kind {
    match matter.messages() {
        None => judge(None),
        Some(messages) => messages.iter().map(|message| judge(Some(message))).max().unwrap_or(Kind::Order),
    }
}
