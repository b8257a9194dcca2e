//! `policy replay`: what a policy would have done on what was recorded.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Form;
use super::files::{self, Source};
use super::recording::Recording;
use super::table::table;
use crate::cli::args::ReplayArgs;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::document::Faults;
use crate::model::units::format_span;
use crate::sim::replay::{Replay, Summary, TierSummary};
use crate::sim::sweep::Sweep;
use crate::sim::transcript;

/// One value of a sweep with what came of it.
#[derive(Serialize)]
struct Tried {
    value: String,
    summary: Summary,
}

pub(super) fn run(args: &ReplayArgs) -> Exit {
    match replayed(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn replayed(args: &ReplayArgs) -> Result<Exit, Exit> {
    let (source, policy) = files::policy(&args.policy).ok_or(Exit::Usage)?;
    let recording = Recording::open(&args.from)?;
    if let Some(text) = &args.sweep {
        return swept(text, &source, &recording, Form::of(args.json));
    }
    let replay = recording.replay(&policy)?;
    match Form::of(args.json) {
        Form::Json => print::json(&replay),
        Form::Text => print::out(&told(&recording, &replay)),
    }
    Ok(Exit::Good)
}

fn told(recording: &Recording, replay: &Replay) -> String {
    let from = replay.from.map_or_else(|| "nothing".to_owned(), |from| from.to_string());
    let length = format_span(Duration::from_secs(replay.length.as_secs()));
    let mut text = format!(
        "{} on {}: {} samples, {length} from {from}\n",
        replay.policy, recording.target, replay.samples
    );
    for (place, entry) in replay.course.entries.iter().enumerate() {
        if replay.counterfactual == Some(place) {
            text.push_str("-- counterfactual from here: the record goes on without this action --\n");
        }
        let _ = writeln!(text, "{}", transcript::line(rounded(entry.at), &entry.note));
    }
    if replay.course.entries.is_empty() {
        text.push_str("nothing happens\n");
    }
    text.push('\n');
    let rows: Vec<Vec<String>> = replay.summary.tiers.iter().map(tier_row).collect();
    text.push_str(&table(&["tier", "raises", "active", "runs", "budget", "lead"], &rows));
    let counted = replay.summary.actions.iter().map(|(word, count)| format!("{word} {count}"));
    let counted = counted.collect::<Vec<_>>().join(", ");
    let _ = writeln!(text, "  actions: {}", if counted.is_empty() { "none" } else { &counted });
    let _ = writeln!(text, "  refused: {}", replay.summary.refusals);
    if replay.summary.missed > 0 {
        let _ = writeln!(text, "  in the record and not here: {} actions", replay.summary.missed);
    }
    text
}

fn tier_row(tier: &TierSummary) -> Vec<String> {
    let budget = tier.budget.as_ref().map_or_else(
        || "-".to_owned(),
        |budget| match budget.refused {
            0 => format!("{} of {}", budget.used, budget.of),
            refused => format!("{} of {}, {refused} refused", budget.used, budget.of),
        },
    );
    vec![
        format!("{}/{}", tier.ladder, tier.tier),
        tier.raises.to_string(),
        format_span(rounded(tier.active)),
        tier.runs.to_string(),
        budget,
        lead(tier),
    ]
}

fn lead(tier: &TierSummary) -> String {
    tier.lead.map_or_else(|| "-".to_owned(), |lead| format_span(rounded(lead)))
}

/// To the second: what is finer says nothing here.
fn rounded(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

fn swept(text: &str, source: &Source, recording: &Recording, form: Form) -> Result<Exit, Exit> {
    let sweep = Sweep::parse(text, &source.text).map_err(|error| {
        print::complain(&error.to_string());
        Exit::Usage
    })?;
    let mut tried = Vec::new();
    for (value, changed) in sweep.variants(&source.text) {
        let mut faults = Faults::default();
        let Some(policy) = crate::policy::load(&changed, &mut faults) else {
            let variant = Source { path: source.path.clone(), text: changed };
            variant.tell(&faults.into_sorted());
            return Err(Exit::Usage);
        };
        let summary = recording.replay(&Arc::new(policy))?.summary;
        tried.push(Tried { value: value.to_owned(), summary });
    }
    match form {
        Form::Json => print::json(&tried),
        Form::Text => print::out(&sweep_text(&sweep, &tried)),
    }
    Ok(Exit::Good)
}

fn sweep_text(sweep: &Sweep, tried: &[Tried]) -> String {
    let dial = &sweep.dial;
    let mut text = format!("{}.{} #{}, now {}\n", dial.place, dial.clause, dial.nth, dial.written);
    let rows: Vec<Vec<String>> = tried.iter().map(|tried| sweep_row(tried, &dial.place)).collect();
    let heads = ["value", "raises", "active", "runs", "lead", "all actions", "refused"];
    text.push_str(&table(&heads, &rows));
    text
}

fn sweep_row(tried: &Tried, place: &str) -> Vec<String> {
    let Summary { tiers, actions, refusals, .. } = &tried.summary;
    let tier = tiers.iter().find(|tier| format!("{}/{}", tier.ladder, tier.tier) == place);
    let mut row = vec![tried.value.clone()];
    match tier {
        Some(tier) => {
            let active = format_span(rounded(tier.active));
            row.extend([tier.raises.to_string(), active, tier.runs.to_string(), lead(tier)]);
        }
        None => row.extend(std::iter::repeat_n("-".to_owned(), 4)),
    }
    row.extend([actions.values().sum::<u64>().to_string(), refusals.to_string()]);
    row
}
