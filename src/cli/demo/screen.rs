//! What the demo prints while it runs: a line a second, and a line for each thing the guard does.

use std::time::Duration;

use super::course::{Mark, Second};
use crate::cli::print;
use crate::model::units::format_span;

/// Characters of a full bar.
const BAR: usize = 28;

/// Prints, or keeps quiet where only JSON is wanted.
#[derive(Debug)]
pub(super) struct Screen {
    quiet: bool,
}

impl Screen {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    pub(super) fn opening(&self, rate: u32, limit: u64, length: Duration) {
        self.line(&format!(
            "Two copies of one bot leak {rate} descriptors a second each towards a limit of {limit}.\n\
             Left: nobody watches. Right: fdguard does. This takes {}.\n\n\
             {:>5}  {:<width$}  {:<width$}  tier",
            format_span(length),
            "",
            "unguarded",
            "guarded",
            width = BAR + 6,
        ));
    }

    pub(super) fn second(&self, second: &Second, limit: u64, tier: &str) {
        self.line(&format!(
            "{:>4.0}s  {}  {}  {tier}",
            second.at,
            cell(second.unguarded, limit, "dead: EMFILE"),
            cell(second.guarded, limit, "restarting"),
        ));
    }

    pub(super) fn mark(&self, mark: &Mark) {
        let outcome = mark.outcome.as_ref().map(|outcome| format!(": {outcome}")).unwrap_or_default();
        self.line(&format!("{:>5.1}s  {:>width$}  » {}{outcome}", mark.at, "", mark.what, width = BAR + 6));
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            print::out(&format!("{text}\n"));
        }
    }
}

fn cell(open: Option<u64>, limit: u64, absent: &str) -> String {
    let Some(open) = open else { return format!("{absent:<width$}", width = BAR + 6) };
    let filled = usize::try_from(open * BAR as u64 / limit.max(1)).unwrap_or(BAR).min(BAR);
    format!("{open:>5} {}{}", "█".repeat(filled), "·".repeat(BAR - filled))
}
