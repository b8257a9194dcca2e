//! What is told of streams: of each client's as it stands, and of a proxy's as a whole.

use std::collections::VecDeque;

use crate::model::clock::Timestamp;
use crate::proxy::command::StreamWork;
use crate::proxy::view::{StreamChange, StreamView};
use crate::stream::order::{Change, State, Wanted};

/// Changes of state that are kept until they are asked for; of more the oldest are forgotten.
const CHANGES_MAX: usize = 64;

/// The stream of one client as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy::http) struct Gauge {
    pub(super) state: State,
    /// When data last went to the client.
    pub(super) served: Timestamp,
    pub(super) messages: u64,
    pub(super) reconnects: u64,
    pub(super) dropped: u64,
    pub(super) gaps: u64,
}

/// What is wanted of all streams of a proxy, and what those that are gone have counted.
#[derive(Debug)]
pub(in crate::proxy::http) struct Tally {
    pub(super) wanted: Wanted,
    /// How often each was told to connect, and to close.
    pub(super) connects: u64,
    pub(super) closes: u64,
    messages: u64,
    reconnects: u64,
    dropped: u64,
    gaps: u64,
    changes: VecDeque<StreamChange>,
    number: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            wanted: Wanted::Live,
            connects: 0,
            closes: 0,
            messages: 0,
            reconnects: 0,
            dropped: 0,
            gaps: 0,
            changes: VecDeque::new(),
            number: 0,
        }
    }
}

impl Tally {
    /// Something is wanted of all of them; they are woken by who calls.
    pub(in crate::proxy::http) fn tell(&mut self, work: StreamWork) {
        match work {
            StreamWork::Want(wanted) => self.wanted = wanted,
            StreamWork::Connect => self.connects += 1,
            StreamWork::Close => self.closes += 1,
        }
    }

    /// A stream has changed its state.
    pub(super) fn note(&mut self, client: &str, change: &Change) {
        if self.changes.len() >= CHANGES_MAX {
            self.changes.pop_front();
        }
        self.number += 1;
        self.changes.push_back(StreamChange {
            number: self.number,
            client: client.to_owned(),
            from: change.from.name(),
            to: change.to.name(),
            why: change.why.meaning(),
        });
    }

    /// A stream is gone.
    pub(super) fn settle(&mut self, last: Gauge) {
        self.messages += last.messages;
        self.reconnects += last.reconnects;
        self.dropped += last.dropped;
        self.gaps += last.gaps;
    }

    /// All of them as one: the state of the one that is worst off, the longest silence, and the sums.
    pub(in crate::proxy::http) fn view(
        &self,
        streams: impl Iterator<Item = Gauge>,
        now: Timestamp,
    ) -> StreamView {
        let mut view = StreamView {
            state: State::Disconnected.signal(),
            silence: None,
            messages: self.messages,
            reconnects: self.reconnects,
            dropped: self.dropped,
            gaps: self.gaps,
            changes: self.changes.iter().cloned().collect(),
        };
        let mut worst = None;
        for gauge in streams {
            worst = worst.max(Some((trouble(gauge.state), gauge.state.signal())));
            view.silence = view.silence.max(Some(now.since(gauge.served)));
            view.messages += gauge.messages;
            view.reconnects += gauge.reconnects;
            view.dropped += gauge.dropped;
            view.gaps += gauge.gaps;
        }
        if let Some((_, state)) = worst {
            view.state = state;
        }
        view
    }
}

/// How far a state is from service.
const fn trouble(state: State) -> u8 {
    match state {
        State::Connected => 0,
        State::Connecting => 1,
        State::Polling | State::Priming => 2,
        State::Disconnected => 3,
        State::Reconnecting => 4,
        State::Failed => 5,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::signal::STREAM_STATES;
    use crate::stream::order::Why;

    #[test]
    fn the_one_that_is_worst_off_is_the_state_of_all() {
        let at = Timestamp::from_millis;
        let gauge = |state, served| Gauge {
            state,
            served: at(served),
            messages: 2,
            reconnects: 1,
            dropped: 0,
            gaps: 0,
        };
        let mut tally = Tally::default();
        assert_eq!(STREAM_STATES[tally.view(std::iter::empty(), at(0)).state], "disconnected");
        tally.settle(gauge(State::Failed, 0));
        let view = tally.view(
            [gauge(State::Connected, 9_000), gauge(State::Reconnecting, 4_000)].into_iter(),
            at(10_000),
        );
        assert_eq!(STREAM_STATES[view.state], "reconnecting");
        assert_eq!((view.silence, view.messages, view.reconnects), (Some(Duration::from_secs(6)), 6, 3));
        let change = Change { from: State::Connected, to: State::Polling, why: Why::Held };
        (0..=CHANGES_MAX).for_each(|_| tally.note("unix", &change));
        let view = tally.view(std::iter::empty(), at(0));
        let numbers: Vec<u64> = view.changes.iter().map(|change| change.number).collect();
        assert_eq!((numbers.len(), numbers[0], view.changes[0].to), (CHANGES_MAX, 2, "polling"));
    }
}
