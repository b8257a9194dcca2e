use super::*;
use crate::model::clock::{Timestamp, WallTime};
use crate::policy::compile::tests::compiled;
use crate::policy::condition::Place;
use crate::policy::truth::Truth;
use crate::policy::world::{NoTiers, World};

fn conditions(texts: &[&str]) -> Vec<Condition> {
    texts.iter().map(|text| compiled(text, Place::Raise).0.unwrap()).collect()
}

fn tick(second: u64) -> Observation {
    let millis = second * 1_000;
    let wall = WallTime::from_millis(1_768_400_000_000 + i64::try_from(millis).unwrap());
    let mut seen = Observation::blank(Timestamp::from_millis(millis), wall, Gap::NotYet);
    seen.know(Signal::FdOpen, second as f64);
    seen
}

fn value(condition: &Condition, windows: &Windows, now: &Observation) -> Truth {
    condition.evaluate(&World { now, windows, tiers: &NoTiers, before: None, waited: None })
}

#[test]
fn equal_windows_are_one_and_functions_share() {
    let conditions = conditions(&[
        "avg(fd.open, 60s) > 3",
        "max(fd.open,1m) > 3 or avg(fd.open, 1m) > 5",
        "rate(fd.open, 1m) > 3/min",
        "trend(fd.open, 1m) > 3/min",
        "ago(fd.open, 1m) > 3",
        "avg(fd.open, 2m) > 3",
        "avg(fd.files, 1m) > 3",
    ]);
    assert_eq!(Windows::for_conditions(conditions.iter()).len(), 5);
    assert!(Windows::for_conditions([].into_iter()).is_empty());
}

#[test]
fn functions_over_time_tell_a_ramp() {
    let texts = [
        "avg(fd.open, 1m) > 269 and avg(fd.open, 1m) < 271",
        "max(fd.open, 1m) == 300 and min(fd.open, 1m) == 240",
        "increase(fd.open, 1m) >= 60 and increase(fd.open, 1m) <= 61",
        "rate(fd.open, 1m) > 59.9/min and rate(fd.open, 1m) < 60.1/min",
        "trend(fd.open, 1m) > 59.9/min and trend(fd.open, 1m) < 60.1/min",
        "ago(fd.open, 1m) == 240 and fd.open == 300",
    ];
    let conditions = conditions(&texts);
    let mut windows = Windows::for_conditions(conditions.iter());
    (0..=300).for_each(|second| windows.observe(&tick(second)));
    for condition in &conditions {
        assert_eq!(value(condition, &windows, &tick(300)), Truth::True, "{}", condition.source());
    }
}

#[test]
fn unchanged_windows_live_over_a_reload() {
    let old = conditions(&["avg(fd.open, 60s) > 200", "max(fd.open, 5m) > 3"]);
    let new = conditions(&["avg( fd.open, 1m ) > 250", "max(fd.open, 6m) > 3"]);
    let mut before = Windows::for_conditions(old.iter());
    (0..=300).for_each(|second| before.observe(&tick(second)));
    let mut after = Windows::for_conditions(new.iter());
    after.adopt(&mut before);
    after.observe(&tick(301));
    assert_eq!(value(&new[0], &after, &tick(301)), Truth::True);
    assert_eq!(value(&new[1], &after, &tick(301)), Truth::Unknown(Gap::TooYoung));
}

#[test]
fn kept_opening_hours_equal_those_asked_anew() {
    let kept = conditions(&["clock.session(\"mon-fri 09:30-16:00 America/New_York\")"]);
    let mut windows = Windows::for_conditions(kept.iter());
    let none = Windows::default();
    let mut changes = 0;
    let mut last = None;
    for minutes in 0..5_000 {
        let now = tick(minutes * 120);
        windows.observe(&now);
        let open = value(&kept[0], &windows, &now);
        assert_eq!(open, value(&kept[0], &none, &now), "{}", now.wall);
        changes += u32::from(last.is_some_and(|last| last != open));
        last = Some(open);
    }
    assert!((8..=12).contains(&changes), "{changes} openings and closings in a week");
}
