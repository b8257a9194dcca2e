//! A hold that is kept on an object: how far it has been taken, what is under it, when it is tried again.

use std::time::Duration;

use crate::model::action::Hold;
use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, DecisionId, RulePath};

/// A hold that could not be taken is tried again after so long.
pub(crate) const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The longest time between two tries.
pub(crate) const RETRY_MAX: Duration = Duration::from_mins(5);

/// More doublings than lead to [`RETRY_MAX`].
const DOUBLINGS_MAX: u32 = 8;

/// The strongest hold on an object, and how far it has been taken.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Kept {
    pub(super) hold: Hold,
    pub(super) rule: RulePath,
    pub(super) cause: Cause,
    pub(super) grip: Grip,
    /// What was taken on the object before, and is kept until this one is.
    pub(super) under: Option<Hold>,
    /// How often in a row it could not be taken.
    pub(super) failures: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Grip {
    /// To be taken now.
    Wanted,
    /// The order is out. It counts as taken: what may have been taken must be undone.
    Ordered(DecisionId),
    /// It is taken.
    Firm,
    /// It could not be taken; tried again then.
    Failed(Timestamp),
}

impl Kept {
    pub(super) fn new(hold: &Hold, rule: &RulePath, cause: Cause) -> Self {
        let (hold, rule) = (hold.clone(), rule.clone());
        Self { hold, rule, cause, grip: Grip::Wanted, under: None, failures: 0 }
    }

    /// What is in effect on the object, as far as is known.
    pub(super) fn effect(&self) -> Option<&Hold> {
        match self.grip {
            Grip::Ordered(_) | Grip::Firm => Some(&self.hold),
            Grip::Wanted | Grip::Failed(_) => self.under.as_ref(),
        }
    }

    /// It could not be taken; when it is tried again.
    pub(super) fn fail(&mut self, at: Timestamp) -> Timestamp {
        let pause = RETRY_FIRST.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX)).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.grip = Grip::Failed(at + pause);
        at + pause
    }

    /// Carries over how far the object is held already.
    pub(super) fn follow(&mut self, old: &Self, at: Timestamp) {
        if old.effect() == Some(&self.hold) {
            self.grip = if old.hold == self.hold { old.grip } else { Grip::Firm };
            (self.under, self.failures) = (old.under.clone().filter(|_| old.hold == self.hold), old.failures);
            return;
        }
        self.under = old.effect().cloned();
        if old.hold == self.hold {
            self.failures = old.failures;
            if let Grip::Failed(again) = old.grip
                && at < again
            {
                self.grip = old.grip;
            }
        }
    }
}

/// A hold that a person has taken.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Taken {
    pub(crate) hold: Hold,
    pub(crate) since: Timestamp,
}

impl Taken {
    /// When it ends by itself.
    pub(super) fn end(&self) -> Option<Timestamp> {
        match &self.hold {
            Hold::Freeze { limit } => Some(self.since + *limit),
            Hold::ThrottleConnects { .. } | Hold::PollStream { .. } | Hold::PauseTrading { .. } => None,
        }
    }
}
