//! What else may be in the database: other rights, other layouts, other applications.

use super::*;

/// The first word of a recorder in this place: why it can't write.
fn refused(place: &Place) -> String {
    let (recorder, hear) = start(place);
    recorder.event(event(1));
    let why = hear_lost(&hear);
    assert_eq!(recorder.close(WITHIN), Written::NotAll);
    why
}

/// A database with a history of one event.
fn written() -> Places {
    let places = Places::new();
    let (recorder, _hear) = start(&in_database(&places.shared));
    recorder.event(event(1));
    sample_all(&recorder, &name("bot"), 0..10);
    assert_eq!(recorder.close(WITHIN), Written::All);
    places
}

fn run(places: &Places, sql: &str) {
    let answer = server().open(&places.database).run(sql);
    assert_eq!(answer.error, None, "{sql}");
}

#[test]
fn who_may_only_read_reads_and_changes_nothing() {
    let places = written();
    let reader = format!("reader_{}", places.database);
    run(&places, &format!("create role {reader} login"));
    let place = in_database(&shared_as(server(), &places.database, "host-1", &reader));
    let refusal = Blocking::open(&place).unwrap_err();
    let QueryError::Database(error) = &refusal else { panic!("{refusal:?}") };
    assert!(error.to_string().contains("permission denied"), "{error}");
    run(&places, &format!("grant usage on schema fdguard to {reader}"));
    run(&places, &format!("grant select on all tables in schema fdguard to {reader}"));
    assert_eq!(numbers(&place), ["1"]);
    assert_eq!(recorded(&place)[0].samples, 10);
    let why = refused(&place);
    assert!(why.contains("permission denied"), "{why}");
}

#[test]
fn an_agent_without_rights_of_its_own_writes_into_a_schema_that_was_made_for_it() {
    let database = server().database();
    let agent = format!("agent_{database}");
    let sql = format!("create role {agent} login; create schema fdguard authorization {agent}");
    assert_eq!(server().open(&database).run(&sql).error, None);
    let place = in_database(&shared_as(server(), &database, "host-1", &agent));
    let (recorder, hear) = start(&place);
    recorder.event(event(1));
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!((numbers(&place).len(), hear.try_iter().count()), (1, 0));
}

#[test]
fn a_newer_layout_is_neither_written_nor_read() {
    let places = written();
    run(&places, "update fdguard.layout set number = 99");
    let place = in_database(&places.shared);
    let why = refused(&place);
    assert!(why.contains("layout 99") && why.contains("newer"), "{why}");
    assert!(matches!(Blocking::open(&place), Err(QueryError::Foreign(_))));
}

#[test]
fn what_another_application_made_is_left_alone() {
    for (sql, reader_says_foreign) in [
        (
            "create schema fdguard; create table fdguard.events (id int); insert into fdguard.events values (7)",
            true,
        ),
        (
            "create schema fdguard; create table fdguard.layout (x int); create table fdguard.events as select 7 as id",
            true,
        ),
        (
            "create schema fdguard; create table fdguard.layout as select 'theirs' as application, 1 as number; \
          create table fdguard.events as select 7 as id",
            true,
        ),
        (
            "create schema fdguard; create table fdguard.layout as select 'fdguard' as application, 'x' as number; \
          create table fdguard.events as select 7 as id",
            true,
        ),
    ] {
        let places = Places::new();
        run(&places, sql);
        let place = in_database(&places.shared);
        let why = refused(&place);
        assert!(why.contains("another application's"), "{sql}: {why}");
        assert_eq!(matches!(Blocking::open(&place), Err(QueryError::Foreign(_))), reader_says_foreign);
        let mut wire = server().open(&places.database);
        assert_eq!(wire.value("select count(*) from pg_class where relname = 'agents'"), "0", "{sql}");
        assert_eq!(wire.run("select * from fdguard.events").error, None);
    }
}

#[test]
fn tables_that_were_changed_are_told_and_not_mended() {
    let places = written();
    run(&places, "alter table fdguard.events rename column json to text");
    let place = in_database(&places.shared);
    let why = refused(&place);
    assert!(why.contains("not as they were made") && why.contains("json"), "{why}");
    assert!(matches!(Blocking::open(&place), Err(QueryError::Foreign(_))));
    run(&places, "alter table fdguard.events rename column text to json");
    assert_eq!(numbers(&place), ["1"], "and once a person has mended them all is there");
}

#[test]
fn a_database_that_can_t_hold_every_text_is_refused() {
    let database = format!("{}_latin", server().database());
    let sql = format!("create database {database} template template0 encoding 'LATIN1' locale 'C'");
    assert_eq!(server().admin().run(&sql).error, None);
    let why = refused(&in_database(&shared(server(), &database, "host-1")));
    assert!(why.contains("LATIN1") && why.contains("UTF8"), "{why}");
}

#[test]
fn no_such_database_is_told_in_the_servers_own_words() {
    let why = refused(&in_database(&shared(server(), "none_such", "host-1")));
    assert!(why.contains("none_such") && why.contains("does not exist"), "{why}");
}
