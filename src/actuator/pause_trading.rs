//! `pause_trading`: a hold under which the order gates of a target's proxies keep orders back, and the bot's own hook is told.
//!
//! Several processes may hold the same gate: the furthest counts, and it is open again when the last of them is released or has
//! ended. What a person has closed by hand is none of this, and stays closed. A bot that was told to pause hears of each change
//! after that, whoever made it, until it has heard that trading is active: see [`warden`]. The gates are not opened when the agent ends:
//! the proxies end with it, and until then a bot that is being stopped may cancel and nothing more. The bots' own hooks are told: a
//! bot that paused itself must not wait for an agent that is gone.

pub(super) mod ledger;
pub(super) mod warden;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::model::action::Gate;
use crate::model::decision::Done;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::trading::Trading;

use super::kit::Kit;
use super::order::{Order, TradingReach};
use ledger::{Ledger, Pause};
use warden::Said;

/// The bot's own hook is given up after so long, whatever it says itself: the gates are closed before it is asked.
const HOOK_WITHIN: Duration = Duration::from_secs(20);
/// At the end of the agent a hook that fails is tried so often, with so long between.
const LAST_TRIES: u32 = 3;
const LAST_AGAIN: Duration = Duration::from_millis(500);

/// What is paused now, by who holds it.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    ledger: Mutex<Ledger>,
    /// The ledger has changed.
    stirred: Notify,
    /// Bots that are being told by the warden.
    telling: Mutex<JoinSet<()>>,
}

/// A hold that is being taken: dropped before it is, it was not taken, and the process holds what it held before.
struct Taking<'p> {
    pauses: &'p Pauses,
    process: ProcessId,
    before: Option<Pause>,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Open,
    Taken,
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        if self.outcome == Outcome::Open {
            self.pauses.all().restore(self.process, self.before.take());
        }
        self.pauses.stirred.notify_one();
    }
}

impl Pauses {
    /// Pauses trading for a process.
    pub(super) async fn take(&self, kit: &Kit, order: &Order, gate: Gate) -> Result<Done, String> {
        let TradingReach { gates, hook, .. } = &order.subject.trading;
        if gates.is_empty() && hook.is_none() {
            return Err("this agent has no order gate for it, and no hook".to_owned());
        }
        let before = self.all().hold(order.process, Pause { gate, proxies: gates.clone() });
        let touched = touched(before.as_ref(), gates);
        let mut taking = Taking { pauses: self, process: order.process, before, outcome: Outcome::Open };
        // What was closed on the way is opened again by the warden, which goes on until it has obeyed.
        let states = all_of(self.settle(kit.settings.proxies.as_ref(), &touched).await)?;
        let mut told = None;
        if hook.is_some() {
            let is_new = self.all().enrol(order, kit.settings.clock.now());
            told = self.inform(kit, order.process).await;
            // Nothing else would hold it back.
            if let (true, Some(Err(why))) = (gates.is_empty(), &told) {
                if is_new {
                    self.all().strike(order.process);
                }
                return Err(why.clone());
            }
        }
        taking.outcome = Outcome::Taken;
        Ok(Done { summary: summary(&states, told) })
    }

    /// Ends that.
    pub(super) async fn release(&self, kit: &Kit, order: &Order) -> Result<Done, String> {
        let held = self.all().release(order.process);
        self.stirred.notify_one();
        let touched = touched(held.as_ref(), &[]);
        let states = all_of(self.settle(kit.settings.proxies.as_ref(), &touched).await)
            .map_err(|why| format!("{why}; it is told again until it obeys"))?;
        match self.inform(kit, order.process).await {
            Some(Err(why)) => Err(format!("{why}; the bot is told again")),
            told => Ok(Done { summary: summary(&states, told) }),
        }
    }

    /// Ends what a process holds that has ended or is not guarded any more; does not wait for the gates, nor for its hook.
    pub(super) fn let_go(&self, process: ProcessId) {
        self.all().release(process);
        self.stirred.notify_one();
    }

    /// Tells the hooks of all that wait that they may go on; the gates stay as they are. Its tasks are to be waited for. Nothing
    /// that takes or releases a pause may run any more: a word of it would come after the last one.
    pub(super) fn close(kit: &Arc<Kit>) -> JoinSet<()> {
        let waiting = kit.pauses.all().waiting();
        let mut tasks = JoinSet::new();
        for (_, order) in waiting {
            let kit = Arc::clone(kit);
            tasks.spawn(async move {
                for left in (0..LAST_TRIES).rev() {
                    match warden::tell(&kit, &order, Trading::Active).await {
                        Ok(_) => return,
                        Err(_) if left > 0 => sleep(LAST_AGAIN).await,
                        Err(why) => tracing::error!(
                            target_name = %order.target,
                            why,
                            "the bot was not told that its pause is over"
                        ),
                    }
                }
            });
        }
        tasks
    }

    /// Has the warden's words to bots given up, and waits until they are; the warden itself has ended.
    pub(super) async fn hush(&self) {
        let mut telling = std::mem::take(&mut *self.telling());
        telling.shutdown().await;
    }

    fn telling(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> MutexGuard<'_, Ledger> {
        // A panic while it was held leaves a ledger that still says truthfully what is held.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gates that a process has held and holds, each once.
fn touched(before: Option<&Pause>, gates: &[Name]) -> Vec<Name> {
    let mut touched: Vec<Name> =
        before.iter().flat_map(|before| &before.proxies).chain(gates).cloned().collect();
    touched.sort();
    touched.dedup();
    touched
}

/// How all gates stand, or why not all have obeyed.
fn all_of(said: Vec<Said>) -> Result<Vec<(Name, Trading)>, String> {
    let failed: Vec<&str> =
        said.iter().filter_map(|(_, said)| said.as_ref().err().map(String::as_str)).collect();
    if !failed.is_empty() {
        return Err(failed.join("; "));
    }
    Ok(said.into_iter().filter_map(|(name, said)| Some((name, said.ok()?))).collect())
}

fn summary(states: &[(Name, Trading)], told: Option<Result<Done, String>>) -> String {
    let gates = states.iter().map(|(name, state)| format!("{name}: trading is {state}"));
    let told = told.map(|told| match told {
        Ok(done) => done.summary,
        Err(why) => format!("the bot was not told: {why}"),
    });
    gates.chain(told).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_with_what_was_not() {
        let venue = Name::parse("venue").unwrap();
        let states = [(venue.clone(), Trading::Halted)];
        assert_eq!(summary(&states, None), "venue: trading is halted");
        assert_eq!(
            summary(&states, Some(Err("hook x: ended with 1".to_owned()))),
            "venue: trading is halted; the bot was not told: hook x: ended with 1"
        );
        let other = Name::parse("other").unwrap();
        let said = vec![(venue, Ok(Trading::Halted)), (other, Err("no".to_owned()))];
        assert_eq!(all_of(said).unwrap_err(), "no");
    }
}
