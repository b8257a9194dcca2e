//! A frame: what was heard, as lines of a width and a height. Pure.
//!
//! ```text
//! fdguard 0.1.0  pid 812  up 3h 2m  CPU 41s  13.1 MiB        13:04:11
//! longport-bot is in warning
//!
//! TARGET           PID   OPEN  LIMIT      TTE   GROWTH   WAIT  TIER       LAST MINUTES
//! > longport-bot  4242    312   1024      42m  6.2/min     96  warning    ▂▃▄▅▆▇
//!
//! POOL ...
//! WHAT HAPPENED ...
//! ↑↓ choose  s sort: file  p pause  q quit
//! ```

use super::line::{Line, Tone};
use super::view::{View, plain};
use crate::agent::status::{PoolStatus, ProcessStatus, Status, TargetStatus};
use crate::cli::bars::bars_from_zero;
use crate::cli::quantity::quantity;
use crate::model::clock::WallTime;
use crate::model::event::{Event, Loudness};
use crate::model::reading::Reading;
use crate::model::sentence::saying;
use crate::model::signal::Signal;
use crate::model::units::{format_bytes, format_span};

/// Events that are shown where there is room for any number.
const ACTS: usize = 10;
/// No more rows of pools than this share of the height.
const POOLS_SHARE: usize = 4;
/// The widest line of bars.
const BARS_MAX: usize = 120;
/// Columns of the table of processes, beside the bars: mark, name, pid, open, limit, tte, growth, CLOSE_WAIT, tier.
const FIXED: usize = 2 + 8 + 7 + 7 + 9 + 10 + 7 + 2;
/// The column of a tier.
const TIER: usize = 10;

/// All of it, as high as it is.
pub(super) fn whole(view: &View, width: usize, now: WallTime) -> Vec<Line> {
    let rows = processes(view, width);
    let pools = pools(view, width);
    let mut lines = head(view, width, now);
    lines.extend(rows);
    lines.extend(pools);
    lines.extend(acts(view, ACTS));
    lines.into_iter().map(|line| line.cut(width)).collect()
}

/// As much of it as fits; the last line tells of the keys.
pub(super) fn fitted(view: &View, (width, height): (usize, usize), now: WallTime) -> Vec<Line> {
    let mut lines = head(view, width, now);
    let rows = processes(view, width);
    let pools = pools(view, width);
    let room = height.saturating_sub(lines.len() + 1);
    let for_pools = pools.len().min((height / POOLS_SHARE).max(3)).min(room.saturating_sub(3));
    // Processes come first; what happened gets what is left, and some lines in any case.
    let for_rows = rows.len().min(room.saturating_sub(for_pools + 4).max(2));
    lines.extend(around_chosen(rows, for_rows));
    lines.extend(pools.into_iter().take(for_pools));
    let left = height.saturating_sub(lines.len() + 1);
    lines.extend(acts(view, left.saturating_sub(2)).into_iter().take(left));
    lines.truncate(height.saturating_sub(1));
    lines.resize(height.saturating_sub(1), Line::default());
    lines.push(help(view));
    lines.truncate(height);
    lines.into_iter().map(|line| line.cut(width)).collect()
}

/// So many rows below the heads, such that the chosen one is among them.
fn around_chosen(mut rows: Vec<Line>, most: usize) -> Vec<Line> {
    if rows.len() <= most || most < 2 {
        rows.truncate(most);
        return rows;
    }
    let chosen = rows.iter().position(|row| row.chosen).unwrap_or(1);
    let first = (chosen + 1).saturating_sub(most - 1).max(1);
    let shown: Vec<Line> = rows.drain(first..first + most - 1).collect();
    rows.truncate(1);
    rows.extend(shown);
    rows
}

fn head(view: &View, width: usize, now: WallTime) -> Vec<Line> {
    let Some(status) = view.status() else { return vec![Line::of(Tone::Heading, "fdguard")] };
    let agent = &status.agent;
    let mut line = Line::of(Tone::Heading, "fdguard").and(
        Tone::Faint,
        &format!(
            " {}  pid {}  up {}  CPU {}  {}  {} descriptors",
            agent.version,
            agent.pid,
            format_span(whole_seconds(now.since(agent.since))),
            format_span(whole_seconds(agent.cpu)),
            agent.rss.map_or_else(|| "?".to_owned(), format_bytes),
            agent.descriptors.map_or_else(|| "?".to_owned(), |count| count.to_string()),
        ),
    );
    if agent.dry_run {
        line = line.and(Tone::Middle, "  DRY RUN");
    }
    if view.is_paused() {
        line = line.and(Tone::Middle, "  PAUSED");
    }
    let clock = time_of_day(now);
    let room = width.saturating_sub(line.width());
    if room > clock.len() {
        line = line.right(Tone::Faint, &clock, room);
    }
    vec![line, verdict(view, status), Line::default()]
}

