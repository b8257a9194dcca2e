//! What should come of a scenario.
//!
//! An assertion is a table with one subject and a time:
//!
//! | subject | holds when |
//! |---|---|
//! | `tier = "warning"` | with `at`: it is the active tier then; with `within`: it is entered in that stretch |
//! | `never = "stop"`, `never = "tier fatal"` | the word is not started, the tier not entered |
//! | `action = "stop"` | it is started in that stretch; `tier`, `cause` narrow it |
//! | `count = "stop"` | it is started `min` to `max` times |
//! | `refused = "stop"` | it is refused, for the reason `by` where given |
//! | `outcome = "ineffective"` | a run of `tier` is judged so |
//! | `holds = "freeze"`, `free = "freeze"` | with `at`: it is kept up, or not |
//! | `that = "fd.tte < 20m"` | with `at`: the condition is true |
//! | `latched = "fatal"` | the tier comes to wait for a person |
//! | `lead = "20m"` | `tier` is first entered at least so long before the descriptors run out |

use std::time::Duration;

use crate::document::{Faults, Table, Text, Value};
use crate::model::action::Word;
use crate::model::decision::{Cause, Outcome};
use crate::model::diagnostic::{Diagnostic, suggest};
use crate::model::name::Name;
use crate::model::units::parse_span;
use crate::policy::compile::compile;
use crate::policy::condition::{Condition, Place, Scope};
use crate::policy::definition::{Policy, Span};

/// One assertion, with its place in the file.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// What is claimed.
    pub claim: Claim,
    /// Where it stands.
    pub span: Span,
    /// As written.
    pub text: String,
}

/// A tier of a ladder, or normal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TierRef {
    /// The ladder.
    pub ladder: Name,
    /// The tier; none is normal.
    pub tier: Option<Name>,
}

/// When a claim is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// The look at that moment, or the first after it.
    At(Duration),
    /// Both ends included.
    Within(Duration, Duration),
}

/// Which actions a claim is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// The word.
    pub word: Word,
    /// Only of this tier.
    pub tier: Option<TierRef>,
    /// Only for this cause.
    pub cause: Option<Cause>,
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

/// Why something is refused, without its particulars.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusedBy {
    /// The start grace.
    StartGrace,
    /// The guard.
    Guard,
    /// The budget.
    Budget,
    /// The latch.
    Latched,
    /// The cooldown.
    Cooldown,
    /// Another action.
    InFlight,
    /// The leave of the fleet.
    Fleet,
    /// A jump.
    JumpedOver,
    /// The agent's file.
    NotAllowed,
    /// It can't work.
    Unavailable,
    /// A person.
    HumanHold,
    /// The end of the process.
    Gone,
}

/// What is claimed.
#[derive(Clone, Debug)]
pub enum Claim {
    /// The tier is active, or is entered.
    Tier(TierRef, When),
    /// The tier is not entered in that time.
    NeverTier(TierRef, When),
    /// The action is started so often.
    Actions(Filter, Count, When),
    /// The action is refused.
    Refused(Filter, Option<RefusedBy>, When),
    /// A run is judged so.
    Judged(Outcome, Option<TierRef>, When),
    /// The condition is true.
    That(Condition, Duration),
    /// The hold is kept up (true), or is not.
    Kept(Word, bool, Duration),
    /// The tier comes to wait for a person.
    Latched(TierRef, When),
    /// The tier is entered so long before the descriptors run out.
    Lead(TierRef, Duration),
}

const SUBJECTS: [&str; 11] =
    ["never", "action", "count", "refused", "outcome", "holds", "free", "that", "latched", "lead", "tier"];
const CAUSES: [(&str, Cause); 5] = [
    ("entry", Cause::Entry),
    ("again", Cause::Again),
    ("every", Cause::Every),
    ("upkeep", Cause::Upkeep),
    ("command", Cause::Command),
];
const REASONS: [(&str, RefusedBy); 12] = [
    ("start_grace", RefusedBy::StartGrace),
    ("guard", RefusedBy::Guard),
    ("budget", RefusedBy::Budget),
    ("latched", RefusedBy::Latched),
    ("cooldown", RefusedBy::Cooldown),
    ("in_flight", RefusedBy::InFlight),
    ("fleet", RefusedBy::Fleet),
    ("jumped_over", RefusedBy::JumpedOver),
    ("not_allowed", RefusedBy::NotAllowed),
    ("unavailable", RefusedBy::Unavailable),
    ("human_hold", RefusedBy::HumanHold),
    ("gone", RefusedBy::Gone),
];
const OUTCOMES: [(&str, Outcome); 3] =
    [("effective", Outcome::Effective), ("ineffective", Outcome::Ineffective), ("unknown", Outcome::Unknown)];

