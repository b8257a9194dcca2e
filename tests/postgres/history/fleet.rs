//! Several agents in one database.

use super::*;

#[test]
fn agents_that_share_a_database_see_their_own_rows_alone() {
    let database = server().database();
    let places = ["host-1", "host-2", "host-3"].map(|agent| in_database(&shared(server(), &database, agent)));
    // All begin at once, in an empty database: one makes the tables, the others wait for it.
    let recorders = places.each_ref().map(start);
    for (place, (recorder, _)) in recorders.iter().enumerate() {
        let first = i64::try_from(place).unwrap() * 100;
        (first..first + 20).for_each(|number| recorder.event(event(number)));
        sample_all(recorder, &name("bot"), 0..200 + u32::try_from(place).unwrap());
        recorder.remember(&name("bot"), format!("[{place}]"));
    }
    for (recorder, hear) in recorders {
        assert_eq!(recorder.close(WITHIN), Written::All);
        assert_eq!(hear.try_iter().count(), 0, "nobody is in another's way");
    }
    for (place, number) in places.iter().zip(0u64..) {
        let mine: Vec<String> = (number * 100..number * 100 + 20).map(|number| number.to_string()).collect();
        assert_eq!(numbers(place), mine);
        let samples: Vec<u64> = recorded(place).iter().map(|one| one.samples).collect();
        assert_eq!(samples, [200 + number]);
        let memory = Blocking::open(place).unwrap().memory(&name("bot")).unwrap().unwrap();
        assert_eq!(memory.json, format!("[{number}]"));
    }

    // What is too old for one stays with the others.
    let keep = Keep { age: Duration::from_mins(1), size: 512 << 20 };
    let (recorder, _hear) = start_with(&places[0], keep, START + 1_000_000_000);
    wait_for("the old goes", || recorded(&places[0]).is_empty().then_some(()));
    drop(recorder);
    assert_eq!((numbers(&places[1]).len(), recorded(&places[2]).len()), (20, 1));

    let stranger = in_database(&shared(server(), &database, "host-9"));
    match Blocking::open(&stranger) {
        Err(QueryError::NoAgent { known, .. }) => assert_eq!(known, ["host-1", "host-2", "host-3"]),
        other => panic!("no such agent: {other:?}"),
    }
}

#[test]
fn two_agents_of_one_name_are_told_apart_and_the_second_takes_over_when_the_first_ends() {
    let place = in_database(&shared(server(), &server().database(), "twin"));
    let (first, quiet) = start(&place);
    first.event(event(1));
    assert_eq!(first.flush(WITHIN), Written::All);
    let (second, hear) = start(&place);
    second.event(event(2));
    let why = hear_lost(&hear);
    assert!(
        why.contains("another agent") && why.contains("`twin`") && why.contains("history.agent"),
        "{why}"
    );
    first.event(event(3));
    assert_eq!(first.close(WITHIN), Written::All);
    assert_eq!(quiet.try_iter().count(), 0, "the first is not disturbed");
    assert_eq!(hear_back(&hear), 0);
    assert_eq!(second.close(WITHIN), Written::All);
    assert_eq!(numbers(&place), ["1", "3", "2"]);
}
