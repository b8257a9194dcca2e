//! A policy as it holds: typed, compiled, every default filled in, every piece with its place in the file.

use std::ops::Range;
use std::time::Duration;

use crate::model::action::{Action, Hold};
use crate::model::name::Name;
use crate::model::units::Quota;
use crate::policy::condition::Condition;
use crate::policy::sustain::Sustain;

/// `start_grace` where a ladder has none.
pub const START_GRACE: Duration = Duration::from_mins(1);
/// `dwell` where a tier has none.
pub const DWELL: Duration = Duration::from_mins(1);
/// `cooldown` where a tier has none.
pub const COOLDOWN: Duration = Duration::from_mins(5);
/// `expect.within` where an expectation has none.
pub const WITHIN: Duration = Duration::from_secs(30);
/// `grace` of `stop` where it has none.
pub const STOP_GRACE: Duration = Duration::from_secs(10);
/// `older` of `destroy_sockets` where it has none.
pub const DESTROY_OLDER: Duration = Duration::from_mins(2);
/// `max` of `destroy_sockets` where it has none.
pub const DESTROY_MAX: u32 = 50;
/// `older` of `reap_descriptors` where it has none.
pub const REAP_OLDER: Duration = Duration::from_mins(10);
/// `max` of `reap_descriptors` where it has none.
pub const REAP_MAX: u32 = 20;
/// `every` of `poll_stream` where it has none.
pub const POLL_EVERY: Duration = Duration::from_secs(2);
/// `limit` of `freeze` where it has none.
pub const FREEZE_LIMIT: Duration = Duration::from_secs(10);

/// The most tiers a ladder may have.
pub const TIERS_MAX: usize = 128;
/// The most ladders a policy may have.
pub const LADDERS_MAX: usize = 16;
/// The most upkeep rules a policy may have.
pub const UPKEEP_MAX: usize = 32;
/// The most items a `do` or `hold` may have.
pub const ITEMS_MAX: usize = 16;

/// Bytes of the file.
pub type Span = Range<usize>;

/// Whether something is done or only told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Done.
    Real,
    /// Told only: `dry_run = true`.
    Dry,
}

/// A policy file, checked and compiled.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// What it is for, in its author's words.
    pub about: Option<String>,
    /// Whether the whole policy only tells.
    pub mode: Mode,
    /// Rules by the clock, in the order of the file.
    pub upkeep: Vec<Upkeep>,
    /// Ladders, in the order of their names.
    pub ladders: Vec<Ladder>,
}

/// Something done by the clock, whatever the tiers say.
#[derive(Clone, Debug)]
pub struct Upkeep {
    /// Its name; `upkeep-1` and so on where the file gives none.
    pub name: Name,
    /// How often.
    pub every: Duration,
    /// What, in order.
    pub work: Vec<Item>,
    /// Where it stands.
    pub span: Span,
}

/// One entry of `do`.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// The action.
    pub action: Action,
    /// Whether it is done or told.
    pub mode: Mode,
    /// Where it stands.
    pub span: Span,
}

/// One entry of `hold`.
#[derive(Clone, PartialEq, Debug)]
pub struct HoldItem {
    /// The hold.
    pub hold: Hold,
    /// Whether it is done or told.
    pub mode: Mode,
    /// Where it stands.
    pub span: Span,
}

/// A ladder: tiers in order of severity.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// Its name.
    pub name: Name,
    /// Nothing that the bot can notice is done while the process is younger.
    pub start_grace: Duration,
    /// The tiers, mildest first; at least one.
    pub tiers: Vec<Tier>,
    /// Where its name stands.
    pub span: Span,
}

/// A condition with its place.
#[derive(Clone, Debug)]
pub struct Clause {
    /// The condition.
    pub condition: Condition,
    /// Where it stands.
    pub span: Span,
}

/// What an action should bring about.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The condition that should become true.
    pub that: Clause,
    /// How soon after the run.
    pub within: Duration,
    /// Where the table stands.
    pub span: Span,
}

/// Who opens a latch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Latch {
    /// A person, by `fdguard ctl release`.
    Human,
}

