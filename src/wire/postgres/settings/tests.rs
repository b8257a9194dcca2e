use proptest::prelude::*;

use super::*;

fn settings(values: &[(Parameter, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (parameter, value) in values {
        settings.put(*parameter, value.as_bytes()).unwrap();
    }
    settings
}

fn between(server: &[(Parameter, &str)], client: &[(Parameter, &str)]) -> String {
    let mut out = String::new();
    settings(server).write_towards(&settings(client), &mut out);
    out
}

#[test]
fn names_are_found_in_any_case() {
    assert_eq!(Parameter::of(b"datestyle"), Some(Parameter::DateStyle));
    assert_eq!(Parameter::of(b"APPLICATION_NAME"), Some(Parameter::ApplicationName));
    assert_eq!(Parameter::of(b"work_mem"), None);
    assert!(Parameter::ALL.is_sorted());
    assert!(Parameter::ALL.iter().all(|own| Parameter::of(own.name().as_bytes()) == Some(*own)));
    assert!(!Parameter::SearchPath.reported(17) && Parameter::SearchPath.reported(18));
}

#[test]
fn only_differences_are_set() {
    use Parameter::{ApplicationName, ClientEncoding, TimeZone};
    let server = [(ClientEncoding, "UTF8"), (TimeZone, "UTC"), (ApplicationName, "other")];
    assert_eq!(between(&server, &server), "");
    let client = [(ClientEncoding, "utf-8"), (ApplicationName, "bot's")];
    assert_eq!(between(&server, &client), "RESET TimeZone;SET application_name TO 'bot''s';");
    assert_eq!(between(&[], &[(TimeZone, "Europe/Berlin")]), "SET TimeZone TO 'Europe/Berlin';");
}

#[test]
fn what_a_server_makes_of_a_value_is_the_same_value() {
    let same = |parameter, one, two| {
        assert_eq!(between(&[(parameter, one)], &[(parameter, two)]), "", "{one} and {two}");
    };
    same(Parameter::DateStyle, "ISO, MDY", "iso,us");
    same(Parameter::DateStyle, "German, DMY", "german");
    same(Parameter::DateStyle, "Postgres, YMD", "YMD, postgres");
    same(Parameter::ClientEncoding, "UTF8", "Unicode");
    same(Parameter::ClientEncoding, "SQL_ASCII", "sql-ascii");
    same(Parameter::StandardConformingStrings, "on", "TRUE");
    same(Parameter::IntervalStyle, "postgres", "POSTGRES");
    same(Parameter::TimeZone, "UTC", "utc");
    same(Parameter::SearchPath, "\"$user\", public", "\"$user\",PUBLIC");
    same(Parameter::SearchPath, "\"\"", "");
}

#[test]
fn half_a_date_style_keeps_the_other_half() {
    let mut client = settings(&[(Parameter::DateStyle, "ISO, DMY")]);
    client.put(Parameter::DateStyle, b"sql").unwrap();
    assert_eq!(client.get(Parameter::DateStyle), Some("SQL, DMY"));
    client.put(Parameter::DateStyle, b"ymd").unwrap();
    assert_eq!(client.get(Parameter::DateStyle), Some("SQL, YMD"));
    client.put(Parameter::DateStyle, b"nonsense, iso").unwrap();
    assert_eq!(client.get(Parameter::DateStyle), Some("nonsense, iso"));
}

#[test]
fn lists_are_set_by_their_items() {
    let wanted = between(&[], &[(Parameter::SearchPath, "\"$user\", \"My \"\"Own\", Public")]);
    assert_eq!(wanted, "SET search_path TO '$user', 'My \"Own', 'public';");
    assert_eq!(between(&[], &[(Parameter::SearchPath, "")]), "SET search_path TO '';");
}

#[test]
fn no_value_gets_out_of_its_quotes() {
    let set = |value: &str| between(&[], &[(Parameter::ApplicationName, value)]);
    assert_eq!(set("'; DROP TABLE x; --"), "SET application_name TO '''; DROP TABLE x; --';");
    assert_eq!(set("\\'"), "SET application_name TO E'\\\\''';");
    let mut settings = Settings::default();
    let mut put = |value: &[u8]| settings.put(Parameter::ApplicationName, value);
    assert_eq!(put("ソ\\".as_bytes()), Err(ValueError::Backslash));
    assert_eq!(put(b"\xff"), Err(ValueError::Encoding));
    assert_eq!(put(b"a\0b"), Err(ValueError::Encoding));
    assert_eq!(put(&[b'a'; VALUE_MAX + 1]), Err(ValueError::TooLong));
    assert_eq!(settings, Settings::default());
}

#[test]
fn a_parameter_is_forgotten() {
    let mut client = settings(&[(Parameter::TimeZone, "UTC")]);
    client.remove(Parameter::TimeZone);
    client.remove(Parameter::TimeZone);
    assert_eq!(client.towards(&Settings::default()).count(), 0);
}

/// What the server's scanner makes of a literal.
fn unquoted(literal: &str) -> String {
    let (body, escapes) = match literal.strip_prefix("E'") {
        Some(body) => (body, true),
        None => (literal.strip_prefix('\'').unwrap(), false),
    };
    let mut characters = body.strip_suffix('\'').unwrap().chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        if character == '\'' || (escapes && character == '\\') {
            assert_eq!(characters.next(), Some(character));
        }
        text.push(character);
    }
    text
}

proptest! {
    #[test]
    fn literals_come_back(text in "[a'\\\\\"é]{0,20}") {
        let mut literal = String::new();
        write_literal(&mut literal, &text);
        prop_assert_eq!(unquoted(&literal), text);
    }

    #[test]
    fn canonical_is_canonical(at in 0_usize..8, value in "[ -~]{0,30}|[a-zA-Z\", $]{0,20}") {
        let parameter = Parameter::ALL[at];
        let once = settings(&[(parameter, &value)]);
        let twice = settings(&[(parameter, once.get(parameter).unwrap())]);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(at in 0_usize..8, value in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut settings = Settings::default();
        if settings.put(Parameter::ALL[at], &value).is_ok() {
            let mut out = String::new();
            Settings::default().write_towards(&settings, &mut out);
            prop_assert!(out.starts_with("SET ") && out.len() < 4 * value.len() + 64);
        }
    }
}
