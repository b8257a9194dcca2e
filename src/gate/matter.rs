//! What conditions look at: the JSON of a body or message, and the fields of a query and a form.

use std::borrow::Cow;

use serde_json::Value;

use super::loose::folded;
use super::strict;

/// A form's field by which servers take a request for one by another method.
const METHOD: &str = "_method";

/// The body of a request, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content<'a> {
    /// It was not read, or is coded.
    Unread,
    /// All of it: there is none, or it says that it is a form.
    Form(&'a [u8]),
    /// All of it, of any other type.
    Other(&'a [u8]),
}

/// What is known beside the head.
#[derive(Clone, PartialEq, Debug)]
pub struct Matter {
    /// The JSON; none where there is none that can be read in one way.
    json: Option<Value>,
    /// Names and values, decoded, of all that may be a field to some reader.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    known: Known,
}

/// Whether the fields are all there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    All,
    /// The body may have others.
    Some,
}

impl Matter {
    /// Of a request: its query, and its body.
    pub fn of_request(query: &[u8], content: Content<'_>) -> Self {
        let mut fields: Vec<_> = pairs(query).collect();
        let (json, known) = match content {
            Content::Unread => (None, Known::Some),
            Content::Form(body) => {
                fields.extend(pairs(body));
                (strict::parse(body), Known::All)
            }
            Content::Other(b"") => (None, Known::All),
            Content::Other(body) => (strict::parse(body), Known::Some),
        };
        Self { json, fields, known }
    }

    /// The messages in it: the items of a batch, or the one that it is; none where it can't be read.
    pub(super) fn messages(&self) -> Option<&[Value]> {
        match self.json.as_ref()? {
            Value::Array(items) if items.is_empty() => None,
            Value::Array(items) => Some(items),
            one => Some(std::slice::from_ref(one)),
        }
    }

    /// The value of a field, where every reader finds the same.
    pub(super) fn field(&self, name: &str) -> Field<'_> {
        let mut found = self.named(name);
        match (found.next(), found.next(), self.known) {
            (None, _, Known::All) => Field::Absent,
            (Some((own, value)), None, Known::All) if own == name.as_bytes() => Field::Once(value),
            (_, _, Known::All | Known::Some) => Field::Unclear,
        }
    }

    /// Whether some reader may find a field of which this holds; what is absent is empty to it.
    pub(super) fn may_have(&self, name: &str, holds: impl Fn(&[u8]) -> bool) -> bool {
        let mut found = self.named(name).peekable();
        self.known == Known::Some
            || (found.peek().is_none() && holds(b""))
            || found.any(|(_, value)| holds(value))
    }

    /// Whether some server may go by another method that is named in the body.
    pub(super) fn may_rename(&self) -> bool {
        let named =
            |value: &Value| value.as_object().is_some_and(|all| all.keys().any(|own| folded(own) == METHOD));
        let in_json = match (&self.json, self.known) {
            (Some(json), _) => named(json),
            (None, known) => known == Known::Some,
        };
        in_json || self.named(METHOD).next().is_some()
    }

    /// What some reader may take for a field of that name.
    fn named(&self, name: &str) -> impl Iterator<Item = (&[u8], &[u8])> {
        let wanted = folded(name);
        self.fields
            .iter()
            .filter(move |(own, _)| is_named(own, &wanted))
            .map(|(own, value)| (&**own, &**value))
    }
}

/// Whether a query names another method, by which some servers go.
pub(super) fn names_method(query: &[u8]) -> bool {
    // Most have neither, and are not taken apart.
    query.iter().any(|byte| b"_%".contains(byte)) && pairs(query).any(|(name, _)| is_named(&name, METHOD))
}

/// Whether a name is the folded one, as it is or as that of a list.
fn is_named(own: &[u8], wanted: &str) -> bool {
    let own = folded(String::from_utf8_lossy(own).trim());
    own == wanted || own.split('[').next() == Some(wanted)
}

/// A field of a query or a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field<'a> {
    /// It is not there.
    Absent,
    /// It is there once, with this value.
    Once(&'a [u8]),
    /// It is there more than once, or nobody knows.
    Unclear,
}

/// The pairs of a query or a form. Some readers part them at semicolons too: where there are any, it is both.
fn pairs(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    text.split(|byte| *byte == b'&')
        .flat_map(|part| {
            let within = if part.contains(&b';') { part } else { b"" };
            std::iter::once(part).chain(within.split(|byte| *byte == b';'))
        })
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = equals.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            (of_form(name), of_form(value))
        })
}

fn of_form(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    decoded(&blanks).into_owned()
}

/// Percent escapes decoded, once; what is no escape stays.
pub(super) fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        match escape(rest) {
            Some(byte) => {
                out.push(byte);
                rest = &rest[3..];
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    Cow::Owned(out)
}

/// The byte that an escape at the start of a text stands for.
pub(super) fn escape(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}
