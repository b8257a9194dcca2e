//! One run of a `do` list: its items in order, each started, told or refused; what is under way is waited for.
//!
//! ```text
//!          ┌───────────── refused for good (not allowed, can't work): recorded, next item ────────┐
//!          ▼                                                                                      │
//!   item ─ gate ──┬─ refused for now (guard, grace, in flight…): recorded once, tried next tick ──┼──► …
//!                 ├─ notify, snapshot: started, next item at once ────────────────────────────────┤
//!                 └─ anything else: started ──► waiting for its report ──► next item ─────────────┘
//! ```
//!
//! A run is **charged** to the budget once: when it starts its main action (the first that is not a notice or a
//! snapshot), or its first item where it has no such action. Notices and snapshots go out while a guard still
//! holds back the rest: a person should hear of it while it waits.

use std::time::Duration;

use crate::model::action::Word;
use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, DecisionId, Done, Failure, Lost, Refusal};
use crate::model::observation::Observation;
use crate::model::process::ProcessId;
use crate::model::reading::Gap;
use crate::model::units::Quota;
use crate::policy::definition::{Item, Mode};
use crate::policy::means::Lack;
use crate::policy::pace::JUMP_MIN;

/// Whether the next item waits for the report of this one.
pub(crate) fn is_main(word: Word) -> bool {
    !matches!(word, Word::Notify | Word::Snapshot)
}

/// A run under way.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) cause: Cause,
    /// The next item.
    pub(crate) next: usize,
    /// What the item before it waits for.
    pub(crate) waiting: Option<DecisionId>,
    /// Nothing more is begun: the tier has been left, or an action was given up.
    pub(crate) abandoned: bool,
    pub(crate) progress: Progress,
    /// Why the next item has not been started yet.
    pub(crate) blocked: Option<Bar>,
    /// Since when, in time under watch, the guard holds it back.
    pub(crate) held_since: Option<Duration>,
    /// The main action that was really started.
    pub(crate) main: Option<Kept>,
    /// The first failure.
    pub(crate) failed: Option<Failure>,
    said: u16,
}

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// Nothing has been started or told.
    Wanted,
    /// Something has, and the budget has not paid yet.
    Begun,
    /// The budget has paid.
    Paid,
}

/// The main action of a run, for its judgement.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) decision: DecisionId,
    pub(crate) word: Word,
    /// Why the run was made.
    pub(crate) cause: Cause,
    /// What was seen when it was started.
    pub(crate) before: Box<Observation>,
}

impl Run {
    pub(crate) fn new(cause: Cause) -> Self {
        Self {
            cause,
            next: 0,
            waiting: None,
            abandoned: false,
            progress: Progress::Wanted,
            blocked: None,
            held_since: None,
            main: None,
            failed: None,
            said: 0,
        }
    }

    /// Takes in how the action that is waited for went.
    pub(crate) fn take_report(&mut self, result: &Result<Done, Failure>) {
        self.waiting = None;
        let Err(failure) = result else { return };
        self.abandoned |= matches!(failure, Failure::GivenUp(_));
        self.failed.get_or_insert_with(|| failure.clone());
    }

    /// Whether the agent was at it when it ended, or gave it up: it is to be done again.
    pub(crate) fn is_undone(&self) -> bool {
        self.waiting.is_some() || matches!(self.failed, Some(Failure::GivenUp(_)))
    }

    /// Goes on to the next item.
    pub(crate) fn advance(&mut self) {
        self.next += 1;
        self.said = 0;
        self.blocked = None;
    }

    /// Whether this is the first time that the present item is refused so.
    pub(crate) fn says(&mut self, bar: &Bar) -> bool {
        let bit = bar.bit();
        let first = self.said & bit == 0;
        self.said |= bit;
        first
    }

