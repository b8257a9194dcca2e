//! Under which name a statement is sent, and that the server has it by then.

use std::rc::Rc;

use super::Ends;
use crate::proxy::postgres::assembly::Assembly;
use crate::proxy::postgres::side::{ClientSide, ServerSide};
use crate::proxy::postgres::statements::{PREFIX, Statement};
use crate::wire::postgres::exchange::{Owed, Reply};
use crate::wire::postgres::fields::{Span, message};
use crate::wire::postgres::frontend::{Kind, Target, write_close, write_parse};

/// What is sent for an unnamed statement that was not kept: the server says in these words that it does not exist.
const UNNAMED_LOST: &[u8] = b"(unnamed, of an earlier transaction, and too long to be kept by fdguard)";
/// What is sent for a name that looks like one of ours and is not known.
const NAME_LOST: &[u8] = b"(a name that fdguard keeps for itself)";

/// The name that the server knows a client's statement by. Sees that the server has it.
pub(super) fn sent_name(name: Span<'_>, ends: &mut Ends<'_, '_>, out: &mut Assembly<'_>) -> Sent {
    if name.bytes.is_empty() {
        return unnamed(ends.client, ends.server, out);
    }
    let Some(statement) = ends.client.known_names().and_then(|names| names.find(name.bytes)).cloned() else {
        return foreign(name.bytes);
    };
    ensure(ends.server, &statement, out);
    Sent::Shared(statement)
}

/// Under which name a statement is asked for.
pub(super) enum Sent {
    AsItIs,
    Shared(Rc<Statement>),
    /// One that the server does not know and complains of.
    Lost(&'static [u8]),
}

impl Sent {
    pub(super) fn id(&self) -> Option<u32> {
        match self {
            Self::Shared(statement) => Some(statement.id()),
            Self::AsItIs | Self::Lost(_) => None,
        }
    }
}

/// Prepares another text than the client's, under the name that the client gave.
pub(super) fn replace(name: &[u8], text: &str, ends: &mut Ends<'_, '_>, out: &mut Assembly<'_>) {
    if !name.is_empty() {
        let mut body = text.as_bytes().to_vec();
        // The end of the text, and no types of parameters.
        body.extend_from_slice(&[0, 0, 0]);
        let statement = ends.cx.statements.share(&body);
        ends.client.names().add(name, Rc::clone(&statement), ends.server.exchange.batch_number());
        ensure(ends.server, &statement, out);
        ends.server.exchange.enter(Owed::Own(b'1'));
        return;
    }
    ends.server.unnamed_is_ours = true;
    ends.server.unnamed_sent = Some(ends.server.exchange.batch_number());
    write_parse(out.buffer(), b"", text.as_bytes(), &[]);
    ends.server.exchange.enter(Owed::Parse { statement: None, reply: Reply::Pass });
}

/// A name that is not in the client's book: made by SQL, or not at all. The server knows.
pub(super) fn foreign(name: &[u8]) -> Sent {
    if name.starts_with(PREFIX) { Sent::Lost(NAME_LOST) } else { Sent::AsItIs }
}

fn unnamed(client: &mut ClientSide, server: &mut ServerSide, out: &mut Assembly<'_>) -> Sent {
    if server.unnamed_is_ours {
        return Sent::AsItIs;
    }
    let Some(parse) = client.known_names().and_then(|names| names.unnamed()) else {
        return Sent::Lost(UNNAMED_LOST);
    };
    out.buffer().extend_from_slice(parse);
    server.exchange.enter(Owed::Parse { statement: None, reply: Reply::Swallow });
    server.unnamed_is_ours = true;
    Sent::AsItIs
}

/// Sees that the server has the statement, by a Parse of ours where it has not.
pub(super) fn ensure(server: &mut ServerSide, statement: &Statement, out: &mut Assembly<'_>) {
    let id = statement.id();
    if server.prepared.touch(id) {
        return;
    }
    let name = statement.name();
    message(out.buffer(), Kind::Parse.tag(), |out| {
        out.extend_from_slice(name.bytes());
        out.push(0);
        out.extend_from_slice(statement.body());
    });
    server.prepared.add(id, server.exchange.batch_number());
    server.exchange.enter(Owed::Parse { statement: Some(id), reply: Reply::Swallow });
}

/// Closes the statements of a server connection at rest beyond `most`, those not used for longest first.
pub(in crate::proxy::postgres) fn thin_out(server: &mut ServerSide, most: usize, out: &mut Vec<u8>) {
    while server.prepared.len() > most {
        let Some(id) = server.prepared.pop_oldest() else { return };
        write_close(out, Target::Statement, Statement::name_of(id).bytes());
        server.exchange.enter(Owed::Close(Reply::Swallow));
    }
}
