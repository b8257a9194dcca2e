//! One signal over time: for each process a line of bars and a table of equal stretches.

use std::time::Duration;

use crate::cli::args::HistoryArgs;
use crate::cli::bars::bars;
use crate::cli::columns::{Columns, Lean};
use crate::cli::history::{range, spelling};
use crate::cli::page::Page;
use crate::cli::print;
use crate::cli::quantity::quantity;
use crate::journal::query::{Blocking, Bucket, QueryError, Range, Recorded};
use crate::model::column::Column;
use crate::model::reading::Reading;
use crate::model::units::format_span;

/// Rows that a person reads at once; JSON gets as many as it asks for.
const ROWS: u32 = 24;
/// Processes told apart; a bot that restarts all the time has more.
const PROCESSES: usize = 16;

/// Reads and prints every process that was seen in that time, the oldest first.
pub(super) fn print(reader: &mut Blocking, args: &HistoryArgs, column: &Column) -> Result<(), QueryError> {
    let range = range(args);
    let mut recorded = reader.recorded()?;
    recorded.retain(|one| {
        args.target.as_ref().is_none_or(|target| *target == one.target)
            && range.since.is_none_or(|since| since <= one.until)
    });
    recorded.truncate(PROCESSES);
    recorded.reverse();
    let count = if args.json { args.limit } else { args.limit.min(ROWS) };
    let mut page = Page::for_output();
    for one in &recorded {
        let buckets = reader.series(one, column, range, count.min(seconds(one, range)))?;
        if args.json {
            for bucket in &buckets {
                print::json(&line(args, one, bucket));
            }
        } else {
            draw(&mut page, args, one, (column, &buckets));
        }
    }
    if recorded.is_empty() {
        print::complain(&format!("no samples in the last {}", format_span(args.last)));
    }
    page.print();
    Ok(())
}

/// A sample a second is kept: shorter stretches would be empty.
fn seconds(one: &Recorded, range: Range) -> u32 {
    let since = range.since.map_or(one.from, |since| since.max(one.from));
    u32::try_from(one.until.since(since).as_secs()).unwrap_or(u32::MAX).max(1)
}

fn line(args: &HistoryArgs, one: &Recorded, bucket: &Bucket) -> serde_json::Value {
    serde_json::json!({
        "target": one.target,
        "pid": one.process.pid,
        "signal": args.signal,
        "from": bucket.from.to_string(),
        "known": bucket.known,
        "gaps": bucket.gaps,
        "min": number(bucket.min),
        "avg": number(bucket.avg),
        "max": number(bucket.max),
    })
}

/// JSON has no infinity.
fn number(value: f64) -> serde_json::Value {
    if value.is_infinite() { "infinite".into() } else { value.into() }
}

fn draw(page: &mut Page, args: &HistoryArgs, one: &Recorded, (column, buckets): (&Column, &[Bucket])) {
    let signal = args.signal.as_deref().unwrap_or_default();
    let apart = match buckets {
        [first, second, ..] => format!(", a row each {}", format_span(whole(second.from.since(first.from)))),
        [_] | [] => String::new(),
    };
    page.heading(&format!("{} pid {}", one.target, one.process.pid), &format!("{signal}{apart}"));
    let averages: Vec<f64> = buckets.iter().map(|bucket| bucket.avg).collect();
    page.line(&format!("  {}", bars(&averages)));
    let mut table = Columns::new(&[
        ("time", Lean::Left),
        ("min", Lean::Right),
        ("avg", Lean::Right),
        ("max", Lean::Right),
        ("samples", Lean::Right),
        ("gaps", Lean::Right),
    ]);
    let unit = spelling::unit_of(column);
    let shown =
        |value: f64| if value.is_nan() { "-".to_owned() } else { quantity(unit, Reading::Known(value)) };
    for bucket in buckets {
        table.row([
            bucket.from.to_string(),
            shown(bucket.min),
            shown(bucket.avg),
            shown(bucket.max),
            bucket.known.to_string(),
            bucket.gaps.to_string(),
        ]);
    }
    page.columns(2, &table);
}

/// To the second, where it is longer than one.
fn whole(span: Duration) -> Duration {
    if span < Duration::from_secs(1) { span } else { Duration::from_secs(span.as_secs()) }
}
