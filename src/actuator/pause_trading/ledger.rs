//! Who has paused what, what gates have obeyed, and what bots were told of it. Pure.
//!
//! ```text
//!   held: process ─► how far, which gates ──┐            gates: name ─► sent, obeyed, state
//!                                           ├─ furthest ──────► wanted ≠ obeyed: sent again
//!   bots: process ─► what its hook heard ◄──┘ state of its gates ≠ heard: told again
//! ```
//!
//! Nothing is forgotten before it is undone: a gate stays until it has obeyed that nobody holds it, and a bot until it was told that
//! trading is active.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::actuator::order::Order;
use crate::model::action::Gate;
use crate::model::clock::Timestamp;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::trading::Trading;

/// A hook that fails is tried again after so long, then ever more slowly.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_mins(1);
/// More doublings than lead to [`AGAIN_MAX`].
const DOUBLINGS_MAX: u32 = 8;
/// So often in a row a bot is told in vain whose pause is over; then a person is.
const TRIES_MAX: u32 = 10;

/// What a process holds.
#[derive(Clone, Debug)]
pub(in crate::actuator) struct Pause {
    pub(in crate::actuator) gate: Gate,
    /// The proxies whose gates it has closed.
    pub(in crate::actuator) proxies: Vec<Name>,
}

/// What is known of a gate.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The number of the last one that it has answered, what that said, and how it stood then.
    answered: u64,
    obeyed: Option<Gate>,
    state: Option<Trading>,
}

/// A bot with a hook of its own.
#[derive(Clone, Debug)]
struct Bot {
    /// The last order about it.
    order: Arc<Order>,
    /// What its hook was told last; none where nobody knows what it took.
    heard: Option<Trading>,
    /// How often in a row it could not be told, and when it is tried again.
    failures: u32,
    again: Timestamp,
    /// One word at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// How telling a bot went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::actuator) enum Went {
    /// It was told.
    Told,
    /// It was not, and may have taken half of it.
    Failed,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::actuator) struct Ledger {
    held: BTreeMap<ProcessId, Pause>,
    gates: BTreeMap<Name, Known>,
    bots: BTreeMap<ProcessId, Bot>,
    /// Words sent to gates so far: each has a number of its own, and an old answer undoes no newer one.
    sent: u64,
}

impl Ledger {
    /// A process holds this from now on; gives what it held before.
    pub(in crate::actuator) fn hold(&mut self, process: ProcessId, pause: Pause) -> Option<Pause> {
        for name in &pause.proxies {
            self.gates.entry(name.clone()).or_default();
        }
        self.held.insert(process, pause)
    }

    /// A process holds again what it held before.
    pub(in crate::actuator) fn restore(&mut self, process: ProcessId, before: Option<Pause>) {
        match before {
            Some(before) => drop(self.hold(process, before)),
            None => drop(self.release(process)),
        }
    }

    /// A process holds nothing any more.
    pub(in crate::actuator) fn release(&mut self, process: ProcessId) -> Option<Pause> {
        self.held.remove(&process)
    }

    /// How far a gate is held closed.
    pub(in crate::actuator) fn furthest(&self, name: &Name) -> Option<Gate> {
        self.held.values().filter(|pause| pause.proxies.contains(name)).map(|pause| pause.gate).max()
    }

    /// A word is sent to a gate: what it says, and its number.
    pub(in crate::actuator) fn send(&mut self, name: &Name) -> (Option<Gate>, u64) {
        let furthest = self.furthest(name);
        self.gates.entry(name.clone()).or_default();
        self.sent += 1;
        (furthest, self.sent)
    }

    /// A gate has obeyed that word, and stands so.
    pub(in crate::actuator) fn obeyed(
        &mut self,
        name: &Name,
        (gate, number): (Option<Gate>, u64),
        state: Trading,
    ) {
        if let Some(known) = self.gates.get_mut(name)
            && number > known.answered
        {
            (known.answered, known.obeyed, known.state) = (number, gate, Some(state));
        }
    }

    /// The gates that are to be told: those that do not stand as they are held, and those of bots that wait for news.
    pub(in crate::actuator) fn unsettled(&self) -> Vec<Name> {
        let of_bots =
            |name: &Name| self.bots.values().any(|bot| bot.order.subject.trading.gates.contains(name));
        let wants = |name: &Name, known: &Known| {
            let furthest = self.furthest(name);
            furthest.is_some() || known.obeyed != furthest || known.answered == 0 || of_bots(name)
        };
        self.gates.iter().filter(|(name, known)| wants(name, known)).map(|(name, _)| name.clone()).collect()
    }

