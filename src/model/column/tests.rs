use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::ages::Ages;
use crate::model::observation::RemoteSurvey;
use crate::model::reading::Gap;
use crate::model::signal::Signal;

fn gap() -> impl Strategy<Value = Gap> {
    (0..Gap::ALL.len()).prop_map(|i| Gap::ALL[i])
}

fn reading<T: Clone + fmt::Debug + 'static>(
    known: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Reading<T>> {
    prop_oneof![3 => known.prop_map(Reading::Known), 1 => gap().prop_map(Reading::Unavailable)]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0u32..2000).prop_map(f64::from),
        any::<f64>().prop_filter("equal to itself", |v| !v.is_nan())
    ]
}

fn signals(argument: Argument) -> Vec<Signal> {
    CATALOGUE.iter().filter(|row| row.argument == argument).map(|row| row.signal).collect()
}

const REMOTES_SEEN: [&str; 4] = ["1.2.3.4:5432", "[::1]:80", "db.internal:*", "feed.example:443"];
const NAMES_SEEN: [&str; 3] = ["orders-db", "a.b", "pool"];

fn survey() -> impl Strategy<Value = RemoteSurvey> {
    (0..REMOTES_SEEN.len(), any::<[u32; 5]>(), value()).prop_map(|(remote, counts, connect_rate)| {
        let [count, established, close_wait, syn_sent, fin_wait] = counts;
        let remote = Remote::parse(REMOTES_SEEN[remote]).unwrap();
        RemoteSurvey { remote, count, established, close_wait, syn_sent, fin_wait, connect_rate }
    })
}

/// Any observation that the sampler could make.
fn observation() -> impl Strategy<Value = Observation> {
    let named_signals = signals(Argument::Named);
    let named = prop::collection::btree_map(
        (0..named_signals.len(), 0..NAMES_SEEN.len())
            .prop_map(move |(s, n)| (named_signals[s], Name::parse(NAMES_SEEN[n]).unwrap())),
        reading(value()),
        0..6,
    );
    let plain = prop::collection::vec(reading(value()), signals(Argument::None).len());
    let kinds = reading(any::<[u32; Kind::COUNT]>().prop_map(Arc::new));
    let leaked = reading(any::<[u32; STEPS.len()]>().prop_map(|counts| Arc::new(Ages::from_counts(counts))));
    let remotes = reading(prop::collection::vec(survey(), 0..5).prop_map(Arc::new));
    let groups = (kinds, leaked, remotes);
    (plain, groups, named, any::<u64>()).prop_map(|(plain, (kinds, leaked, remotes), named, nanos)| {
        let mut seen = Observation::blank(Timestamp::ZERO, WallTime::default(), Gap::NotYet);
        for (signal, reading) in signals(Argument::None).into_iter().zip(plain) {
            seen.set(signal, reading);
        }
        seen.surveyed = Timestamp::from_nanos(nanos);
        seen.life = if nanos % 5 == 0 { Life::Exited } else { Life::Alive };
        seen.kinds = kinds;
        seen.leaked = leaked;
        seen.remotes = remotes;
        seen.named = Arc::new(named);
        seen
    })
}

