//! Doubts about one tier.

use std::time::Duration;

use super::shape::{self, Bound, Gap, alternatives, conjuncts, signals};
use super::{is_disruptive, stops};
use crate::model::action::{Effect, Hold, Word};
use crate::model::diagnostic::Diagnostic;
use crate::model::signal::Source;
use crate::model::units::format_span;
use crate::policy::ast::Expr;
use crate::policy::definition::{Clause, Tier};
use crate::policy::run::is_main;
use crate::policy::sustain::Sustain;

/// The slowest fast tick: what changes within it is seen once.
const TICK: Duration = Duration::from_secs(1);
/// Venues' dead-man countdowns are 30 s and more: a freeze must end before.
const FREEZE_SAFE: Duration = Duration::from_secs(25);

pub(super) fn check(tier: &Tier, found: &mut Vec<Diagnostic>) {
    close_wait(tier, found);
    dead_band(tier, found);
    times(tier, found);
    expectation(tier, found);
    stop(tier, found);
    pace(tier, found);
    for item in &tier.hold {
        if let Hold::Freeze { limit } = item.hold
            && limit > FREEZE_SAFE
        {
            let message =
                format!("a freeze of {} may outlast a venue's dead-man countdown", format_span(limit));
            let help =
                "stay at 25s or less: the countdowns start at 30s, and a frozen bot does not refresh them";
            found.push(Diagnostic::warning("long-freeze", item.span.clone(), message).help(help));
        }
    }
}

fn is_close_wait(signal: &str) -> bool {
    matches!(signal, "socket.close_wait" | "socket.by_remote.close_wait")
}

fn close_wait(tier: &Tier, found: &mut Vec<Diagnostic>) {
    let bare = |way: &&Expr| {
        let read = signals(way);
        !read.is_empty() && read.iter().all(|signal| is_close_wait(signal))
    };
    if alternatives(tier.raise.condition.written()).iter().any(bare) {
        let message = "a bare count of CLOSE_WAIT raises this tier: a healthy idle keep-alive pool shows CLOSE_WAIT too";
        let help = "ask for aged ones: `socket.leaked(2m) > …`";
        found.push(Diagnostic::warning("bare-close-wait", tier.raise.span.clone(), message).help(help));
    }
}

fn dead_band(tier: &Tier, found: &mut Vec<Diagnostic>) {
    let Some(clear) = &tier.clear else {
        if is_disruptive(tier) {
            let message = format!(
                "`{}` can be noticed by the bot and has no `clear`: it clears as soon as its raise is false",
                tier.name
            );
            let help = "add `clear` with a threshold well below that of `raise`";
            found.push(Diagnostic::warning("missing-clear", tier.spans.name.clone(), message).help(help));
        }
        return;
    };
    let clears: Vec<Bound> = conjuncts(clear.condition.written()).into_iter().filter_map(Bound::of).collect();
    for raise in alternatives(tier.raise.condition.written()).into_iter().filter_map(Bound::of) {
        for clear_bound in &clears {
            let (code, what) = match raise.against(clear_bound) {
                Some(Gap::Overlap) => ("overlap", "raise and clear overlap on"),
                Some(Gap::Meet) if is_disruptive(tier) => ("no-dead-band", "raise and clear meet on"),
                Some(Gap::Meet | Gap::Apart) | None => continue,
            };
            let message = format!("{what} `{}`: the tier would flap", raise.signal);
            let help = "leave a dead band between the two thresholds, such as 300 and 250";
            found.push(Diagnostic::warning(code, clear.span.clone(), message).help(help));
        }
    }
}

fn times(tier: &Tier, found: &mut Vec<Diagnostic>) {
    let name = &tier.spans.name;
    if let (Sustain::Time(span), Some(place)) = (tier.sustain, &tier.spans.sustain)
        && !span.is_zero()
        && span < TICK
        && tier.raise.condition.keys().iter().any(|key| key.signal().row().source != Source::FastTick)
    {
        let message = format!("`for` of {} is shorter than the time between two looks", format_span(span));
        let help = "use 1s or more, or leave it out";
        found.push(Diagnostic::warning("short-for", place.clone(), message).help(help));
    }
    let place = tier.spans.dwell.as_ref().unwrap_or(name);
    let within = tier.expect.as_ref().map(|expect| expect.within);
    let sustained = match tier.sustain {
        Sustain::Time(span) => Some(span),
        Sustain::Ticks { .. } => None,
    };
    for (longer, what) in [(within, "expect.within"), (sustained, "for")] {
        if let Some(longer) = longer.filter(|longer| *longer > tier.dwell) {
            let dwell = format_span(tier.dwell);
            let message = format!("`dwell` of {dwell} is shorter than `{what}` of {}", format_span(longer));
            let help = "keep the tier at least until its outcome is known";
            found.push(Diagnostic::warning("short-dwell", place.clone(), message).help(help));
        }
    }
    if let Some(every) = tier.every.filter(|every| *every < tier.cooldown) {
        let message = format!("`every` of {} can't be kept: the cooldown is longer", format_span(every));
        let help = format!("use {} or more, or a shorter cooldown", format_span(tier.cooldown));
        found.push(Diagnostic::warning("every-in-cooldown", name.clone(), message).help(help));
    }
}