/// When a tier that was jumped over on the way up does its `do`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Jumped {
    /// Not at all: the refusal is recorded.
    Skip,
    /// All the same: `always = true`.
    Run,
}

/// A tier of a ladder.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its name.
    pub name: Name,
    /// When it is entered.
    pub raise: Clause,
    /// When it may be left; where absent, when the raise is known to be false.
    pub clear: Option<Clause>,
    /// How long the raise must hold.
    pub sustain: Sustain,
    /// How long it is kept at least.
    pub dwell: Duration,
    /// Time between two runs of `do`.
    pub cooldown: Duration,
    /// How many runs; none is without limit.
    pub budget: Option<Quota>,
    /// What is done, in order.
    pub work: Vec<Item>,
    /// What is kept up while this tier or a higher one is active.
    pub hold: Vec<HoldItem>,
    /// What a run should bring about.
    pub expect: Option<Expect>,
    /// What must hold before anything that the bot can notice is done.
    pub guard: Option<Clause>,
    /// Whether a spent budget waits for a person.
    pub latch: Option<Latch>,
    /// What a jump over it means.
    pub jumped: Jumped,
    /// `do` is repeated so often while the tier stays, whatever its outcome.
    pub every: Option<Duration>,
    /// Where its keys stand.
    pub spans: TierSpans,
}

/// Where the keys of a tier stand; a key that the file leaves out has none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TierSpans {
    /// The value of `name`, or the table where it is missing.
    pub name: Span,
    /// The key `for`.
    pub sustain: Option<Span>,
    /// The key `dwell`.
    pub dwell: Option<Span>,
    /// The key `cooldown`.
    pub cooldown: Option<Span>,
    /// The key `guard`.
    pub guard: Option<Span>,
}

impl Tier {
    /// Every condition of the tier.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        [
            Some(&self.raise),
            self.clear.as_ref(),
            self.guard.as_ref(),
            self.expect.as_ref().map(|expect| &expect.that),
        ]
        .into_iter()
        .flatten()
        .map(|clause| &clause.condition)
    }

    /// Whether the two mean the same, wherever they stand: then a reload keeps the timers.
    pub fn same_as(&self, other: &Self) -> bool {
        let words = |tier: &Self| {
            let sources: Vec<String> = [Some(&tier.raise), tier.clear.as_ref(), tier.guard.as_ref()]
                .into_iter()
                .map(|clause| clause.map_or_else(String::new, |c| c.condition.canonical().to_owned()))
                .collect();
            let expect = tier.expect.as_ref().map(|e| (e.that.condition.canonical().to_owned(), e.within));
            (sources, expect)
        };
        words(self) == words(other)
            && self.name == other.name
            && self.sustain == other.sustain
            && (self.dwell, self.cooldown, self.every) == (other.dwell, other.cooldown, other.every)
            && (self.budget, self.latch, self.jumped) == (other.budget, other.latch, other.jumped)
            && same_work(&self.work, &other.work)
            && self.hold.iter().map(|h| (&h.hold, h.mode)).eq(other.hold.iter().map(|h| (&h.hold, h.mode)))
    }
}

impl Upkeep {
    /// Whether the two mean the same, wherever they stand.
    pub fn same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.every == other.every && same_work(&self.work, &other.work)
    }
}

fn same_work(ours: &[Item], theirs: &[Item]) -> bool {
    ours.iter().map(|item| (&item.action, item.mode)).eq(theirs.iter().map(|item| (&item.action, item.mode)))
}

impl Ladder {
    /// The names of its tiers, mildest first.
    pub fn tier_names(&self) -> Vec<Name> {
        self.tiers.iter().map(|tier| tier.name.clone()).collect()
    }

    /// The place of a tier in the order.
    pub fn position(&self, tier: &Name) -> Option<usize> {
        self.tiers.iter().position(|candidate| candidate.name == *tier)
    }
}

impl Policy {
    /// Every condition of the policy.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.ladders.iter().flat_map(|ladder| &ladder.tiers).flat_map(Tier::conditions)
    }
}
