//! What could not be seen, why, and what would let it be seen.

use serde::Serialize;

use super::report::Report;
use crate::model::reading::Gap;
use crate::model::signal::Signal;
use crate::sys::ability::{Ability, Capability};

/// Signals that are missing for the same reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(in crate::cli) struct Unseen {
    pub(in crate::cli) signals: Vec<&'static str>,
    pub(in crate::cli) why: String,
    /// What would grant it, where something would.
    pub(in crate::cli) grant: Option<String>,
}

/// Groups what is missing. What is only too young is no blindness; an exit code is not due while it lives.
pub(in crate::cli) fn unseen(report: &Report, ability: &Ability) -> Vec<Unseen> {
    let mut groups: Vec<(Gap, Unseen)> = Vec::new();
    for (signal, reading) in &report.signals {
        let Some(gap) = reading.gap() else { continue };
        if matches!(gap, Gap::TooYoung) || *signal == Signal::ProcessExitCode {
            continue;
        }
        if let Some((_, group)) = groups.iter_mut().find(|(known, _)| *known == gap) {
            group.signals.push(signal.name());
        } else {
            let (why, grant) = (gap.to_string(), grant(gap, report, ability));
            groups.push((gap, Unseen { signals: vec![signal.name()], why, grant }));
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn grant(gap: Gap, report: &Report, ability: &Ability) -> Option<String> {
    match gap {
        Gap::NotPermitted if report.kinds.is_empty() => Some(table_grant(report, ability)),
        Gap::NotPermitted => Some(
            "the process is in a network namespace of its own: CAP_SYS_ADMIN lets its sockets be asked for"
                .to_owned(),
        ),
        Gap::NotSupported => Some(format!("a newer kernel than {}", ability.release)),
        Gap::Late => Some("look longer with `--for`".to_owned()),
        Gap::NoRoom => Some("a higher limit on descriptors for fdguard itself".to_owned()),
        Gap::NotYet
        | Gap::Gone
        | Gap::TooYoung
        | Gap::NotConfigured
        | Gap::Failed
        | Gap::NotRecorded
        | Gap::Undefined => None,
    }
}

/// Listing another's descriptors asks for the right to trace it.
fn table_grant(report: &Report, ability: &Ability) -> String {
    let owner = report.process.user.clone().or_else(|| report.process.uid.map(|uid| format!("uid {uid}")));
    let owner = owner.unwrap_or_else(|| "its user".to_owned());
    if ability.has(Capability::SysPtrace) {
        return "this user namespace does not own the process: run fdguard outside of the container"
            .to_owned();
    }
    if report.process.uid == Some(ability.uid) {
        return "the process forbids it (it is not dumpable, or a security module is in the way): CAP_SYS_PTRACE"
            .to_owned();
    }
    let root = if report.process.uid == Some(0) { "" } else { " or as root" };
    format!("run as {owner}{root}, or with CAP_SYS_PTRACE; this is uid {} without it", ability.uid)
}
