//! Names that must exist elsewhere in the file, and things that must not be said twice.

use std::ops::Range;

use super::Config;
use super::probe::Probe;
use super::section::Context;
use super::target::Target;
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::name::Name;

/// Where the parts of the file stand: the places of their names.
#[derive(Default)]
pub(super) struct Places {
    pub(super) targets: Vec<(Name, Range<usize>)>,
    pub(super) probes: Vec<(Name, Range<usize>)>,
    pub(super) hooks: Vec<(Name, Range<usize>)>,
    pub(super) proxies: Vec<(Name, Range<usize>)>,
}

fn place(places: &[(Name, Range<usize>)], name: &Name) -> Range<usize> {
    places.iter().find(|(known, _)| known == name).map_or(0..0, |(_, span)| span.clone())
}

/// Checks what one part says about another. `places` is where each stands.
pub(super) fn check(config: &Config, places: &Places, cx: &mut Context<'_>) {
    let targets: Vec<&Target> = config.targets.values().collect();
    for (i, target) in targets.iter().enumerate() {
        let span = place(&places.targets, &target.name);
        for hook in target.stop.before.iter().filter(|hook| !config.hooks.contains_key(hook.as_str())) {
            let message = format!("`{}` names the hook `{hook}`, which does not exist", target.name);
            missing(cx, span.clone(), message, hook, config.hooks.keys());
        }
        let hooks = target.trading.hook.iter().chain(&target.trading.resume);
        for hook in hooks.filter(|hook| !config.hooks.contains_key(hook.as_str())) {
            let message = format!("`{}` names the hook `{hook}`, which does not exist", target.name);
            missing(cx, span.clone(), message, hook, config.hooks.keys());
        }
        for gate in target.trading.gates.iter().filter(|gate| !config.gates().any(|other| other == *gate)) {
            let message = format!("`{}` names the order gate of `{gate}`, which has none", target.name);
            missing(cx, span.clone(), message, gate, config.gates());
        }
        if let Some(twin) = targets[..i].iter().find(|other| other.matches == target.matches) {
            let message = format!("`{}` and `{}` match the same processes", twin.name, target.name);
            let help = "one target may have several policies: policy = [\"a.toml\", \"b.toml\"]";
            cx.faults.push(Diagnostic::error("same-match", span, message).help(help));
        }
    }
    for hook in config.hooks.values() {
        let Some(until) = &hook.until else { continue };
        if !config.probes.contains_key(until.probe.as_str()) {
            let message = format!("`{}` names the probe `{}`, which does not exist", hook.name, until.probe);
            missing(cx, place(&places.hooks, &hook.name), message, &until.probe, config.probes.keys());
        }
    }
    super::proxy::check(&config.proxies, &config.admin, &places.proxies, cx);
    let probes: Vec<&Probe> = config.probes.values().collect();
    for (i, probe) in probes.iter().enumerate() {
        let span = place(&places.probes, &probe.name);
        for target in probe.targets.iter().filter(|target| !config.targets.contains_key(target.as_str())) {
            let message = format!("`{}` names the target `{target}`, which does not exist", probe.name);
            missing(cx, span.clone(), message, target, config.targets.keys());
        }
        if let Some(twin) = probes[..i].iter().find(|other| same_feed(other, probe))
            && let Some(signal) = probe.feeds
        {
            let message = format!("`{}` and `{}` both feed `{signal}`", twin.name, probe.name);
            let help = "one probe feeds it; say which target each speaks of: targets = [\"…\"]";
            cx.faults.push(Diagnostic::error("same-feed", span, message).help(help));
        }
    }
}

fn same_feed(a: &Probe, b: &Probe) -> bool {
    let overlap =
        a.targets.is_empty() || b.targets.is_empty() || a.targets.iter().any(|t| b.targets.contains(t));
    a.feeds.is_some() && a.feeds == b.feeds && overlap
}

fn missing<'n>(
    cx: &mut Context<'_>,
    span: Range<usize>,
    message: String,
    name: &Name,
    known: impl Iterator<Item = &'n Name>,
) {
    let fault = Diagnostic::error("unknown-name", span, message);
    cx.faults.push(match suggest(name.as_str(), known.map(Name::as_str)) {
        Some(word) => fault.help(format!("did you mean `{word}`?")),
        None => fault,
    });
}
