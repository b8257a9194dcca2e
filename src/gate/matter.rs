//! What conditions look at: the JSON of a body or message, and the fields of a query and a form.

use std::borrow::Cow;

use serde_json::Value;

use super::strict;

/// What is known beside the head.
#[derive(Clone, PartialEq, Debug)]
pub struct Matter {
    /// The JSON; none where there is none that can be read in one way.
    json: Option<Value>,
    /// Names and values, decoded; none where they can't be told.
    fields: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Matter {
    /// Of a request: its query, and its whole body where that was read.
    pub fn of_request(query: &[u8], body: Option<&[u8]>) -> Self {
        let Some(body) = body else { return Self { json: None, fields: None } };
        let mut fields = Vec::new();
        // Who reads a form does not always look at the type: a body counts as one whatever it says it is.
        [query, body].into_iter().for_each(|text| fields.extend(pairs(text)));
        Self { json: strict::parse(body), fields: Some(fields) }
    }

    /// Of a message.
    pub fn of_message(text: &[u8]) -> Self {
        Self { json: strict::parse(text), fields: None }
    }

    /// The messages in it: the items of a batch, or the one that it is; none where it can't be read.
    pub(super) fn messages(&self) -> Option<&[Value]> {
        match self.json.as_ref()? {
            Value::Array(items) if items.is_empty() => None,
            Value::Array(items) => Some(items),
            one => Some(std::slice::from_ref(one)),
        }
    }

    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Field<'_> {
        let Some(fields) = &self.fields else { return Field::Unclear };
        let mut found = fields.iter().filter(|(own, _)| own == name.as_bytes());
        match (found.next(), found.next()) {
            (None, _) => Field::Absent,
            (Some((_, value)), None) => Field::Once(value),
            (Some(_), Some(_)) => Field::Unclear,
        }
    }
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

/// The pairs of a query or a form.
fn pairs(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
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
