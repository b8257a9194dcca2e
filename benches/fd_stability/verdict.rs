//! What is asked of it, each figure with its budget.

use crate::common::Report;
use crate::fd_stability::case::{BAND, Case, TICKS};
use crate::fd_stability::compression::Compression;
use crate::fd_stability::pair::Pair;

/// No quote for so long, in seconds by the clock: a restart takes as long as the machine needs for it.
const PAUSE: f64 = 15.0;
/// How much less of its feed and its orders the guarded bot may have than the unguarded one while that one lived, in per cent.
/// A busy machine slows both. The time of restarts is told apart, and each is bounded by the pause.
const LESS: f64 = 20.0;
/// How many times the band the unguarded one leaves.
const LEAK: f64 = 3.0;

/// Of the ticks that were due the unguarded bots must have had so many, all taken together. With fewer the machine was too busy for bots so
/// fast: a reap that waits for its turn is late by minutes of the story, and the guard would be blamed for it. Told all the same.
const PACE: f64 = 75.0;

/// Whether the machine could follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pace {
    Kept,
    Lost,
}

/// Judges all bots.
pub(crate) fn judge(pairs: &[Pair], compression: Compression, report: &mut Report) {
    let shares = pairs.iter().map(|pair| {
        let (tally, lived) = pair.tally(&pair.unguarded);
        tally.accepted as f64 / (lived * TICKS).max(1.0)
    });
    let pace = shares.sum::<f64>() / pairs.len().max(1) as f64 * 100.0;
    report.tell("ticks that the unguarded bots had of those due", pace, "%");
    let pace = if pace < PACE {
        report.lack("band, feed and orders", "the machine was too busy for this pace: told and not judged");
        Pace::Lost
    } else {
        Pace::Kept
    };
    for pair in pairs {
        judge_survival(pair, compression, report);
        judge_health(pair, pace, report);
    }
}

/// What holds on any machine: the guarded bot lives, and no order of it fails.
fn judge_survival(pair: &Pair, compression: Compression, report: &mut Report) {
    let name = pair.case.name;
    // Without its leak there is nothing to be kept from.
    let share = f64::from(BAND.1) / pair.unguarded.most() as f64;
    report.judge(&format!("{name}: the band, of what the unguarded one came to"), share, 1.0 / LEAK, "");
    match Pair::death(&pair.unguarded) {
        Some((at, _)) => {
            report.tell(&format!("{name}: unguarded, EMFILE after"), compression.minutes(at), "min");
        }
        None => report.lack(&format!("{name}: unguarded, EMFILE after"), "it did not die within the story"),
    }
    // A look between two lives sees no process either.
    let end = pair.guarded.looks.last().map_or(0.0, |look| look.at);
    let lost = pair.guarded.tape.death().is_some() || pair.guarded.ended_by(end - PAUSE);
    report.judge(&format!("{name}: guarded, dead at the end"), f64::from(u32::from(lost)), 1.0, "");
    let (tally, _) = pair.tally(&pair.guarded);
    report.judge(&format!("{name}: guarded, orders failed"), tally.failed as f64, 1.0, "");
}

/// How it did.
fn judge_health(pair: &Pair, pace: Pace, report: &mut Report) {
    let Case { name, most: (most, _), .. } = pair.case;
    let ((alone, lived), (guarded, kept)) = (pair.tally(&pair.unguarded), pair.tally(&pair.guarded));
    let kept = kept - guarded.away;
    let less = |was: u64, is: u64| (1.0 - is as f64 / kept / (was as f64 / lived)) * 100.0;
    let figures = [
        ("most descriptors", pair.guarded.most() as f64, f64::from(*most) + 1.0, ""),
        ("less feed", less(alone.heard, guarded.heard), LESS, "%"),
        ("less orders", less(alone.accepted, guarded.accepted), LESS, "%"),
        ("longest silence", guarded.silence, PAUSE, "s"),
    ];
    for (what, figure, budget, unit) in figures {
        let what = format!("{name}: guarded, {what}");
        match pace {
            Pace::Kept => report.judge(&what, figure, budget, unit),
            Pace::Lost => report.tell(&what, figure, unit),
        }
    }
    if guarded.processes > 1 {
        report.tell(&format!("{name}: guarded, away in restarts"), guarded.away, "s");
    }
}
