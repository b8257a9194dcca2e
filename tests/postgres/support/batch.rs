//! Pieces of the extended protocol that most cases need.

use fdguard::wire::postgres::fields::{message, put_u16, put_u32, put_value};
use fdguard::wire::postgres::frontend::{write_bind, write_execute, write_parse, write_sync};

/// Prepares, binds and executes, without a Sync.
pub(crate) fn run(out: &mut Vec<u8>, name: &str, text: &str, values: &[Option<&[u8]>]) {
    write_parse(out, name.as_bytes(), text.as_bytes(), &[]);
    bind(out, name, values);
}

/// Binds and executes, without a Sync.
pub(crate) fn bind(out: &mut Vec<u8>, name: &str, values: &[Option<&[u8]>]) {
    write_bind(out, b"", name.as_bytes(), values);
    write_execute(out, b"", 0);
}

/// Prepares, binds, executes, and ends the batch.
pub(crate) fn whole(out: &mut Vec<u8>, name: &str, text: &str, values: &[Option<&[u8]>]) {
    run(out, name, text, values);
    write_sync(out);
}

/// Binds, executes, and ends the batch.
pub(crate) fn again(out: &mut Vec<u8>, name: &str, values: &[Option<&[u8]>]) {
    bind(out, name, values);
    write_sync(out);
}

/// A COPY prepared, bound and executed, without a Sync.
pub(crate) fn copy(out: &mut Vec<u8>, name: &str, text: &str) {
    run(out, name, text, &[]);
}

/// Calls a function by its number with binary values.
pub(crate) fn call(out: &mut Vec<u8>, function: u32, values: &[&[u8]]) {
    message(out, b'F', |out| {
        put_u32(out, function);
        put_u16(out, 1);
        put_u16(out, 1);
        put_u16(out, u16::try_from(values.len()).unwrap());
        values.iter().for_each(|value| put_value(out, Some(value)));
        put_u16(out, 1);
    });
}

/// A message with any tag and body.
pub(crate) fn raw(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    message(out, tag, |out| out.extend_from_slice(body));
}

/// A message with a length field that may lie.
pub(crate) fn lying(out: &mut Vec<u8>, tag: u8, len: u32, body: &[u8]) {
    out.push(tag);
    put_u32(out, len);
    out.extend_from_slice(body);
}