fn expectation(tier: &Tier, found: &mut Vec<Diagnostic>) {
    let Some(expect) = &tier.expect else {
        if let Some(item) = tier.work.iter().find(|item| is_judged(item.action.word())) {
            let message = format!("nothing says whether `{}` helped", item.action.word());
            let help = "add `expect = { that = \"fd.open <= before.fd.open * 85%\", within = \"30s\" }`";
            found.push(Diagnostic::warning("no-expect", item.span.clone(), message).help(help));
        }
        return;
    };
    if !tier.work.iter().any(|item| is_main(item.action.word())) {
        let message = "an expectation, and nothing in `do` that could meet it";
        let help = "notices and snapshots change nothing: leave `expect` out";
        found.push(Diagnostic::warning("idle-expect", expect.span.clone(), message).help(help));
    }
    let read = signals(expect.that.condition.written());
    if !read.is_empty() && read.iter().all(|signal| signal.starts_with("socket.")) {
        let message =
            "the outcome is judged on socket states alone: they change without freeing a descriptor";
        let help = "judge it on `fd.open`: `fd.open <= before.fd.open * 85%`";
        found.push(Diagnostic::warning("expect-on-sockets", expect.that.span.clone(), message).help(help));
    }
    if let Some(factor) = shape::growth(expect.that.condition.written()) {
        let message = format!("this is met where there is up to {factor} times as much as before");
        let help = if factor <= 100.0 {
            format!("a share is written with its unit: `{factor}%`")
        } else {
            "expect less than before, such as `fd.open <= before.fd.open * 85%`".to_owned()
        };
        found.push(Diagnostic::warning("expect-growth", expect.that.span.clone(), message).help(help));
    }
    if expect.that.condition.lookback() > expect.within {
        let message = "the expectation looks back further than to the action";
        let help = "use windows no longer than `within`";
        found.push(Diagnostic::warning("expect-window", expect.that.span.clone(), message).help(help));
    }
}

fn stop(tier: &Tier, found: &mut Vec<Diagnostic>) {
    if let Some(place) = tier
        .spans
        .guard
        .as_ref()
        .filter(|_| tier.work.iter().all(|item| item.action.word().effect() == Effect::None))
    {
        let message = "the guard holds nothing back: notices, snapshots and the limit do not wait for it";
        found.push(Diagnostic::warning("idle-guard", place.clone(), message).help("leave it out"));
    }
    if !stops(tier) {
        return;
    }
    let name = &tier.spans.name;
    if tier.budget.is_none() {
        let message = format!("`{}` may stop the process as often as it likes", tier.name);
        let help = "add `budget = \"3/day\"` and `latch = \"human\"`";
        found.push(Diagnostic::warning("stop-without-budget", name.clone(), message).help(help));
    }
    if tier.guard.is_none() {
        let message = format!("`{}` stops the process with orders live", tier.name);
        let help = "add `guard = \"orders.open == 0 or deadman.armed or waited(2m)\"`";
        found.push(Diagnostic::warning("stop-without-guard", name.clone(), message).help(help));
    }
}

fn pace(tier: &Tier, found: &mut Vec<Diagnostic>) {
    let repeated = tier.work.iter().find(|item| item.action.word().effect() != Effect::None);
    if let Some(item) = repeated.filter(|_| tier.spans.cooldown.is_none()) {
        let message =
            format!("`{}` has no `cooldown`: {} is taken", item.action.word(), format_span(tier.cooldown));
        let help = "say how long one run needs to show its effect";
        found.push(Diagnostic::warning("no-cooldown", item.span.clone(), message).help(help));
    }
    repetition(tier, found);
}

/// A run that helped is the last one while the tier stays, unless `every` says otherwise.
fn repetition(tier: &Tier, found: &mut Vec<Diagnostic>) {
    let (Some(expect), None) = (&tier.expect, tier.every) else { return };
    let Some(item) = tier.work.iter().find(|item| is_judged(item.action.word())) else { return };
    let met: Vec<Bound> =
        conjuncts(expect.that.condition.written()).into_iter().filter_map(Bound::of).collect();
    let is_met = |part: &Expr| Bound::of(part).is_some_and(|bound| met.iter().any(|met| bound.covers(met)));
    let clears = |clear: &Clause| conjuncts(clear.condition.written()).into_iter().all(is_met);
    if !tier.clear.as_ref().is_some_and(clears) {
        let message = format!(
            "once `{}` has helped, `{}` may stay without doing anything more",
            item.action.word(),
            tier.name
        );
        let help =
            "say how often it acts while it stays, such as `every = \"10m\"`, or expect what clears it";
        found.push(Diagnostic::warning("no-every", item.span.clone(), message).help(help));
    }
}

/// Whether something is expected of the word: a stop ends what could be judged.
fn is_judged(word: Word) -> bool {
    word.effect() != Effect::None && word != Word::Stop
}
