use proptest::prelude::*;

use super::super::frame::{HEADER_LEN, Header, MESSAGE_MAX, Scanner};
use super::super::sqlstate::{Report, SqlState, error_response, notice_response};
use super::*;

/// The kind and body of each message in `stream`.
fn messages(stream: &[u8]) -> Vec<(Kind, &[u8])> {
    let mut scanner = Scanner::new(MESSAGE_MAX);
    let pieces: Vec<_> = scanner.feed(stream).map(Result::unwrap).collect();
    assert!(scanner.at_boundary());
    pieces.iter().map(|piece| (Kind::of(piece.header.tag).unwrap(), piece.whole(stream).unwrap())).collect()
}

#[test]
fn every_tag_names_its_kind() {
    let known: Vec<u8> = (0..=u8::MAX).filter(|tag| Kind::of(*tag).is_some()).collect();
    assert_eq!(known, b"123ACDEGHIKNRSTVWZcdnstv");
    assert!(known.iter().all(|tag| Kind::of(*tag).unwrap().tag() == *tag));
}

#[test]
fn a_login_is_read_as_a_server_sends_it() {
    let mut out = Vec::new();
    write_auth_sasl(&mut out, &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
    write_auth_sasl_continue(&mut out, b"r=abc");
    write_auth_sasl_final(&mut out, b"v=xyz");
    write_auth_md5(&mut out, *b"salt");
    write_auth_cleartext(&mut out);
    write_auth_ok(&mut out);
    assert!(out.ends_with(b"R\0\0\0\x0c\0\0\0\x05saltR\0\0\0\x08\0\0\0\x03R\0\0\0\x08\0\0\0\0"));
    let asked: Vec<_> = messages(&out).iter().map(|(_, body)| Authentication::parse(body).unwrap()).collect();
    let Authentication::Sasl(mechanisms) = asked[0] else { panic!("{asked:?}") };
    assert_eq!(mechanisms.iter().collect::<Vec<_>>(), [&b"SCRAM-SHA-256-PLUS"[..], b"SCRAM-SHA-256"]);
    assert!(mechanisms.offers("SCRAM-SHA-256") && !mechanisms.offers("SCRAM-SHA-1"));
    let rest = [
        Authentication::SaslContinue(b"r=abc"),
        Authentication::SaslFinal(b"v=xyz"),
        Authentication::Md5 { salt: *b"salt" },
        Authentication::Cleartext,
        Authentication::Ok,
    ];
    assert_eq!(asked[1..], rest);
    assert_eq!(Authentication::parse(b"\0\0\0\x07"), Ok(Authentication::Other(7)));
    assert_eq!(Authentication::parse(b"\0\0\0\0x"), Err(BodyError::Left(1)));
    assert_eq!(Authentication::parse(b"\0\0\0\x0aSCRAM\0"), Err(BodyError::Ends("mechanism")));
}

#[test]
fn a_session_is_described() {
    let mut out = Vec::new();
    write_parameter_status(&mut out, b"TimeZone", b"UTC");
    write_backend_key_data(&mut out, 4711, b"\x01\x02\x03\x04");
    write_ready_for_query(&mut out, Transaction::Failed);
    assert_eq!(out, b"S\0\0\0\x11TimeZone\0UTC\0K\0\0\0\x0c\0\0\x12\x67\x01\x02\x03\x04Z\0\0\0\x05E");
    let found = messages(&out);
    assert_eq!(parameter_status(found[0].1), Ok((&b"TimeZone"[..], &b"UTC"[..])));
    assert_eq!(backend_key_data(found[1].1), Ok((4711, &b"\x01\x02\x03\x04"[..])));
    assert_eq!(ready_for_query(found[2].1), Ok(Transaction::Failed));
    assert_eq!(ready_for_query(b"x"), Err(BodyError::Value("transaction status")));
    assert!(backend_key_data(&[0; 4 + CANCEL_KEY_MAX]).is_ok());
    assert_eq!(backend_key_data(&[0; 5 + CANCEL_KEY_MAX]), Err(BodyError::Value("cancel key")));
    assert_eq!(backend_key_data(&[0; 4]), Err(BodyError::Value("cancel key")));
}

#[test]
fn an_answer_of_the_console() {
    let mut out = Vec::new();
    write_row_description(&mut out, &[("name", Type::Text), ("value", Type::Text)]);
    write_data_row(&mut out, &[Some(b"pools"), None]);
    write_command_complete(&mut out, "SHOW");
    let found = messages(&out);
    let columns: Vec<_> = RowDescription::parse(found[0].1).unwrap().columns().collect();
    assert_eq!((columns[0].name, columns[1].name, columns[1].oid), (&b"name"[..], &b"value"[..], 25));
    let row = DataRow::parse(found[1].1).unwrap();
    assert_eq!(row.values().collect::<Vec<_>>(), [Some(&b"pools"[..]), None]);
    assert_eq!(command_complete(found[2].1), Ok(&b"SHOW"[..]));
    assert_eq!(&out[..7], b"T\0\0\0\x35\0\x02");
}

#[test]
fn command_tags_count_rows() {
    assert_eq!(rows_affected(b"INSERT 0 12"), Some(12));
    assert_eq!(rows_affected(b"SELECT 0"), Some(0));
    assert_eq!(rows_affected(b"BEGIN"), None);
}

#[test]
fn errors_are_read_by_field() {
    let mut out = Vec::new();
    let report = Report::new(SqlState::TooManyConnections, "full").detail("200 of 200").hint("wait");
    error_response(&mut out, &report);
    notice_response(&mut out, &Report::new(SqlState::Success, "by the way"));
    let found = messages(&out);
    let error = Reported::parse(found[0].1).unwrap();
    assert_eq!((error.severity(), error.code()), (Some(&b"FATAL"[..]), Some(&b"53300"[..])));
    assert_eq!((error.message(), error.hint()), (Some(&b"full"[..]), Some(&b"wait"[..])));
    assert_eq!(error.detail(), Some(&b"200 of 200"[..]));
    assert!(error.ends_session());
    assert!(!Reported::parse(found[1].1).unwrap().ends_session());
    assert_eq!(Reported::parse(b"SERROR\0"), Err(BodyError::Ends("kind of field")));
    assert_eq!(Reported::parse(b"SERROR\0\0x"), Err(BodyError::Left(1)));
}

#[test]
fn what_is_granted_is_told() {
    let mut out = Vec::new();
    let options: [&[u8]; 2] = [b"_pq_.a", b"_pq_.b"];
    write_negotiate(&mut out, Version::V3_2, options.into_iter());
    assert_eq!(&out[..13], b"v\0\0\0\x1a\0\x03\0\x02\0\0\0\x02");
    let negotiated = Negotiated::parse(messages(&out)[0].1).unwrap();
    assert_eq!(negotiated.version, Version::V3_2);
    assert_eq!(negotiated.options().collect::<Vec<_>>(), options);
}

#[test]
fn bodiless_and_copy() {
    let mut out = Vec::new();
    write_bare(&mut out, Kind::ParseComplete);
    write_copy_response(&mut out, Kind::CopyInResponse, 2);
    write_parameter_description(&mut out, &[23]);
    assert_eq!(out, b"1\0\0\0\x04G\0\0\0\x0b\0\0\x02\0\0\0\0t\0\0\0\x0a\0\x01\0\0\0\x17");
}

proptest! {
    #[test]
    fn rows_round_trip(
        values in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 0..9),
    ) {
        let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
        let mut out = Vec::new();
        write_data_row(&mut out, &values);
        let header = Header::parse(&out, MESSAGE_MAX).unwrap().unwrap();
        prop_assert_eq!(header.message_len(), out.len() as u64);
        let row = DataRow::parse(&out[HEADER_LEN..]).unwrap();
        prop_assert_eq!(row.values().collect::<Vec<_>>(), values);
    }

    #[test]
    fn any_body_is_viewed_or_refused(body in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..60)) {
        let _ready = ready_for_query(&body);
        let _tag = command_complete(&body).map(rows_affected);
        let _status = parameter_status(&body);
        let _key = backend_key_data(&body);
        if let Ok(Authentication::Sasl(mechanisms)) = Authentication::parse(&body) {
            prop_assert!(mechanisms.iter().count() < body.len());
        }
        if let Ok(negotiated) = Negotiated::parse(&body) {
            prop_assert!(negotiated.options().count() < body.len());
        }
        if let Ok(reported) = Reported::parse(&body) {
            prop_assert!(reported.fields().all(|(kind, text)| kind != 0 && text.len() < body.len()));
        }
        if let Ok(rows) = RowDescription::parse(&body) {
            prop_assert!(rows.columns().count() <= body.len() / 19);
        }
        if let Ok(row) = DataRow::parse(&body) {
            prop_assert!(row.values().count() <= body.len() / 4);
        }
    }
}
