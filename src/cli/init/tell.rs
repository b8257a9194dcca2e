//! What was found and written, and what to type next.

use serde_json::Value;

use super::bot::Bot;
use super::files::Files;
use super::{Fronting, Known};
use crate::cli::inspect::Report;
use crate::cli::page::Page;

/// For a program.
pub(super) fn json(known: &Known, bot: &Bot, report: &Report, files: &Files) -> Value {
    serde_json::json!({
        "target": known.name.as_str(),
        "match": bot.matches.to_string(),
        "base": known.base,
        "proxies": known.fronts,
        "settled": known.fronting == Fronting::Settled,
        "suspects": report.suspects,
        "files": files.paths(),
    })
}

/// For a person.
pub(super) fn page(known: &Known, bot: &Bot, report: &Report, files: &Files) -> Page {
    let mut page = Page::for_output();
    page.heading("FOUND", known.name.as_str());
    page.line(&format!("  {}", bot.shown));
    page.sentences(2, &known.base.sentence());
    for suspect in &report.suspects {
        page.sentences(2, &format!("suspect: {}", suspect.text));
    }
    for front in &known.fronts {
        page.sentences(2, &front.sentence());
    }
    page.heading("WRITTEN", "");
    for path in files.paths() {
        page.line(&format!("  {path}"));
    }
    page.heading("NEXT", "");
    for line in next(known, files) {
        page.line(&format!("  {line}"));
    }
    page
}

/// What to type next.
fn next(known: &Known, files: &Files) -> Vec<String> {
    let agent = files.agent.display();
    let policy = files.policy.display();
    let mut lines = vec![
        format!("fdguard config check {agent} --strict    # good as it is"),
        format!("fdguard policy test {policy}    # what it would do, hour by hour"),
        format!("fdguard run {agent}    # tells and keeps evidence; nothing that {} can notice", known.name),
    ];
    if known.fronting == Fronting::Proposed && !known.fronts.is_empty() {
        lines.push(format!("$EDITOR {agent}    # take the proxies out of their comments, one at a time"));
    }
    lines.push(format!("fdguard policy replay {policy}    # after a day: on its own history"));
    lines
}
