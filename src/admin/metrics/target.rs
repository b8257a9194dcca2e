//! Targets: their processes, signals, tiers, holds, and what became of actions.

use std::collections::BTreeMap;
use std::fmt;

use crate::admin::metrics::page::{Family, Labels, Page};
use crate::admin::metrics::reading;
use crate::agent::status::{Counts, ProcessStatus, TargetStatus};
use crate::model::name::Name;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::{Argument, CATALOGUE, Row, Source};

/// A process with what its labels are made of.
struct Owner<'a> {
    target: &'a Name,
    pid: String,
    process: &'a ProcessStatus,
}

impl Owner<'_> {
    fn labels(&self) -> Labels<'_> {
        vec![("target", self.target.as_str()), ("pid", &self.pid)]
    }

    fn with<'s>(&'s self, more: &[(&'static str, &'s str)]) -> Labels<'s> {
        let mut labels = self.labels();
        labels.extend_from_slice(more);
        labels
    }
}

/// Writes all targets.
pub(super) fn write(page: &mut Page<'_>, targets: &[TargetStatus]) -> fmt::Result {
    let owners: Vec<Owner<'_>> = targets.iter().flat_map(Owner::all).collect();
    whole(page, targets)?;
    signals(page, &owners)?;
    table(page, &owners)?;
    ladders(page, &owners)
}

impl<'a> Owner<'a> {
    fn all(target: &'a TargetStatus) -> impl Iterator<Item = Self> {
        let one =
            |process: &'a ProcessStatus| Self { target: &target.name, pid: process.pid.to_string(), process };
        target.processes.iter().map(one)
    }
}

fn whole(page: &mut Page<'_>, targets: &[TargetStatus]) -> fmt::Result {
    type Value = fn(&TargetStatus) -> usize;
    let families: [(&str, &str, Value); 3] = [
        ("fdguard_target_processes", "Processes that are guarded; 0 where none matches", |target| {
            target.processes.len()
        }),
        ("fdguard_target_human_hold", "1 where a person holds every disruptive action back", |target| {
            usize::from(target.human_hold)
        }),
        ("fdguard_target_latched", "Tiers that have spent their budget and wait for a person", |target| {
            target.latched.len()
        }),
    ];
    for (name, help, value) in families {
        let samples =
            targets.iter().map(|target| (vec![("target", target.name.as_str())], value(target) as f64));
        page.gauges(Family::plain(name, help), samples)?;
    }
    Ok(())
}

fn signals(page: &mut Page<'_>, owners: &[Owner<'_>]) -> fmt::Result {
    let rows = || CATALOGUE.iter().filter(|row| row.argument == Argument::None);
    let of = |owner: &Owner<'_>, row: &Row| owner.process.signals.get(row.name).copied();
    for row in rows() {
        match row.source {
            // The clock is everybody's.
            Source::Clock => {}
            Source::Host => {
                let known = owners.iter().find_map(|owner| of(owner, row)?.known());
                let reading = known.map(|value| (Vec::new(), Reading::Known(value)));
                reading::write(page, ("fdguard_", row), reading)?;
            }
            Source::FastTick | Source::FullTick | Source::Proxy | Source::Probe => {
                let readings = owners.iter().filter_map(|owner| Some((owner.labels(), of(owner, row)?)));
                reading::write(page, ("fdguard_target_", row), readings)?;
            }
        }
    }
    let missing = owners.iter().flat_map(|owner| {
        let gap = |row: &Row| of(owner, row)?.gap();
        let lost = rows().filter(move |row| match row.source {
            Source::Clock | Source::Host => false,
            Source::FastTick | Source::FullTick => gap(row).is_some(),
            // What nobody has declared is not missed.
            Source::Proxy | Source::Probe => gap(row).is_some_and(|gap| gap != Gap::NotConfigured),
        });
        lost.map(|row| (owner.with(&[("signal", row.name)]), 1.0)).collect::<Vec<_>>()
    });
    page.gauges(
        Family::plain("fdguard_target_unavailable", "1 for each signal that can't be told now"),
        missing,
    )
}

