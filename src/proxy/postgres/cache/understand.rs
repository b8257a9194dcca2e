//! Which declared read a question is, what its answer depends on, and what it leaves behind in its client's session.

use std::rc::Rc;

use super::Cache;
use super::declared::{ReadId, Touch};
use super::question::{Asks, Bound, Question};
use crate::pool::id::Key;
use crate::proxy::postgres::names::UNNAMED_MAX;
use crate::proxy::postgres::side::ClientSide;
use crate::proxy::postgres::statements::{Statement, Statements};
use crate::wire::postgres::frame::HEADER_LEN;
use crate::wire::postgres::frontend::Parse;
use crate::wire::postgres::settings::Parameter;
use crate::wire::postgres::statement::Strings;

/// What is known of a shared statement.
#[derive(Clone, Debug)]
pub(in crate::proxy::postgres) struct Insight {
    pub(super) read: Option<(ReadId, Rc<[u8]>)>,
    pub(super) touch: Touch,
}

impl Cache {
    /// Which read a question is; its key is left in `key`.
    pub(super) fn understand(
        &mut self,
        side: &mut ClientSide,
        statements: &Statements,
        question: &Question<'_>,
        door: Key,
    ) -> Option<ReadId> {
        self.key.clear();
        self.key.extend_from_slice(&door.0.to_be_bytes());
        let read = match question.asks {
            Asks::Simple(text) => {
                let read = self.declared.find(text, &mut self.normal)?;
                self.key.push(b'Q');
                put(&mut self.key, &self.normal);
                read
            }
            Asks::Bound(bound) => {
                self.key.extend_from_slice(bound.shape.bytes());
                let read = self.understand_bound(side, statements, &bound)?;
                put(&mut self.key, bound.values);
                read
            }
        };
        let utf8 = side.wants.get(Parameter::ClientEncoding).is_none_or(|encoding| encoding == "UTF8");
        // In other encodings a byte of one letter may look like another one.
        if !utf8 && !self.key.is_ascii() {
            return None;
        }
        side.wants.write_answer_key(&mut self.key);
        Some(read)
    }

    fn understand_bound(
        &mut self,
        side: &mut ClientSide,
        statements: &Statements,
        bound: &Bound<'_>,
    ) -> Option<ReadId> {
        let names = side.known_names();
        if names.as_ref().is_some_and(|names| names.is_unsettled()) {
            return None;
        }
        if let Some((parse, message)) = &bound.parse {
            if parse.name.bytes.is_empty() && message.len() > UNNAMED_MAX {
                return None;
            }
            if !parse.name.bytes.is_empty() {
                if names.is_some_and(|names| names.full() || names.find(parse.name.bytes).is_some()) {
                    return None;
                }
                if let Some(known) = statements.find(&message[HEADER_LEN + parse.name.end() + 1..]) {
                    return self.understand_shared(known);
                }
            }
            return self.understand_parse(parse);
        }
        let names = names?;
        if !bound.statement.is_empty() {
            return self.understand_shared(names.find(bound.statement)?);
        }
        let parse = Parse::parse(names.unnamed()?.get(HEADER_LEN..)?).ok()?;
        self.understand_parse(&parse)
    }

    fn understand_parse(&mut self, parse: &Parse<'_>) -> Option<ReadId> {
        let (text, types) = parse.identity();
        let read = self.declared.find(text, &mut self.normal)?;
        put(&mut self.key, &self.normal);
        put(&mut self.key, types);
        Some(read)
    }

    fn understand_shared(&mut self, statement: &Statement) -> Option<ReadId> {
        let insight = self.insight(statement);
        let (read, normal) = insight.read.as_ref()?;
        put(&mut self.key, normal);
        // The types of its parameters, and before them how many there are.
        let text = memchr::memchr(0, statement.body())?;
        put(&mut self.key, statement.body().get(text + 3..)?);
        Some(*read)
    }

    /// What a shared statement is; looked into once.
    pub(super) fn insight<'s>(&mut self, statement: &'s Statement) -> &'s Insight {
        statement.insight().get_or_init(|| {
            let body = statement.body();
            let text = &body[..memchr::memchr(0, body).unwrap_or(body.len())];
            let mut normal = Vec::new();
            let read = self.declared.find(text, &mut normal);
            let touch = self.declared.touch(text, Strings::Standard);
            Insight { read: read.map(|read| (read, normal.into())), touch }
        })
    }
}

/// A piece of a key, with its length, so that no two make one.
fn put(key: &mut Vec<u8>, piece: &[u8]) {
    key.extend_from_slice(&(piece.len() as u64).to_be_bytes());
    key.extend_from_slice(piece);
}

/// What a question leaves behind in its client's session.
pub(super) fn take_effect(side: &mut ClientSide, statements: &mut Statements, asks: &Asks<'_>) {
    match asks {
        Asks::Simple(_) => {
            if let Some(names) = side.known_names() {
                names.forget_unnamed();
            }
        }
        Asks::Bound(Bound { parse: Some((parse, message)), .. }) if parse.name.bytes.is_empty() => {
            side.names().keep_unnamed(message);
        }
        Asks::Bound(Bound { parse: Some((parse, message)), .. }) => {
            let statement = statements.share(&message[HEADER_LEN + parse.name.end() + 1..]);
            side.names().add(parse.name.bytes, statement, 0);
            side.names().settle();
        }
        Asks::Bound(Bound { parse: None, .. }) => {}
    }
}
