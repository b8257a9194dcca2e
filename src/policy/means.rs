//! What may be done to a target and what can work here: the agent's file and the doctor, as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::action::{Action, Effect, Hold, Then, Word};
use crate::model::deadline;
use crate::model::name::{Name, Remote};

/// The receiver that every agent has.
pub const JOURNAL: &str = "journal";

/// What may be done to one target and what can work here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Means {
    /// The dangerous words that the target's `allow` names.
    pub allowed: BTreeSet<Word>,
    /// Words that can't work here, and why: a privilege, the kernel, the kind of target.
    pub impossible: BTreeMap<Word, String>,
    /// Why a target that is stopped could not be started again, where that is so.
    pub no_restart: Option<String>,
    /// The pools there are.
    pub pools: BTreeSet<Name>,
    /// The streams there are.
    pub streams: BTreeSet<Name>,
    /// The hooks there are, with their time-outs.
    pub hooks: BTreeMap<Name, Duration>,
    /// The receivers of notices, beside [`JOURNAL`].
    pub receivers: BTreeSet<Name>,
    /// Remotes whose sockets no action may touch.
    pub protect: Vec<Remote>,
    /// Whether the whole agent only tells.
    pub dry_run: bool,
}

/// Why something can't be done on this target at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Lack {
    /// The target's `allow` does not name it.
    NotAllowed,
    /// It can't work here.
    Unavailable(String),
}

impl Means {
    /// Whether the action can be done at all.
    pub(crate) fn permit(&self, action: &Action) -> Result<(), Lack> {
        self.permit_word(action.word())?;
        match action {
            Action::Notify { to, .. } if to.as_str() == JOURNAL => Ok(()),
            Action::Notify { to, .. } => known("receiver", to, self.receivers.contains(to)),
            Action::ResetPool { pool, .. } => known("pool", pool, self.pools.contains(pool)),
            Action::DestroySockets { remote: Some(remote), .. } if self.protect.contains(remote) => {
                Err(Lack::Unavailable(format!("the remote `{remote}` is protected")))
            }
            Action::Run { hook } => self.know_hook(hook),
            Action::Stop { then: Then::Restart, .. } if let Some(why) = &self.no_restart => {
                Err(Lack::Unavailable(format!("it could not be started again: {why}")))
            }
            Action::Stop { before, .. } => before.iter().try_for_each(|hook| self.know_hook(hook)),
            Action::Snapshot
            | Action::RaiseNofile { .. }
            | Action::DestroySockets { .. }
            | Action::ReapDescriptors { .. } => Ok(()),
        }
    }

    /// Whether the hold can be taken at all.
    pub(crate) fn permit_hold(&self, hold: &Hold) -> Result<(), Lack> {
        self.permit_word(hold.word())?;
        match hold {
            Hold::ThrottleConnects { pool, .. } => known("pool", pool, self.pools.contains(pool)),
            Hold::PollStream { stream, .. } => known("stream", stream, self.streams.contains(stream)),
            Hold::PauseTrading { .. } | Hold::Freeze { .. } => Ok(()),
        }
    }

    /// How long the action may take.
    pub(crate) fn time_limit(&self, action: &Action) -> Duration {
        deadline::of_action(action, |hook| self.hooks.get(hook).copied().unwrap_or_default())
    }

    fn know_hook(&self, hook: &Name) -> Result<(), Lack> {
        known("hook", hook, self.hooks.contains_key(hook))
    }

    fn permit_word(&self, word: Word) -> Result<(), Lack> {
        if let Some(why) = self.impossible.get(&word) {
            return Err(Lack::Unavailable(why.clone()));
        }
        match word.effect() {
            Effect::Dangerous if !self.allowed.contains(&word) => Err(Lack::NotAllowed),
            Effect::None | Effect::Disruptive | Effect::Dangerous => Ok(()),
        }
    }
}

fn known(what: &str, name: &Name, is_here: bool) -> Result<(), Lack> {
    if is_here {
        return Ok(());
    }
    Err(Lack::Unavailable(format!("no {what} `{name}` here")))
}
