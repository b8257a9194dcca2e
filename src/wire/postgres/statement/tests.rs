use proptest::prelude::*;

use super::*;

fn all(text: &str) -> Vec<Statement<'_>> {
    statements(text.as_bytes(), Strings::Standard).collect()
}

fn effect(text: &str) -> Effect<'_> {
    let found = all(text);
    assert_eq!(found.len(), 1, "{text}");
    found[0].effect
}

fn texts(text: &str) -> Vec<&str> {
    all(text).into_iter().map(|own| std::str::from_utf8(own.text).unwrap()).collect()
}

fn normal(text: &str) -> String {
    let mut out = Vec::new();
    normalise(text.as_bytes(), Strings::Standard, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_skeleton_has_no_values() {
    let skeleton_of = |text: &str| {
        let mut out = Vec::new();
        skeleton(normal(text).as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    };
    let parameter = skeleton_of("select a from t where id = $1 and b = $2");
    assert_eq!(parameter, "select a from t where id = ? and b = ?");
    assert_eq!(skeleton_of("SELECT a\nFROM t WHERE id = 15 AND b = 'it''s; --'"), parameter);
    assert_eq!(skeleton_of("select a from t where id = 1.5e3 and b = $x$ ' $x$"), parameter);
    assert_ne!(skeleton_of("select a from t where id = -15 and b = ''"), parameter);
    assert_ne!(skeleton_of("select a from t where id = b and b = ''"), parameter);
}

fn table(effect: Effect<'_>) -> Option<String> {
    let target = match effect {
        Effect::Write(target) | Effect::Copy(_, target) => target,
        other => panic!("{other:?}"),
    };
    match target {
        Target::Table(name) => Some(String::from_utf8(name.folded()).unwrap()),
        Target::Unknown => None,
    }
}

#[test]
fn statements_end_at_semicolons_that_are_their_own() {
    assert_eq!(texts("select 1; select 2"), ["select 1", "select 2"]);
    assert_eq!(texts(" ;; /* nothing */ ; -- at all"), [""; 0]);
    let quoted = [
        "select ';'",
        "select 'it''s; so'",
        "select e'\\';'",
        "select \"a;b\"",
        "select $$;$$",
        "select $a$;$$;$a$",
        "select 1 /* ; /* ; */ ; */ + 1",
        "select 1 -- ;\n + 1",
        "select e'a'\n'\\';'",
        "select u&'\\\\;'",
        "create rule r as on insert to t do (select 1; select 2)",
        "create function f() returns int begin atomic select case when a then 1 end; select 2; end",
    ];
    for text in quoted {
        let whole = text.trim_end_matches(';');
        assert_eq!(texts(&format!("{text};select 2"))[0], whole, "{text}");
        assert_eq!(texts(&format!("{whole};select 2")).len(), 2, "{text}");
    }
    assert_eq!(texts("select 'open; select 2"), ["select 'open; select 2"]);
    assert_eq!(texts("select a$b$;select 2;$b$"), ["select a$b$", "select 2", "$b$"]);
}

#[test]
fn a_backslash_escapes_where_the_session_says_so() {
    let text = br"select '\';' ; select 2";
    assert_eq!(statements(text, Strings::Backslash).count(), 2);
    let text = br"select '\'; select 2";
    assert_eq!(statements(text, Strings::Backslash).count(), 1);
    assert_eq!(statements(text, Strings::Standard).count(), 2);
}

#[test]
fn reads_are_told_apart() {
    use Reading::{Calling, Locking, Plain};
    for (text, reading) in [
        ("SELECT abalance FROM pgbench_accounts WHERE aid = 1", Plain),
        ("select * from t where a in (1, 2) and exists (select 1)", Plain),
        ("values (1), (2)", Plain),
        ("(select 1) union (select 2)", Plain),
        ("select now()", Calling),
        ("select \"f\" (1)", Calling),
        ("select * from t for update", Locking),
        ("select * from t for no key update skip locked", Locking),
        ("select * from t FOR KEY SHARE", Locking),
        ("select a as update, b as key, share from t", Plain),
        ("table t", Plain),
        ("with a as (select 1) select * from a", Plain),
        ("explain (analyze) select 1", Plain),
    ] {
        let found = effect(text);
        let analyze = text.starts_with("explain");
        assert!(
            found == Effect::Read(reading) || analyze && found == Effect::Read(Calling),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn writes_name_their_table() {
    for (text, wanted) in [
        ("insert into t values (1)", Some("t")),
        ("INSERT INTO Public.Orders (a) select 1", Some("orders")),
        ("insert into \"Pub\".\"My \"\"T\"\"\" default values", Some("My \"T\"")),
        ("update only t set a = 1", Some("t")),
        ("update a.b.c as x set a = 1", Some("c")),
        ("delete from t where a = 1", Some("t")),
        ("delete from only s.t", Some("t")),
        ("merge into t using s on true when matched then delete", Some("t")),
        ("truncate t", Some("t")),
        ("truncate table only t cascade", Some("t")),
        ("truncate a, b", None),
        ("truncate a *, b", None),
        ("truncate t restart identity", Some("t")),
        ("with x as (delete from t returning *) select * from x", None),
        ("with x as (select 1) insert into t select * from x", None),
        ("explain analyze delete from t", None),
        ("insert into t with x as (delete from u returning *) select * from x", None),
        ("insert into t values (1) on conflict (a) do update set a = 2", Some("t")),
        ("insert", None),
    ] {
        assert_eq!(table(effect(text)).as_deref(), wanted, "{text}");
    }
}

#[test]
fn copies_have_a_direction() {
    for (text, direction, wanted) in [
        ("copy t from stdin", Direction::In, Some("t")),
        ("COPY s.t (a, b) FROM STDIN WITH (FORMAT csv)", Direction::In, Some("t")),
        ("copy t to stdout", Direction::Out, Some("t")),
        ("copy (select 1 from t) to stdout", Direction::Out, None),
    ] {
        let found = effect(text);
        assert!(matches!(found, Effect::Copy(own, _) if own == direction), "{text}: {found:?}");
        assert_eq!(table(found).as_deref(), wanted, "{text}");
    }
}

#[test]
fn transactions_are_seen() {
    for (text, wanted) in [
        ("BEGIN", Effect::Begin),
        ("begin isolation level serializable", Effect::Begin),
        ("start transaction", Effect::Begin),
        ("commit", Effect::Commit),
        ("End", Effect::Commit),
        ("rollback", Effect::Rollback),
        ("abort work", Effect::Rollback),
        ("rollback to savepoint a", Effect::Savepoint),
        ("rollback work to a", Effect::Savepoint),
        ("savepoint a", Effect::Savepoint),
        ("release a", Effect::Savepoint),
        ("prepare transaction 'x'", Effect::TwoPhase),
        ("commit prepared 'x'", Effect::TwoPhase),
        ("rollback prepared 'x'", Effect::TwoPhase),
    ] {
        assert_eq!(effect(text), wanted, "{text}");
    }
}

#[test]
fn settings_are_named() {
    use Scope::{Session, Transaction};
    for (text, scope, name) in [
        ("set search_path to a", Session, "search_path"),
        ("SET SESSION TimeZone = 'UTC'", Session, "timezone"),
        ("set local a.b = 1", Transaction, "a.b"),
        ("set time zone 'UTC'", Session, "timezone"),
        ("set local time zone 'UTC'", Transaction, "timezone"),
        ("set names 'utf8'", Session, "client_encoding"),
        ("set schema 'x'", Session, "search_path"),
        ("set role r", Session, "role"),
        ("set session authorization r", Session, "session_authorization"),
        ("set session characteristics as transaction read only", Session, "default_transaction"),
        ("set transaction read only", Transaction, "transaction"),
        ("set constraints all deferred", Transaction, "constraints"),
        ("set \"DateStyle\" = iso", Session, "DateStyle"),
    ] {
        let Effect::Set(own, found) = effect(text) else { panic!("{text}") };
        assert_eq!((own, String::from_utf8(found.folded()).unwrap().as_str()), (scope, name), "{text}");
        assert!(found.is(name.as_bytes()), "{text}");
    }
    assert_eq!(effect("reset all"), Effect::Reset(None));
    assert!(matches!(effect("reset datestyle"), Effect::Reset(Some(name)) if name.is(b"datestyle")));
    assert!(matches!(effect("set"), Effect::Set(Session, name) if name.is(b"")));
}

#[test]
fn what_outlives_a_transaction_pins() {
    for (text, pin) in [
        ("select 1", None),
        ("set local a = 1", None),
        ("set a = 1", Some(Pin::Setting)),
        ("select set_config('a', 'b', false)", Some(Pin::Setting)),
        ("listen a", Some(Pin::Listen)),
        ("unlisten *", None),
        ("notify a", None),
        ("prepare a as select 1", Some(Pin::Prepared)),
        ("declare a cursor for select 1", None),
        ("declare a binary insensitive no scroll cursor with hold for select 1", Some(Pin::Cursor)),
        ("create temp table a ()", Some(Pin::Temporary)),
        ("create or replace temporary view a as select 1", Some(Pin::Temporary)),
        ("CREATE LOCAL TEMP SEQUENCE a", Some(Pin::Temporary)),
        ("create table a ()", None),
        ("select 1 into temp a", Some(Pin::Temporary)),
        ("select 1 into local temporary table a from b", Some(Pin::Temporary)),
        ("select 1 into a from b", None),
        ("load 'auto_explain'", Some(Pin::Library)),
        ("select pg_advisory_lock(1)", Some(Pin::AdvisoryLock)),
        ("select PG_CATALOG.PG_Try_Advisory_Lock_Shared (1)", Some(Pin::AdvisoryLock)),
        ("insert into t select \"pg_advisory_lock\"(1)", Some(Pin::AdvisoryLock)),
        ("update t set a = (select pg_advisory_lock(1))", Some(Pin::AdvisoryLock)),
        ("select pg_advisory_xact_lock(1)", None),
        ("select pg_try_advisory_xact_lock(1), pg_advisory_unlock(2)", None),
        ("select pg_advisory_unlock_all()", None),
        ("select 'pg_advisory_lock(1)'", None),
        ("select 1 -- pg_advisory_lock(1)", None),
        ("select pg_advisory_lock/* */(1)", Some(Pin::AdvisoryLock)),
        ("discard all", None),
        ("do $$ begin end $$", None),
    ] {
        let found = all(text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].pin(), pin, "{text}");
    }
    assert_eq!(all("select pg_advisory_unlock(1)")[0].advisory, Advisory::Unlock);
}

#[test]
fn statements_of_sql_are_named() {
    assert!(matches!(effect("prepare \"P\" (int) as select $1"), Effect::Prepare(name) if name.is(b"P")));
    assert!(matches!(effect("execute P(1)"), Effect::Execute(name) if name.is(b"p")));
    assert!(matches!(effect("explain analyze execute p"), Effect::Execute(name) if name.is(b"p")));
    assert!(matches!(effect("deallocate prepare p"), Effect::Deallocate(Some(name)) if name.is(b"p")));
    assert_eq!(effect("deallocate all"), Effect::Deallocate(None));
    assert!(!Name::bare(b"P").is(b"P"));
}

#[test]
fn the_rest_is_sorted() {
    for (text, wanted) in [
        ("discard all", Effect::Discard(Discard::All)),
        ("discard plans", Effect::Discard(Discard::Part)),
        ("show all", Effect::Show),
        ("fetch 1 from a", Effect::Cursor),
        ("alter table t add a int", Effect::Define),
        ("lock t", Effect::LockTable),
        ("call p()", Effect::Call),
        ("vacuum", Effect::Maintain),
        ("frobnicate", Effect::Unknown),
        ("a_word_that_is_very_long", Effect::Unknown),
        ("1", Effect::Unknown),
    ] {
        assert_eq!(effect(text), wanted, "{text}");
    }
}

#[test]
fn equal_queries_have_one_text() {
    assert_eq!(
        normal(" SELECT  a /* x */ FROM\n\t t -- y\n where b='X  Y';; "),
        "select a from t where b='X  Y'"
    );
    assert_eq!(normal("select \"A\"  , $1 ,$$ B $$"), "select \"A\" , $1 ,$$ B $$");
    assert_eq!(normal("select 'a'\n  'b'"), "select 'a'\n'b'");
    assert_eq!(normal("select 'a'  'b'"), "select 'a' 'b'");
    assert_eq!(normal("begin ; ; commit"), "begin;commit");
    assert_ne!(normal("select a b"), normal("select ab"));
    assert_eq!(normal("-- nothing"), "");
}

/// Pieces that are likely to matter to a lexer.
const PIECES: &[&str] = &[
    "select ",
    "insert into t ",
    "'",
    "''",
    "\"",
    "$$",
    "$a$",
    ";",
    "--",
    "/*",
    "*/",
    "\n",
    "e'",
    "u&\"",
    "(",
    ")",
    "begin atomic ",
    "case ",
    "end ",
    "\\",
    "$1",
    ".",
    "for update ",
    "pg_advisory_lock",
    "set ",
    "é",
    "\0",
];

fn mixed() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec());
    let bytes = prop::collection::vec(any::<u8>(), 1..3);
    prop::collection::vec(prop_oneof![9 => piece, 1 => bytes], 0..25).prop_map(|pieces| pieces.concat())
}

/// By tokens only.
fn slow(text: &[u8], strings: Strings) -> Vec<Statement<'_>> {
    Statements { quick: None, lexer: Lexer::new(text, strings) }.collect()
}

#[test]
fn the_usual_ones_take_no_tokens() {
    for text in [
        "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;",
        "UPDATE pgbench_accounts SET abalance = abalance + -4887 WHERE aid = 2;",
        "insert into history (tid, delta, mtime) values (1, 2, now())",
        "  delete from t ; ",
        "BEGIN;",
        "commit",
    ] {
        assert!(quick::quick(text.as_bytes()).is_some(), "{text}");
    }
    for text in
        ["select f(1)", "select 'a'", "select 1; select 2", "select *into t", "update only t set a = 1"]
    {
        assert!(quick::quick(text.as_bytes()).is_none(), "{text}");
    }
}

proptest! {
    #[test]
    fn the_quick_way_says_what_the_tokens_say(
        text in "(?i)[ ;]{0,2}(select|insert into|insert  into|update|delete from|begin|commit|delete)[ \n(]{0,2}\
            (t|only|a\\.b|a \\. b|_x1|u&|e|9)?[ (,]{0,2}(into|for|with|do|set_|pg_|pg_advisory_lock|--|-|/\\*|\\$1|=|\\*| |'|\"|;|\\(|\\)|f|i|update|share|key|é){0,8}"
    ) {
        if let Some(only) = quick::quick(text.as_bytes()) {
            prop_assert_eq!(slow(text.as_bytes(), Strings::Standard), vec![only]);
            prop_assert_eq!(slow(text.as_bytes(), Strings::Backslash), vec![only]);
        }
    }

    #[test]
    fn any_text_is_parted(text in mixed(), strings in prop_oneof![Just(Strings::Standard), Just(Strings::Backslash)]) {
        let mut at = 0;
        for statement in statements(&text, strings) {
            prop_assert!(!statement.text.is_empty());
            let place = statement.text.as_ptr().addr() - text.as_ptr().addr();
            prop_assert!(place >= at);
            at = place + statement.text.len();
            let _pin = statement.pin();
        }
    }

    #[test]
    fn a_normal_form_is_its_own(text in mixed(), strings in prop_oneof![Just(Strings::Standard), Just(Strings::Backslash)]) {
        let mut once = Vec::new();
        normalise(&text, strings, &mut once);
        prop_assert!(once.len() <= text.len());
        let mut twice = Vec::new();
        normalise(&once, strings, &mut twice);
        prop_assert_eq!(String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice));
    }
}
