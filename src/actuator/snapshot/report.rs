//! The two files that are read first: one for people, one for programs.

use serde_json::json;

use crate::model::clock::WallTime;

use super::bundle::Written;
use super::survey::Survey;
use super::{Material, threads};

/// Lines of a list in the report.
const LIST_MAX: usize = 20;

/// The lines of `report.txt`.
pub(super) fn text(material: &Material, survey: &Survey, now: WallTime) -> Vec<String> {
    let (order, clean) = (&material.order, |text: &str| material.redactor.text(text));
    let story = &order.story;
    let mut lines = vec![
        format!("Evidence on {} ({}) on {}, taken {now}", order.target, order.process, material.host),
        format!("command   {}", survey.command),
        format!("rule      {}", story.rule),
        format!("decision  {}, {}", order.decision.0, story.at),
        format!("because   {}", clean(&story.because)),
    ];
    list(
        &mut lines,
        "Readings",
        story.readings.iter().map(|(name, value)| format!("{name} = {}", clean(value))),
    );
    list(
        &mut lines,
        "Descriptors by kind",
        counted(survey.kinds.iter().map(|(kind, n)| ((*kind).to_owned(), *n))),
    );
    let remotes = survey.remotes.iter().map(|((remote, state), n)| (format!("{remote} {state}"), *n));
    list(&mut lines, "TCP sockets by remote and state", counted(remotes));
    list(&mut lines, "Threads by place", counted(threads::places(&survey.threads).into_iter()));
    list(&mut lines, "Missing", survey.missing.iter().map(|(what, why)| format!("{what}: {why}")));
    let history: Vec<String> = story.history.iter().rev().take(LIST_MAX).map(|line| clean(line)).collect();
    list(&mut lines, "Last events", history.into_iter().rev());
    lines
}

/// The text of `summary.json`.
pub(super) fn summary(material: &Material, survey: &Survey, (now, files): (WallTime, &[Written])) -> String {
    let (order, clean) = (&material.order, |text: &str| material.redactor.text(text));
    let story = &order.story;
    let readings: serde_json::Map<String, serde_json::Value> =
        story.readings.iter().map(|(name, value)| (name.clone(), clean(value).into())).collect();
    let summary = json!({
        "schema": 1,
        "agent": env!("CARGO_PKG_VERSION"),
        "host": material.host,
        "target": order.target,
        "process": order.process,
        "command": survey.command,
        "taken": now.to_string(),
        "decision": order.decision,
        "decided": story.at.to_string(),
        "rule": story.rule,
        "tier": story.tier,
        "because": clean(&story.because),
        "readings": readings,
        "kinds": survey.kinds,
        "files": files,
        "missing": survey.missing,
    });
    format!("{summary:#}")
}

fn list(lines: &mut Vec<String>, title: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    lines.extend([String::new(), title.to_owned()]);
    lines.extend(items.by_ref().take(LIST_MAX).map(|item| format!("  {item}")));
    let more = items.count();
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
}

/// Items with their counts, most first.
fn counted(items: impl Iterator<Item = (String, usize)>) -> impl Iterator<Item = String> {
    let mut items: Vec<_> = items.collect();
    items.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    items.into_iter().map(|(item, count)| format!("{count:>6}  {item}"))
}
