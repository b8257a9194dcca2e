//! Tries what is proposed before anybody has it: as `config check --strict` and `policy test` would.

use std::sync::Arc;

use super::files::{Draft, Files};
use crate::cli::load::{self, Source};
use crate::document::Faults;
use crate::model::name::Name;
use crate::sim::{run, script};

/// What is wrong with a proposal is a fault of this program, and told as one.
pub(super) fn try_out(draft: &Draft, name: &Name) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no room for a trial: {error}"))?;
    let files = Files::of(folder.path(), name);
    files.write(draft)?;
    let source = Source { file: Some(files.agent.clone()), ..Source::default() };
    let loaded = load::load(&source).map_err(|refused| fault("the agent's file", &refused.drawn))?;
    if loaded.warnings > 0 {
        return Err(fault("the agent's file", &loaded.doubts));
    }
    scenarios(draft)
}

fn scenarios(draft: &Draft) -> Result<(), String> {
    let mut faults = Faults::default();
    let policy = crate::policy::load(&draft.policy, &mut faults).map(Arc::new);
    let script = policy.as_ref().and_then(|policy| script::read(&draft.scenarios, policy, &mut faults));
    let (Some(policy), Some(script)) = (policy, script) else {
        let told: Vec<_> = faults.into_sorted().into_iter().map(|fault| fault.message).collect();
        return Err(fault("the scenarios", &told.join("; ")));
    };
    for scenario in &script.scenarios {
        if let Some(failure) = run::run(&policy, scenario).failures.first() {
            let told = format!("`{}`: {} but {}", scenario.name, failure.claimed, failure.found);
            return Err(fault("a scenario", &told));
        }
    }
    Ok(())
}

fn fault(what: &str, told: &str) -> String {
    format!(
        "nothing is written: {what} that would be proposed does not pass its own check, which is a fault of fdguard:\n{told}"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::cli::init::base::Base;
    use crate::cli::init::{Fronting, Known, policy_file, scenarios as texts};

    fn proposed(base: Base, fronting: Fronting) -> Draft {
        let known = Known {
            name: Name::parse("bot").expect("a name"),
            base,
            fronts: Vec::new(),
            fronting,
            looked: Duration::from_secs(60),
            day: "2026-01-01".to_owned(),
        };
        let (policy, scenarios) = (policy_file::text(&known), texts::text(&known));
        Draft { agent: String::new(), policy, scenarios }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn whatever_was_seen_the_proposal_passes_its_own_trial(
            low in 3_u64..3_000,
            swing in 0_u64..40,
            limit in prop_oneof![Just(None), (64_u64..2_000).prop_map(Some), (2_000..2_000_000_u64).prop_map(Some)],
            above in 0_u64..100_000,
            dead in 0_u64..300,
        ) {
            let peak = low + swing;
            let limit = limit.map(|limit: u64| limit.max(peak + 1));
            let base = Base { low, peak, limit, hard: limit.map(|limit| limit + above), dead, exhausted_in: None };
            let draft = proposed(base, Fronting::Proposed);
            let tried = scenarios(&draft);
            prop_assert!(tried.is_ok(), "{base:?}: {}\n{}\n{}", tried.unwrap_err(), draft.policy, draft.scenarios);
        }
    }
}
