//! Why things stand as they do: each ladder and tier with its conditions as trees of live values, its timers,
//! what blocks it, what is left of its budget, and what would be next.

mod text;

use serde::Serialize;

use crate::model::action::Hold;
use crate::model::decision::DecisionId;
use crate::model::name::Name;
use crate::model::observation::Observation;
use crate::model::process::ProcessId;
use crate::model::units::format_span;
use crate::policy::budget::Account;
use crate::policy::condition::Condition;
use crate::policy::definition::{Ladder, Mode, Tier};
use crate::policy::engine::bench::particulars;
use crate::policy::engine::book::Book;
use crate::policy::engine::process::{Eyes, Process, Standing};
use crate::policy::engine::{Engine, HumanHold, Role};
use crate::policy::ladder::{Facts, LadderState, Rung};
use crate::policy::run::Run;
use crate::policy::tree::Branch;
use crate::policy::truth::Truth;
use crate::policy::world::World;

/// How one ladder stands, in short.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LadderStanding {
    /// The policy.
    pub policy: Name,
    /// Whether the policy is a shadow.
    pub shadow: bool,
    /// The ladder.
    pub ladder: Name,
    /// The active tier; none is normal.
    pub active: Option<Name>,
    /// The place of the active tier from 1; 0 is normal.
    pub level: usize,
    /// How many tiers there are.
    pub levels: usize,
    /// Since when, civil.
    pub since: crate::model::clock::WallTime,
    /// The tiers that wait for a person.
    pub latched: Vec<Name>,
}

/// Why one process stands as it does.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Explanation {
    /// Whether the process has ended.
    pub gone: bool,
    /// Whether a person has put the target on hold.
    pub human_hold: bool,
    /// The action under way on the target.
    pub in_flight: Option<InFlight>,
    /// The holds kept up.
    pub holds: Vec<Hold>,
    /// Every ladder.
    pub ladders: Vec<LadderExplanation>,
}

/// An action under way.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct InFlight {
    /// Its decision.
    pub decision: DecisionId,
    /// Its word.
    pub word: &'static str,
    /// For how long.
    pub running: String,
}

/// One ladder explained.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LadderExplanation {
    /// How it stands.
    pub standing: LadderStanding,
    /// What would be next, one sentence.
    pub next: String,
    /// Its tiers, mildest first.
    pub tiers: Vec<TierExplanation>,
}

/// One tier explained.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TierExplanation {
    /// The tier.
    pub tier: Name,
    /// Whether it is the active one.
    pub active: bool,
    /// Its raise.
    pub raise: Branch,
    /// How long the raise has held of what it must: `12s of 30s`.
    pub held: String,
    /// Its clear, where it has one.
    pub clear: Option<Branch>,
    /// What is left of its dwell, in the active tier.
    pub dwell_left: Option<String>,
    /// Its guard, where it has one.
    pub guard: Option<Branch>,
    /// What is left of its cooldown.
    pub cooldown_left: Option<String>,
    /// What is left of its budget: `2 of 3/day`.
    pub budget_left: Option<String>,
    /// Whether it waits for a person.
    pub latched: bool,
    /// Ineffective outcomes in a row.
    pub ineffective: u32,
    /// What its run waits for, where it has one.
    pub run: Option<String>,
    /// The expectation on trial, with what is left of its time.
    pub trial: Option<(Branch, String)>,
}

impl Engine {
    /// How the ladders of a process stand; empty where there is no such process.
    pub fn tiers(&self, process: &ProcessId) -> Vec<LadderStanding> {
        let Some(state) = self.process(process) else { return Vec::new() };
        ladders(self.books(), state)
            .map(|(book, index, state_of)| standing(book, index, state_of, &state.eyes))
            .collect()
    }

    /// Why a process stands as it does, on that observation; `None` where there is no such process. The
    /// windows are those of the last step.
    pub fn explain(&self, process: &ProcessId, observation: &Observation) -> Option<Explanation> {
        let state = self.process(process)?;
        let mut eyes = state.eyes.clone();
        eyes.seen = observation.clone();
        let explain =
            |(book, index, ladder): (&Book, usize, &LadderState)| explain(book, index, ladder, &eyes);
        let in_flight = self.flight().map(|flight| InFlight {
            decision: flight.decision,
            word: flight.word.name(),
            running: format_span(observation.at.since(flight.started)),
        });
        Some(Explanation {
            gone: state.standing == Standing::Gone,
            human_hold: self.human_hold() == HumanHold::On,
            in_flight,
            holds: state.holds.kept(),
            ladders: ladders(self.books(), state).map(explain).collect(),
        })
    }
}

fn ladders<'a>(
    books: &'a [Book],
    state: &'a Process,
) -> impl Iterator<Item = (&'a Book, usize, &'a LadderState)> {
    books
        .iter()
        .zip(&state.ladders)
        .flat_map(|(book, states)| states.iter().enumerate().map(move |(index, state)| (book, index, state)))
}

fn standing(book: &Book, index: usize, state: &LadderState, eyes: &Eyes) -> LadderStanding {
    let ladder = &book.policy.ladders[index];
    let accounts = ladder.tiers.iter().zip(&book.accounts[index]);
    LadderStanding {
        policy: book.policy.name.clone(),
        shadow: book.role == Role::Shadow,
        ladder: ladder.name.clone(),
        active: state.active.map(|active| ladder.tiers[active].name.clone()),
        level: state.active.map_or(0, |active| active + 1),
        levels: ladder.tiers.len(),
        since: eyes.civil(state.since),
        latched: accounts.filter(|(_, a)| a.latched).map(|(tier, _)| tier.name.clone()).collect(),
    }
}

