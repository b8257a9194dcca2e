//! Reads a policy file: every fault at once, each in its place, every default filled in.

mod items;
mod tier;

use std::collections::BTreeSet;

use crate::document::{Faults, Table, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::Name;
use items::Work;

use crate::policy::definition::{
    LADDERS_MAX, Ladder, Mode, Policy, START_GRACE, Span, TIERS_MAX, UPKEEP_MAX, Upkeep,
};

/// The schema this version reads.
pub const SCHEMA: u64 = 1;

/// Reads a policy. Each fault goes to `faults`; `None` where one of them is an error.
pub fn load(source: &str, faults: &mut Faults) -> Option<Policy> {
    let policy = crate::document::read(source, faults, root)?;
    if faults.any_error() { None } else { policy }
}

fn root(mut root: Table<'_>, faults: &mut Faults) -> Option<Policy> {
    schema(&mut root, faults);
    let name = root.require("name", faults).and_then(|value| value.parsed(faults, Name::parse));
    let about = root.text("about", faults).map(|text| text.value.into_owned());
    let mode = mode(&mut root, faults);
    let upkeep = upkeep(&mut root, faults);
    let ladders = match root.table("ladder", faults) {
        Some(table) => ladders(table, faults),
        None => Vec::new(),
    };
    if ladders.is_empty() && upkeep.is_empty() && !faults.any_error() {
        let help = "write at least one `[[ladder.NAME.tier]]` or `[[upkeep]]`";
        faults.push(Diagnostic::error("empty-policy", 0..0, "the policy does nothing").help(help));
    }
    root.finish(faults);
    Some(Policy { name: name?, about, mode, upkeep, ladders })
}

fn schema(root: &mut Table<'_>, faults: &mut Faults) {
    let Some(value) = root.require("schema", faults) else { return };
    let Some(number) = value.whole(0..1 << 32, faults) else { return };
    if number != SCHEMA {
        let message = format!("schema {number} is not known to this version");
        let help = format!("write `schema = {SCHEMA}`");
        faults.push(Diagnostic::error("schema", value.span(), message).help(help));
    }
}

/// Reads `dry_run`.
fn mode(table: &mut Table<'_>, faults: &mut Faults) -> Mode {
    if table.flag("dry_run", faults) == Some(true) { Mode::Dry } else { Mode::Real }
}

/// A list of at most `most` values; what is beyond is a fault and left out.
fn bounded<'d>(
    table: &mut Table<'d>,
    key: &'static str,
    most: usize,
    faults: &mut Faults,
) -> Option<Vec<Value<'d>>> {
    let mut values = table.list(key, faults)?;
    if let Some(beyond) = values.get(most) {
        let message = format!("`{key}` has at most {most} entries");
        faults.push(Diagnostic::error("too-many", beyond.span(), message));
        values.truncate(most);
    }
    Some(values)
}

fn upkeep(root: &mut Table<'_>, faults: &mut Faults) -> Vec<Upkeep> {
    let values = bounded(root, "upkeep", UPKEEP_MAX, faults).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut rules = Vec::new();
    for (i, value) in values.iter().enumerate() {
        if let Some(rule) = upkeep_rule(*value, i, faults) {
            unique(&mut seen, &rule.name, &rule.span, faults);
            rules.push(rule);
        }
    }
    rules
}

fn upkeep_rule(value: Value<'_>, index: usize, faults: &mut Faults) -> Option<Upkeep> {
    let mut table = value.table(faults)?;
    let span = value.span();
    let given = match table.value("name") {
        Some(value) => value.parsed(faults, Name::parse),
        None => Some(Name::parse(&format!("upkeep-{}", index + 1)).expect("letters, a dash and digits")),
    };
    let every = table.require("every", faults).and_then(|value| tier::positive(value, faults));
    let work = match items::work(&mut table, faults) {
        Work::Items(items) => Some(items),
        Work::Absent => {
            let message = "`do` is missing";
            faults.push(Diagnostic::error("missing-key", span.start..span.start, message));
            None
        }
        Work::Faulty => None,
    };
    if work.as_ref().is_some_and(Vec::is_empty) {
        faults.push(Diagnostic::error("empty-do", span.clone(), "the upkeep does nothing"));
    }
    table.finish(faults);
    Some(Upkeep { name: given?, every: every?, work: work?, span })
}

fn ladders(table: Table<'_>, faults: &mut Faults) -> Vec<Ladder> {
    let mut entries = table.named_entries(faults);
    if let Some((_, key, _)) = entries.get(LADDERS_MAX) {
        let message = format!("a policy has at most {LADDERS_MAX} ladders");
        faults.push(Diagnostic::error("too-many", key.clone(), message));
        entries.truncate(LADDERS_MAX);
    }
    let mut ladders: Vec<Ladder> =
        entries.into_iter().filter_map(|(name, key, value)| ladder(name, key, value, faults)).collect();
    ladders.sort_by(|a, b| a.name.cmp(&b.name));
    ladders
}

fn ladder(name: Name, key: Span, value: Value<'_>, faults: &mut Faults) -> Option<Ladder> {
    let mut table = value.table(faults)?;
    let start_grace = table.span_of_time("start_grace", faults).unwrap_or(START_GRACE);
    let values = bounded(&mut table, "tier", TIERS_MAX, faults);
    if values.as_ref().is_none_or(Vec::is_empty) {
        let help = format!("write `[[ladder.{name}.tier]]`");
        faults.push(Diagnostic::error("no-tier", key.clone(), "the ladder has no tier").help(help));
    }
    table.finish(faults);
    let mut tables: Vec<(Table<'_>, Span)> =
        values.unwrap_or_default().iter().filter_map(|v| Some((v.table(faults)?, v.span()))).collect();
    let headings: Vec<(Option<Name>, Span)> =
        tables.iter_mut().map(|(table, span)| tier::name(table, span, faults)).collect();
    let names: Vec<Name> = headings.iter().filter_map(|(name, _)| name.clone()).collect();
    let mut seen = BTreeSet::new();
    for (name, span) in &headings {
        if let Some(name) = name {
            unique(&mut seen, name, span, faults);
        }
    }
    let tiers: Vec<_> = tables
        .into_iter()
        .zip(headings)
        .filter_map(|((table, _), name)| tier::read(table, name, &names, faults))
        .collect();
    Some(Ladder { name, start_grace, tiers, span: key })
}

fn unique(seen: &mut BTreeSet<Name>, name: &Name, span: &Span, faults: &mut Faults) {
    if !seen.insert(name.clone()) {
        let message = format!("the name `{name}` is taken already");
        faults.push(Diagnostic::error("duplicate-name", span.clone(), message));
    }
}

#[cfg(test)]
mod tests;
