//! What keeps gates and bots in step with the ledger while anything is paused: a gate that did not obey is told until it does, and a
//! bot whose hook heard something else last is told how trading stands by now, whoever has changed that: another process, a person,
//! or the end of a person's time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::ledger::Went;
use super::{HOOK_WITHIN, Pauses};
use crate::actuator::kit::Kit;
use crate::actuator::order::{Order, TradingReach};
use crate::actuator::run;
use crate::model::decision::Done;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::trading::Trading;
use crate::proxy::{By, Command, Proxies};

/// While anything is paused it is looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// Gates answer within so long, or are told again.
const OBEYS_WITHIN: Duration = Duration::from_secs(4);

/// What a gate said, or why it did not.
pub(super) type Said = (Name, Result<Trading, String>);

/// Keeps them in step; ends only where it is dropped.
pub(in crate::actuator) async fn watch(kit: Arc<Kit>) {
    let mut deaf = BTreeSet::new();
    loop {
        let again = Instant::now() + LOOK;
        let gates = kit.pauses.all().unsettled();
        for (proxy, said) in kit.pauses.settle(kit.settings.proxies.as_ref(), &gates).await {
            match said {
                Ok(_) => drop(deaf.remove(&proxy)),
                Err(why) if deaf.insert(proxy.clone()) => {
                    tracing::error!(%proxy, why, "an order gate may not stand as it is held; it is told until it obeys");
                }
                Err(_) => {}
            }
        }
        let due = kit.pauses.all().uninformed(kit.settings.clock.now());
        for process in due {
            let own = Arc::clone(&kit);
            kit.pauses.telling().spawn(async move { drop(own.pauses.inform(&own, process).await) });
        }
        while kit.pauses.telling().try_join_next().is_some() {}
        if kit.pauses.all().tidy() {
            tokio::select! {
                () = sleep_until(again) => {}
                () = kit.pauses.stirred.notified() => {}
            }
        } else {
            kit.pauses.stirred.notified().await;
        }
    }
}

impl Pauses {
    /// Has gates stand as they are held now. All are told before the first is waited for, and one that does not obey keeps
    /// no other from it.
    pub(super) async fn settle(&self, proxies: Option<&Proxies>, names: &[Name]) -> Vec<Said> {
        let mut sent = Vec::new();
        for name in names {
            let (gate, number) = self.all().send(name);
            let asked = match proxies {
                Some(proxies) => {
                    proxies.tell(name, Command::Trade(By::Policies, gate)).map_err(|error| error.to_string())
                }
                None => Err(format!("no proxy `{name}` here")),
            };
            sent.push((name.clone(), (gate, number), asked));
        }
        let end = Instant::now() + OBEYS_WITHIN;
        let mut said = Vec::new();
        for (name, word, asked) in sent {
            let state = match asked {
                Err(why) => Err(why),
                Ok(answer) => match timeout_at(end, answer).await {
                    Ok(Ok(done)) => Ok(done.trading.map(|view| view.state).unwrap_or_default()),
                    Ok(Err(_)) | Err(_) => Err(format!("the order gate of `{name}` does not answer")),
                },
            };
            if let Ok(state) = state {
                self.all().obeyed(&name, word, state);
            }
            said.push((name, state));
        }
        said
    }

    /// Tells a bot how trading stands, where its hook has heard anything else.
    pub(super) async fn inform(&self, kit: &Kit, process: ProcessId) -> Option<Result<Done, String>> {
        let turn = self.all().turn(process)?;
        let _turn = turn.lock().await;
        let (state, order) = self.all().news(process)?;
        // Where this ends in the middle, nobody knows what the bot took of it.
        self.all().doubt(process);
        let told = tell(kit, &order, state).await;
        let went = if told.is_ok() { Went::Told } else { Went::Failed };
        if self.all().told(process, (state, went), kit.settings.clock.now()) {
            tracing::error!(
                target_name = %order.target,
                pid = process.pid,
                "the bot can't be told that its pause is over: its hook fails again and again"
            );
        }
        Some(told)
    }
}

/// Runs the bot's own hook: the one of its resuming where it may go on, and where it has one.
pub(super) async fn tell(kit: &Kit, order: &Order, state: Trading) -> Result<Done, String> {
    let TradingReach { hook, resume, .. } = &order.subject.trading;
    let hook = match state {
        Trading::Active => resume.as_ref().or(hook.as_ref()),
        Trading::Reducing | Trading::Halted => hook.as_ref(),
    };
    let Some(hook) = hook else { return Ok(Done { summary: "it has no hook for it".to_owned() }) };
    let more = [("FDGUARD_TRADING", state.name().to_owned())];
    match tokio::time::timeout(HOOK_WITHIN, run::run_with(kit, order, hook, &more)).await {
        Ok(ran) => ran,
        Err(_) => Err(format!("hook {hook}: given up after {} s", HOOK_WITHIN.as_secs())),
    }
}
