//! An answer as it passes to the client that asked, kept until it is whole.

use std::rc::Rc;

use super::declared::ReadId;
use crate::wire::postgres::frame::{HEADER_LEN, Header, MESSAGE_MAX};

/// A question that is going to be sent to the server, and whose answer is to be kept.
#[derive(Debug)]
pub(in crate::proxy::postgres) struct Mark {
    pub(super) read: ReadId,
    pub(super) key: Rc<[u8]>,
    /// The turn of its read when it was sent.
    pub(super) turn: u64,
    /// The flight that others may wait for.
    pub(super) flight: Option<u64>,
    /// Its bytes.
    pub(super) len: usize,
    /// The largest answer.
    pub(super) size: usize,
}

impl Mark {
    /// The bytes of the question.
    pub(in crate::proxy::postgres) fn len(&self) -> usize {
        self.len
    }
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// More is to come.
    More,
    /// It is whole.
    Whole,
    /// It is none to keep: an error, a notice, too large.
    Unfit,
}

/// The answer to a question.
#[derive(Debug)]
pub(in crate::proxy::postgres) struct Recording {
    pub(super) mark: Mark,
    heard: Vec<u8>,
    /// Where the next message begins, which may lie ahead.
    next: usize,
}

impl Recording {
    pub(super) fn of(mark: Mark) -> Self {
        Self { mark, heard: Vec::new(), next: 0 }
    }

    /// Takes what was said to the client.
    pub(super) fn hear(&mut self, said: &[u8]) -> Heard {
        self.heard.extend_from_slice(said);
        loop {
            let rest = self.heard.get(self.next..).unwrap_or_default();
            let header = match Header::parse(rest, MESSAGE_MAX) {
                Ok(Some(header)) => header,
                Ok(None) if self.heard.len() > self.mark.size => return Heard::Unfit,
                Ok(None) => return Heard::More,
                Err(_) => return Heard::Unfit,
            };
            if !is_plain(header.tag) {
                return Heard::Unfit;
            }
            let Some(end) =
                usize::try_from(header.message_len()).ok().and_then(|len| self.next.checked_add(len))
            else {
                return Heard::Unfit;
            };
            if end > self.mark.size {
                return Heard::Unfit;
            }
            if header.tag == b'Z' {
                let idle = rest.get(HEADER_LEN..).and_then(<[u8]>::first) == Some(&b'I');
                self.heard.truncate(end);
                return match (self.heard.len() == end, idle) {
                    (false, _) => Heard::More,
                    (true, true) => Heard::Whole,
                    (true, false) => Heard::Unfit,
                };
            }
            self.next = end;
        }
    }

    /// The whole answer.
    pub(super) fn answer(&self) -> Rc<[u8]> {
        self.heard.as_slice().into()
    }
}

/// What an answer may be made of: completions, descriptions, rows. Errors, notices, changed settings and the like are of
/// their moment.
fn is_plain(tag: u8) -> bool {
    matches!(tag, b'1' | b'2' | b'3' | b'T' | b't' | b'n' | b'D' | b'C' | b'Z')
}
