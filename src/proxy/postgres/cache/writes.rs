//! Writes that are under way, and what they mean for what is kept.

use std::time::Duration;

use super::Cache;
use super::declared::{NameId, ReadId, Touch};
use crate::model::clock::Timestamp;
use crate::proxy::postgres::statements::Statement;
use crate::wire::postgres::statement::Strings;

/// After a connection was lost in a write, whose end nobody knows, its reads go to the server for so long.
const DOUBT: Duration = Duration::from_secs(10);

/// What the texts that a server connection is at work on may write.
#[derive(Debug, Default)]
pub(in crate::proxy::postgres) struct Writes {
    names: Vec<NameId>,
    everything: bool,
}

impl Writes {
    pub(in crate::proxy::postgres) fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.everything
    }
}

/// How the answers of a read stand.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Goes on with each write that may change it.
    pub(super) turn: u64,
    /// Server connections that are at work on such writes.
    writers: u32,
    /// Until then the end of such a write is not known.
    doubt: Option<Timestamp>,
}

impl Cache {
    /// Whether the answers of a read can be kept at this moment.
    pub(super) fn is_sound(&mut self, read: ReadId, now: Timestamp) -> bool {
        let standing = &mut self.standings[usize::from(read)];
        if standing.doubt.is_some_and(|until| until <= now) {
            standing.doubt = None;
        }
        standing.writers == 0 && standing.doubt.is_none()
    }

    /// A text is about to be sent to a server connection.
    pub(in crate::proxy::postgres) fn note_text(
        &mut self,
        text: &[u8],
        strings: Strings,
        writes: &mut Writes,
    ) {
        let touch = self.declared.touch(text, strings);
        self.note(touch, writes);
    }

    /// A shared statement is about to be run.
    pub(in crate::proxy::postgres) fn note_statement(
        &mut self,
        statement: &Statement,
        strings: Strings,
        writes: &mut Writes,
    ) {
        let touch = match strings {
            Strings::Standard => self.insight(statement).touch,
            Strings::Backslash => {
                let body = statement.body();
                let text = &body[..memchr::memchr(0, body).unwrap_or(body.len())];
                self.declared.touch(text, strings)
            }
        };
        self.note(touch, writes);
    }

    /// A server connection is about to be sent what may write so.
    pub(in crate::proxy::postgres) fn note(&mut self, touch: Touch, writes: &mut Writes) {
        match touch {
            Touch::Nothing => {}
            Touch::Name(name) => {
                if !writes.everything && !writes.names.contains(&name) {
                    writes.names.push(name);
                    for at in 0..self.declared.list(name).len() {
                        self.begin_write(self.declared.list(name)[at]);
                    }
                }
            }
            Touch::Everything => {
                if !std::mem::replace(&mut writes.everything, true) {
                    self.declared.ids().for_each(|read| self.begin_write(read));
                }
            }
        }
    }

    fn begin_write(&mut self, read: ReadId) {
        let standing = &mut self.standings[usize::from(read)];
        standing.writers += 1;
        standing.turn += 1;
        self.dropped += self.store.drop_read(read) as u64;
    }

    /// Everything that a server connection was at work on has ended.
    pub(in crate::proxy::postgres) fn settle(&mut self, writes: &mut Writes) {
        for read in self.reads_of(writes) {
            let standing = &mut self.standings[usize::from(read)];
            standing.writers -= 1;
        }
        *writes = Writes::default();
    }

    /// A server connection is lost in the middle of what it was at work on: how that ends is not known.
    pub(in crate::proxy::postgres) fn lose(&mut self, writes: &mut Writes, now: Timestamp) {
        for read in self.reads_of(writes) {
            self.standings[usize::from(read)].doubt = Some(now + DOUBT);
        }
        self.settle(writes);
    }

    /// The reads of all lists of a connection; one that is in several, so many times.
    fn reads_of(&self, writes: &Writes) -> Vec<ReadId> {
        let mut reads: Vec<ReadId> =
            writes.names.iter().flat_map(|name| self.declared.list(*name).iter().copied()).collect();
        if writes.everything {
            reads.extend(self.declared.ids());
        }
        reads
    }
}

#[cfg(test)]
impl Cache {
    /// Whether no write is under way.
    pub(super) fn is_settled(&self) -> bool {
        self.standings.iter().all(|standing| standing.writers == 0)
    }
}