fn verdict(view: &View, status: &Status) -> Line {
    if let Some(why) = view.fault() {
        return Line::of(Tone::High, &format!("no word from the agent: {why}"));
    }
    if let Some(why) = &status.agent.history_lost {
        return Line::of(Tone::Middle, &format!("the history is not written: {why}"));
    }
    let rows = view.rows();
    let latched = status.targets.iter().find(|target| !target.latched.is_empty());
    let worst = rows.iter().max_by_key(|(_, process)| standing(process).0);
    match (latched, worst) {
        (Some(target), _) => Line::of(Tone::High, &format!("{} waits for a person", target.name)),
        (None, Some((target, process))) if standing(process).0 > 0 => {
            let (level, tier) = standing(process);
            Line::of(Tone::of_level(level), &format!("{} is in {tier}", target.name))
        }
        (None, Some(_)) => Line::of(Tone::Good, &format!("all quiet: {} guarded", rows.len())),
        (None, None) => Line::of(Tone::Low, "no process is guarded now"),
    }
}

fn processes(view: &View, width: usize) -> Vec<Line> {
    let targets = view.status().map(|status| status.targets.as_slice()).unwrap_or_default();
    let name = targets
        .iter()
        .map(|target| target.name.as_str().len())
        .max()
        .unwrap_or(6)
        .clamp(6, (width / 4).max(8));
    let bars = width.saturating_sub(FIXED + name + TIER + 1).min(BARS_MAX);
    let heads = [("PID", 8), ("OPEN", 7), ("LIMIT", 7), ("TTE", 9), ("GROWTH", 10), ("WAIT", 7)];
    let mut line = Line::of(Tone::Faint, "  ").left(Tone::Faint, "TARGET", name);
    for (title, width) in heads {
        line = line.right(Tone::Faint, title, width);
    }
    let mut lines = vec![line.and(Tone::Faint, "  ").left(Tone::Faint, "TIER", TIER)];
    for (target, process) in view.rows() {
        lines.push(process_line(view, (target, process), (name, bars)));
    }
    for target in view.away() {
        let line = Line::of(Tone::Plain, "  ").left(Tone::Plain, target.name.as_str(), name);
        lines.push(line.and(Tone::Middle, &format!("  no process: {}", target.sought)));
    }
    lines.push(Line::default());
    lines
}

fn process_line(
    view: &View,
    (target, process): (&TargetStatus, &ProcessStatus),
    (name, bars): (usize, usize),
) -> Line {
    let shown = |signal: Signal| match plain(process, signal) {
        Some(value) => quantity(signal, Reading::Known(value)),
        None => "-".to_owned(),
    };
    let (level, tier) = standing(process);
    let is_chosen = view.is_chosen(process.pid);
    let mut line = Line::of(Tone::Plain, if is_chosen { "> " } else { "  " })
        .left(Tone::Plain, target.name.as_str(), name)
        .right(Tone::Faint, &process.pid.to_string(), 8)
        .right(Tone::Plain, &shown(Signal::FdOpen), 7)
        .right(Tone::Faint, &shown(Signal::FdLimit), 7)
        .right(Tone::Plain, &shown(Signal::FdTte), 9)
        .right(Tone::Plain, &shown(Signal::FdRate), 10)
        .right(Tone::Plain, &shown(Signal::SocketCloseWait), 7)
        .and(Tone::Plain, "  ")
        .left(Tone::of_level(level), &tier, TIER);
    line.chosen = is_chosen;
    let mut notes: Vec<String> = process.holds.iter().map(|hold| hold.word().to_string()).collect();
    if target.human_hold {
        notes.insert(0, "held by a person".to_owned());
    }
    let notes = notes.join(", ");
    let counts = view.counts(process.pid);
    let beside = if notes.is_empty() { 0 } else { notes.len() + 1 };
    let counts = &counts[counts.len().saturating_sub(bars.saturating_sub(beside))..];
    if !notes.is_empty() {
        line = line.and(Tone::Middle, &notes).and(Tone::Plain, " ");
    }
    line.and(Tone::of_level(level), &bars_from_zero(counts))
}