    /// Whether starting the item is what the budget pays for.
    pub(crate) fn is_charged_by(&self, item: &Item, work: &[Item]) -> bool {
        let mains = work.iter().any(|item| is_main(item.action.word()));
        self.progress != Progress::Paid && (is_main(item.action.word()) || !mains)
    }

    /// Whether anything has been started or told.
    pub(crate) fn has_begun(&self) -> bool {
        self.progress != Progress::Wanted
    }

    /// How long the guard has held it back.
    pub(crate) fn held(&self, watched: Duration) -> Duration {
        self.held_since.map_or(Duration::ZERO, |since| watched.saturating_sub(since))
    }
}

/// Whether a run of `work` is really done or only told: by its first main item.
pub(crate) fn mode_of(work: &[Item]) -> Mode {
    let main = work.iter().find(|item| is_main(item.action.word()));
    main.or(work.first()).map_or(Mode::Real, |item| item.mode)
}

/// Why the next item is not started; cheap, so that a tick that only repeats it costs nothing.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Bar {
    Lack(Lack),
    HumanHold,
    Latched,
    Cooldown { left: Duration },
    Budget,
    StartGrace { left: Duration },
    Guard { unknown: Option<Gap>, held: Duration },
    InFlight(Word),
    Fleet,
}

/// What a refusal says beyond its bar.
pub(crate) struct Particulars<'a> {
    pub(crate) guard: &'a str,
    pub(crate) quota: Option<Quota>,
    pub(crate) budget_left: Duration,
}

impl Bar {
    fn bit(&self) -> u16 {
        match self {
            Self::Lack(_) => 1,
            Self::HumanHold => 2,
            Self::Latched => 4,
            Self::Cooldown { .. } => 8,
            Self::Budget => 16,
            Self::StartGrace { .. } => 32,
            Self::Guard { .. } => 64,
            Self::InFlight(_) => 128,
            Self::Fleet => 256,
        }
    }

    /// The refusal to record.
    pub(crate) fn refusal(self, particulars: &Particulars<'_>) -> Refusal {
        match self {
            Self::Lack(Lack::NotAllowed) => Refusal::NotAllowed,
            Self::Lack(Lack::Unavailable(why)) => Refusal::Unavailable { why },
            Self::HumanHold => Refusal::HumanHold,
            Self::Latched => Refusal::Latched,
            Self::Cooldown { left } => Refusal::Cooldown { left },
            Self::Budget => match particulars.quota {
                Some(quota) => Refusal::Budget { quota, left: particulars.budget_left },
                None => Refusal::Latched,
            },
            Self::StartGrace { left } => Refusal::StartGrace { left },
            Self::Guard { unknown, held } => {
                Refusal::Guard { guard: particulars.guard.to_owned(), unknown, held }
            }
            Self::InFlight(action) => Refusal::InFlight { action },
            Self::Fleet => Refusal::Fleet,
        }
    }
}

/// Added to the time limit of an action before it counts as lost: it may stand behind snapshots of its process, and
/// its report behind other messages.
pub(crate) const LOST_AFTER: Duration = Duration::from_mins(2);

/// The one action under way on a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flight {
    pub(crate) decision: DecisionId,
    pub(crate) word: Word,
    pub(crate) process: ProcessId,
    pub(crate) started: Timestamp,
    /// The last look at it.
    pub(crate) looked: Timestamp,
    /// How long it has been waited for. A machine that slept has not waited, nor has the action gone on.
    pub(crate) waited: Duration,
    /// How long it is waited for at most.
    pub(crate) patience: Duration,
}

impl Flight {
    /// Time passes; gives the flight as lost, where it is waited for no longer.
    pub(crate) fn wait(&mut self, at: Timestamp) -> Option<Lost> {
        self.waited += at.since(self.looked).min(JUMP_MIN);
        self.looked = self.looked.max(at);
        let (decision, word, process, after) = (self.decision, self.word, self.process, self.patience);
        (self.waited > after).then_some(Lost { decision, word, process, after })
    }
}
