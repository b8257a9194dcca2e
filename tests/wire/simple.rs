//! Simple queries: what comes back, COPY, settings, and how a text falls into statements.

use fdguard::wire::postgres::backend::{Kind, Transaction, ready_for_query};
use fdguard::wire::postgres::frontend::{write_copy_data, write_copy_done, write_copy_fail, write_query};
use fdguard::wire::postgres::settings::{Parameter, Settings};
use fdguard::wire::postgres::statement::{Strings, statements};

use crate::client::{Answer, Login, Session};
use crate::server::server;

fn session() -> Session {
    Session::open(server().address, "postgres", &Login::None)
}

#[test]
fn rows_tags_and_errors() {
    let mut session = session();
    let (answer, transaction) = session.query("select 1, null, 'x' union all select 2, '', 'y'; select 'z'");
    let row = |values: [Option<&str>; 3]| values.map(|value| value.map(str::to_owned)).to_vec();
    assert_eq!(answer.rows[..2], [row([Some("1"), None, Some("x")]), row([Some("2"), Some(""), Some("y")])]);
    assert_eq!(answer.tags, ["SELECT 2", "SELECT 1"]);
    assert_eq!(transaction, Transaction::Idle);
    assert_eq!(session.query("begin").1, Transaction::Open);
    let (answer, transaction) = session.query("select 1/0");
    assert_eq!((answer.error.as_deref(), transaction), (Some("22012"), Transaction::Failed));
    assert_eq!(session.query("rollback").1, Transaction::Idle);
    assert_eq!(session.query("").0, Answer::default());
    assert_eq!(session.query("do $$ begin raise notice 'x'; end $$").0.tags, ["DO"]);
}

#[test]
fn a_value_of_some_megabytes_is_put_together() {
    let answer = session().run("select repeat('x', 3000000)");
    assert_eq!(answer.rows[0][0].as_ref().map(String::len), Some(3_000_000));
}

#[test]
fn copies_both_ways() {
    let mut session = session();
    session.run("create temp table t (a int, b text)");
    session.send(|out| write_query(out, b"copy t from stdin"));
    session.expect(Kind::CopyInResponse);
    session.send(|out| {
        write_copy_data(out, b"1\tx\n");
        write_copy_done(out);
    });
    session.expect(Kind::CommandComplete);
    session.expect(Kind::ReadyForQuery);
    session.send(|out| write_query(out, b"copy t to stdout"));
    session.expect(Kind::CopyOutResponse);
    assert_eq!(session.expect(Kind::CopyData), b"1\tx\n");
    session.expect(Kind::CopyDone);
    session.expect(Kind::CommandComplete);
    session.expect(Kind::ReadyForQuery);
    session.send(|out| write_query(out, b"copy t from stdin"));
    session.expect(Kind::CopyInResponse);
    session.send(|out| write_copy_fail(out, b"no"));
    session.expect(Kind::ErrorResponse);
    assert_eq!(ready_for_query(&session.expect(Kind::ReadyForQuery)), Ok(Transaction::Idle));
}

/// What the server has now, of all that is followed.
fn shown(session: &mut Session) -> Settings {
    let mut settings = Settings::default();
    for parameter in Parameter::ALL {
        let value = session.value(&format!("show {}", parameter.name()));
        settings.put(parameter, value.as_bytes()).unwrap();
    }
    settings
}

#[test]
fn a_server_is_brought_to_a_clients_settings() {
    let mut session = session();
    let before = shown(&mut session);
    let mut wanted = before.clone();
    for (parameter, value) in [
        (Parameter::ClientEncoding, "Unicode"),
        (Parameter::DateStyle, "german"),
        (Parameter::IntervalStyle, "ISO_8601"),
        (Parameter::TimeZone, "Europe/Berlin"),
        (Parameter::StandardConformingStrings, "false"),
        (Parameter::ExtraFloatDigits, "2"),
        (Parameter::SearchPath, "\"My \"\"Own\", \"$user\", Public,b"),
        (Parameter::ApplicationName, "it's \\ a 'bot'\\'"),
    ] {
        wanted.put(parameter, value.as_bytes()).unwrap();
    }
    let mut out = String::new();
    before.write_towards(&wanted, &mut out);
    session.run(&out);
    let after = shown(&mut session);
    assert_eq!(after, wanted);
    for (name, value) in session.parameters.clone() {
        if let Some(parameter) = Parameter::of(name.as_bytes()) {
            wanted.put(parameter, value.as_bytes()).unwrap();
        }
    }
    assert_eq!(after, wanted, "what is reported is what is shown");
    let mut out = String::new();
    after.write_towards(&before, &mut out);
    session.run(&out);
    assert_eq!(shown(&mut session), before);
    let mut out = String::new();
    wanted.write_towards(&Settings::default(), &mut out);
    session.run(&out);
}

#[test]
fn a_text_falls_into_as_many_statements_as_the_server_runs() {
    let mut session = session();
    for text in [
        "select 1; select 2;;",
        "select ';', e'\\';', 'it''s;', $$;$$, $a$;$$;$a$; select \";\" from (select 1 as \";\") x",
        "/* ; /* ; */ ; */ select 1 -- ;\n; select 2",
        "select e'a'\n'\\';'; select U&'\\003b;'; select U&\"d\\0061t;\" from (select 1 as \"dat;\") x",
        "create temp table r (a int); create rule q as on insert to r do also (select 1; select 2)",
        "create function pg_temp.f() returns int begin atomic select case when true then 1 end; select 2; end; select 3",
        "select 1 as a$b$; select 2 as c$b$",
        "select b'1', x'f', n'a;'; select 1",
        "begin; select 1; commit",
    ] {
        let ran = session.run(text).tags.len();
        assert_eq!(statements(text.as_bytes(), Strings::Standard).count(), ran, "{text}");
    }
    session.run(
        "set standard_conforming_strings = off; set backslash_quote = on; set escape_string_warning = off",
    );
    let text = "select '\\';'; select 2";
    let ran = session.run(text).tags.len();
    assert_eq!(statements(text.as_bytes(), Strings::Backslash).count(), ran);
}