fn table(page: &mut Page<'_>, owners: &[Owner<'_>]) -> fmt::Result {
    type Value = fn(&(String, u32, u32)) -> u32;
    let kinds = owners.iter().flat_map(|owner| {
        let kinds = owner.process.kinds.iter();
        kinds
            .map(|(kind, count)| (owner.with(&[("kind", kind.as_str())]), f64::from(*count)))
            .collect::<Vec<_>>()
    });
    page.gauges(Family::plain("fdguard_target_descriptors", "Open descriptors by kind"), kinds)?;
    let families: [(&str, &str, Value); 2] = [
        ("fdguard_target_remote_sockets", "TCP sockets by remote", |remote| remote.1),
        ("fdguard_target_remote_close_wait", "TCP sockets in CLOSE_WAIT by remote", |remote| remote.2),
    ];
    for (name, help, value) in families {
        let samples = owners.iter().flat_map(|owner| {
            let remotes = owner.process.remotes.iter();
            remotes
                .map(|remote| (owner.with(&[("remote", &remote.0)]), f64::from(value(remote))))
                .collect::<Vec<_>>()
        });
        page.gauges(Family::plain(name, help), samples)?;
    }
    let abandoned = owners.iter().map(|owner| {
        let count = owner.process.clients.iter().filter(|client| client.abandoned).count();
        (owner.labels(), count as f64)
    });
    let help = "Descriptors that are clients which a pool has closed and the process has not";
    page.gauges(Family::plain("fdguard_target_abandoned_clients", help), abandoned)
}

fn ladders(page: &mut Page<'_>, owners: &[Owner<'_>]) -> fmt::Result {
    let tiers = owners.iter().flat_map(|owner| {
        let tiers = owner.process.tiers.iter().map(|(ladder, tier)| {
            let tier = tier.as_ref().map_or("normal", Name::as_str);
            let level = owner.process.levels.get(ladder).copied().unwrap_or_default();
            (owner.with(&[("ladder", ladder.as_str()), ("tier", tier)]), level as f64)
        });
        tiers.collect::<Vec<_>>()
    });
    let help = "Place of the active tier of each ladder, from 1; 0 is normal";
    page.gauges(Family::plain("fdguard_tier", help), tiers)?;
    let holds: Vec<BTreeMap<&'static str, u32>> = owners.iter().map(holds).collect();
    let holds = owners.iter().zip(&holds).flat_map(|(owner, holds)| {
        holds
            .iter()
            .map(|(hold, count)| (owner.with(&[("hold", hold)]), f64::from(*count)))
            .collect::<Vec<_>>()
    });
    page.gauges(Family::plain("fdguard_holds", "Holds that are kept up"), holds)
}

fn holds(owner: &Owner<'_>) -> BTreeMap<&'static str, u32> {
    let mut counts = BTreeMap::new();
    for hold in &owner.process.holds {
        *counts.entry(hold.word().name()).or_default() += 1;
    }
    counts
}

/// Writes what happened since the start.
pub(super) fn write_counts(page: &mut Page<'_>, counts: &Counts) -> fmt::Result {
    let actions = counts.actions.iter().map(|one| {
        let labels = vec![
            ("target", one.target.as_str()),
            ("action", one.action.as_str()),
            ("outcome", one.outcome.as_str()),
        ];
        (labels, one.count as f64)
    });
    page.counters(Family::plain("fdguard_actions", "Actions and holds by what became of them"), actions)?;
    for (name, help, label, counts) in [
        ("fdguard_transitions", "Moves of ladders between tiers", "target", &counts.transitions),
        ("fdguard_target_starts", "Starts of the target's command by the agent", "target", &counts.starts),
        ("fdguard_signal_losses", "How often a signal was lost", "target", &counts.signal_losses),
        ("fdguard_notices_failed", "Notices that could not be delivered", "receiver", &counts.notices_failed),
    ] {
        let samples = counts.iter().map(|(name, count)| (vec![(label, name.as_str())], *count as f64));
        page.counters(Family::plain(name, help), samples)?;
    }
    Ok(())
}
