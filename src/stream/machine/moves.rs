//! From state to state.

use std::time::Duration;

use super::{Answer, Fallback, Machine, Phase, Poller, Polling, Reach, Stage};
use crate::model::clock::Timestamp;
use crate::stream::backoff::Next;
use crate::stream::generation::Generation;
use crate::stream::order::{Blame, Change, Order, State, Wanted, Why};

/// Polls that fill the gap behind a socket; after so many the socket serves behind a gap that is told.
const FILLS_MAX: u32 = 3;
/// From one of them to the next, where polls are not more frequent anyway.
const FILL_AGAIN: Duration = Duration::from_secs(1);
/// Who wants to be left alone is, up to so long: a slip of the other side must not silence a stream for a day.
const SPARED_MAX: Duration = Duration::from_hours(1);

impl Machine {
    /// Into another phase; tells it where that is another state.
    pub(super) fn go(&mut self, phase: Phase, why: Why, now: Timestamp) {
        let from = self.state();
        self.phase = phase;
        self.since = now;
        let to = self.state();
        if from != to {
            self.orders.push_back(Order::Changed(Change { from, to, why }));
        }
    }

    pub(super) fn stage(&mut self, stage: Stage, now: Timestamp) {
        self.phase = Phase::Priming(stage);
        self.since = now;
    }

    /// Opens a socket.
    pub(super) fn dial(&mut self, state: State, why: Why, now: Timestamp) {
        self.link = self.link.next();
        self.orders.push_back(Order::Connect(self.link));
        self.go(Phase::Dialing(state), why, now);
    }

    /// Makes a socket ready while polls serve.
    pub(super) fn prime(&mut self, why: Why, now: Timestamp) {
        self.link = self.link.next();
        self.orders.push_back(Order::Connect(self.link));
        self.go(Phase::Priming(Stage::Dialing), why, now);
    }

    /// Drops the socket, whatever it does; nothing of it counts any more.
    pub(super) fn drop_link(&mut self, blame: Blame) {
        let there = matches!(self.phase, Phase::Dialing(_) | Phase::Connected | Phase::Priming(_));
        if there {
            self.orders.push_back(Order::Drop(self.link, blame));
        }
        self.forget_link();
    }

    /// Closes the socket in order where it is open, and drops it where it is not yet.
    pub(super) fn close_link(&mut self, now: Timestamp) {
        if self.health.is_none() {
            return self.drop_link(Blame::Nobody);
        }
        if let Some((old, _)) = self.closing.take() {
            self.orders.push_back(Order::Drop(old, Blame::Nobody));
        }
        self.orders.push_back(Order::Close(self.link));
        self.closing = Some((self.link, now + self.settings.close_within));
        self.forget_link();
    }

    fn forget_link(&mut self) {
        self.health = None;
        self.link = self.link.next();
    }

    /// The socket is gone.
    pub(super) fn fall(&mut self, why: Why, now: Timestamp) {
        self.forget_link();
        match self.phase {
            Phase::Dialing(_) => self.retry(why, now),
            Phase::Connected => {
                self.breach();
                match self.wanted {
                    Wanted::Live => self.bridge(why, now),
                    Wanted::Polls { every } => self.poll_now(every, why, now),
                }
            }
            Phase::Priming(_) => self.unprime(why, now),
            Phase::Disconnected | Phase::Pausing { .. } | Phase::Polling { .. } | Phase::Failed { .. } => {}
        }
    }

    /// Something may be missing from here on.
    pub(super) fn breach(&mut self) {
        self.breaches += u64::from(self.polls_reach_all().is_none());
    }

    /// How it polls, where nothing is missing before what polls say.
    fn polls_reach_all(&self) -> Option<Polling> {
        self.settings.poll.filter(|polling| polling.reach == Reach::All)
    }

    /// After a loss: polls serve until there is a socket again, or nothing does.
    fn bridge(&mut self, why: Why, now: Timestamp) {
        match self.polls_reach_all() {
            Some(polling) => {
                let (Next::Try(retry) | Next::GiveUp(retry)) = self.next_try(now);
                self.poll_now(polling.every, why, now);
                self.phase = Phase::Polling { retry };
            }
            None => self.retry(why, now),
        }
    }

    fn retry(&mut self, why: Why, now: Timestamp) {
        match self.next_try(now) {
            Next::Try(until) => self.go(Phase::Pausing { until }, why, now),
            Next::GiveUp(probe) => match self.settings.poll {
                Some(polling) if polling.fallback == Fallback::Polls => {
                    self.poll_now(polling.every, Why::GaveUp, now);
                    self.phase = Phase::Polling { retry: probe };
                }
                Some(_) | None => self.go(Phase::Failed { probe }, Why::GaveUp, now),
            },
        }
    }

    /// When it is tried again, no earlier than the other side has asked for.
    fn next_try(&mut self, now: Timestamp) -> Next {
        let earliest = self.no_dial_before;
        match self.tries.lost(&mut self.jitter, now) {
            Next::Try(at) => Next::Try(at.max(earliest)),
            Next::GiveUp(at) => Next::GiveUp(at.max(earliest)),
        }
    }

    /// The other side refused a socket, and wants to be left alone for so long.
    pub(in crate::stream) fn refused(&mut self, pause: Duration, now: Timestamp) {
        self.no_dial_before = now + pause.min(SPARED_MAX);
    }

