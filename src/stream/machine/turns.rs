//! What time brings.

use super::{Machine, Phase, Stage};
use crate::model::clock::Timestamp;
use crate::stream::health;
use crate::stream::order::{Blame, Order, State, Wanted, Why};

/// Whether a socket that waits for its gap to be filled has waited long enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::stream) enum Waited {
    /// Polls don't answer: it serves all the same, behind a gap.
    Enough,
    /// It waits on, or nothing waits.
    NotYet,
}

impl Machine {
    /// Time has passed; whether a socket that waits for its gap to be filled has waited long enough.
    pub(in crate::stream) fn tick(&mut self, now: Timestamp) -> Waited {
        if let Some((link, _)) = self.closing.take_if(|(_, until)| *until <= now) {
            self.orders.push_back(Order::Drop(link, Blame::Nobody));
        }
        self.turn_poller(now);
        match &self.phase {
            Phase::Dialing(_) | Phase::Priming(Stage::Dialing)
                if now.since(self.since) >= self.settings.connect_within =>
            {
                self.drop_link(Blame::Upstream);
                self.fall(Why::Late, now);
            }
            Phase::Pausing { until } if *until <= now => self.dial(State::Reconnecting, Why::Retry, now),
            Phase::Failed { probe } if *probe <= now => self.dial(State::Reconnecting, Why::Retry, now),
            Phase::Polling { retry } if *retry <= now && self.wanted == Wanted::Live => {
                self.prime(Why::Released, now);
            }
            Phase::Priming(Stage::Filling { .. }) if now.since(self.since) >= self.settings.prime_within => {
                return Waited::Enough;
            }
            Phase::Connected | Phase::Priming(_) => self.look(now),
            Phase::Disconnected
            | Phase::Dialing(_)
            | Phase::Pausing { .. }
            | Phase::Polling { .. }
            | Phase::Failed { .. } => {}
        }
        Waited::NotYet
    }

    /// For how long a socket may stay where it is on its way back. To say everything again takes as long as there is to
    /// say: its heartbeat tells whether it lives.
    fn patience(&self, stage: Stage) -> Option<std::time::Duration> {
        match stage {
            Stage::Dialing => Some(self.settings.connect_within),
            Stage::Replaying => None,
            Stage::Filling { .. } => Some(self.settings.prime_within),
        }
    }

    fn turn_poller(&mut self, now: Timestamp) {
        let Some(within) = self.settings.poll.map(|polling| polling.within) else { return };
        let Some(poller) = &mut self.poller else { return };
        if let Some(asked) = poller.asked.filter(|asked| now.since(*asked) >= within) {
            self.poll = self.poll.next();
            poller.asked = None;
            poller.at = now.max(asked + poller.every);
        }
        if poller.asked.is_none() && poller.at.max(self.not_before) <= now {
            self.poll = self.poll.next();
            poller.asked = Some(now);
            self.orders.push_back(Order::Poll(self.poll));
        }
    }

    fn look(&mut self, now: Timestamp) {
        let Some(due) = self.health.as_mut().and_then(|health| health.due(now)) else { return };
        let (why, blame) = match due {
            health::Due::Ping => return self.orders.push_back(Order::Ping(self.link)),
            health::Due::NoPong => (Why::NoPong, Blame::Upstream),
            // There may be nothing to say.
            health::Due::Silent => (Why::Silent, Blame::Nobody),
        };
        self.drop_link(blame);
        self.fall(why, now);
    }

    /// When to come again.
    pub(in crate::stream) fn due(&self) -> Option<Timestamp> {
        let phase = match &self.phase {
            Phase::Dialing(_) => Some(self.since + self.settings.connect_within),
            Phase::Pausing { until: at } | Phase::Failed { probe: at } => Some(*at),
            Phase::Polling { retry } => (self.wanted == Wanted::Live).then_some(*retry),
            Phase::Priming(stage) => self.patience(*stage).map(|patience| self.since + patience),
            Phase::Disconnected | Phase::Connected => None,
        };
        let poller = self.poller.as_ref().zip(self.settings.poll);
        let poller = poller.map(|(poller, polling)| match poller.asked {
            Some(asked) => asked + polling.within,
            None => poller.at.max(self.not_before),
        });
        let health = self.health.as_ref().and_then(health::Health::next);
        let closing = self.closing.map(|(_, until)| until);
        [phase, poller, health, closing].into_iter().flatten().min()
    }
}
