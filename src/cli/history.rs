//! `fdguard history`: what the agent did, as sentences; or one signal over time, as a table and a line of bars.

mod over_time;
mod spelling;

use crate::cli::args::HistoryArgs;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::cli::store::refusal;
use crate::cli::usual;
use crate::journal::query::{Blocking, EventFilter, Order, QueryError, Range};
use crate::model::clock::{Clock as _, WallTime};
use crate::model::sentence::sentence;
use crate::model::units::format_span;
use crate::sys::clock::SystemClock;

/// Reads and prints.
pub(super) fn run(args: &HistoryArgs) -> Exit {
    let column = match args.signal.as_deref().map(spelling::column).transpose() {
        Ok(column) => column,
        Err(why) => {
            print::complain(&why);
            return Exit::Usage;
        }
    };
    let store = usual::store(&args.store);
    let told = Blocking::open(&store).and_then(|mut reader| match &column {
        None => events(&mut reader, args),
        Some(column) => over_time::print(&mut reader, args, column),
    });
    match told {
        Ok(()) => Exit::Good,
        Err(error) => {
            print::complain(&refusal(&store, &error));
            Exit::Usage
        }
    }
}

/// The stretch of time that was asked for.
fn range(args: &HistoryArgs) -> Range {
    let now = SystemClock.wall().as_millis();
    let last = i64::try_from(args.last.as_millis()).unwrap_or(i64::MAX);
    Range { since: Some(WallTime::from_millis(now.saturating_sub(last))), until: None }
}

/// The latest events, oldest first.
fn events(reader: &mut Blocking, args: &HistoryArgs) -> Result<(), QueryError> {
    let filter = EventFilter {
        target: args.target.clone(),
        range: range(args),
        order: Order::NewestFirst,
        limit: Some(args.limit),
        ..EventFilter::default()
    };
    let found = reader.events(&filter)?;
    for event in found.events.iter().rev() {
        if args.json {
            print::json(event);
        } else {
            print::out(&format!("{}\n", sentence(event)));
        }
    }
    if found.events.is_empty() {
        print::complain(&format!("no event in the last {}", format_span(args.last)));
    }
    if found.unreadable > 0 {
        print::complain(&format!("{} more events can't be read by this version", found.unreadable));
    }
    if found.events.len() == usize::try_from(args.limit).unwrap_or(usize::MAX) {
        print::complain(&format!("the latest {} are shown; `--limit` gives more", args.limit));
    }
    Ok(())
}
