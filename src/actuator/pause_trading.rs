//! `pause_trading`: a hold under which the order gates of a target's proxies keep orders back, and the bot's own hook is told.
//!
//! Several processes may hold the same gate: the furthest counts, and it is open again when the last of them is released or has
//! ended. What a person has closed by hand is none of this, and stays closed. The gates are not opened when the agent ends: the
//! proxies end with it, and until then a bot that is being stopped may cancel and nothing more. The bots' own hooks are told: a
//! bot that paused itself must not wait for an agent that is gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::model::action::Gate;
use crate::model::decision::Done;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::trading::Trading;
use crate::proxy::{By, Command, Proxies};

use super::kit::Kit;
use super::order::{Order, TradingReach};
use super::run;

/// The bot's own hook is given up after so long, whatever it says itself: the gates are closed before it is asked.
const HOOK_WITHIN: Duration = Duration::from_secs(20);

/// What a process holds.
#[derive(Clone, Debug)]
struct Pause {
    gate: Gate,
    /// The proxies whose gates it has closed.
    proxies: Vec<Name>,
    /// The order by which it holds it.
    order: Arc<Order>,
}

/// What is paused now, by who holds it.
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<BTreeMap<ProcessId, Pause>>);

impl Pauses {
    /// Pauses trading for a process.
    pub(super) async fn take(&self, kit: &Kit, order: &Order, gate: Gate) -> Result<Done, String> {
        let TradingReach { gates, hook, .. } = &order.subject.trading;
        if gates.is_empty() && hook.is_none() {
            return Err("this agent has no order gate for it, and no hook".to_owned());
        }
        let pause = Pause { gate, proxies: gates.clone(), order: Arc::new(order.clone()) };
        let before = self.all().insert(order.process, pause);
        let proxies = kit.settings.proxies.as_ref();
        let touched: Vec<Name> =
            before.iter().flat_map(|before| &before.proxies).chain(gates).cloned().collect();
        let states = match self.close_all(proxies, &touched).await {
            Ok(states) => states,
            Err(why) => {
                match before {
                    Some(before) => drop(self.all().insert(order.process, before)),
                    None => drop(self.all().remove(&order.process)),
                }
                // Whatever was closed on the way is opened again; a gate that does not answer is told as such already.
                let _told = self.close_all(proxies, &touched).await;
                return Err(why);
            }
        };
        let state = states.iter().map(|(_, state)| *state).max().unwrap_or(Trading::under(Some(gate)));
        let told = tell(kit, order, hook.as_ref(), state).await;
        match told {
            // Nothing else would hold it back.
            Some(Err(why)) if gates.is_empty() => {
                self.all().remove(&order.process);
                Err(why)
            }
            told => Ok(Done { summary: summary(&states, told) }),
        }
    }

    /// Ends that.
    pub(super) async fn release(&self, kit: &Kit, order: &Order) -> Result<Done, String> {
        let held = self.all().remove(&order.process);
        let touched = held.map(|held| held.proxies).unwrap_or_default();
        let proxies = kit.settings.proxies.as_ref();
        let states = self.close_all(proxies, &touched).await?;
        let TradingReach { hook, resume, .. } = &order.subject.trading;
        let state = states.iter().map(|(_, state)| *state).max().unwrap_or_default();
        // Held by somebody else, it is not resumed.
        let hook = if state == Trading::Active { resume.as_ref().or(hook.as_ref()) } else { hook.as_ref() };
        match tell(kit, order, hook, state).await {
            Some(Err(why)) => Err(why),
            told => Ok(Done { summary: summary(&states, told) }),
        }
    }

    /// Ends what a process holds that has ended or is not guarded any more; does not wait for the gates.
    pub(super) fn let_go(&self, proxies: Option<&Proxies>, process: ProcessId) {
        let Some(held) = self.all().remove(&process) else { return };
        let Some(proxies) = proxies else { return };
        for name in &held.proxies {
            let gate = self.furthest(name);
            if let Err(error) = proxies.tell(name, Command::Trade(By::Policies, gate)) {
                tracing::error!(proxy = %name, %error, "an order gate could not be opened");
            }
        }
    }

