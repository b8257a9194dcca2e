//! One suite over both engines.

use fdguard::journal::query::{Bucket, Range};
use fdguard::model::column::Column;
use fdguard::model::event::Loudness;

use super::*;

/// Writes the same to any place.
fn fill(place: &Place) {
    let (recorder, hear) = start(place);
    for number in 0..60 {
        recorder.event(event(number));
    }
    let mut own = event(60);
    (own.target, own.process) = (None, None);
    own.fact = Fact::HistoryBack { lost: 3 };
    recorder.event(own);
    let mut other = event(61);
    other.target = Some(name("other"));
    recorder.event(other);
    sample_all(&recorder, &name("bot"), 0..1_000);
    recorder.remember(&name("bot"), r#"{"budget":3}"#.to_owned());
    recorder.remember(&name("bot"), r#"{"budget":2}"#.to_owned());
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(recorder.lost(), 0);
    assert_eq!(hear.try_iter().count(), 0, "nothing went wrong");
}

#[test]
fn both_engines_give_the_same_answers() {
    let places = Places::new();
    places.both().iter().for_each(fill);
    let [mut file, mut database] = places.both().map(|place| Blocking::open(&place).unwrap());

    let range = Range {
        since: Some(WallTime::from_millis(START + 5)),
        until: Some(WallTime::from_millis(START + 9)),
    };
    let kinds = vec!["history_back".to_owned(), "decision".to_owned()];
    let filters = [
        EventFilter::default(),
        EventFilter { order: Order::OldestFirst, ..EventFilter::default() },
        EventFilter { target: Some(name("bot")), limit: Some(3), ..EventFilter::default() },
        EventFilter { target: Some(name("other")), ..EventFilter::default() },
        EventFilter { range, ..EventFilter::default() },
        EventFilter { kinds, ..EventFilter::default() },
        EventFilter { loudness: Some(Loudness::Warn), ..EventFilter::default() },
        EventFilter { loudness: Some(Loudness::Error), ..EventFilter::default() },
    ];
    let counts = filters.each_ref().map(|filter| {
        let (left, right) = (file.events(filter).unwrap(), database.events(filter).unwrap());
        assert_eq!(left.events, right.events, "{filter:?}");
        assert_eq!((left.unreadable, right.unreadable), (0, 0));
        left.events.len()
    });
    assert_eq!(counts[..6], [62, 62, 3, 1, 5, 1]);

    let (left, right) = (file.recorded().unwrap(), database.recorded().unwrap());
    let summary = |all: &[Recorded]| {
        all.iter()
            .map(|one| (one.target.clone(), one.process, one.from, one.until, one.samples))
            .collect::<Vec<_>>()
    };
    assert_eq!(summary(&left), summary(&right));
    assert_eq!(left.iter().map(|one| one.samples).collect::<Vec<_>>(), [300, 700]);
    let range = Range { since: Some(wall(95)), until: Some(wall(404)) };
    for (left, right) in left.iter().zip(&right) {
        let all: Vec<String> =
            file.samples(left, Range::default()).map(|seen| format!("{:?}", seen.unwrap())).collect();
        let same = database.samples(right, Range::default()).map(|seen| format!("{:?}", seen.unwrap()));
        assert_eq!(all, same.collect::<Vec<_>>());
        assert_eq!(all.len() as u64, left.samples);
        let some: Vec<WallTime> = database.samples(right, range).map(|seen| seen.unwrap().wall).collect();
        assert_eq!(some, file.samples(left, range).map(|seen| seen.unwrap().wall).collect::<Vec<_>>());
        let column = Column::parse("fd.open").unwrap();
        let told = |buckets: Vec<Bucket>| {
            let bits =
                |one: Bucket| (one.from, one.known, one.gaps, [one.min, one.avg, one.max].map(f64::to_bits));
            buckets.into_iter().map(bits).collect::<Vec<_>>()
        };
        for (range, count) in [(Range::default(), 7), (range, 100)] {
            let one = told(file.series(left, &column, range, count).unwrap());
            assert_eq!(one, told(database.series(right, &column, range, count).unwrap()));
        }
    }
    for target in ["bot", "other"] {
        assert_eq!(
            file.memory(&name(target)).unwrap().map(|memory| memory.json),
            database.memory(&name(target)).unwrap().map(|memory| memory.json)
        );
    }
    assert_eq!(database.memory(&name("bot")).unwrap().unwrap().json, r#"{"budget":2}"#);
}

#[test]
fn what_is_begun_twice_goes_on_where_it_was() {
    let places = Places::new();
    for place in places.both() {
        assert!(is_absent(&place), "asking makes none: {place}");
        for run in 0..3 {
            let (recorder, hear) = start(&place);
            for number in run * 10..run * 10 + 10 {
                recorder.event(event(number));
            }
            assert_eq!(recorder.close(WITHIN), Written::All);
            assert_eq!(hear.try_iter().count(), 0);
        }
        assert_eq!(numbers(&place), (0..30).map(|number| number.to_string()).collect::<Vec<_>>(), "{place}");
    }
}

/// A bot whose every sample differs in many signals: its blocks are large.
fn noisy(second: u32) -> Observation {
    let mut seen = sample(second);
    let mut seed = u64::from(second) + 1;
    for signal in [
        Signal::FdOpen,
        Signal::FdRatio,
        Signal::FdTte,
        Signal::ProcessRss,
        Signal::ProcessCpu,
        Signal::HostLoad,
    ] {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seen.know(signal, (seed >> 11) as f64 / 1e3);
    }
    seen
}

#[test]
fn ten_times_the_bound_stays_within_it() {
    let places = Places::new();
    let keep = Keep { age: Duration::from_hours(24 * 365), size: 1 << 20 };
    let seconds = 10 * (1 << 20) / 48;
    for place in places.both() {
        let (recorder, hear) = start_with(&place, keep, START);
        for second in 0..seconds {
            recorder.sample(&name("bot"), process(1 + second / 50_000), &noisy(second));
            if second % AT_ONCE == AT_ONCE - 1 {
                recorder.event(event(second.into()));
                assert_eq!(recorder.flush(WITHIN), Written::All);
            }
        }
        assert_eq!(recorder.close(WITHIN), Written::All);
        assert_eq!((recorder.lost(), hear.try_iter().count()), (0, 0));
        let recorded = recorded(&place);
        let kept: u64 = recorded.iter().map(|one| one.samples).sum();
        assert!(kept < u64::from(seconds) / 6, "the oldest went: {kept} of {seconds} in {place}");
        assert!(kept > u64::from(seconds) / 30, "not more than needed went: {kept} of {seconds} in {place}");
        assert_eq!(recorded[0].until, wall(i64::from(seconds) - 1), "the latest stayed");
        assert!(recorded.iter().all(|one| one.from > wall(0)), "the oldest went");
    }
    let sizes = "select sum(octet_length(bytes)) from fdguard.blocks";
    let bytes: u64 = server().open(&places.database).value(sizes).parse().unwrap();
    assert!(bytes <= keep.size, "{bytes} bytes");
}

#[test]
fn what_is_too_old_goes() {
    let places = Places::new();
    for place in places.both() {
        let (recorder, _hear) = start(&place);
        (0..2_000).step_by(10).for_each(|number| recorder.event(event(number)));
        sample_all(&recorder, &name("bot"), 0..1_000);
        assert_eq!(recorder.close(WITHIN), Written::All);
        // An hour and 400 s later, with an hour to be kept.
        let keep = Keep { age: Duration::from_hours(1), size: 512 << 20 };
        let (recorder, _hear) = start_with(&place, keep, START + 4_000_000);
        wait_for("the old goes", || numbers(&place).is_empty().then_some(()));
        assert_eq!(recorder.close(WITHIN), Written::All);
        let kept: Vec<u64> = recorded(&place).iter().map(|one| one.samples).collect();
        assert_eq!(kept, [300, 400], "the block that ends before goes: {place}");
    }
}