/// Reads the assertions of one scenario.
pub(super) struct Reader<'r> {
    pub(super) policy: &'r Policy,
    pub(super) source: &'r str,
    pub(super) length: Option<Duration>,
    pub(super) faults: &'r mut Faults,
}

impl Reader<'_> {
    pub(super) fn assertion(&mut self, value: Value<'_>) -> Option<Assertion> {
        let mut table = value.table(self.faults)?;
        let subject = SUBJECTS.iter().copied().find(|word| table.key_span(word).is_some());
        let claim = if let Some(subject) = subject {
            self.claim(subject, &mut table)
        } else {
            for word in SUBJECTS {
                table.value(word);
            }
            let help = format!("one of: {}", SUBJECTS.join(", "));
            let fault = Diagnostic::error("missing-key", value.span(), "nothing is claimed here");
            self.faults.push(fault.help(help));
            None
        };
        table.finish(self.faults);
        let text = self.source.get(value.span()).unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Assertion { claim: claim?, span: value.span(), text })
    }

    fn claim(&mut self, subject: &str, table: &mut Table<'_>) -> Option<Claim> {
        let once = Count { min: 1, max: u64::MAX };
        match subject {
            "tier" => {
                let (tier, when) = (self.tier(table), self.when(table));
                Some(Claim::Tier(tier?, when?))
            }
            "never" => self.never(table),
            "action" => {
                let (filter, when) = (self.filter("action", table), self.when(table));
                Some(Claim::Actions(filter?, once, when?))
            }
            "count" => {
                let (filter, when) = (self.filter("count", table), self.when(table));
                let min = table.whole("min", 0..1 << 32, self.faults);
                let max = table.whole("max", 0..1 << 32, self.faults);
                if min.is_none() && max.is_none() {
                    let message = "`count` needs `min`, `max` or both";
                    self.faults.push(Diagnostic::error("missing-key", table.span(), message));
                }
                let count = Count { min: min.unwrap_or(0), max: max.unwrap_or(u64::MAX) };
                Some(Claim::Actions(filter?, count, when?))
            }
            "refused" => {
                let (filter, when) = (self.filter("refused", table), self.when(table));
                let by = match table.value("by") {
                    Some(value) => Some(self.one_of(value, &REASONS)?),
                    None => None,
                };
                Some(Claim::Refused(filter?, by, when?))
            }
            "outcome" => {
                let outcome = table.value("outcome").and_then(|value| self.one_of(value, &OUTCOMES));
                let tier = if table.key_span("tier").is_some() { Some(self.tier(table)?) } else { None };
                Some(Claim::Judged(outcome?, tier, self.when(table)?))
            }
            "holds" => Some(Claim::Kept(self.word("holds", table)?, true, self.moment(table)?)),
            "free" => Some(Claim::Kept(self.word("free", table)?, false, self.moment(table)?)),
            "that" => {
                let condition = self.condition(table);
                Some(Claim::That(condition?, self.moment(table)?))
            }
            "latched" => {
                let text = table.text("latched", self.faults)?;
                let tier = self.named_tier(&text.value, &text);
                Some(Claim::Latched(tier?, self.when(table)?))
            }
            _ => {
                let least = table.span_of_time("lead", self.faults);
                Some(Claim::Lead(self.tier(table)?, least?))
            }
        }
    }

    /// `never = "stop"` or `never = "tier fatal"`.
    fn never(&mut self, table: &mut Table<'_>) -> Option<Claim> {
        let text = table.text("never", self.faults)?;
        if let Some(tier) = text.value.strip_prefix("tier ") {
            let tier = self.named_tier(tier.trim(), &text);
            return Some(Claim::NeverTier(tier?, self.when(table)?));
        }
        let (filter, when) = (self.filter("never", table), self.when(table));
        Some(Claim::Actions(filter?, Count { min: 0, max: 0 }, when?))
    }

    fn filter(&mut self, key: &'static str, table: &mut Table<'_>) -> Option<Filter> {
        let word = self.word(key, table);
        let tier = if table.key_span("tier").is_some() { Some(self.tier(table)?) } else { None };
        let cause = match table.value("cause") {
            Some(value) => Some(self.one_of(value, &CAUSES)?),
            None => None,
        };
        Some(Filter { word: word?, tier, cause })
    }

    fn word(&mut self, key: &'static str, table: &mut Table<'_>) -> Option<Word> {
        let words: Vec<(&'static str, Word)> = Word::ALL.iter().map(|word| (word.name(), *word)).collect();
        let value = table.require(key, self.faults)?;
        self.one_of(value, &words)
    }

    fn tier(&mut self, table: &mut Table<'_>) -> Option<TierRef> {
        let text = table.require("tier", self.faults)?.text(self.faults)?;
        self.named_tier(&text.value, &text)
    }

    /// `warning`, `descriptors/warning`, `normal`; the ladder may be left out where that leaves no doubt.
    fn named_tier(&mut self, written: &str, text: &Text<'_>) -> Option<TierRef> {
        let (ladder, tier) = match written.split_once('/') {
            Some((ladder, tier)) => (Some(ladder), tier),
            None => (None, written),
        };
        let ladders =
            self.policy.ladders.iter().filter(|known| ladder.is_none_or(|l| l == known.name.as_str()));
        let mut found = Vec::new();
        for known in ladders {
            let names = known.tiers.iter().map(|t| &t.name).filter(|name| name.as_str() == tier);
            found.extend(names.map(|name| TierRef { ladder: known.name.clone(), tier: Some(name.clone()) }));
            if tier == "normal" {
                found.push(TierRef { ladder: known.name.clone(), tier: None });
            }
        }
        match found.len() {
            1 => found.pop(),
            0 => {
                let known = self.policy.ladders.iter().flat_map(|ladder| &ladder.tiers);
                let known: Vec<&str> = known.map(|tier| tier.name.as_str()).collect();
                let help = match suggest(tier, known.iter().copied()) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("the tiers are: normal, {}", known.join(", ")),
                };
                let message = format!("the policy has no tier `{written}`");
                self.faults.push(Diagnostic::error("no-tier", text.span.clone(), message).help(help));
                None
            }
            _ => {
                let message = format!("`{written}` is a tier of more than one ladder");
                let help = format!("write its ladder too: `{}/{tier}`", found[0].ladder);
                self.faults.push(Diagnostic::error("no-tier", text.span.clone(), message).help(help));
                None
            }
        }
    }

    fn condition(&mut self, table: &mut Table<'_>) -> Option<Condition> {
        let text = table.text("that", self.faults)?;
        let tiers: Vec<Name> =
            self.policy.ladders.iter().flat_map(crate::policy::definition::Ladder::tier_names).collect();
        compile(&text, &Scope { tiers: &tiers, place: Place::Test }, self.faults)
    }

    /// `at`, or `within`, or the whole scenario.
    fn when(&mut self, table: &mut Table<'_>) -> Option<When> {
        if table.key_span("at").is_some() {
            return self.moment(table).map(When::At);
        }
        let Some(value) = table.value("within") else {
            return Some(When::Within(Duration::ZERO, Duration::MAX));
        };
        let ends = value.list(self.faults)?;
        let [from, until] = ends.as_slice() else {
            let message = "a first and a last moment are wanted here";
            let fault = Diagnostic::error("bad-value", value.span(), message);
            self.faults.push(fault.help("write for example [\"10m\", \"12m\"]"));
            return None;
        };
        let (from, until) = (self.time(*from)?, self.time(*until)?);
        if from > until {
            self.faults.push(Diagnostic::error(
                "bad-value",
                value.span(),
                "the last moment is before the first",
            ));
            return None;
        }
        Some(When::Within(from, until))
    }

    fn moment(&mut self, table: &mut Table<'_>) -> Option<Duration> {
        let value = table.require("at", self.faults)?;
        self.time(value)
    }

    fn time(&mut self, value: Value<'_>) -> Option<Duration> {
        let time = value.parsed(self.faults, parse_span)?;
        if self.length.is_some_and(|length| time > length) {
            let message = "the scenario has ended by then";
            self.faults.push(Diagnostic::error("out-of-range", value.span(), message));
            return None;
        }
        Some(time)
    }

    fn one_of<T: Copy>(&mut self, value: Value<'_>, words: &[(&'static str, T)]) -> Option<T> {
        let text = value.text(self.faults)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*meaning);
        }
        let help = match suggest(&text.value, words.iter().map(|(word, _)| *word)) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("one of: {}", words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")),
        };
        let message = format!("`{}` is not known here", text.value);
        self.faults.push(Diagnostic::error("unknown-word", text.span, message).help(help));
        None
    }
}
