//! Messages of a server, built. Errors and notices are built in [`sqlstate`](super::super::sqlstate).

use super::super::fields::{message, put_count, put_string, put_u16, put_u32};
use super::super::startup::Version;
use super::{Kind, Transaction};

/// Appends an AuthenticationOk.
pub fn write_auth_ok(out: &mut Vec<u8>) {
    auth(out, 0, &[]);
}

/// Appends a request for the password as it is.
pub fn write_auth_cleartext(out: &mut Vec<u8>) {
    auth(out, 3, &[]);
}

/// Appends a request for the password hashed with this salt.
pub fn write_auth_md5(out: &mut Vec<u8>, salt: [u8; 4]) {
    auth(out, 5, &salt);
}

/// Appends an offer of SASL mechanisms.
pub fn write_auth_sasl(out: &mut Vec<u8>, mechanisms: &[&str]) {
    message(out, Kind::Authentication.tag(), |out| {
        put_u32(out, 10);
        mechanisms.iter().for_each(|name| put_string(out, name.as_bytes()));
        out.push(0);
    });
}

/// Appends the server's message in the middle of SASL.
pub fn write_auth_sasl_continue(out: &mut Vec<u8>, data: &[u8]) {
    auth(out, 11, data);
}

/// Appends the server's last message of SASL.
pub fn write_auth_sasl_final(out: &mut Vec<u8>, data: &[u8]) {
    auth(out, 12, data);
}

fn auth(out: &mut Vec<u8>, method: u32, data: &[u8]) {
    message(out, Kind::Authentication.tag(), |out| {
        put_u32(out, method);
        out.extend_from_slice(data);
    });
}

/// Appends a BackendKeyData.
pub fn write_backend_key_data(out: &mut Vec<u8>, pid: u32, key: &[u8]) {
    message(out, Kind::BackendKeyData.tag(), |out| {
        put_u32(out, pid);
        out.extend_from_slice(key);
    });
}

/// Appends a ParameterStatus.
pub fn write_parameter_status(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    message(out, Kind::ParameterStatus.tag(), |out| {
        put_string(out, name);
        put_string(out, value);
    });
}

/// Appends a ReadyForQuery.
pub fn write_ready_for_query(out: &mut Vec<u8>, transaction: Transaction) {
    message(out, Kind::ReadyForQuery.tag(), |out| out.push(transaction.byte()));
}

/// Appends a CommandComplete.
pub fn write_command_complete(out: &mut Vec<u8>, tag: &str) {
    message(out, Kind::CommandComplete.tag(), |out| put_string(out, tag.as_bytes()));
}

/// Appends a message of a kind that has no body: ParseComplete, BindComplete, CloseComplete, NoData,
/// PortalSuspended, EmptyQueryResponse, CopyDone.
pub fn write_bare(out: &mut Vec<u8>, kind: Kind) {
    message(out, kind.tag(), |_| {});
}

/// Appends a ParameterDescription.
pub fn write_parameter_description(out: &mut Vec<u8>, types: &[u32]) {
    message(out, Kind::ParameterDescription.tag(), |out| {
        put_count(out, types.len());
        types.iter().for_each(|oid| put_u32(out, *oid));
    });
}

/// Appends the start of a COPY of text columns; `kind` says in which direction.
pub fn write_copy_response(out: &mut Vec<u8>, kind: Kind, columns: usize) {
    message(out, kind.tag(), |out| {
        out.push(0);
        put_count(out, columns);
        (0..columns).for_each(|_| put_u16(out, 0));
    });
}

/// Appends a NegotiateProtocolVersion: what is granted, and the options that are not known.
pub fn write_negotiate<'o>(
    out: &mut Vec<u8>,
    granted: Version,
    options: impl Iterator<Item = &'o [u8]> + Clone,
) {
    message(out, Kind::NegotiateProtocolVersion.tag(), |out| {
        put_u32(out, granted.code());
        let count = options.clone().count();
        put_u32(out, u32::try_from(count).expect("a startup packet has far fewer options"));
        options.for_each(|option| put_string(out, option));
    });
}
