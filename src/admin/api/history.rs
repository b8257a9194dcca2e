//! The history over the API: events and series of a bounded window, read beside the runtime.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::timeout;

use super::Desk;
use super::event::Told;
use super::query::Query;
use crate::admin::answer::{Reply, full, json, say};
use crate::journal::query::{Blocking, Bucket, EventFilter, Events, Order, QueryError, Range, Recorded};
use crate::model::chain::chain;
use crate::model::clock::{Clock as _, WallTime};
use crate::model::column::Column;
use crate::model::event::Loudness;
use crate::model::name::Name;
use crate::model::units::parse_span;
use crate::sys::clock::SystemClock;

/// The window where nobody says.
const WINDOW: Duration = Duration::from_hours(1);
/// The longest window of one question.
const WINDOW_MAX: Duration = Duration::from_hours(7 * 24);
/// Events of one question, and where nobody says.
const EVENTS: (u32, u32) = (2_000, 200);
/// Points of a line, and where nobody says.
const POINTS: (u32, u32) = (2_000, 300);
/// Signals of one question.
const SIGNALS_MAX: usize = 8;
/// How long a question waits for those before it.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// Processes told apart; the latest count.
const PROCESSES_MAX: usize = 32;
/// Points of all lines of one answer: lines get fewer where there are many.
const ALL_POINTS_MAX: usize = 100_000;

/// `GET /v1/history/events`
pub(super) async fn events(query: &Query, desk: &Desk) -> Reply {
    let filter = match filter(query) {
        Ok(filter) => filter,
        Err(why) => return say(StatusCode::BAD_REQUEST, &why),
    };
    let read = desk.read(move |reader| reader.events(&filter)).await;
    match read {
        Ok(found) => json(&serde_json::json!({
            "events": found.events.iter().rev().map(Told::of).collect::<Vec<_>>(),
            "unreadable": found.unreadable,
        })),
        Err(refusal) => refusal,
    }
}

/// `GET /v1/history/series`
pub(super) async fn series(query: &Query, desk: &Desk) -> Reply {
    let wanted = match Wanted::of(query) {
        Ok(wanted) => wanted,
        Err(why) => return say(StatusCode::BAD_REQUEST, &why),
    };
    match desk.read(move |reader| wanted.read(reader)).await {
        Ok(lines) => json(&serde_json::json!({ "series": lines })),
        Err(refusal) => refusal,
    }
}

impl Desk {
    /// Events of that time, oldest first, no more than so many; none where they can't be had.
    pub(super) async fn recorded(&self, range: Range, most: u32) -> Option<Events> {
        let filter =
            EventFilter { range, order: Order::OldestFirst, limit: Some(most), ..EventFilter::default() };
        self.read(move |reader| reader.events(&filter)).await.ok()
    }

    /// Reads the history on a thread that may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Blocking) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Reply> {
        let Some(store) = self.store.clone() else {
            return Err(say(StatusCode::NOT_FOUND, "the agent keeps no history"));
        };
        let read = move || Blocking::open(&store).and_then(|mut reader| read(&mut reader));
        match aside(&self.reads, read).await.ok_or_else(|| full("the history is being read by others"))? {
            Ok(Ok(found)) => Ok(found),
            // It is made when the agent starts: whoever asks again soon finds it.
            Ok(Err(QueryError::Absent(_))) => Err(full("there is no history yet")),
            Ok(Err(error)) => Err(say(StatusCode::SERVICE_UNAVAILABLE, &chain(&error))),
            Err(_) => Err(say(StatusCode::SERVICE_UNAVAILABLE, "the history can't be read")),
        }
    }
}

/// Does something on a thread that may wait, once its turn has come; nothing where that takes too long. The turn is over
/// when the thread is done, and not when nobody waits for it any more.
async fn aside<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<Result<T, JoinError>> {
    let turn = timeout(TURN_WITHIN, Arc::clone(turns).acquire_owned()).await.ok()?.ok()?;
    let work = move || {
        let _turn = turn;
        work()
    };
    Some(tokio::task::spawn_blocking(work).await)
}

/// The stretch that is asked for: `last` so long, up to `until` or now.
fn range(query: &Query) -> Result<Range, String> {
    let last = query.parsed("last", parse_span)?.unwrap_or(WINDOW);
    if last > WINDOW_MAX {
        return Err("`last` is at most 7d".to_owned());
    }
    let until = query.parsed("until", str::parse::<i64>)?.unwrap_or_else(|| SystemClock.wall().as_millis());
    let since = until.saturating_sub(i64::try_from(last.as_millis()).unwrap_or(i64::MAX));
    Ok(Range { since: Some(WallTime::from_millis(since)), until: Some(WallTime::from_millis(until)) })
}

