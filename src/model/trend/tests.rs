#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of some minutes")]

use proptest::prelude::*;

use super::*;

const SHORT: u64 = 180;
const LONG: u64 = 600;

fn fed(span: u64, series: impl Fn(u64) -> f64, seconds: u64) -> Trend {
    let mut trend = Trend::new(Duration::from_secs(span));
    for second in 0..seconds {
        trend.push(Timestamp::from_millis(second * 1_000), series(second));
    }
    trend
}

/// What is told in each second: the rate, none while too young.
fn told(series: impl Fn(u64) -> f64, seconds: u64) -> Vec<Option<f64>> {
    let mut exhaustion = Exhaustion::new(Duration::from_secs(SHORT), Duration::from_secs(LONG));
    let each = |second: u64| {
        exhaustion.push(Timestamp::from_millis(second * 1_000), series(second).floor());
        exhaustion.rate()
    };
    (0..seconds).map(each).collect()
}

fn leaks(rate: Option<f64>) -> bool {
    rate.is_some_and(|rate| rate > 0.0)
}

#[test]
fn a_steady_leak_has_its_slope() {
    let trend = fed(600, |s| 100.0 + (s as f64 * 2.5 / 60.0).floor(), 900);
    let slope = trend.slope().unwrap();
    assert!((slope.per_second * 60.0 - 2.5).abs() < 0.3, "{slope:?}");
    assert_eq!(trend.leak(), Some(slope.per_second));
}

#[test]
fn one_burst_does_not_move_it() {
    let burst = |s: u64| 100.0 + s as f64 * 0.5 + if s == 700 { 5_000.0 } else { 0.0 };
    let slope = fed(600, burst, 900).slope().unwrap();
    assert!((slope.per_second - 0.5).abs() < 0.05, "{slope:?}");
}

#[test]
fn young_windows_do_not_tell_and_gaps_start_over() {
    assert_eq!(fed(600, |s| s as f64, 299).slope(), None);
    assert!(fed(600, |s| s as f64, 330).slope().is_some());
    assert_eq!(fed(600, |s| s as f64, 539).leak(), None);
    assert!(fed(600, |s| s as f64, 580).leak().is_some());
    let mut trend = fed(600, |s| s as f64, 900);
    trend.push(Timestamp::from_millis(3_000_000), 1.0);
    assert_eq!((trend.slope(), trend.leak()), (None, None));
}

#[test]
fn a_few_points_tell_nothing_however_long_they_took() {
    let mut trend = Trend::new(Duration::from_mins(10));
    for minutes in 0..10_u64 {
        let at = Timestamp::from_millis(minutes * 100_000);
        trend.push(at, minutes as f64);
        assert_eq!(trend.slope(), None, "seven points fit into ten minutes");
    }
}

#[test]
fn a_third_that_was_not_seen_tells_nothing() {
    let mut trend = Trend::new(Duration::from_mins(10));
    for second in (0..390_u64).chain(601..800) {
        trend.push(Timestamp::from_millis(second * 1_000), second as f64);
    }
    assert_eq!(trend.leak(), None);
}

#[test]
fn that_nothing_leaks_is_told_only_once_both_windows_know() {
    let flat = told(|_| 85.0, 700);
    assert!(flat[..540].iter().all(Option::is_none));
    assert!(flat[580..].iter().all(|rate| *rate == Some(0.0)));
}

#[test]
fn each_leak_is_told_with_its_rate_well_before_its_end() {
    for (per_minute, within) in [(2.5_f64, 560), (25.0, 175), (250.0, 175)] {
        let (told, end) = (
            told(|s| 85.0 + s as f64 * per_minute / 60.0, 800.min((939.0 / per_minute * 60.0) as u64)),
            939.0 / per_minute * 60.0,
        );
        let first = told.iter().copied().position(leaks).unwrap();
        assert!(first <= within && (first as f64) < end, "{per_minute}: after {first} s of {end}");
        assert!(told[first..].iter().copied().all(leaks), "{per_minute}: and stays");
        let rate = told.last().unwrap().unwrap() * 60.0;
        assert!((rate / per_minute - 1.0).abs() < 0.1, "{per_minute}: told {rate}");
    }
}

#[test]
fn a_leak_that_begins_late_in_a_quiet_life_is_told_after_three_quarters_of_the_short_window() {
    for per_minute in [25.0_f64, 250.0] {
        let told = told(|s| 85.0 + s.saturating_sub(1_200) as f64 * per_minute / 60.0, 1_400);
        let first = told.iter().copied().position(leaks).unwrap();
        assert!((1_320..1_345).contains(&first), "{per_minute}: after {first} s");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// At any phase, met at its beginning or after a quiet hour.
    #[test]
    fn a_sawtooth_up_to_two_thirds_of_the_short_window_is_no_leak(
        (low, height) in (10.0..300.0_f64, 1.0..600.0_f64), period in 2u64..=120, quiet in 0u64..700, phase in 0u64..120,
    ) {
        let series = |s: u64| match s.checked_sub(quiet) {
            Some(s) => low + height * ((s + phase) % period) as f64 / period as f64,
            None => low,
        };
        prop_assert!(!told(series, 1_600).into_iter().any(leaks));
    }

    #[test]
    fn a_start_that_levels_off_within_half_of_the_short_window_is_no_leak(
        (low, height) in (3.0..100.0_f64, 1.0..600.0_f64), seconds in 1.0..90.0_f64, quiet in 0u64..700,
    ) {
        let at = |s: u64| s.saturating_sub(quiet) as f64;
        let straight = |s: u64| low + height * (at(s) / seconds).min(1.0);
        prop_assert!(!told(straight, 1_600).into_iter().any(leaks), "a ramp");
        let bent = |s: u64| low + height * (1.0 - (-2.0 * at(s) / seconds).exp());
        prop_assert!(!told(bent, 1_600).into_iter().any(leaks), "a curve");
    }

    #[test]
    fn noise_is_no_leak(noise in prop::collection::vec(0.0..100.0_f64, 1_500)) {
        prop_assert!(!told(|s| 85.0 + noise[s as usize], 1_500).into_iter().any(leaks));
    }

    #[test]
    fn a_step_is_no_leak(
        noise in prop::collection::vec(0.0..8.0_f64, 1_500), step in 0u64..1_500, height in -60.0..300.0_f64,
    ) {
        let series = |s: u64| 85.0 + noise[s as usize] + if s >= step { height } else { 0.0 };
        prop_assert!(!told(series, 1_500).into_iter().any(leaks));
    }

    /// What a leak is made of does not hide it: noise that it outgrows within the window.
    #[test]
    fn a_leak_under_noise_is_told(noise in prop::collection::vec(0.0..6.0_f64, 900), per_minute in 20.0..60.0_f64) {
        let series = |s: u64| 85.0 + noise[s as usize] + s as f64 * per_minute / 60.0;
        prop_assert!(told(series, 900)[600..].iter().copied().all(leaks));
    }
}
