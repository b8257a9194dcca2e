//! Messages of a server, as text that can be compared and read.

use fdguard::wire::postgres::backend::{DataRow, Reported, RowDescription};

/// A message as it came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) tag: u8,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The code of an error; none of any other message.
    pub(crate) fn code(&self) -> Option<String> {
        (self.tag == b'E').then(|| text(Reported::parse(&self.body).unwrap().code().unwrap()))
    }

    /// The values of a row.
    pub(crate) fn values(&self) -> Vec<Option<String>> {
        assert_eq!(self.tag, b'D', "{self:?}");
        DataRow::parse(&self.body).unwrap().values().map(|value| value.map(text)).collect()
    }

    /// A row's columns, but for the number of their table.
    fn columns(&self) -> String {
        let columns = RowDescription::parse(&self.body).unwrap();
        let told = columns.columns().map(|c| format!(" {} {} {}", c.name.escape_ascii(), c.oid, c.format));
        told.collect()
    }

    /// An error's or notice's fields, but for the name of a statement: the server knows it under another one.
    fn reported(&self) -> String {
        let mut told = String::new();
        for (kind, value) in Reported::parse(&self.body).unwrap().fields() {
            let value = text(value);
            let value = match value.split_once("prepared statement \"") {
                Some((before, name)) => {
                    format!("{before}prepared statement {}", name.split_once('"').unwrap().1)
                }
                None => value,
            };
            told.extend([" ", char::from(kind).encode_utf8(&mut [0; 4]), "=", &value]);
        }
        told
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tag = char::from(self.tag);
        match tag {
            'E' | 'N' => write!(f, "{tag}{}", self.reported()),
            'T' => write!(f, "{tag}{}", self.columns()),
            _ if self.body.len() > SHOWN_MAX => {
                write!(f, "{tag} {} bytes, {:x}", self.body.len(), sum(&self.body))
            }
            _ => write!(f, "{tag} {}", self.body.escape_ascii()),
        }
    }
}

/// A longer body is told by its length and its sum.
const SHOWN_MAX: usize = 4_096;

/// FNV-1a.
fn sum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What was said, a line for each message.
pub(crate) fn told(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| format!("{message:?}")).collect()
}

/// The tags alone, e.g. `12DCZ`.
pub(crate) fn tags(messages: &[Message]) -> String {
    messages.iter().map(|message| char::from(message.tag)).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
