//! Events by target, time, kind and loudness.

use super::{QueryError, Range, Reader};
use crate::journal::store::{Direction, EventQuery, loudness_code};
use crate::model::event::{Event, Loudness};
use crate::model::name::Name;

/// The most events that one query gives.
pub const EVENTS_MAX: u32 = 10_000;

/// From which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// The latest first: what a person wants.
    #[default]
    NewestFirst,
    /// As it happened.
    OldestFirst,
}

/// Which events.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this target; events of the agent itself belong to none.
    pub target: Option<Name>,
    /// In this time.
    pub range: Range,
    /// Of one of these kinds, see [`crate::journal::facts::kind`]; none means all.
    pub kinds: Vec<String>,
    /// At least so loud.
    pub loudness: Option<Loudness>,
    /// From which end.
    pub order: Order,
    /// At most so many; more than [`EVENTS_MAX`] are never given, which is also the default.
    pub limit: Option<u32>,
}

/// Events found.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// In the order asked for.
    pub events: Vec<Event>,
    /// How many more there are that this version can't read.
    pub unreadable: u64,
}

impl Reader {
    /// The events that fit.
    pub async fn events(&mut self, filter: &EventFilter) -> Result<Events, QueryError> {
        let query = EventQuery {
            target: filter.target.as_ref().map(Name::as_str),
            walls: filter.range.ends(),
            kinds: &filter.kinds,
            loudness: filter.loudness.map_or(0, loudness_code),
            direction: match filter.order {
                Order::NewestFirst => Direction::Down,
                Order::OldestFirst => Direction::Up,
            },
            limit: filter.limit.unwrap_or(EVENTS_MAX).min(EVENTS_MAX),
        };
        let mut found = Events::default();
        for json in self.shelf.events(query).await? {
            match serde_json::from_slice(&json) {
                Ok(event) => found.events.push(event),
                Err(_) => found.unreadable += 1,
            }
        }
        Ok(found)
    }
}
