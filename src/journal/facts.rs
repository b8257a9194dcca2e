//! What the history and the log say about a fact beside the fact itself: its kind and its rule.

use crate::model::event::Fact;

/// The word for a fact in the history and in the log: its variant in snake case.
pub fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::AgentStarted { .. } => "agent_started",
        Fact::AgentStopping { .. } => "agent_stopping",
        Fact::Adopted { .. } => "adopted",
        Fact::TargetAbsent { .. } => "target_absent",
        Fact::StaysDown { .. } => "stays_down",
        Fact::Exited { .. } => "exited",
        Fact::Spawned { .. } => "spawned",
        Fact::Transition(_) => "transition",
        Fact::Decision(_) => "decision",
        Fact::Finished { .. } => "finished",
        Fact::Judged(_) => "judged",
        Fact::HoldTaken { .. } => "hold_taken",
        Fact::HoldReleased { .. } => "hold_released",
        Fact::Latched { .. } => "latched",
        Fact::Commanded { .. } => "commanded",
        Fact::DescriptorsScarce { .. } => "descriptors_scarce",
        Fact::DescriptorsBack { .. } => "descriptors_back",
        Fact::StreamChanged { .. } => "stream_changed",
        Fact::SignalLost { .. } => "signal_lost",
        Fact::SignalBack { .. } => "signal_back",
        Fact::Reloaded { .. } => "reloaded",
        Fact::ReloadRefused { .. } => "reload_refused",
        Fact::ShadowDiffers { .. } => "shadow_differs",
        Fact::HistoryLost { .. } => "history_lost",
        Fact::HistoryBack { .. } => "history_back",
        Fact::FleetAway { .. } => "fleet_away",
        Fact::FleetBack {} => "fleet_back",
        Fact::BoundHit { .. } => "bound_hit",
        Fact::NoticeFailed { .. } => "notice_failed",
    }
}

/// The rule that a fact comes from, as `policy/ladder/tier`.
pub fn rule(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Transition(transition) => {
            let tier = transition.to.as_ref().or(transition.from.as_ref());
            let tier = tier.map(|tier| format!("/{tier}")).unwrap_or_default();
            Some(format!("{}/{}{tier}", transition.policy, transition.ladder))
        }
        Fact::Decision(decision) => Some(decision.rule.to_string()),
        Fact::Judged(judged) => Some(judged.rule.to_string()),
        Fact::Latched { rule } => Some(rule.clone()),
        Fact::ShadowDiffers { policy, .. } => Some(policy.to_string()),
        Fact::AgentStarted { .. }
        | Fact::AgentStopping { .. }
        | Fact::Adopted { .. }
        | Fact::TargetAbsent { .. }
        | Fact::StaysDown { .. }
        | Fact::Exited { .. }
        | Fact::Spawned { .. }
        | Fact::Finished { .. }
        | Fact::HoldTaken { .. }
        | Fact::HoldReleased { .. }
        | Fact::Commanded { .. }
        | Fact::DescriptorsScarce { .. }
        | Fact::DescriptorsBack { .. }
        | Fact::StreamChanged { .. }
        | Fact::SignalLost { .. }
        | Fact::SignalBack { .. }
        | Fact::Reloaded { .. }
        | Fact::ReloadRefused { .. }
        | Fact::HistoryLost { .. }
        | Fact::HistoryBack { .. }
        | Fact::FleetAway { .. }
        | Fact::FleetBack {}
        | Fact::BoundHit { .. }
        | Fact::NoticeFailed { .. } => None,
    }
}

#[cfg(test)]
pub(crate) mod examples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_the_words_of_the_record_itself() {
        for fact in examples::facts() {
            let json = serde_json::to_value(&fact).unwrap();
            let word = json.as_object().unwrap().keys().next().unwrap();
            assert_eq!(kind(&fact), word);
        }
    }

    #[test]
    fn rules_read_as_paths() {
        let rules: Vec<_> = examples::facts().iter().filter_map(rule).collect();
        assert!(
            rules.iter().all(|rule| rule == "longport/descriptors/warning" || rule == "next"),
            "{rules:?}"
        );
        assert_eq!(rules.len(), 7);
    }
}
