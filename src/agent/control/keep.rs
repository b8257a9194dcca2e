//! The keeper is kept: one that was killed is replaced.
//!
//! Without it nothing may be frozen and no child started, and what runs would be orphaned by the agent's own death.

use std::sync::{Arc, PoisonError, TryLockError};
use std::time::Duration;

use super::Control;
use crate::model::chain::chain;
use crate::model::clock::Timestamp;
use crate::sys::keeper::{Keeper, KeeperProgram};

/// Between two tries to start one.
const AGAIN: Duration = Duration::from_secs(10);

impl Control {
    /// Replaces a keeper that has ended: children are put into the new one's care, and what is frozen is thawed,
    /// since the new one does not know of it.
    pub(super) fn see_to_keeper(&mut self, now: Timestamp) {
        if now < self.keeper_due {
            return;
        }
        let shared = Arc::clone(&self.hands.keeper);
        let mut keeper = match shared.try_lock() {
            Ok(keeper) => keeper,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            // It is being talked to; its end is seen at the next turn.
            Err(TryLockError::WouldBlock) => return,
        };
        if keeper.process().is_alive() {
            return;
        }
        self.keeper_due = now + AGAIN;
        match keeper.replace(&KeeperProgram::default()) {
            Ok(()) => tracing::warn!("the keeper had ended and was replaced"),
            Err(error) => {
                tracing::error!(error = chain(&error), "the keeper has ended and can't be replaced");
                return;
            }
        }
        self.entrust(&mut keeper);
    }

    fn entrust(&mut self, keeper: &mut Keeper) {
        for target in &mut self.targets {
            if let Some(nursery) = &mut target.nursery
                && let Err(error) = nursery.entrust(keeper)
            {
                tracing::error!(error = chain(&error), "a child is in no keeper's care");
            }
            for id in target.guarded.keys() {
                if let Some(actuator) = &self.actuator {
                    actuator.let_go(*id, "its keeper has ended");
                }
            }
        }
    }
}
