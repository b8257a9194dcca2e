use proptest::prelude::*;

use super::super::frame::{HEADER_LEN, Header, MESSAGE_MAX};
use super::*;

/// The body of the one message in `message`, whose header fits.
fn body(message: &[u8], kind: Kind) -> &[u8] {
    let header = Header::parse(message, MESSAGE_MAX).unwrap().unwrap();
    assert_eq!((Kind::of(header.tag), header.message_len()), (Some(kind), message.len() as u64));
    &message[HEADER_LEN..]
}

fn built(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn every_tag_names_its_kind() {
    let known: Vec<u8> = (0..=u8::MAX).filter(|tag| Kind::of(*tag).is_some()).collect();
    assert_eq!(known, b"BCDEFHPQSXcdfp");
    assert!(known.iter().all(|tag| Kind::of(*tag).unwrap().tag() == *tag));
}

#[test]
fn messages_without_a_body() {
    assert_eq!(built(write_sync), b"S\0\0\0\x04");
    assert_eq!(built(write_flush), b"H\0\0\0\x04");
    assert_eq!(built(write_terminate), b"X\0\0\0\x04");
    assert_eq!(built(write_copy_done), b"c\0\0\0\x04");
}

#[test]
fn texts_end_where_their_message_ends() {
    let message = built(|out| write_query(out, b"select 1"));
    assert_eq!(message, b"Q\0\0\0\x0dselect 1\0");
    assert_eq!(query(body(&message, Kind::Query)), Ok(&b"select 1"[..]));
    assert_eq!(query(b"select 1"), Err(BodyError::Ends("query")));
    assert_eq!(query(b"select 1\0\0"), Err(BodyError::Left(1)));
    let message = built(|out| write_copy_fail(out, b"no"));
    assert_eq!(copy_fail(body(&message, Kind::CopyFail)), Ok(&b"no"[..]));
    let message = built(|out| write_password(out, b"md5abc"));
    assert_eq!(password(body(&message, Kind::Password)), Ok(&b"md5abc"[..]));
}

#[test]
fn a_statement_is_prepared() {
    let message = built(|out| write_parse(out, b"s1", b"select $1, $2", &[23, 0]));
    assert_eq!(message, b"P\0\0\0\x1fs1\0select $1, $2\0\0\x02\0\0\0\x17\0\0\0\0");
    let parse = Parse::parse(body(&message, Kind::Parse)).unwrap();
    assert_eq!((parse.name.bytes, parse.name.at), (&b"s1"[..], 0));
    assert_eq!((parse.query.bytes, parse.query.at), (&b"select $1, $2"[..], 3));
    assert_eq!(parse.types().collect::<Vec<_>>(), [23, 0]);
    assert_eq!(parse.identity().1.len(), 8);
    assert_eq!(Parse::names(b"s1\0sel").unwrap().bytes, b"s1");
    assert_eq!(Parse::names(b"s1"), None);
    assert_eq!(Parse::parse(b"\0\0\0\x02\0\0\0\x17"), Err(BodyError::Ends("types")));
}

#[test]
fn values_are_bound() {
    let message = built(|out| write_bind(out, b"p", b"s1", &[Some(b"42"), None, Some(b"")]));
    let bind = Bind::parse(body(&message, Kind::Bind)).unwrap();
    assert_eq!((bind.portal.bytes, bind.statement.bytes, bind.statement.at), (&b"p"[..], &b"s1"[..], 2));
    assert_eq!(bind.values().collect::<Vec<_>>(), [Some(&b"42"[..]), None, Some(b"")]);
    assert_eq!((bind.formats().len(), bind.result_formats().len()), (0, 0));
    assert_eq!(bind.rest.len(), message.len() - HEADER_LEN - 5);
    assert_eq!(Bind::names(b"p\0s1\0\0"), Some((bind.portal, bind.statement)));
    assert_eq!(Bind::names(b"p\0s1"), None);
}

#[test]
fn formats_are_none_one_or_one_each() {
    let binary = b"\0\0\0\x01\0\x01\0\x02\0\0\0\x01a\0\0\0\x01b\0\x02\0\0\0\x01";
    let bind = Bind::parse(binary).unwrap();
    assert_eq!(bind.formats().collect::<Vec<_>>(), [Format::Binary]);
    assert_eq!(bind.result_formats().collect::<Vec<_>>(), [Format::Text, Format::Binary]);
    assert_eq!(Bind::parse(b"\0\0\0\x01\0\x02\0\0\0\0"), Err(BodyError::Value("format")));
    let three_for_one = b"\0\0\0\x03\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\0\0";
    assert_eq!(Bind::parse(three_for_one), Err(BodyError::Value("number of formats")));
    assert_eq!(Bind::parse(b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"), Err(BodyError::Value("parameter value")));
    assert_eq!(Bind::parse(b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0"), Err(BodyError::Ends("parameter value")));
}

#[test]
fn what_is_described_closed_and_run() {
    let message = built(|out| write_describe(out, Target::Statement, b"s"));
    let named = Named::parse(body(&message, Kind::Describe)).unwrap();
    assert_eq!((named.target, named.name.bytes, named.name.at), (Target::Statement, &b"s"[..], 1));
    let message = built(|out| write_close(out, Target::Portal, b""));
    assert_eq!(message, b"C\0\0\0\x06P\0");
    assert_eq!(Named::parse(b"X\0"), Err(BodyError::Value("target")));
    let message = built(|out| write_execute(out, b"", 5));
    assert_eq!(Execute::parse(body(&message, Kind::Execute)).unwrap().rows_max, 5);
    assert_eq!(function_call(b"\0\0\x05\x39\0\0"), Ok(1337));
}

#[test]
fn steps_of_sasl() {
    let message = built(|out| write_sasl_initial(out, b"SCRAM-SHA-256", b"n,,n=,r=x"));
    let initial = SaslInitial::parse(body(&message, Kind::Password)).unwrap();
    assert_eq!((initial.mechanism, initial.data), (&b"SCRAM-SHA-256"[..], Some(&b"n,,n=,r=x"[..])));
    assert_eq!(SaslInitial::parse(b"M\0\xff\xff\xff\xff").unwrap().data, None);
    assert_eq!(built(|out| write_sasl_response(out, b"c=")), b"p\0\0\0\x06c=");
}

/// `message` with another statement name, through [`write_renamed`].
fn renamed(message: &[u8], old: Span<'_>, name: &[u8]) -> Vec<u8> {
    let header = Header::parse(message, MESSAGE_MAX).unwrap().unwrap();
    let body = &message[HEADER_LEN..];
    // Only the start of the body is shown.
    let mut out = Vec::new();
    let rest = write_renamed(&mut out, header, &body[..old.end()], old, name);
    out.extend_from_slice(&body[rest..]);
    out
}

proptest! {
    #[test]
    fn a_renamed_message_is_the_message_with_that_name(
        old in "[a-z]{0,12}", new in "[a-z]{0,12}", text in "[^\0]{0,20}", types: Vec<u32>,
        values in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..8)), 0..5),
    ) {
        let (old, new) = (old.as_bytes(), new.as_bytes());
        let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
        let with = |name: &[u8]| [
            built(|out| write_parse(out, name, text.as_bytes(), &types)),
            built(|out| write_bind(out, b"portal", name, &values)),
            built(|out| write_describe(out, Target::Statement, name)),
            built(|out| write_close(out, Target::Statement, name)),
        ];
        let [parse, bind, describe, close] = with(old);
        let names = [
            Parse::names(&parse[HEADER_LEN..]).unwrap(),
            Bind::names(&bind[HEADER_LEN..]).unwrap().1,
            Named::parse(&describe[HEADER_LEN..]).unwrap().name,
            Named::parse(&close[HEADER_LEN..]).unwrap().name,
        ];
        let found = [&parse, &bind, &describe, &close];
        for ((message, span), wanted) in found.into_iter().zip(names).zip(with(new)) {
            prop_assert_eq!(renamed(message, span, new), wanted);
        }
        prop_assert_eq!(Parse::parse(&parse[HEADER_LEN..]).unwrap().types().collect::<Vec<_>>(), types);
        prop_assert_eq!(Bind::parse(&bind[HEADER_LEN..]).unwrap().values().collect::<Vec<_>>(), values);
    }

    #[test]
    fn any_body_is_viewed_or_refused(body in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..60)) {
        let _text = query(&body);
        let _call = function_call(&body);
        let _named = Named::parse(&body);
        let _run = Execute::parse(&body);
        let _sasl = SaslInitial::parse(&body);
        if let Ok(parse) = Parse::parse(&body) {
            prop_assert_eq!(parse.types().len() * 4 + parse.query.end() + 3, body.len());
        }
        if let Ok(bind) = Bind::parse(&body) {
            let held: usize = bind.values().flatten().map(<[u8]>::len).sum();
            prop_assert!(held <= body.len());
        }
    }
}
