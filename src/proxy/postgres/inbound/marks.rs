//! What a client's text does to its session, and to what the read cache keeps.

use super::Ends;
use super::sent::{Sent, ensure};
use crate::proxy::postgres::assembly::Assembly;
use crate::proxy::postgres::cache::Touch;
use crate::proxy::postgres::effects;
use crate::proxy::postgres::resets::Resets;
use crate::proxy::postgres::side::{Keeps, ServerSide};
use crate::wire::postgres::fields::Span;
use crate::wire::postgres::frame::HEADER_LEN;
use crate::wire::postgres::frontend::Parse;
use crate::wire::postgres::statement::Pin;

/// A text is going to run, of which `left` bytes are not here yet.
pub(super) fn note_query(text: &[u8], left: u64, ends: &mut Ends<'_, '_>) {
    let Some(cache) = ends.cx.cache.as_deref_mut() else { return };
    match left {
        0 => cache.note_text(text, ends.client.strings(), &mut ends.server.writes),
        _ => cache.note(Touch::Everything, &mut ends.server.writes),
    }
}

/// A function is going to be called by its number.
pub(super) fn note_call(ends: &mut Ends<'_, '_>) {
    if let Some(cache) = ends.cx.cache.as_deref_mut() {
        cache.note(Touch::Everything, &mut ends.server.writes);
    }
}

/// What is bound is going to run.
pub(super) fn note_bound(sent: &Sent, name: Span<'_>, ends: &mut Ends<'_, '_>) {
    let Some(cache) = ends.cx.cache.as_deref_mut() else { return };
    let strings = ends.client.strings();
    let writes = &mut ends.server.writes;
    if let Sent::Shared(statement) = sent {
        return cache.note_statement(statement, strings, writes);
    }
    let unnamed =
        ends.client.known_names().filter(|_| name.bytes.is_empty()).and_then(|names| names.unnamed());
    match unnamed.and_then(|parse| Parse::parse(parse.get(HEADER_LEN..)?).ok()) {
        Some(parse) => cache.note_text(parse.query.bytes, strings, writes),
        // Prepared by SQL, or too long to be kept here.
        None => cache.note(Touch::Everything, writes),
    }
}

/// Of a text that is sent as it is: settings that it gives back, and what its client keeps the session for while it says
/// nothing.
pub(super) fn note_session(text: &[u8], ends: &mut Ends<'_, '_>) {
    let marks = effects::read(text, ends.client.strings(), None);
    note_resets(marks.resets, ends.server);
    if let Some(pin @ (Pin::Listen | Pin::AdvisoryLock)) = marks.pin {
        ends.client.pinned.get_or_insert(pin);
    }
}

fn note_resets(resets: Option<Box<Resets>>, server: &mut ServerSide) {
    if let Some(resets) = resets {
        server.resets.ask(resets);
    }
}

/// Takes up what a text does to its session; gives what is to be sent in its place, where not itself.
pub(super) fn instead(text: &[u8], ends: &mut Ends<'_, '_>, out: &mut Assembly<'_>) -> Option<String> {
    let strings = ends.client.strings();
    let marks = effects::read(text, strings, ends.client.known_names().as_deref());
    if let Some((name, statement)) = marks.deallocates {
        ensure(ends.server, &statement, out);
        ends.client.deallocates = Some(name);
        ends.server.deallocates = Some(statement.id());
        return Some(format!("DEALLOCATE {}", String::from_utf8_lossy(statement.name().bytes())));
    }
    note_resets(marks.resets, ends.server);
    let pin = marks.pin?;
    if ends.client.pinned.is_none() && ends.cx.keeps == Keeps::Refuses {
        return Some(effects::refusal(pin));
    }
    ends.client.pinned.get_or_insert(pin);
    ends.server.stateful = true;
    None
}