/// The level and the name of the tier that stands highest.
fn standing(process: &ProcessStatus) -> (usize, String) {
    let live = process.tiers.iter().filter(|(ladder, _)| !ladder.ends_with("(shadow)"));
    let level = |ladder: &String| process.levels.get(ladder).copied().unwrap_or(0);
    let worst = live
        .filter_map(|(ladder, tier)| Some((level(ladder), tier.as_ref()?)))
        .max_by_key(|(level, _)| *level);
    worst.map_or_else(|| (0, "normal".to_owned()), |(level, tier)| (level, tier.to_string()))
}

fn pools(view: &View, width: usize) -> Vec<Line> {
    let pools = view.status().map(|status| status.pools.as_slice()).unwrap_or_default();
    if pools.is_empty() {
        return Vec::new();
    }
    let name =
        pools.iter().map(|pool| pool.name.as_str().len()).max().unwrap_or(4).clamp(4, (width / 4).max(8));
    let mut line = Line::of(Tone::Faint, "  ").left(Tone::Faint, "POOL", name).and(Tone::Faint, "  ");
    line = line.left(Tone::Faint, "STATE", 10);
    for title in ["ACTIVE", "IDLE", "WAITING", "CLIENTS", "ERRORS"] {
        line = line.right(Tone::Faint, title, 9);
    }
    let mut lines = vec![line.and(Tone::Faint, "  STREAM, GATE")];
    lines.extend(pools.iter().map(|pool| pool_line(pool, name)));
    lines.push(Line::default());
    lines
}

fn pool_line(pool: &PoolStatus, name: usize) -> Line {
    let tone = if pool.mode == "running" { Tone::Good } else { Tone::Middle };
    let mode = if pool.mode.is_empty() { "unheard" } else { &pool.mode };
    let mut line =
        Line::of(Tone::Plain, "  ").left(Tone::Plain, pool.name.as_str(), name).and(Tone::Plain, "  ");
    line = line.left(tone, mode, 10);
    for signal in
        [Signal::PoolActive, Signal::PoolIdle, Signal::PoolWaiting, Signal::PoolClients, Signal::PoolErrors]
    {
        let value = pool.signals.get(signal.name()).and_then(|reading| reading.known());
        let text = value.map_or_else(|| "-".to_owned(), |value| quantity(signal, Reading::Known(value)));
        line = line.right(Tone::Plain, &text, 9);
    }
    if let Some(stream) = &pool.stream {
        line = line.and(Tone::Plain, &format!("  {}, {} messages", stream.state, stream.messages));
    }
    if let Some(trading) = &pool.trading {
        line = line.and(Tone::Plain, &format!("  trading {}, {} refused", trading.state, trading.refused));
    }
    line
}

fn acts(view: &View, most: usize) -> Vec<Line> {
    let mut lines = vec![Line::of(Tone::Faint, "  WHAT HAPPENED, the latest first")];
    lines.extend(view.acts().take(most).map(act));
    lines
}

fn act(event: &Event) -> Line {
    let tone = match event.fact.headline().0 {
        Loudness::Info => Tone::Plain,
        Loudness::Warn => Tone::Low,
        Loudness::Error => Tone::High,
    };
    let who = event.target.as_ref().map_or("agent", |name| name.as_str());
    let line = Line::of(Tone::Faint, &format!("  {} ", time_of_day(event.wall)));
    line.and(Tone::Faint, &format!("{who}: ")).and(tone, &saying(&event.fact))
}

fn help(view: &View) -> Line {
    let pause = if view.is_paused() { "go on" } else { "pause" };
    let text = format!("↑↓ choose   s sort: {}   p {pause}   q quit", view.sorted().name());
    Line::of(Tone::Faint, &text)
}

/// The time of day in UTC, as the history has it.
fn time_of_day(wall: WallTime) -> String {
    let text = wall.to_string();
    text.split_once('T').map_or(text.clone(), |(_, time)| time.to_owned())
}

