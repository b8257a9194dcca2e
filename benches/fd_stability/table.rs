//! What came out, as a table and as CSV.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::fd_stability::case::{Case, TICKS};
use crate::fd_stability::compression::Compression;
use crate::fd_stability::pair::Pair;
use crate::fd_stability::side::Side;

/// Moments of the story, in minutes.
const MOMENTS: [(f64, &str); 5] =
    [(0.0, "start"), (30.0, "30 min"), (60.0, "1 h"), (120.0, "2 h"), (300.0, "5 h")];

/// The table: descriptors, and in brackets how many of them are in CLOSE_WAIT.
pub(crate) fn table(pairs: &[Pair], compression: Compression) -> String {
    let mut text = format!("  {:<10} {:<10}", "", "");
    for (_, name) in MOMENTS {
        let _ = write!(text, "{name:>12}");
    }
    let _ = writeln!(text, "{:>12}", "most");
    for pair in pairs {
        for (name, side) in [("unguarded", &pair.unguarded), ("guarded", &pair.guarded)] {
            let _ = write!(text, "  {:<10} {name:<10}", pair.case.name);
            for (minutes, _) in MOMENTS {
                let at = minutes * 60.0 / compression.factor();
                let _ = write!(text, "{:>12}", cell(side, at));
            }
            let _ = writeln!(text, "{:>12}", figures(side.most(), Some(side.most_close_wait())));
        }
    }
    text
}

fn cell(side: &Side, at: f64) -> String {
    match side.near(at) {
        Some(look) => match (look.open, Pair::death(side)) {
            (Some(open), _) => figures(open, look.close_wait),
            (None, Some((died, _))) if at >= died => "dead".to_owned(),
            (None, _) if side.ended_by(at) => "gone".to_owned(),
            (None, _) => "restarts".to_owned(),
        },
        None => "-".to_owned(),
    }
}

fn figures(open: u64, close_wait: Option<u64>) -> String {
    match close_wait {
        Some(0) | None => open.to_string(),
        Some(dead) => format!("{open} ({dead})"),
    }
}

/// What the bots heard and traded, and what was done to the guarded ones.
pub(crate) fn course(pairs: &[Pair], compression: Compression) -> String {
    let mut text = String::new();
    for pair in pairs {
        let _ = writeln!(text, "\n  {}: {}", pair.case.name, pair.case.about);
        for (name, side) in [("unguarded", &pair.unguarded), ("guarded", &pair.guarded)] {
            let _ = writeln!(text, "    {name:<10} {}", fared(pair, side, compression));
        }
        let _ = writeln!(text, "    {:<10} {}", "the guard", pair.done());
        if !pair.case.most.1.is_empty() {
            let _ = writeln!(text, "    {:<10} up to {}: {}", "its band", pair.case.most.0, pair.case.most.1);
        }
    }
    text
}

fn fared(pair: &Pair, side: &Side, compression: Compression) -> String {
    let (tally, lived) = pair.tally(side);
    let due = lived * pair.case.quotes_a_second();
    let mut text = format!(
        "feed {} of {due:.0} ({:.0} %), longest silence {:.1} s; orders {} accepted, {} failed, longest pause {:.1} s",
        tally.heard,
        share(tally.heard, due),
        tally.silence,
        tally.accepted,
        tally.failed,
        tally.no_order,
    );
    if tally.processes > 1 {
        let _ = write!(
            text,
            "; {} restarts, {:.1} s away in all: about {:.0} orders and {:.0} quotes missed",
            tally.processes - 1,
            tally.away,
            tally.away * TICKS,
            tally.away * pair.case.quotes_a_second(),
        );
    }
    if let Some((at, why)) = Pair::death(side) {
        let _ = write!(text, "; died after {:.0} min: {why}", compression.minutes(at));
    }
    text
}

/// Per cent of what was due.
fn share(came: u64, due: f64) -> f64 {
    came as f64 / due.max(1.0) * 100.0
}

/// Writes each look at each bot.
pub(crate) fn csv(path: &Path, pairs: &[Pair], compression: Compression) -> io::Result<()> {
    let mut text = "bot,side,seconds,story_minutes,descriptors,close_wait\n".to_owned();
    for pair in pairs {
        let Case { name, .. } = pair.case;
        for (side_name, side) in [("unguarded", &pair.unguarded), ("guarded", &pair.guarded)] {
            for look in &side.looks {
                let field = |figure: Option<u64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "{name},{side_name},{:.2},{:.2},{},{}",
                    look.at,
                    compression.minutes(look.at),
                    field(look.open),
                    field(look.close_wait)
                );
            }
        }
    }
    std::fs::write(path, text)
}
