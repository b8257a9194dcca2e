use super::*;
use proptest::prelude::*;

fn wall(text: &str) -> WallTime {
    WallTime::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn open(session: &str, at: &str) -> bool {
    Session::parse(session).unwrap().at(wall(at)).unwrap().open
}

#[test]
fn hours_are_those_of_the_zone_in_summer_and_in_winter() {
    let session = "09:30-16:00 America/New_York";
    assert!(!open(session, "2026-01-14T14:29:59Z"));
    assert!(open(session, "2026-01-14T14:30:00Z"));
    assert!(!open(session, "2026-01-14T21:00:00Z"));
    assert!(open(session, "2026-07-14T13:30:00Z"));
    assert!(!open(session, "2026-07-14T20:00:00Z"));
}

#[test]
fn days_filter_by_the_day_of_the_start() {
    let session = "sun-thu 17:00-16:00 America/Chicago";
    assert!(open(session, "2026-01-11T23:00:00Z"), "sunday 17:00");
    assert!(open(session, "2026-01-16T21:59:59Z"), "friday 15:59, thursday's session");
    assert!(!open(session, "2026-01-16T22:00:00Z"), "friday 16:00");
    assert!(!open(session, "2026-01-17T01:00:00Z"), "friday evening");
    assert!(!open("mon,wed 00:00-24:00 UTC", "2026-01-13T12:00:00Z"), "tuesday");
    assert!(open("mon,wed 00:00-24:00 UTC", "2026-01-14T23:59:59Z"), "wednesday");
    assert!(open("fri-mon 00:00-24:00 UTC", "2026-01-18T12:00:00Z"), "over the end of the week");
}

#[test]
fn stretches_leave_the_lunch_out() {
    let session = "mon-fri 09:30-12:00,13:00-16:00 Asia/Hong_Kong";
    assert!(open(session, "2026-01-14T01:30:00Z"));
    assert!(!open(session, "2026-01-14T04:30:00Z"));
    assert!(open(session, "2026-01-14T05:00:00Z"));
}

#[test]
fn clock_changes_neither_flap_nor_close() {
    // Berlin skips 02:00 to 03:00 on 2026-03-29 and repeats 02:00 to 03:00 on 2026-10-25.
    let night = "22:00-06:00 Europe/Berlin";
    assert!(open(night, "2026-03-29T03:59:59Z"), "05:59 in summer time");
    assert!(!open(night, "2026-03-29T04:00:00Z"), "06:00 in summer time");
    let skipped = "02:30-04:00 Europe/Berlin";
    assert!(!open(skipped, "2026-03-29T01:29:59Z"));
    assert!(open(skipped, "2026-03-29T01:30:00Z"), "02:30 does not exist, 03:30 does");
    let twice = "02:30-04:00 Europe/Berlin";
    assert!(open(twice, "2026-10-25T00:30:00Z"), "the first 02:30");
    assert!(open(twice, "2026-10-25T01:10:00Z"), "the second 02:10 does not close it");
    assert!(!open(twice, "2026-10-25T03:00:00Z"));
}

#[test]
fn faults_say_what_would_be_right() {
    let fault = |text: &str| {
        let error = Session::parse(text).unwrap_err();
        format!("{} ({})", error.message, error.help)
    };
    assert_eq!(
        fault("09:30-16:00 America/NewYork"),
        "there is no time zone `America/NewYork` (did you mean `America/New_York`?)"
    );
    assert_eq!(fault("09:30-16:00 Berlin"), "there is no time zone `Berlin` (did you mean `Europe/Berlin`?)");
    assert_eq!(fault("mond 09:30-16:00 UTC"), "`mond` is no day (did you mean `mon`?)");
    assert_eq!(
        fault("9:30-16:00 UTC"),
        "`9:30` is no time of day (write it as `09:30`, from 00:00 to 24:00)"
    );
    assert_eq!(fault("09:30-09:30 UTC"), "`09:30-09:30` is empty (write 00:00-24:00 for the whole day)");
    assert_eq!(
        fault("UTC"),
        "a session is days, hours and a zone (write for example `mon-fri 09:30-16:00 America/New_York`)"
    );
}

#[test]
fn weekdays_are_those_of_utc() {
    for (text, day) in [("1970-01-01", "thu"), ("2026-01-12", "mon"), ("1969-12-28", "sun")] {
        for time in ["00:00:00", "23:59:59"] {
            assert_eq!(WEEKDAYS[weekday_utc(wall(&format!("{text}T{time}Z")))], day);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        drop(Session::parse(&text));
    }

    /// While a standing says that it covers a time, asking anew gives the same answer.
    #[test]
    fn a_standing_holds_as_long_as_it_says(
        start in 1_700_000_000i64..1_800_000_000, steps in prop::collection::vec(1i64..20_000, 1..40),
        session in prop::sample::select(vec![
            "09:30-16:00 America/New_York", "sun-thu 17:00-16:00 America/Chicago",
            "mon-fri 09:30-12:00,13:00-16:00 Asia/Hong_Kong", "sat 23:00-01:00 Australia/Lord_Howe",
            "00:00-24:00 UTC", "02:30-02:10 Europe/Berlin",
        ]),
    ) {
        let session = Session::parse(session).unwrap();
        let mut at = start;
        let mut kept = session.at(WallTime::from_millis(at * 1_000)).unwrap();
        prop_assert!(kept.covers(WallTime::from_millis(at * 1_000)));
        for step in steps {
            at += step;
            let now = WallTime::from_millis(at * 1_000);
            let fresh = session.at(now).unwrap();
            prop_assert!(fresh.covers(now));
            if kept.covers(now) {
                prop_assert_eq!(kept.open, fresh.open, "{:?} at {}", session, now);
            } else {
                kept = fresh;
            }
        }
    }
}
