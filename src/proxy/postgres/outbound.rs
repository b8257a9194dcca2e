//! From the server to the client: every message crosses out what it answers. Rows are passed by their headers alone.

use crate::proxy::postgres::assembly::Assembly;
use crate::proxy::postgres::inbound::{split, take_rest};
use crate::proxy::postgres::resets;
use crate::proxy::postgres::side::{ClientSide, Rest, ServerSide, reported};
use crate::proxy::postgres::statements::Statements;
use crate::wire::postgres::backend::{Reported as Report, parameter_status};
use crate::wire::postgres::exchange::{Owed, Reply, Verdict};
use crate::wire::postgres::frame::{FrameError, HEADER_LEN, Header, MESSAGE_MAX};
use crate::wire::postgres::statement::Pin;

/// Messages that are looked into wait for their end up to this size.
const WHOLE_MAX: u64 = 64 << 10;

/// Why a server can't be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Lost {
    /// The stream makes no sense.
    #[error("the server's stream can't be followed")]
    Frame(#[from] FrameError),
    /// A message that is not built as its type has to be.
    #[error("malformed message of type {0:#04x}")]
    Malformed(u8),
}

/// Takes what the assembly's input holds of messages; gives how many bytes were taken. Without a client nothing is sent on.
pub(super) fn take(
    server: &mut ServerSide,
    mut client: Option<&mut ClientSide>,
    statements: &mut Statements,
    input: &[u8],
    out: &mut Assembly<'_>,
) -> Result<usize, Lost> {
    let mut at = take_rest(&mut server.rest, input, out);
    while let Some(header) = Header::parse(&input[at..], MESSAGE_MAX)? {
        let (here, left) = split(header, input.len() - at);
        if left > 0 && is_looked_into(header.tag) {
            match header.tag {
                _ if header.message_len() <= WHOLE_MAX => break,
                // A long one carries a text of the client's own; what matters stands before it.
                b'E' => {}
                tag => return Err(Lost::Malformed(tag)),
            }
        }
        let body = &input[at + HEADER_LEN..at + here];
        let verdict = match header.tag {
            b'D' | b'd' | b'N' | b'A' => {
                if let Some(Owed::Own(_)) = server.exchange.front() {
                    own_replies(server, client.as_deref_mut(), out);
                }
                verdict_of(addressee(server))
            }
            b'S' => {
                let (name, value) = parameter_status(body).map_err(|_| Lost::Malformed(b'S'))?;
                let to = addressee(server);
                if to == Reply::Pass {
                    reported(server, client.as_deref_mut(), name, value);
                }
                verdict_of(to)
            }
            tag => answer(server, client.as_deref_mut(), statements, (tag, body), out),
        };
        let dropped = verdict == Verdict::Swallow || client.is_none();
        if !dropped {
            out.keep(at..at + here);
        }
        server.rest = Rest { left, dropped };
        at += here;
    }
    Ok(at)
}

/// Messages whose body decides something. An error may be longer than it is waited for; all others may not.
fn is_looked_into(tag: u8) -> bool {
    matches!(tag, b'Z' | b'S' | b'E')
}

/// Who gets what answers nothing: rows, COPY data, and messages that may come at any time.
fn addressee(server: &ServerSide) -> Reply {
    match server.exchange.front() {
        Some(Owed::Query(Reply::Swallow)) => Reply::Swallow,
        Some(_) | None => Reply::Pass,
    }
}

fn verdict_of(reply: Reply) -> Verdict {
    match reply {
        Reply::Pass => Verdict::Pass,
        Reply::Swallow => Verdict::Swallow,
    }
}