    /// Forgets gates that are open and bots that know it. Gives whether anything is left.
    pub(in crate::actuator) fn tidy(&mut self) -> bool {
        let (held, bots) = (&self.held, &mut self.bots);
        bots.retain(|process, bot| held.contains_key(process) || bot.heard != Some(Trading::Active));
        let unsettled = self.unsettled();
        self.gates.retain(|name, _| unsettled.contains(name));
        !self.gates.is_empty() || !self.bots.is_empty() || !self.held.is_empty()
    }

    /// A bot with a hook is to be kept informed. Gives whether it is new.
    pub(in crate::actuator) fn enrol(&mut self, order: &Order, now: Timestamp) -> bool {
        let order = Arc::new(order.clone());
        let mut is_new = false;
        let bot = self.bots.entry(order.process).or_insert_with(|| {
            is_new = true;
            Bot {
                order: Arc::clone(&order),
                heard: Some(Trading::Active),
                failures: 0,
                again: now,
                turn: Arc::default(),
            }
        });
        bot.order = order;
        is_new
    }

    /// A bot is not kept informed any more: it was never told anything.
    pub(in crate::actuator) fn strike(&mut self, process: ProcessId) {
        self.bots.remove(&process);
    }

    /// Nobody knows what the bot has taken of what it was told last.
    pub(in crate::actuator) fn doubt(&mut self, process: ProcessId) {
        if let Some(bot) = self.bots.get_mut(&process) {
            bot.heard = None;
        }
    }

    /// Whose turn it is to tell the bot.
    pub(in crate::actuator) fn turn(&self, process: ProcessId) -> Option<Arc<tokio::sync::Mutex<()>>> {
        Some(Arc::clone(&self.bots.get(&process)?.turn))
    }

    /// What the bot is to be told, where it has heard anything else, and the order by which; none where gates have not said.
    pub(in crate::actuator) fn news(&self, process: ProcessId) -> Option<(Trading, Arc<Order>)> {
        let bot = self.bots.get(&process)?;
        let state = self.state(process, bot)?;
        (bot.heard != Some(state)).then(|| (state, Arc::clone(&bot.order)))
    }

    /// How trading stands for a bot: the furthest of its gates, and what it holds itself where it has none.
    fn state(&self, process: ProcessId, bot: &Bot) -> Option<Trading> {
        let own = Trading::under(self.held.get(&process).map(|pause| pause.gate));
        let gates = &bot.order.subject.trading.gates;
        let each =
            gates.iter().map(|name| self.gates.get(name).map_or(Some(Trading::Active), |known| known.state));
        let states: Option<Vec<Trading>> = each.collect();
        if gates.is_empty() { Some(own) } else { states?.into_iter().max() }
    }

    /// The bots that are to be told something now.
    pub(in crate::actuator) fn uninformed(&self, now: Timestamp) -> Vec<ProcessId> {
        // One that is being told now is looked at when that is done.
        let is_free = |bot: &Bot| bot.again <= now && bot.turn.try_lock().is_ok();
        let due = self.bots.iter().filter(|(process, bot)| is_free(bot) && self.news(**process).is_some());
        due.map(|(process, _)| *process).collect()
    }

    /// The bots that have heard anything but that trading is active, with their last orders.
    pub(in crate::actuator) fn waiting(&self) -> Vec<(ProcessId, Arc<Order>)> {
        let waiting = self.bots.iter().filter(|(_, bot)| bot.heard != Some(Trading::Active));
        waiting.map(|(process, bot)| (*process, Arc::clone(&bot.order))).collect()
    }

    /// A bot was told how trading stands. Gives whether it is given up: its pause is over, and it can't be told.
    pub(in crate::actuator) fn told(
        &mut self,
        process: ProcessId,
        (state, went): (Trading, Went),
        now: Timestamp,
    ) -> bool {
        let is_held = self.held.contains_key(&process);
        let Some(bot) = self.bots.get_mut(&process) else { return false };
        match went {
            Went::Told => (bot.heard, bot.failures, bot.again) = (Some(state), 0, now),
            Went::Failed => {
                let pause = AGAIN_FIRST.saturating_mul(1 << bot.failures.min(DOUBLINGS_MAX)).min(AGAIN_MAX);
                (bot.heard, bot.failures, bot.again) = (None, bot.failures.saturating_add(1), now + pause);
            }
        }
        let given_up = !is_held && bot.failures >= TRIES_MAX;
        if given_up {
            self.bots.remove(&process);
        }
        given_up
    }
}