fn explain(book: &Book, index: usize, state: &LadderState, eyes: &Eyes) -> LadderExplanation {
    let ladder = &book.policy.ladders[index];
    let tier = |position: usize| {
        let view = View { ladder, state, eyes, tier: &ladder.tiers[position], rung: &state.rungs[position] };
        view.explain(position, &book.accounts[index][position])
    };
    LadderExplanation {
        standing: standing(book, index, state, eyes),
        next: next(ladder, state, &book.accounts[index], eyes),
        tiers: (0..ladder.tiers.len()).map(tier).collect(),
    }
}

struct View<'a> {
    ladder: &'a Ladder,
    state: &'a LadderState,
    eyes: &'a Eyes,
    tier: &'a Tier,
    rung: &'a Rung,
}

impl View<'_> {
    fn tree(&self, condition: &Condition, run: Option<&Run>) -> Branch {
        let facts = Facts { ladder: self.ladder, state: self.state };
        let waited = run.map(|run| run.held(self.eyes.pace.watched()));
        condition.tree(&World { waited, ..self.eyes.world(&facts) })
    }

    fn explain(&self, position: usize, account: &Account) -> TierExplanation {
        let (tier, rung, at) = (self.tier, self.rung, self.eyes.seen.at);
        let active = self.state.active == Some(position);
        let cooldown = rung.last_run.map(|last| tier.cooldown.saturating_sub(at.since(last)));
        TierExplanation {
            tier: tier.name.clone(),
            active,
            raise: self.tree(&tier.raise.condition, None),
            held: rung.stretch.progress(tier.sustain),
            clear: tier.clear.as_ref().map(|clear| self.tree(&clear.condition, None)),
            dwell_left: active.then(|| format_span(self.state.dwell_left(self.ladder, at))),
            guard: tier.guard.as_ref().map(|guard| self.tree(&guard.condition, rung.run.as_ref())),
            cooldown_left: cooldown.filter(|left| !left.is_zero()).map(format_span),
            budget_left: tier.budget.map(|quota| {
                let used = account.used(quota, Mode::Real, at).min(quota.count);
                format!("{} of {quota}", quota.count - used)
            }),
            latched: account.latched,
            ineffective: rung.ineffective,
            run: rung.run.as_ref().map(|run| self.run(run, account)),
            trial: self.trial(),
        }
    }

    fn run(&self, run: &Run, account: &Account) -> String {
        let Some(item) = self.tier.work.get(run.next.saturating_sub(usize::from(run.waiting.is_some())))
        else {
            return "ends".to_owned();
        };
        let word = item.action.word();
        match (run.waiting, self.state.needed()) {
            (Some(_), _) => format!("{word} is under way"),
            (None, true) => match &run.blocked {
                Some(bar) => {
                    let more = particulars(self.tier, account, Mode::Real, self.eyes.seen.at);
                    format!("{word} is held back: {}", bar.clone().refusal(&more))
                }
                None => format!("{word} is next"),
            },
            (None, false) => format!("{word} is held back: the tier is not known to be needed now"),
        }
    }

    fn trial(&self) -> Option<(Branch, String)> {
        let (trial, kept) = self.rung.trial.as_ref()?;
        let expect = self.tier.expect.as_ref()?;
        let facts = Facts { ladder: self.ladder, state: self.state };
        let world = World { before: Some(&kept.before), ..self.eyes.world(&facts) };
        Some((expect.that.condition.tree(&world), format_span(trial.left(self.eyes.seen.at))))
    }
}

/// What would be next, one sentence.
fn next(ladder: &Ladder, state: &LadderState, accounts: &[Account], eyes: &Eyes) -> String {
    let lowest = state.active.map_or(0, |active| active + 1);
    let rising =
        (lowest..ladder.tiers.len()).rev().find(|tier| state.rungs[*tier].raise.is_some_and(Truth::holds));
    if let Some(tier) = rising {
        let (definition, rung) = (&ladder.tiers[tier], &state.rungs[tier]);
        return format!(
            "up to {}: raised for {}",
            definition.name,
            rung.stretch.progress(definition.sustain)
        );
    }
    let Some(active) = state.active else {
        return "stays normal until a raise holds".to_owned();
    };
    let down = active.checked_sub(1).map_or("normal", |below| ladder.tiers[below].name.as_str());
    let name = &ladder.tiers[active].name;
    if accounts[active].latched {
        return format!("{name} is latched: waits for `fdguard ctl release`");
    }
    let left = state.dwell_left(ladder, eyes.seen.at);
    match state.clear {
        Truth::True => format!("down to {down} when the dwell is over, {} left", format_span(left)),
        Truth::False => format!("stays {name} until it clears, then down to {down}"),
        Truth::Unknown(gap) => format!("stays {name}: whether it clears is unknown ({gap})"),
    }
}

/// The comparisons that made a condition what it is, with their values: `fd.open (312) > 300`.
pub(crate) fn evidence(tree: &Branch) -> String {
    let mut found = Vec::new();
    collect(tree, tree.value, &mut found);
    if found.is_empty() { tree.text.clone() } else { found.join(", ") }
}

fn collect<'a>(tree: &'a Branch, value: Truth, found: &mut Vec<&'a str>) {
    let alike = |other: Truth| match (value, other) {
        (Truth::True, Truth::True)
        | (Truth::False, Truth::False)
        | (Truth::Unknown(_), Truth::Unknown(_)) => true,
        (Truth::True | Truth::False | Truth::Unknown(_), _) => false,
    };
    if !alike(tree.value) {
        return;
    }
    match tree.parts.as_slice() {
        [] | [_] => found.push(&tree.text),
        parts => parts.iter().for_each(|part| collect(part, value, found)),
    }
}
