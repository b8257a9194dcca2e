//! What people have closed by hand, remembered: read before the proxies begin, so that nothing slips through a restart, and written
//! before a person is answered.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::ANSWER_WITHIN;
use crate::config::Config;
use crate::journal::hands::Hands;
use crate::model::action::Gate;
use crate::model::chain::chain;
use crate::model::clock::Clock as _;
use crate::model::name::Name;
use crate::model::trading::{ByHand, Trading};
use crate::sys::clock::SystemClock;

/// What is remembered, where there is a history beside which it is kept.
pub(in crate::cli) type Memory = Option<Rc<Mutex<Hands>>>;

/// How far each gate is closed, and for how long.
pub(in crate::cli) type Closed = BTreeMap<Name, (Gate, Option<Duration>)>;

/// What a person had closed before this start, and where it is remembered from now on. Where it can't be read, all gates are closed:
/// nobody can tell that a person had not closed them, and a person can open them again.
pub(in crate::cli) fn recall(config: &Config) -> (Memory, Closed) {
    let Some(history) = config.history.beside() else { return (None, Closed::new()) };
    let names: Vec<Name> = config.gates().cloned().collect();
    if names.is_empty() {
        return (None, Closed::new());
    }
    let path = Hands::beside(history);
    let (hands, closed) = match Hands::read(path.clone()) {
        Ok(hands) => {
            let closed = names.into_iter().filter_map(|name| Some((name.clone(), left(&hands, &name)?)));
            let closed = closed.collect();
            (hands, closed)
        }
        Err(error) => {
            let error = chain(&error);
            for proxy in &names {
                tracing::error!(
                    %proxy,
                    file = %path.display(),
                    error,
                    "trading is halted: whether a person had closed this order gate before can't be read; \
                     `fdguard ctl trading active` opens it"
                );
            }
            // What is written next of one of them must not open the others at the next start.
            let mut hands = Hands::none(path);
            names.iter().for_each(|name| hands.set(name, Some(ByHand { gate: Gate::Halted, until: None })));
            (hands, names.into_iter().map(|name| (name, (Gate::Halted, None))).collect())
        }
    };
    (Some(Rc::new(Mutex::new(hands))), closed)
}

fn left(hands: &Hands, name: &Name) -> Option<(Gate, Option<Duration>)> {
    let hand = hands.closed(name)?;
    let left = hand.left(SystemClock.wall())?;
    let state = Trading::under(Some(hand.gate)).name();
    tracing::warn!(proxy = %name, state, "trading is as a person had set it before this start");
    Some((hand.gate, left))
}

/// Remembers what a person has said of these gates. Says why not, where it is not on the disk.
pub(super) async fn remember(memory: &Memory, gates: &[Name], hand: Option<ByHand>) -> Result<(), String> {
    let Some(hands) = memory else { return Err("there is no history".to_owned()) };
    let written = async {
        let mut hands = hands.lock().await;
        let mut new = hands.clone();
        gates.iter().for_each(|gate| new.set(gate, hand));
        // Kept also where it could not be written: the next one that can be writes it too.
        *hands = new.clone();
        tokio::task::spawn_blocking(move || new.write(SystemClock.wall())).await
    };
    match timeout(ANSWER_WITHIN, written).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(chain(&error)),
        Ok(Err(_)) => Err("the agent ends".to_owned()),
        Err(_) => Err("the disk does not answer".to_owned()),
    }
}
