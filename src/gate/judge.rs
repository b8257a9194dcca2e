//! From a head, and perhaps a body, to what a request is.

use serde_json::Value;

use super::condition::Condition;
use super::matter::{Content, Matter};
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
    /// Whether it has a method of the rule to some server.
    fn may_have_method(&self, rule: &Rule) -> bool {
        let by = |method: &String| method.as_bytes().eq_ignore_ascii_case(self.method);
        self.is_renamed() || rule.methods.is_empty() || rule.methods.iter().any(by)
    }

    /// Whether a server may take it for one of the rule.
    fn may_be(&self, rule: &Rule) -> bool {
        self.may_have_method(rule) && self.path.may_be(&rule.path)
    }

    /// Whether every server takes it for one of the rule.
    fn is(&self, rule: &Rule) -> bool {
        let by = |method: &String| method.as_bytes() == self.method;
        let method = rule.methods.is_empty() || (!self.is_renamed() && rule.methods.iter().any(by));
        method && self.path.is(&rule.path)
    }

    fn is_renamed(&self) -> bool {
        self.renamed || self.path.renames()
    }

    /// Whether its body may name another method: servers look for one in a POST alone.
    fn may_rename(&self) -> bool {
        self.has_body && self.method.eq_ignore_ascii_case(b"POST")
    }
}

impl Rules {
    /// What a request is, as far as its head tells.
    pub fn by_head(&self, head: &Head<'_>) -> Known {
        let hides = |rule: &Rule| !head.may_have_method(rule) && head.path.may_be(&rule.path);
        let hidden = head.may_rename() && self.orders.iter().any(hides);
        if !hidden && self.cancels.iter().any(|rule| rule.when.is_empty() && head.is(rule)) {
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
            (true, false, _) => Known::Is(Kind::Order),
            (true, true, true) => Known::InBody,
            (true, true, false) => {
                Known::Is(self.by_all(head, &Matter::of_request(head.path.query(), Content::Form(b""))))
            }
            (false, _, _) if hidden => Known::InBody,
            // Data passes in any case, and so does a cancel.
            (false, _, _) => Known::Is(Kind::Data),
        }
    }

    /// What a request is, with its body.
    pub fn by_all(&self, head: &Head<'_>, matter: &Matter) -> Kind {
        let renamed = head.renamed || (head.may_rename() && matter.may_rename());
        let head = Head { renamed, ..head.clone() };
        match matter.messages() {
            None => self.judge(&head, matter, None),
            // A batch is as risky as the riskiest of its messages.
            Some(messages) => {
                let kinds = messages.iter().map(|message| self.judge(&head, matter, Some(message)));
                kinds.max().unwrap_or(Kind::Order)
            }
        }
    }

    fn judge(&self, head: &Head<'_>, matter: &Matter, message: Option<&Value>) -> Kind {
        let hold = |each: &[Condition]| each.iter().all(|one| one.holds(matter, message));
        let may_hold = |each: &[Condition]| each.iter().all(|one| one.may_hold(matter, message));
        if self.cancels.iter().any(|rule| head.is(rule) && hold(&rule.when)) {
            return Kind::Cancel;
        }
        let order = self.orders.iter().find(|rule| head.may_be(rule) && may_hold(&rule.when));
        match order {
            None => Kind::Data,
            Some(rule) => {
                let reduces = !rule.reduces.is_empty() && hold(&rule.reduces);
                // By a rule that surely is its own: another one may say nothing of reducing.
                if reduces && head.is(rule) && hold(&rule.when) { Kind::Reduces } else { Kind::Order }
            }
        }
    }
}