/// Every way a policy can ask.
fn keys() -> Vec<crate::model::observation::SignalKey> {
    use crate::model::observation::SignalKey;
    let mut keys: Vec<_> = signals(Argument::None).into_iter().map(SignalKey::Plain).collect();
    keys.extend(Kind::ALL.iter().copied().map(SignalKey::Kind));
    keys.extend([0, 1, 59, 60, 7_000, 86_400, 90_000].map(|s| SignalKey::Leaked(Duration::from_secs(s))));
    for text in REMOTES_SEEN.into_iter().chain(["9.9.9.9:9"]) {
        let remote = Remote::parse(text).unwrap();
        keys.extend(RemoteField::ALL.map(|field| SignalKey::Remote(remote.clone(), field)));
        keys.push(SignalKey::ConnectRate(remote));
    }
    for name in NAMES_SEEN.into_iter().chain(["absent"]) {
        let name = Name::parse(name).unwrap();
        keys.extend(signals(Argument::Named).into_iter().map(|s| SignalKey::Named(s, name.clone())));
    }
    keys
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One assembly over several samples, as in a replay: nothing of one leaks into the next.
    #[test]
    fn every_read_survives_the_round_trip(samples in prop::collection::vec(observation(), 1..5)) {
        let flat: Vec<BTreeMap<_, _>> =
            samples.iter().map(|seen| cells_of(seen).into_iter().collect()).collect();
        let columns: BTreeSet<Column> = flat.iter().flat_map(BTreeMap::keys).cloned().collect();
        let columns: Vec<Column> = columns.into_iter().collect();
        let mut assembly = Assembly::new(columns.clone());
        for (seen, cells) in samples.iter().zip(&flat) {
            for (place, column) in columns.iter().enumerate() {
                assembly.set(place, cells.get(column).copied());
            }
            let again = assembly.observation(Moment::of(seen));
            prop_assert_eq!(Moment::of(&again), Moment::of(seen));
            for key in keys() {
                prop_assert_eq!(again.read(&key), seen.read(&key), "{:?}", key);
            }
        }
    }

    #[test]
    fn the_text_form_parses_again(seen in observation()) {
        let cells = cells_of(&seen);
        let columns: BTreeSet<_> = cells.iter().map(|(column, _)| column).collect();
        prop_assert_eq!(columns.len(), cells.len(), "each column once");
        for (column, _) in &cells {
            prop_assert_eq!(Column::parse(&column.to_string()), Some(column.clone()));
        }
    }

    #[test]
    fn no_text_panics(text in "(fd|leaked|remote|pool|remotes)?[.a-z0-9:\\[\\]-]{0,30}") {
        if let Some(column) = Column::parse(&text) {
            prop_assert_eq!(Column::parse(&column.to_string()), Some(column));
        }
    }
}

#[test]
fn text_forms_stay_as_documented() {
    for text in [
        "fd.open",
        "fd.by_kind.socket",
        "leaked.120",
        "remotes",
        "remote.1.2.3.4:5432.established",
        "remote.[::1]:80.connect_rate",
        "pool.orders-db.idle",
        "pool.a.b.max_wait",
    ] {
        assert_eq!(Column::parse(text).expect(text).to_string(), text);
    }
    for text in [
        "",
        "fd",
        "fd.by_kind.x",
        "leaked.121",
        "pool[].idle",
        "pool.idle",
        "socket.leaked",
        "remote.x.count",
    ] {
        assert_eq!(Column::parse(text), None, "{text}");
    }
}

#[test]
fn what_was_not_recorded_says_so() {
    let blank = Observation::blank(Timestamp::ZERO, WallTime::default(), Gap::NotYet);
    let mut assembly = Assembly::new(vec![Column::Plain(Signal::FdOpen), Column::Leaked(11)]);
    assembly.set(0, Some(Reading::Known(7.0)));
    assembly.set(1, Some(Reading::Known(3.0)));
    assembly.set(9, Some(Reading::Known(1.0)));
    let seen = assembly.observation(Moment::of(&blank));
    assert_eq!(seen.plain(Signal::FdOpen), Reading::Known(7.0));
    assert_eq!(seen.plain(Signal::FdLimit), Reading::Unavailable(Gap::NotRecorded));
    assert_eq!(seen.kinds, Reading::Unavailable(Gap::NotRecorded));
    // Younger steps of another version's recording are filled from the older one.
    assert_eq!(seen.leaked.map(|ages| ages.at_least(Duration::from_mins(1))), Reading::Known(3));
    assert_eq!(seen.remotes, Reading::Unavailable(Gap::NotRecorded));
}
