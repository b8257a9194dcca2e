//! What was recorded of one target: its samples, and the actions that were really taken.

use std::sync::Arc;

use super::lanes;
use crate::cli::args::RecordingArgs;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::cli::store::refusal;
use crate::cli::usual;
use crate::journal::place::Place;
use crate::journal::query::{Blocking, EventFilter, Order, QueryError, Range, Recorded, actions};
use crate::model::chain::chain;
use crate::model::clock::WallTime;
use crate::model::event::Event;
use crate::model::name::Name;
use crate::policy::definition::Policy;
use crate::sim::means;
use crate::sim::replay::{Actual, Player, Record, Replay};

/// Events asked for at once.
const PAGE: u32 = 10_000;

/// What was recorded of one target.
pub(super) struct Recording {
    store: Place,
    pub(super) target: Name,
    recorded: Vec<Recorded>,
    range: Range,
    record: Record,
}

impl Recording {
    /// Opens a recording; a fault is told.
    pub(super) fn open(args: &RecordingArgs) -> Result<Self, Exit> {
        let store = usual::store(&args.store);
        let told = |error: QueryError| {
            print::complain(&refusal(&store, &error));
            Exit::Usage
        };
        let mut reader = Blocking::open(&store).map_err(told)?;
        let all = reader.recorded().map_err(told)?;
        let target = target(args, &all)?;
        let mut recorded: Vec<Recorded> = all.into_iter().filter(|one| one.target == target).collect();
        let latest = recorded.iter().map(|one| one.until).max().unwrap_or_default();
        let since = args.last.map(|last| {
            let millis = i64::try_from(last.as_millis()).unwrap_or(i64::MAX);
            WallTime::from_millis(latest.as_millis().saturating_sub(millis))
        });
        recorded.retain(|one| since.is_none_or(|since| one.until >= since));
        let range = Range { since, until: None };
        let record = record(&mut reader, &target, range).map_err(told)?;
        Ok(Self { store, target, recorded, range, record })
    }

    /// Replays it under a policy; a fault is told.
    pub(super) fn replay(&self, policy: &Arc<Policy>) -> Result<Replay, Exit> {
        let mut player = Player::new(policy, means::needed(policy), &self.record);
        let lanes = lanes::lanes(self.recorded.clone());
        let read =
            lanes::each(&self.store, lanes, self.range, &mut |process, seen| player.play(process, seen));
        match read {
            Ok(0) => Ok(player.finish()),
            Ok(damaged) => {
                print::complain(&format!("{damaged} blocks of the history are damaged and left out"));
                Ok(player.finish())
            }
            Err(error) => {
                print::complain(&chain(&error));
                Err(Exit::Usage)
            }
        }
    }
}

/// The target asked for, or the only one there is.
fn target(args: &RecordingArgs, all: &[Recorded]) -> Result<Name, Exit> {
    let mut known: Vec<&Name> = all.iter().map(|one| &one.target).collect();
    known.sort();
    known.dedup();
    let names = || known.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    match (&args.target, known.as_slice()) {
        (Some(wanted), known) if known.contains(&wanted) => Ok(wanted.clone()),
        (Some(wanted), _) => {
            print::complain(&format!("the history holds no samples of `{wanted}`; known are: {}", names()));
            Err(Exit::Usage)
        }
        (None, [only]) => Ok((*only).clone()),
        (None, []) => {
            print::complain("the history holds no samples");
            Err(Exit::Usage)
        }
        (None, _) => {
            print::complain(&format!(
                "the history holds several targets, write --target with one of: {}",
                names()
            ));
            Err(Exit::Usage)
        }
    }
}

/// The actions that were really taken.
fn record(reader: &mut Blocking, target: &Name, range: Range) -> Result<Record, QueryError> {
    let mut events: Vec<Event> = Vec::new();
    let mut since = range.since;
    loop {
        let filter = EventFilter {
            target: Some(target.clone()),
            range: Range { since, until: range.until },
            kinds: ["decision", "finished"].map(str::to_owned).to_vec(),
            loudness: None,
            order: Order::OldestFirst,
            limit: Some(PAGE),
        };
        let page = reader.events(&filter)?.events;
        let full = page.len() == PAGE as usize;
        let last = page.last().map(|event| event.wall);
        // Pages are cut by time, so events of the last moment come again.
        let fresh: Vec<Event> = page.into_iter().filter(|event| !is_known(&events, event)).collect();
        let stuck = fresh.is_empty();
        events.extend(fresh);
        if !full || stuck || last == since {
            break;
        }
        since = last;
    }
    let taken = actions(&events).into_iter().map(|action| Actual {
        wall: action.decision.wall,
        work: action.decision.work,
        ended: action.finished,
    });
    Ok(Record::new(taken.collect()))
}

/// Whether one of the last events, of the same moment, is the same.
fn is_known(events: &[Event], event: &Event) -> bool {
    events.iter().rev().take_while(|other| other.wall >= event.wall).any(|other| other == event)
}