    /// A socket that was made ready is gone: polls go on, and the next one comes later.
    fn unprime(&mut self, why: Why, now: Timestamp) {
        let (Next::Try(retry) | Next::GiveUp(retry)) = self.next_try(now);
        self.go(Phase::Polling { retry }, why, now);
    }

    /// More came of a socket than is kept until it serves.
    pub(in crate::stream) fn overflow(&mut self, now: Timestamp) {
        self.close_link(now);
        self.unprime(Why::Overflow, now);
    }

    /// Polls serve from now on.
    pub(super) fn poll_now(&mut self, every: Duration, why: Why, now: Timestamp) {
        if self.poller.is_none() {
            self.poller = Some(Poller { every, at: now, asked: None });
        }
        self.go(Phase::Polling { retry: now + self.settings.dwell }, why, now);
    }

    /// The next poll comes by then.
    pub(super) fn hurry(&mut self, by: Timestamp) {
        if let Some(poller) = &mut self.poller {
            poller.at = poller.at.min(by);
        }
    }

    pub(super) fn stop_polls(&mut self) {
        self.poller = None;
        self.poll = self.poll.next();
    }

    /// It is held in polls.
    pub(super) fn hold(&mut self, every: Duration, now: Timestamp) {
        if let Some(poller) = &mut self.poller {
            poller.at = poller.at.min(now + every);
            poller.every = every;
        }
        match &self.phase {
            // The socket goes once a poll was answered.
            Phase::Connected => {
                if self.poller.is_none() {
                    self.poller = Some(Poller { every, at: now, asked: None });
                }
            }
            Phase::Priming(_) => {
                self.close_link(now);
                self.go(Phase::Polling { retry: now + self.settings.dwell }, Why::Held, now);
            }
            Phase::Dialing(_) | Phase::Pausing { .. } | Phase::Failed { .. } => {
                self.drop_link(Blame::Nobody);
                self.poll_now(every, Why::Held, now);
            }
            Phase::Disconnected | Phase::Polling { .. } => {}
        }
    }

    /// It is no longer held in polls.
    pub(super) fn release(&mut self, now: Timestamp) {
        let earliest = self.since + self.settings.dwell;
        match &mut self.phase {
            Phase::Connected => self.stop_polls(),
            Phase::Polling { retry } => {
                *retry = earliest.max(now).max(self.no_dial_before);
                self.tries.rearm();
            }
            Phase::Disconnected
            | Phase::Dialing(_)
            | Phase::Pausing { .. }
            | Phase::Priming(_)
            | Phase::Failed { .. } => {}
        }
    }

    /// Whether the answer to a poll is waited for.
    pub(in crate::stream) fn awaits(&self, poll: Generation) -> bool {
        poll == self.poll && self.poller.is_some_and(|poller| poller.asked.is_some())
    }

    /// A poll was answered.
    pub(in crate::stream) fn answered(&mut self, poll: Generation, now: Timestamp) -> Answer {
        let Some(asked) = self.take_poll(poll, now) else { return Answer::Stale };
        match &mut self.phase {
            Phase::Connected => {
                self.close_link(now);
                self.go(Phase::Polling { retry: now + self.settings.dwell }, Why::Held, now);
                Answer::Passes
            }
            Phase::Priming(Stage::Filling { since, polls }) if asked >= *since => {
                *polls += 1;
                Answer::Fills
            }
            Phase::Polling { .. } | Phase::Priming(_) => Answer::Passes,
            Phase::Disconnected | Phase::Dialing(_) | Phase::Pausing { .. } | Phase::Failed { .. } => {
                Answer::Stale
            }
        }
    }

    /// A poll failed.
    pub(in crate::stream) fn unanswered(&mut self, poll: Generation, now: Timestamp) {
        // What was asked counts no more, whenever it began.
        let _began = self.take_poll(poll, now);
    }

    /// Who is asked wants to be left alone for so long, and is: whatever comes, and whether the poller that heard it is
    /// still there.
    pub(in crate::stream) fn spare(&mut self, pause: Duration, now: Timestamp) {
        self.not_before = self.not_before.max(now + pause.min(SPARED_MAX));
    }

    fn take_poll(&mut self, poll: Generation, now: Timestamp) -> Option<Timestamp> {
        let poller = self.poller.as_mut().filter(|_| poll == self.poll)?;
        let asked = poller.asked.take()?;
        poller.at = now.max(asked + poller.every);
        Some(asked)
    }

    /// Whether the socket that was made ready serves from now on: what it kept joins what was polled, or enough was
    /// tried.
    pub(in crate::stream) fn switch(&mut self, joins: Joins, now: Timestamp) -> Switched {
        let Phase::Priming(Stage::Filling { polls, .. }) = self.phase else { return Switched::No };
        match joins {
            Joins::No if polls < FILLS_MAX => {
                self.hurry(now + FILL_AGAIN);
                return Switched::No;
            }
            Joins::Yes => {}
            Joins::No | Joins::Unknown => self.breach(),
        }
        self.stop_polls();
        self.reconnects += 1;
        Switched::Yes
    }

    /// The socket serves: what it kept has been passed on.
    pub(in crate::stream) fn switched(&mut self, now: Timestamp) {
        self.go(Phase::Connected, Why::Ready, now);
    }
}

/// Whether what a socket kept joins what was delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::stream) enum Joins {
    /// It does.
    Yes,
    /// Something is missing between them.
    No,
    /// Polls don't answer.
    Unknown,
}

/// Whether a socket took over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::stream) enum Switched {
    /// It did.
    Yes,
    /// Not yet.
    No,
}