    /// Tells the hooks of all that are paused that they may go on; the gates stay as they are. Its tasks are to be waited for.
    pub(super) fn close(kit: &Arc<Kit>) -> JoinSet<()> {
        let held = std::mem::take(&mut *kit.pauses.all());
        let mut tasks = JoinSet::new();
        for Pause { order, .. } in held.into_values() {
            let kit = Arc::clone(kit);
            tasks.spawn(async move {
                let TradingReach { hook, resume, .. } = &order.subject.trading;
                let told = tell(&kit, &order, resume.as_ref().or(hook.as_ref()), Trading::Active).await;
                if let Some(Err(why)) = told {
                    tracing::error!(target_name = %order.target, why, "the bot was not told that its pause is over");
                }
            });
        }
        tasks
    }

    /// Has gates stand as they are held now; gives how each stands then.
    async fn close_all(
        &self,
        proxies: Option<&Proxies>,
        names: &[Name],
    ) -> Result<Vec<(Name, Trading)>, String> {
        let mut states: Vec<(Name, Trading)> = Vec::new();
        for name in names {
            if states.iter().any(|(seen, _)| seen == name) {
                continue;
            }
            let proxies = proxies.ok_or_else(|| format!("no proxy `{name}` here"))?;
            let command = Command::Trade(By::Policies, self.furthest(name));
            let answer = proxies.tell(name, command).map_err(|error| error.to_string())?;
            let done = answer.await.map_err(|_| format!("the order gate of `{name}` does not answer"))?;
            states.push((name.clone(), done.trading.map(|view| view.state).unwrap_or_default()));
        }
        Ok(states)
    }

    /// How far the gate of a proxy is held closed.
    fn furthest(&self, name: &Name) -> Option<Gate> {
        let all = self.all();
        furthest(all.values().map(|pause| (pause.gate, &*pause.proxies)), name)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<ProcessId, Pause>> {
        // A panic while it was held leaves a map that still says truthfully what is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The furthest that the gate of a proxy is held closed by any of these.
fn furthest<'p>(pauses: impl Iterator<Item = (Gate, &'p [Name])>, name: &Name) -> Option<Gate> {
    pauses.filter(|(_, proxies)| proxies.contains(name)).map(|(gate, _)| gate).max()
}

/// Tells the bot's own hook, where it has one.
async fn tell(kit: &Kit, order: &Order, hook: Option<&Name>, state: Trading) -> Option<Result<Done, String>> {
    let hook = hook?;
    let more = [("FDGUARD_TRADING", state.name().to_owned())];
    let run = run::run_with(kit, order, hook, &more);
    Some(match tokio::time::timeout(HOOK_WITHIN, run).await {
        Ok(ran) => ran,
        Err(_) => Err(format!("hook {hook}: given up after {} s", HOOK_WITHIN.as_secs())),
    })
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
    fn the_furthest_of_all_who_hold_a_gate_counts() {
        let [a, b, c] = ["a", "b", "c"].map(|text| Name::parse(text).unwrap());
        let held = [(Gate::Reducing, vec![a.clone(), b.clone()]), (Gate::Halted, vec![b.clone()])];
        let of = |name| furthest(held.iter().map(|(gate, proxies)| (*gate, &**proxies)), name);
        assert_eq!((of(&a), of(&b), of(&c)), (Some(Gate::Reducing), Some(Gate::Halted), None));
    }

    #[test]
    fn what_was_done_is_told_with_what_was_not() {
        let states = [(Name::parse("venue").unwrap(), Trading::Halted)];
        assert_eq!(summary(&states, None), "venue: trading is halted");
        assert_eq!(
            summary(&states, Some(Err("hook x: ended with 1".to_owned()))),
            "venue: trading is halted; the bot was not told: hook x: ended with 1"
        );
    }
}
