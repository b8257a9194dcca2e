//! The text of the policy.

use std::fmt::Write as _;

use super::base::Base;
use super::{Fronting, Known};
use crate::model::units::format_span;

/// What each tier says of its raise and clear conditions, and of how much of the room is gone.
pub(super) const ATTENTION: (u64, u64) = (25, 15);
/// See [`ATTENTION`].
pub(super) const WARNING: (u64, u64) = (55, 40);
/// See [`ATTENTION`].
pub(super) const CRITICAL: (u64, u64) = (75, 60);

/// The file, ready to be written.
pub(super) fn text(known: &Known) -> String {
    let tiers = [attention(known), warning(known), critical(known)].concat();
    format!("{}{tiers}{}", head(known), FATAL)
}

fn head(known: &Known) -> String {
    let base = &known.base;
    let ceiling = base.ceiling();
    let why = if base.ends_at_limit() {
        format!("the limit of {ceiling}.")
    } else {
        format!("{ceiling}:\n# its limit is so far away that memory and ports would end first.")
    };
    format!(
        "# Written by `fdguard init` on {day} from {looked} of one process:\n\
         # {sentence}.\n\
         #\n\
         # The tiers lie at 25, 55 and 75 % of the room between its {peak} descriptors and {why}\n\
         # A short look knows no slow days: replay it on some days of history before any word that acts is added\n\
         # (`fdguard policy replay`). Nothing here is disruptive.\n\
         \n\
         schema = 1\n\
         name   = \"{name}\"\n\
         about  = \"Proposed for a bot that stood at {peak} descriptors; tells, keeps evidence{raises}.\"\n\
         \n\
         [ladder.descriptors]\n\
         start_grace = \"2m\"\n",
        day = known.day,
        looked = format_span(std::time::Duration::from_secs(known.looked.as_secs().max(1))),
        sentence = base.sentence(),
        peak = base.peak,
        name = known.name,
        raises = if raises(known) { ", raises the soft limit" } else { "" },
    )
}

/// Whether the soft limit can be raised.
fn raises(known: &Known) -> bool {
    let base = &known.base;
    base.limit.is_some_and(|limit| base.hard.is_none_or(|hard| hard > limit))
}

/// Raise and clear of a tier: by its shares of the room, where there is room, and by what else tells of it.
fn conditions(base: &Base, (raise, clear): (u64, u64), (or, and): (&str, &str)) -> (String, String) {
    if !base.is_roomy() {
        return (or.to_owned(), and.to_owned());
    }
    let count = base.tier(raise, clear);
    (format!("fd.open > {} or {or}", count.raise), format!("fd.open < {} and {and}", count.clear))
}

fn attention(known: &Known) -> String {
    let base = &known.base;
    let leaked = base.leaked();
    let dead = |sign: char, count: u64| format!("socket.leaked(10m) {sign} {count}");
    let (raise, clear) = (dead('>', leaked.raise), dead('<', leaked.clear));
    let (raise, clear) = conditions(base, ATTENTION, (&raise, &clear));
    let mut text = format!(
        "\n# Attention: more than it was seen with, or sockets that are dead for ten minutes, which no idle pool keeps.\n\
         [[ladder.descriptors.tier]]\n\
         name     = \"attention\"\n\
         raise    = \"{raise}\"\n\
         clear    = \"{clear}\"\n\
         for      = \"30s\"\n\
         dwell    = \"5m\"\n\
         cooldown = \"1h\"\n"
    );
    let tell = "{ notify = { to = \"journal\", message = \"more descriptors than usual\" } }";
    let pools: Vec<&str> =
        known.fronts.iter().filter(|front| front.rests()).map(|front| front.name.as_str()).collect();
    let resets =
        pools.iter().map(|pool| format!("{{ reset_pool = {{ pool = \"{pool}\", how = \"idle\" }} }}"));
    match known.fronting {
        Fronting::Settled if !pools.is_empty() => {
            text.push_str("do       = [\n");
            resets.for_each(|reset| {
                let _ = writeln!(text, "    {reset},");
            });
            let _ = writeln!(text, "    {tell},\n]");
            text.push_str(
                "expect   = { that = \"fd.open < before.fd.open\", within = \"1m\" }\n\
                 every    = \"1h\"\n\
                 budget   = \"12/day\"\n",
            );
        }
        Fronting::Settled | Fronting::Proposed => {
            let _ = writeln!(text, "do       = [{tell}]");
            if let Some(reset) = resets.into_iter().next() {
                let _ = writeln!(
                    text,
                    "# With the proxies, and with expect = {{ that = \"fd.open < before.fd.open\", within = \"1m\" }}: {reset}"
                );
            }
        }
    }
    text
}

fn warning(known: &Known) -> String {
    let (raise, clear) = conditions(&known.base, WARNING, ("fd.tte < 30m", "fd.tte > 1h"));
    format!(
        "\n# Warning: half an hour is what a person needs to come and look; the evidence is kept for them.\n\
         [[ladder.descriptors.tier]]\n\
         name     = \"warning\"\n\
         raise    = \"{raise}\"\n\
         clear    = \"{clear}\"\n\
         for      = \"15s\"\n\
         dwell    = \"5m\"\n\
         cooldown = \"1h\"\n\
         budget   = \"12/day\"\n\
         do       = [{{ notify = {{ to = \"journal\", message = \"descriptors will run out\" }} }}, \"snapshot\"]\n"
    )
}

fn critical(known: &Known) -> String {
    let (raise, clear) = conditions(&known.base, CRITICAL, ("fd.tte < 10m", "fd.tte > 45m"));
    let tell = "{ notify = { to = \"journal\", message = \"descriptors all but exhausted\" } }";
    let act = if raises(known) {
        format!(
            "do       = [\n    {tell},\n    \"snapshot\",\n    {{ raise_nofile = {{ to = \"hard\" }} }},\n]\n\
             expect   = {{ that = \"fd.ratio < before.fd.ratio\", within = \"10s\" }}\n"
        )
    } else {
        format!("do       = [{tell}, \"snapshot\"]\n")
    };
    let why = if raises(known) {
        "raising the soft limit harms nothing, buys time and heals nothing"
    } else {
        "its soft limit is its hard one already, so nothing harmless is left to do"
    };
    format!(
        "\n# Critical: {why}.\n\
         [[ladder.descriptors.tier]]\n\
         name     = \"critical\"\n\
         raise    = \"{raise}\"\n\
         clear    = \"{clear}\"\n\
         for      = \"5s\"\n\
         dwell    = \"10m\"\n\
         cooldown = \"30m\"\n\
         budget   = \"6/day\"\n{act}"
    )
}

/// What a person may add once the history shows that nothing else helps.
const FATAL: &str = r#"
# Fatal, for the day it is wanted: a clean stop while the bot can still connect, and a start in its place. It takes
# `allow = ["stop"]` in the agent's file, a hook that cancels its orders, and a unit or a child that is started again.
# [[ladder.descriptors.tier]]
# name     = "fatal"
# raise    = "fd.ratio > 90%"
# clear    = "fd.ratio < 60%"
# for      = "1s"
# dwell    = "1m"
# do       = ["snapshot", { stop = { before = ["cancel-all"], grace = "10s", then = "restart" } }]
# cooldown = "5m"
# budget   = "3/day"
# latch    = "human"
"#;
