//! A server that is away, killed under load, hung, and back again.

use std::time::Instant;

use super::*;

/// Longer than any call of a recorder may take, on a machine that is busy with other tests.
const AT_MOST: Duration = Duration::from_millis(100);

/// Records events until `until` holds, one each 20 ms; gives how many.
fn load(recorder: &Recorder, from: i64, mut until: impl FnMut() -> bool) -> i64 {
    let (mut number, mut longest) = (from, Duration::ZERO);
    while !until() {
        let before = Instant::now();
        recorder.event(event(number));
        recorder.sample(&name("bot"), process(7), &sample(u32::try_from(number).unwrap()));
        longest = longest.max(before.elapsed());
        number += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(longest < AT_MOST, "whoever records waited for {longest:?}");
    number
}

#[test]
fn a_server_that_is_killed_under_load_costs_nothing_that_fits_into_the_queue_and_doubles_nothing() {
    let own = Server::start(&[]);
    let place = in_database(&shared(&own, &own.database(), "host-1"));
    let (recorder, hear) = start(&place);
    assert_eq!(recorder.flush(WITHIN), Written::All);
    let mut number = 0;
    let mut lost = 0;
    for _ in 0..3 {
        let enough = number + 100;
        let mut reached = number;
        number = load(&recorder, number, || {
            reached += 1;
            reached > enough
        });
        let loading = recorder.clone();
        let first = number;
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::spawn(move || {
            load(&loading, first, || stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Empty))
        });
        own.crash();
        drop(stop);
        number = thread.join().unwrap();
        hear_lost(&hear);
        lost += hear_back(&hear);
    }
    assert_eq!(recorder.close(WITHIN), Written::All);
    let there = numbers(&place);
    let mut once = there.clone();
    once.dedup();
    assert_eq!(once.len(), there.len(), "nothing is there twice");
    assert_eq!(recorder.lost(), lost, "each loss is told");
    assert!(there.len() as u64 + lost >= number.unsigned_abs(), "{} and {lost} of {number}", there.len());
    if lost == 0 {
        assert_eq!(there, (0..number).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn a_server_that_hangs_is_waited_for_by_nobody_and_written_to_when_it_goes_on() {
    let own = Server::start(&[]);
    let place = in_database(&shared(&own, &own.database(), "host-1"));
    let (recorder, hear) = start(&place);
    recorder.event(event(0));
    assert_eq!(recorder.flush(WITHIN), Written::All);
    let frozen = own.freeze();
    let mut why = None;
    let number = load(&recorder, 1, || {
        why = why.take().or_else(|| hear.try_iter().next());
        why.is_some()
    });
    match why {
        Some(Fact::HistoryLost { why }) => assert!(why.contains("has not answered in time"), "{why}"),
        other => panic!("it was told otherwise: {other:?}"),
    }
    assert_eq!(recorder.flush(Duration::from_millis(50)), Written::NotAll);
    drop(frozen);
    assert_eq!(hear_back(&hear), 0, "so much fits into the queue");
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(numbers(&place), (0..number).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_server_that_is_away_costs_what_does_not_fit_and_that_is_counted_and_told_once() {
    let own = Server::start(&[]);
    let database = own.database();
    let place = in_database(&shared(&own, &database, "host-1"));
    let frozen = own.freeze();
    let (recorder, hear) = start(&place);
    let why = hear_lost(&hear);
    assert!(why.contains("has not answered in time"), "{why}");
    // Ten times what is kept meanwhile.
    for number in 0..20_000 {
        recorder.event(event(number));
        if number % 500 == 0 {
            recorder.flush(Duration::from_secs(1));
        }
    }
    drop(frozen);
    let lost = hear_back(&hear);
    assert!(lost > 10_000, "{lost}");
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(recorder.lost(), lost, "each loss is told");
    let there = numbers(&place);
    assert_eq!(there.len() as u64 + lost, 20_000 + 1, "one more told that the history was lost");
    assert_eq!(hear.try_iter().count(), 0, "told once");
}