fn whole_seconds(span: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_secs(span.as_secs())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::agent::status::AgentStatus;
    use crate::model::clock::Timestamp;
    use crate::model::event::Fact;
    use crate::model::name::Name;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn process(pid: u32, open: f64, level: usize) -> ProcessStatus {
        let tier = ["attention", "warning", "critical"].get(level.wrapping_sub(1)).map(|tier| name(tier));
        let signals =
            [("fd.open", open), ("fd.limit", 1024.0), ("fd.tte", 2520.0), ("socket.close_wait", 96.0)];
        let signals = signals.map(|(name, value)| (name.to_owned(), Reading::Known(value)));
        ProcessStatus {
            pid,
            command: "python bot.py".to_owned(),
            since: WallTime::from_millis(0),
            signals: signals.into_iter().collect(),
            kinds: BTreeMap::new(),
            remotes: Vec::new(),
            tiers: [("longport/descriptors".to_owned(), tier)].into_iter().collect(),
            levels: [("longport/descriptors".to_owned(), level)].into_iter().collect(),
            holds: Vec::new(),
            period: Duration::from_secs(1),
            clients: Vec::new(),
        }
    }

    fn status(processes: Vec<ProcessStatus>) -> Status {
        let target = |processes| TargetStatus {
            name: name("longport-bot"),
            sought: "unit bot.service".to_owned(),
            policies: Vec::new(),
            human_hold: false,
            latched: Vec::new(),
            processes,
        };
        Status {
            agent: AgentStatus {
                version: "0.1.0".to_owned(),
                pid: 812,
                since: WallTime::from_millis(0),
                dry_run: false,
                cpu: Duration::from_secs(41),
                rss: Some(13 << 20),
                descriptors: Some(40),
                ticks: 1,
                lateness_max: Duration::ZERO,
                history_lost: None,
            },
            targets: vec![target(processes), TargetStatus { name: name("other"), ..target(Vec::new()) }],
            pools: vec![PoolStatus {
                name: name("orders-db"),
                mode: "paused".to_owned(),
                ..PoolStatus::blank()
            }],
            counts: crate::agent::status::Counts::default(),
        }
    }

    fn view(processes: Vec<ProcessStatus>) -> View {
        let mut view = View::new();
        view.see(status(processes));
        let event = |bound: &str| Event {
            at: Timestamp::ZERO,
            wall: WallTime::from_millis(0),
            target: Some(name("longport-bot")),
            process: None,
            fact: Fact::BoundHit { bound: bound.to_owned() },
        };
        view.hear((1..40).map(|number| (number, event("one \u{1b}[2J two"))).collect());
        view
    }

    fn drawn(view: &View, size: (usize, usize)) -> Vec<String> {
        fitted(view, size, WallTime::from_millis(10_920_000)).iter().map(Line::plain).collect()
    }

    #[test]
    fn a_frame_tells_the_worst_first_and_the_keys_last() {
        let lines = drawn(&view(vec![process(4242, 312.0, 2), process(4243, 85.0, 0)]), (80, 24));
        assert_eq!(lines.len(), 24);
        assert!(lines[0].starts_with("fdguard 0.1.0  pid 812  up 3h2m  CPU 41s"), "{}", lines[0]);
        assert_eq!(lines[1], "longport-bot is in warning");
        assert!(lines[4].starts_with("> longport-bot    4242    312   1024"), "{}", lines[4]);
        assert!(lines[4].contains("  96  warning") && lines[4].ends_with('█'), "{}", lines[4]);
        assert!(lines[6].contains("no process: unit bot.service"), "{}", lines[6]);
        assert!(lines[8].contains("POOL") && lines[9].contains("orders-db"), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("bound hit: one ·[2J two")), "{lines:#?}");
        assert!(lines[23].starts_with("↑↓ choose   s sort: file"), "{}", lines[23]);
    }

    #[test]
    fn the_chosen_one_is_in_sight_however_many_there_are() {
        let mut view = view((1..=60).map(|pid| process(pid, f64::from(pid), 0)).collect());
        (0..44).for_each(|_| view.choose_after());
        let chosen =
            |lines: &[String]| lines.iter().any(|line| line.starts_with("> ") && line.contains("     45 "));
        assert!(chosen(&drawn(&view, (80, 24))), "{:#?}", drawn(&view, (80, 24)));
        view.sort();
        view.sort();
        // The most descriptors on top now: the choice stays with its process.
        assert!(chosen(&drawn(&view, (80, 24))), "{:#?}", drawn(&view, (80, 24)));
    }

    proptest! {
        #[test]
        fn a_frame_fits_whatever_the_size(width in 0usize..220, height in 0usize..60, count in 0u32..40) {
            let view = view((0..count).map(|pid| process(pid + 1, 7.0, (pid % 4) as usize)).collect());
            let lines = fitted(&view, (width, height), WallTime::from_millis(0));
            prop_assert_eq!(lines.len(), height);
            prop_assert!(lines.iter().all(|line| line.width() <= width));
        }
    }
}
