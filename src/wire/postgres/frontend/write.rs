//! Messages of a client, built: by the proxy towards its servers, and anew with another statement name.

use super::super::fields::{Span, message, put_count, put_string, put_u16, put_u32, put_value};
use super::super::frame::{HEADER_LEN, Header};
use super::{Kind, Target};

/// Appends a Query.
pub fn write_query(out: &mut Vec<u8>, text: &[u8]) {
    message(out, Kind::Query.tag(), |out| put_string(out, text));
}

/// Appends a Parse.
pub fn write_parse(out: &mut Vec<u8>, name: &[u8], query: &[u8], types: &[u32]) {
    message(out, Kind::Parse.tag(), |out| {
        put_string(out, name);
        put_string(out, query);
        put_count(out, types.len());
        types.iter().for_each(|oid| put_u32(out, *oid));
    });
}

/// Appends a Bind with values as text and results as text.
pub fn write_bind(out: &mut Vec<u8>, portal: &[u8], statement: &[u8], values: &[Option<&[u8]>]) {
    message(out, Kind::Bind.tag(), |out| {
        put_string(out, portal);
        put_string(out, statement);
        put_u16(out, 0);
        put_count(out, values.len());
        values.iter().for_each(|value| put_value(out, *value));
        put_u16(out, 0);
    });
}

/// Appends a Describe.
pub fn write_describe(out: &mut Vec<u8>, target: Target, name: &[u8]) {
    write_named(out, Kind::Describe, target, name);
}

/// Appends a Close.
pub fn write_close(out: &mut Vec<u8>, target: Target, name: &[u8]) {
    write_named(out, Kind::Close, target, name);
}

fn write_named(out: &mut Vec<u8>, kind: Kind, target: Target, name: &[u8]) {
    message(out, kind.tag(), |out| {
        out.push(target.byte());
        put_string(out, name);
    });
}

/// Appends an Execute; 0 rows means all.
pub fn write_execute(out: &mut Vec<u8>, portal: &[u8], rows_max: u32) {
    message(out, Kind::Execute.tag(), |out| {
        put_string(out, portal);
        put_u32(out, rows_max);
    });
}

/// Appends a Sync.
pub fn write_sync(out: &mut Vec<u8>) {
    message(out, Kind::Sync.tag(), |_| {});
}

/// Appends a Flush.
pub fn write_flush(out: &mut Vec<u8>) {
    message(out, Kind::Flush.tag(), |_| {});
}

/// Appends a Terminate.
pub fn write_terminate(out: &mut Vec<u8>) {
    message(out, Kind::Terminate.tag(), |_| {});
}

/// Appends bytes of a COPY.
pub fn write_copy_data(out: &mut Vec<u8>, data: &[u8]) {
    message(out, Kind::CopyData.tag(), |out| out.extend_from_slice(data));
}

/// Appends a CopyDone.
pub fn write_copy_done(out: &mut Vec<u8>) {
    message(out, Kind::CopyDone.tag(), |_| {});
}

/// Appends a CopyFail.
pub fn write_copy_fail(out: &mut Vec<u8>, reason: &[u8]) {
    message(out, Kind::CopyFail.tag(), |out| put_string(out, reason));
}

/// Appends a password, clear or md5.
pub fn write_password(out: &mut Vec<u8>, password: &[u8]) {
    message(out, Kind::Password.tag(), |out| put_string(out, password));
}

/// Appends the first step of SASL.
pub fn write_sasl_initial(out: &mut Vec<u8>, mechanism: &[u8], data: &[u8]) {
    message(out, Kind::Password.tag(), |out| {
        put_string(out, mechanism);
        put_value(out, Some(data));
    });
}

/// Appends a further step of SASL.
pub fn write_sasl_response(out: &mut Vec<u8>, data: &[u8]) {
    message(out, Kind::Password.tag(), |out| out.extend_from_slice(data));
}

/// Appends the message with `name` in the place of `old`, up to and without the terminator of the name.
/// `start` is the message's body as far as it is there, at least to the end of `old`.
///
/// Gives the offset in the body from which the rest goes out untouched: `old.end()`. So a message whose end
/// has not come yet can be renamed and its rest forwarded as it comes.
pub fn write_renamed(out: &mut Vec<u8>, header: Header, start: &[u8], old: Span<'_>, name: &[u8]) -> usize {
    debug_assert!(!name.contains(&0), "a name with a terminator within");
    let kept = i64::from(header.len) - size(old.bytes.len());
    let len = u32::try_from(kept + size(name.len())).expect("a message and a name are far under 4 GiB");
    out.reserve(HEADER_LEN + old.at + name.len());
    out.extend_from_slice(&Header { tag: header.tag, len }.bytes());
    out.extend_from_slice(&start[..old.at]);
    out.extend_from_slice(name);
    old.end()
}

fn size(len: usize) -> i64 {
    i64::try_from(len).expect("no slice is longer than an i64 can say")
}
