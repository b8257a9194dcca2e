//! The extended protocol: prepared, renamed, described, run in parts, closed.

use fdguard::wire::postgres::backend::{DataRow, Kind, Reported, RowDescription};
use fdguard::wire::postgres::frame::{HEADER_LEN, Header, MESSAGE_MAX};
use fdguard::wire::postgres::frontend::{
    Bind, Parse, Target, write_bind, write_close, write_describe, write_execute, write_flush, write_parse,
    write_renamed, write_sync,
};

use crate::client::{Login, Session, text};
use crate::server::server;

fn session() -> Session {
    Session::open(server().address, "postgres", &Login::None)
}

/// The message that `write` writes, with its statement's name changed.
fn renamed(out: &mut Vec<u8>, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    let mut message = Vec::new();
    write(&mut message);
    let header = Header::parse(&message, MESSAGE_MAX).unwrap().unwrap();
    let body = &message[HEADER_LEN..];
    let old = match header.tag {
        b'P' => Parse::names(body).unwrap(),
        _ => Bind::names(body).unwrap().1,
    };
    let rest = write_renamed(out, header, body, old, name);
    out.extend_from_slice(&body[rest..]);
}

#[test]
fn a_statement_is_prepared_under_another_name() {
    let mut session = session();
    session.send(|out| {
        renamed(out, b"fdg_000001", |out| write_parse(out, b"s", b"select $1 + 1, $2 as t", &[23, 25]));
        renamed(out, b"fdg_000001", |out| write_bind(out, b"", b"s", &[Some(b"41"), None]));
        write_describe(out, Target::Statement, b"fdg_000001");
        write_describe(out, Target::Portal, b"");
        write_execute(out, b"", 0);
        write_sync(out);
    });
    session.expect(Kind::ParseComplete);
    session.expect(Kind::BindComplete);
    session.expect(Kind::ParameterDescription);
    session.expect(Kind::RowDescription);
    let body = session.expect(Kind::RowDescription);
    let columns: Vec<_> = RowDescription::parse(&body).unwrap().columns().collect();
    assert_eq!((columns[0].oid, columns[1].oid, columns[1].name), (23, 25, &b"t"[..]));
    let body = session.expect(Kind::DataRow);
    assert_eq!(DataRow::parse(&body).unwrap().values().collect::<Vec<_>>(), [Some(&b"42"[..]), None]);
    session.expect(Kind::CommandComplete);
    session.expect(Kind::ReadyForQuery);
    assert_eq!(session.value("select name from pg_prepared_statements"), "fdg_000001");
}

#[test]
fn a_portal_is_run_in_parts() {
    let mut session = session();
    session.send(|out| {
        write_parse(out, b"", b"select generate_series(1, 3)", &[]);
        write_bind(out, b"p", b"", &[]);
        write_execute(out, b"p", 2);
        write_flush(out);
    });
    session.expect(Kind::ParseComplete);
    session.expect(Kind::BindComplete);
    session.expect(Kind::DataRow);
    session.expect(Kind::DataRow);
    session.expect(Kind::PortalSuspended);
    session.send(|out| {
        write_execute(out, b"p", 2);
        write_close(out, Target::Portal, b"p");
        write_sync(out);
    });
    session.expect(Kind::DataRow);
    session.expect(Kind::CommandComplete);
    session.expect(Kind::CloseComplete);
    session.expect(Kind::ReadyForQuery);
}

#[test]
fn no_rows_and_errors() {
    let mut session = session();
    session.send(|out| {
        write_parse(out, b"n", b"set work_mem = '4MB'", &[]);
        write_describe(out, Target::Statement, b"n");
        write_bind(out, b"", b"absent", &[]);
        write_execute(out, b"", 0);
        write_sync(out);
    });
    session.expect(Kind::ParseComplete);
    session.expect(Kind::ParameterDescription);
    session.expect(Kind::NoData);
    let body = session.expect(Kind::ErrorResponse);
    let reported = Reported::parse(&body).unwrap();
    assert_eq!(reported.code(), Some(&b"26000"[..]));
    assert!(!reported.ends_session());
    assert!(text(reported.message().unwrap()).contains("absent"));
    session.expect(Kind::ReadyForQuery);
}
