//! What a client asks at the start of a unit of work, where it is one whole question: a simple query, or a batch that
//! binds and runs one statement, up to its Sync.

use crate::wire::postgres::frame::{HEADER_LEN, Header, MESSAGE_MAX};
use crate::wire::postgres::frontend::{Bind, Execute, Kind, Named, Parse, Target, query};

/// The most messages of a batch that is looked at.
const MESSAGES_MAX: usize = 8;

/// One whole question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Question<'q> {
    /// Its bytes, of those that were given.
    pub(super) len: usize,
    pub(super) asks: Asks<'q>,
}

/// What it asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asks<'q> {
    /// A text.
    Simple(&'q [u8]),
    /// A statement with values.
    Bound(Bound<'q>),
}

/// A batch that runs one statement in the unnamed portal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bound<'q> {
    /// The Parse that comes first, with its whole message.
    pub(super) parse: Option<(Parse<'q>, &'q [u8])>,
    /// The statement's name.
    pub(super) statement: &'q [u8],
    /// Formats, values, result formats, as sent.
    pub(super) values: &'q [u8],
    /// Which messages it is made of: the answer has one for each.
    pub(super) shape: Shape,
}

/// The tags of a batch; a Describe of the statement has a small letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Shape {
    tags: [u8; MESSAGES_MAX],
}

/// How far a batch has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Begun,
    Parsed,
    Bound,
    Run,
}

impl Shape {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.tags
    }
}

/// The question at the start of `bytes`, where it is whole and of a form that is known here.
pub(super) fn question(bytes: &[u8]) -> Option<Question<'_>> {
    let (kind, message) = next(bytes)?;
    if kind == Kind::Query {
        let asks = Asks::Simple(query(&message[HEADER_LEN..]).ok()?);
        return Some(Question { len: message.len(), asks });
    }
    batch(bytes)
}

/// The first message, where it is whole.
fn next(bytes: &[u8]) -> Option<(Kind, &[u8])> {
    let header = Header::parse(bytes, MESSAGE_MAX).ok()??;
    let len = usize::try_from(header.message_len()).ok()?;
    let message = bytes.get(..len)?;
    Some((Kind::of(header.tag)?, message)).filter(|(kind, _)| header.len <= kind.length_max())
}

fn batch(bytes: &[u8]) -> Option<Question<'_>> {
    let mut shape = Shape::default();
    let (mut parse, mut bind, mut described) = (None, None, None);
    let mut stage = Stage::Begun;
    let mut at = 0;
    for place in 0..MESSAGES_MAX {
        let (kind, message) = next(&bytes[at..])?;
        let body = &message[HEADER_LEN..];
        at += message.len();
        shape.tags[place] = kind.tag();
        match kind {
            Kind::Parse if stage == Stage::Begun => {
                parse = Some((Parse::parse(body).ok()?, message));
                stage = Stage::Parsed;
            }
            Kind::Bind if stage < Stage::Bound => {
                bind = Bind::parse(body).ok().filter(|bind| bind.portal.bytes.is_empty());
                bind?;
                stage = Stage::Bound;
            }
            Kind::Describe => {
                let named = Named::parse(body).ok()?;
                match named.target {
                    Target::Portal if stage == Stage::Bound && named.name.bytes.is_empty() => {}
                    Target::Statement if described.is_none() && stage < Stage::Run => {
                        described = Some(named.name.bytes);
                        shape.tags[place] = b'd';
                    }
                    Target::Portal | Target::Statement => return None,
                }
            }
            Kind::Execute if stage == Stage::Bound => {
                let execute = Execute::parse(body).ok()?;
                if !execute.portal.bytes.is_empty() || execute.rows_max != 0 {
                    return None;
                }
                stage = Stage::Run;
            }
            Kind::Close if stage == Stage::Run => {
                let named = Named::parse(body).ok()?;
                if named.target != Target::Portal || !named.name.bytes.is_empty() {
                    return None;
                }
            }
            Kind::Sync if stage == Stage::Run => {
                let bind = bind?;
                let statement = bind.statement.bytes;
                let one = parse.is_none_or(|(parse, _)| parse.name.bytes == statement)
                    && described.is_none_or(|name| name == statement);
                let asks = Asks::Bound(Bound { parse, statement, values: bind.rest, shape });
                return one.then_some(Question { len: at, asks });
            }
            Kind::Bind
            | Kind::Close
            | Kind::CopyData
            | Kind::CopyDone
            | Kind::CopyFail
            | Kind::Execute
            | Kind::Flush
            | Kind::FunctionCall
            | Kind::Parse
            | Kind::Password
            | Kind::Query
            | Kind::Sync
            | Kind::Terminate => return None,
        }
    }
    None
}