/// A number of at most `most`.
fn bounded(query: &Query, name: &str, (most, usual): (u32, u32)) -> Result<u32, String> {
    let number = query.parsed(name, str::parse::<u32>)?.unwrap_or(usual);
    if (1..=most).contains(&number) { Ok(number) } else { Err(format!("`{name}` is between 1 and {most}")) }
}

fn filter(query: &Query) -> Result<EventFilter, String> {
    query.only(&["target", "last", "until", "limit", "loudness"])?;
    let loudness = |text: &str| match text {
        "info" => Ok(Loudness::Info),
        "warn" => Ok(Loudness::Warn),
        "error" => Ok(Loudness::Error),
        _ => Err("there is info, warn, error"),
    };
    Ok(EventFilter {
        target: query.parsed("target", Name::parse)?,
        range: range(query)?,
        loudness: query.parsed("loudness", loudness)?,
        order: Order::NewestFirst,
        limit: Some(bounded(query, "limit", EVENTS)?),
        ..EventFilter::default()
    })
}

/// The lines that are asked for.
struct Wanted {
    columns: Vec<(String, Column)>,
    target: Option<Name>,
    range: Range,
    points: u32,
}

/// One signal of one process.
#[derive(Debug, Serialize)]
struct Line {
    target: Name,
    pid: u32,
    signal: String,
    points: Vec<Point>,
}

/// A stretch of time: where it begins in milliseconds, and the least, mean and largest value; none where nothing was
/// known, and where it was endless.
#[derive(Debug, Serialize)]
struct Point(i64, Option<f64>, Option<f64>, Option<f64>);

impl Point {
    fn of(bucket: &Bucket) -> Self {
        let number = |value: f64| value.is_finite().then_some(value);
        Self(bucket.from.as_millis(), number(bucket.min), number(bucket.avg), number(bucket.max))
    }
}

impl Wanted {
    fn of(query: &Query) -> Result<Self, String> {
        query.only(&["signal", "target", "last", "until", "points"])?;
        let column = |name: &str| Some((name.to_owned(), Column::parse(name)?));
        let columns: Vec<_> = query
            .all("signal")
            .map(|name| column(name).ok_or_else(|| format!("no signal `{name}` is recorded")))
            .collect::<Result<_, _>>()?;
        if columns.is_empty() || columns.len() > SIGNALS_MAX {
            return Err(format!("`signal` stands there once to {SIGNALS_MAX} times"));
        }
        let target = query.parsed("target", Name::parse)?;
        Ok(Self { columns, target, range: range(query)?, points: bounded(query, "points", POINTS)? })
    }

    fn read(&self, reader: &mut Blocking) -> Result<Vec<Line>, QueryError> {
        let mut recorded = reader.recorded()?;
        recorded.retain(|one| self.concerns(one));
        recorded.truncate(PROCESSES_MAX);
        let mut lines = Vec::new();
        let count = (recorded.len() * self.columns.len()).max(1);
        let points = self.points.min(u32::try_from(ALL_POINTS_MAX / count).unwrap_or(u32::MAX));
        for one in recorded.iter().rev() {
            for (signal, column) in &self.columns {
                let buckets = reader.series(one, column, self.range, points)?;
                let points = buckets.iter().filter(|bucket| bucket.known + bucket.gaps > 0).map(Point::of);
                let (target, pid, signal) = (one.target.clone(), one.process.pid, signal.clone());
                lines.push(Line { target, pid, signal, points: points.collect() });
            }
        }
        Ok(lines)
    }

    fn concerns(&self, one: &Recorded) -> bool {
        self.target.as_ref().is_none_or(|target| *target == one.target)
            && self.range.since.is_none_or(|since| since <= one.until)
            && self.range.until.is_none_or(|until| one.from <= until)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn who_hangs_up_ends_no_turn_that_has_begun() {
        let turns = Arc::new(Semaphore::new(1));
        let (go, wait) = channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let work = move || {
            begin.send(()).unwrap();
            wait.recv().unwrap_err();
        };
        let asked = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { aside(&turns, work).await.is_some() }
        });
        begun.await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(turns.available_permits(), 0, "the thread reads on");
        drop(go);
        assert!(turns.acquire().await.is_ok());
    }
}
