//! What is told of streams: of each client's as it stands, and of a proxy's as a whole.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::proxy::command::StreamWork;
use crate::proxy::view::{StreamChange, StreamView};
use crate::stream::order::{Change, State, Wanted};

/// Changes of state are kept for so long: they are asked for once a second, and an answer may be late.
const CHANGES_KEPT: Duration = Duration::from_secs(10);
/// Of more than that within this time the oldest are forgotten: enough for all clients that a proxy may have by default to
/// go down and come up again, and once more.
const CHANGES_MAX: usize = 1_024;

/// The stream of one client as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy::http) struct Gauge {
    /// None where it is not wanted yet, or leaves: it counts for what it did, and is in no state.
    pub(super) state: Option<State>,
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
    changes: VecDeque<(Timestamp, StreamChange)>,
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

    /// A stream has changed its state; gives another change that nobody may have seen and that has no room any more.
    pub(super) fn note(&mut self, client: &str, change: &Change, now: Timestamp) -> Option<StreamChange> {
        while self.changes.front().is_some_and(|(at, _)| now.since(*at) >= CHANGES_KEPT) {
            self.changes.pop_front();
        }
        let forgotten = (self.changes.len() >= CHANGES_MAX).then(|| self.changes.pop_front()).flatten();
        self.number += 1;
        let change = StreamChange {
            number: self.number,
            client: client.to_owned(),
            from: change.from.name(),
            to: change.to.name(),
            why: change.why.meaning(),
        };
        self.changes.push_back((now, change));
        forgotten.map(|(_, change)| change)
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
            changes: self.changes.iter().map(|(_, change)| change.clone()).collect(),
        };
        let mut worst = None;
        for gauge in streams {
            if let Some(state) = gauge.state {
                worst = worst.max(Some((trouble(state), state.signal())));
                view.silence = view.silence.max(Some(now.since(gauge.served)));
            }
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
    use super::*;
    use crate::model::signal::STREAM_STATES;
    use crate::stream::order::Why;

    #[test]
    fn the_one_that_is_worst_off_is_the_state_of_all() {
        let at = Timestamp::from_millis;
        let gauge = |state, served| Gauge {
            state: Some(state),
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
            [
                gauge(State::Connected, 9_000),
                gauge(State::Reconnecting, 4_000),
                Gauge { state: None, ..gauge(State::Failed, 0) },
            ]
            .into_iter(),
            at(10_000),
        );
        assert_eq!(STREAM_STATES[view.state], "reconnecting");
        assert_eq!((view.silence, view.messages, view.reconnects), (Some(Duration::from_secs(6)), 8, 4));
        let change = Change { from: State::Connected, to: State::Polling, why: Why::Held };
        (0..CHANGES_MAX).for_each(|_| assert_eq!(tally.note("unix", &change, at(0)), None));
        assert_eq!(tally.note("unix", &change, at(0)).map(|gone| gone.number), Some(1));
        let view = tally.view(std::iter::empty(), at(0));
        let numbers: Vec<u64> = view.changes.iter().map(|change| change.number).collect();
        assert_eq!((numbers.len(), numbers[0], view.changes[0].to), (CHANGES_MAX, 2, "polling"));
        assert_eq!(tally.note("unix", &change, at(10_000)), None);
        assert_eq!(
            tally.view(std::iter::empty(), at(0)).changes.len(),
            1,
            "what was seen long ago is not kept"
        );
    }
}
