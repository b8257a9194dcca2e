use super::*;
use crate::document;
use crate::model::name::Name;
use crate::policy::condition::Place;

/// Compiles an expression as it would stand in a file; also the faults, drawn below it.
pub(in crate::policy) fn compiled(text: &str, place: Place) -> (Option<Condition>, String) {
    let tiers = ["attention", "warning", "drop-feed"].map(|name| Name::parse(name).unwrap());
    let source = format!("x = {}\n", toml::Value::String(text.to_owned()));
    let mut faults = Faults::default();
    let condition = document::read(&source, &mut faults, |mut root, faults| {
        let text = root.text("x", faults).unwrap();
        compile(&text, &Scope { tiers: &tiers, place }, faults)
    });
    let mut drawn = String::new();
    for fault in faults.into_sorted() {
        use std::fmt::Write as _;
        let (_, column) = fault.position(&source);
        let marks = source[fault.span.clone()].chars().count().max(1);
        let line = source.lines().next().unwrap();
        let before = line.find(text).map_or(0, |start| line[..start].chars().count());
        let indent = column.saturating_sub(before + 1);
        writeln!(drawn, "{:indent$}{} {}: {}", "", "^".repeat(marks), fault.code, fault.message).unwrap();
        if let Some(help) = fault.help {
            writeln!(drawn, "{:indent$}  {help}", "").unwrap();
        }
    }
    (condition.flatten(), drawn)
}

mod faults;
mod laws;
mod meaning;
