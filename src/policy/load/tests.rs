use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::diagnostic::Severity;
use crate::policy::lint;
use crate::policy::sustain::Sustain;

const SHIPPED: [(&str, &str); 3] = [
    ("longport", include_str!("../../../policies/longport.toml")),
    ("default", include_str!("../../../policies/default.toml")),
    ("aggressive", include_str!("../../../policies/aggressive.toml")),
];

fn loaded(source: &str) -> (Option<Policy>, Vec<Diagnostic>) {
    let mut faults = Faults::default();
    let policy = load(source, &mut faults);
    (policy, faults.into_sorted())
}

#[test]
fn shipped_policies_hold_without_a_doubt() {
    for (name, source) in SHIPPED {
        let (policy, faults) = loaded(source);
        assert!(faults.is_empty(), "{name}: {faults:#?}");
        let policy = policy.unwrap();
        assert_eq!(policy.name.as_str(), name);
        let doubts = lint(&policy, None);
        assert!(doubts.is_empty(), "{name}: {doubts:#?}");
    }
}

#[test]
fn the_default_policy_does_nothing_that_a_bot_can_notice() {
    let (policy, _) = loaded(SHIPPED[1].1);
    let policy = policy.unwrap();
    assert!(policy.upkeep.is_empty());
    for tier in policy.ladders.iter().flat_map(|ladder| &ladder.tiers) {
        assert!(tier.hold.is_empty());
        for item in &tier.work {
            assert_eq!(item.action.word().effect(), crate::model::action::Effect::None);
        }
    }
}

#[test]
fn every_rejected_file_is_refused_with_a_reason_in_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies/rejected");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        count += 1;
        let source = fs::read_to_string(&path).unwrap();
        let (policy, faults) = loaded(&source);
        assert!(policy.is_none(), "{}", path.display());
        let errors = faults.iter().filter(|fault| fault.severity == Severity::Error);
        assert!(errors.count() >= 1, "{}", path.display());
        for fault in faults {
            assert!(fault.span.start <= fault.span.end && fault.span.end <= source.len(), "{fault:?}");
            assert!(source.is_char_boundary(fault.span.start) && source.is_char_boundary(fault.span.end));
        }
    }
    assert!(count >= 40, "{count} files");
}

#[test]
fn defaults_are_filled_in() {
    let (policy, faults) = loaded(
        "schema = 1\nname = \"p\"\n[[ladder.d.tier]]\nname = \"a\"\nraise = \"fd.open > 1\"\ndo = [\"stop\"]\n",
    );
    assert!(faults.is_empty(), "{faults:#?}");
    let ladder = &policy.unwrap().ladders[0];
    let tier = &ladder.tiers[0];
    assert_eq!(ladder.start_grace, START_GRACE);
    assert_eq!(tier.sustain, Sustain::Time(std::time::Duration::ZERO));
    assert_eq!(tier.dwell, crate::policy::definition::DWELL);
    assert_eq!(tier.cooldown, crate::policy::definition::COOLDOWN);
    let stay = crate::model::action::Then::Stay;
    let grace = crate::policy::definition::STOP_GRACE;
    assert_eq!(
        tier.work[0].action,
        crate::model::action::Action::Stop { before: Vec::new(), grace, then: stay }
    );
}

#[test]
fn faults_come_all_at_once_with_their_text_and_a_hint() {
    let source = include_str!("../../../tests/policies/rejected/many-faults-at-once.toml");
    let (_, faults) = loaded(source);
    let told: Vec<(&str, &str)> =
        faults.iter().map(|fault| (fault.code, &source[fault.span.clone()])).collect();
    for wanted in
        [("schema", "3"), ("unknown-key", "colour"), ("wrong-type", "1"), ("unknown-word", "\"snapshoot\"")]
    {
        assert!(told.contains(&wanted), "{wanted:?} in {told:?}");
    }
    assert!(told.len() >= 6, "{told:?}");
    let snap = faults.iter().find(|fault| fault.code == "unknown-word").unwrap();
    assert!(snap.help.as_ref().unwrap().contains("snapshot"), "{snap:?}");
}

/// A shipped policy with some characters taken out, doubled or changed.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0u8..4, prop::sample::select(&b"\"[]{}=.,#5s%\n x<>(-"[..]));
    (0..SHIPPED.len(), prop::collection::vec(edit, 1..8)).prop_map(|(which, edits)| {
        let mut text: Vec<char> = SHIPPED[which].1.chars().collect();
        for (place, how, with) in edits {
            if text.is_empty() {
                break;
            }
            let place = place.index(text.len());
            match how {
                0 => drop(text.remove(place)),
                1 => text.insert(place, char::from(with)),
                2 => text[place] = char::from(with),
                _ => text.truncate(place.max(1)),
            }
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_panics_and_a_refusal_has_a_reason(source in mutated()) {
        let (policy, faults) = loaded(&source);
        let errors = faults.iter().any(|fault| fault.severity == Severity::Error);
        prop_assert_eq!(policy.is_none(), errors, "{:?}", faults);
        prop_assert!(faults.iter().all(|fault| fault.span.end <= source.len()));
        if let Some(policy) = policy {
            drop(lint(&policy, None));
        }
    }
}
