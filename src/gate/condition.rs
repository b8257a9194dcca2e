//! A condition on what a request says: a place, and the values that it may have there.
//!
//! It is asked in two ways. What opens the gate, a cancel's `when` and an order's `reduces`, must hold to the letter. What closes it, an
//! order's `when`, may hold to some reader: see [`super::loose`].

use serde_json::Value;

use super::loose;
use super::matter::{Field, Matter};

/// The part of a pointer that stands for every item of a list.
pub(super) const EACH: &str = "*";

/// Where a condition looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A JSON pointer (RFC 6901) into each message; a part `*` stands for every item of a list.
    Pointer(String),
    /// A field of the query or of a form.
    Field(String),
}

/// A value that is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A whole number.
    Number(u64),
    /// True or false.
    Flag(bool),
}

/// A condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Where it looks.
    pub place: Place,
    /// It holds where one of these stands there.
    pub is: Vec<Scalar>,
}

impl Scalar {
    fn is_json(&self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Number(number) => value.as_u64() == Some(*number),
            Self::Flag(flag) => value.as_bool() == Some(*flag),
        }
    }

    /// In a form everything is text.
    fn is_text(&self, value: &[u8]) -> bool {
        match self {
            Self::Text(text) => text.as_bytes() == value,
            Self::Number(number) => number.to_string().as_bytes() == value,
            Self::Flag(flag) => flag.to_string().as_bytes() == value,
        }
    }
}

impl Condition {
    /// Whether it surely holds for one message of the matter; none where the matter has no messages that can be read.
    pub(super) fn holds(&self, matter: &Matter, message: Option<&Value>) -> bool {
        match &self.place {
            Place::Pointer(pointer) => message.is_some_and(|message| self.in_json(pointer, message)),
            Place::Field(name) => match matter.field(name) {
                Field::Once(value) => self.is.iter().any(|is| is.is_text(value)),
                Field::Absent | Field::Unclear => false,
            },
        }
    }

    /// Whether some reader of it may find that it holds.
    pub(super) fn may_hold(&self, matter: &Matter, message: Option<&Value>) -> bool {
        match (&self.place, message) {
            (Place::Pointer(_), None) => true,
            // A list in a batch, or a bare word: whoever reads it knows more than this gate.
            (Place::Pointer(pointer), Some(message)) => {
                !(message.is_object() || pointer.is_empty())
                    || loose::finds(message, &names(pointer), &|found| loose::may_be(&self.is, found))
            }
            (Place::Field(name), _) => matter.may_have(name, |value| loose::may_be_text(&self.is, value)),
        }
    }

    fn in_json(&self, pointer: &str, message: &Value) -> bool {
        if !(message.is_object() || pointer.is_empty()) {
            return false;
        }
        let (mut met, mut unmet) = (0, 0);
        visit(message, &names(pointer), &mut |found| {
            let is = found.is_some_and(|value| self.is.iter().any(|is| is.is_json(value)));
            *(if is { &mut met } else { &mut unmet }) += 1;
        });
        met > 0 && unmet == 0
    }
}

fn names(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// Shows everything that a pointer leads to; none where it leads nowhere.
fn visit(value: &Value, parts: &[String], see: &mut impl FnMut(Option<&Value>)) {
    let Some((part, rest)) = parts.split_first() else { return see(Some(value)) };
    match value {
        Value::Array(items) if part == EACH && !items.is_empty() => {
            items.iter().for_each(|item| visit(item, rest, see));
        }
        Value::Array(items) => match part.parse::<usize>().ok().and_then(|place| items.get(place)) {
            Some(item) => visit(item, rest, see),
            None => see(None),
        },
        Value::Object(entries) => match entries.get(part) {
            Some(item) => visit(item, rest, see),
            None => see(None),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => see(None),
    }
}