/// A message that answers something.
fn answer(
    server: &mut ServerSide,
    mut client: Option<&mut ClientSide>,
    statements: &mut Statements,
    (tag, body): (u8, &[u8]),
    out: &mut Assembly<'_>,
) -> Verdict {
    own_replies(server, client.as_deref_mut(), out);
    let named = match (tag, server.exchange.front()) {
        (b'1', Some(Owed::Parse { statement: Some(id), reply })) => {
            server.prepared.answered(id);
            reply == Reply::Pass
        }
        _ => false,
    };
    if tag == b'E'
        && is_stale_plan(body)
        && let Some(Owed::Bind(Some(id)) | Owed::Describe(Some(id))) = server.exchange.front()
    {
        statements.renew(id);
    }
    if tag == b'C' && matches!(body.first(), Some(b'D' | b'R')) {
        let to = addressee(server);
        forget(server, client.as_deref_mut(), body);
        if to == Reply::Pass && matches!(body, b"RESET\0" | b"DISCARD ALL\0") {
            server.resets.succeed();
        }
    }
    let verdict = server.exchange.answered(tag, body);
    if named && let Some(names) = client.as_deref_mut().and_then(ClientSide::known_names) {
        names.settle();
    }
    if server.exchange.has_dropped() {
        take_back(server, client.as_deref_mut());
    }
    if server.exchange.quiet() {
        server.unnamed_sent = None;
        if server.deallocates.take().is_some()
            && let Some(client) = client.as_deref_mut()
        {
            // It failed: the statement is still there.
            client.deallocates = None;
        }
        if server.resets.is_under_way() {
            resets::settle(server, client);
        }
    }
    verdict
}

/// Replies of ours whose turn it is.
pub(super) fn own_replies(
    server: &mut ServerSide,
    mut client: Option<&mut ClientSide>,
    out: &mut Assembly<'_>,
) {
    while let Some(tag) = server.exchange.own_reply() {
        if let Some(client) = client.as_deref_mut() {
            out.buffer().extend_from_slice(&[tag, 0, 0, 0, 4]);
            client.names().settle();
        }
    }
}

/// An error made the server skip requests whose effect was taken as given.
fn take_back(server: &mut ServerSide, client: Option<&mut ClientSide>) {
    let mut names = 0;
    let mut unnamed = 0;
    for request in server.exchange.take_dropped() {
        match request {
            Owed::Parse { statement: Some(id), reply } => {
                server.prepared.remove(id);
                names += usize::from(reply == Reply::Pass);
            }
            Owed::Parse { statement: None, reply } => {
                server.unnamed_is_ours = false;
                unnamed += usize::from(reply == Reply::Pass);
            }
            Owed::Own(_) => names += 1,
            Owed::Query(_)
            | Owed::FunctionCall
            | Owed::Sync(_)
            | Owed::Bind(_)
            | Owed::Describe(_)
            | Owed::Execute
            | Owed::Close(_)
            | Owed::CopyEnd
            | Owed::Probe => {}
        }
    }
    let Some(client) = client else { return };
    if names > 0 {
        client.names().take_back(names);
    }
    if unnamed > 0
        && let Some(names) = client.known_names()
    {
        // The server has its last one, or none: which, is not known here.
        names.forget_unnamed();
    }
}

/// Statements go by command, and with DISCARD ALL all other state.
fn forget(server: &mut ServerSide, client: Option<&mut ClientSide>, tag: &[u8]) {
    match tag {
        b"DISCARD ALL\0" | b"DEALLOCATE ALL\0" => {
            server.prepared.clear();
            let Some(client) = client else { return };
            if let Some(names) = client.known_names() {
                names.clear();
            }
            if tag == b"DISCARD ALL\0" {
                // The settings of its start that pinned it come back, and pin it again.
                client.pinned = (!client.extras.is_empty()).then_some(Pin::Setting);
                server.stateful = !client.extras.is_empty();
            }
        }
        b"DEALLOCATE\0" => {
            let Some(id) = server.deallocates.take() else { return };
            server.prepared.remove(id);
            let Some(client) = client else { return };
            if let Some(name) = client.deallocates.take() {
                client.names().forget(&name);
            }
        }
        _ => {}
    }
}

/// "cached plan must not change result type": the tables of a prepared statement have changed.
fn is_stale_plan(body: &[u8]) -> bool {
    let report = Report::parse(body);
    report.is_ok_and(|report| {
        report.code() == Some(b"0A000") && report.get(b'R') == Some(b"RevalidateCachedQuery")
    })
}
