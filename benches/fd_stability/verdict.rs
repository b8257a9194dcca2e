//! What is asked of it, each figure with its budget.

use crate::common::Report;
use crate::fd_stability::case::{BAND, Case};
use crate::fd_stability::compression::Compression;
use crate::fd_stability::pair::Pair;

/// No quote for so long, in seconds by the clock: a restart takes as long as the machine needs for it.
const PAUSE: f64 = 8.0;
/// How much less of its feed and its orders the guarded bot may have than the unguarded one while that one lived, in per cent.
/// A busy machine slows both.
const LESS: f64 = 20.0;
/// How many times the band the unguarded one leaves.
const LEAK: f64 = 3.0;

/// Judges all bots.
pub(crate) fn judge(pairs: &[Pair], compression: Compression, report: &mut Report) {
    for pair in pairs {
        judge_pair(pair, compression, report);
    }
}

fn judge_pair(pair: &Pair, compression: Compression, report: &mut Report) {
    let Case { name, most: (most, _), .. } = pair.case;
    // Without its leak there is nothing to be kept from.
    let leaked = pair.unguarded.most() as f64 / f64::from(BAND.1);
    report.judge(
        &format!("{name}: the band, of what the unguarded one came to"),
        1.0 / leaked,
        1.0 / LEAK,
        "",
    );
    match Pair::death(&pair.unguarded) {
        Some((at, _)) => {
            report.tell(&format!("{name}: unguarded, EMFILE after"), compression.minutes(at), "min");
        }
        None => report.lack(&format!("{name}: unguarded, EMFILE after"), "it did not die within the story"),
    }
    let deaths = u32::from(Pair::death(&pair.guarded).is_some());
    report.judge(&format!("{name}: guarded, deaths"), f64::from(deaths), 1.0, "");
    let open = pair.guarded.most() as f64;
    report.judge(&format!("{name}: guarded, most descriptors"), open, f64::from(*most) + 1.0, "");
    let ((alone, lived), (guarded, kept)) = (pair.tally(&pair.unguarded), pair.tally(&pair.guarded));
    let less = |was: u64, is: u64| (1.0 - is as f64 / kept / (was as f64 / lived)) * 100.0;
    report.judge(&format!("{name}: guarded, less feed"), less(alone.heard, guarded.heard), LESS, "%");
    report.judge(&format!("{name}: guarded, less orders"), less(alone.accepted, guarded.accepted), LESS, "%");
    report.judge(&format!("{name}: guarded, longest silence"), guarded.silence, PAUSE, "s");
    report.judge(&format!("{name}: guarded, orders failed"), guarded.failed as f64, 1.0, "");
}
