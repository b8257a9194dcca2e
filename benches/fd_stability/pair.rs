//! One kind of bot, unguarded and guarded, and what was done to the guarded one.

use std::time::Duration;

use fdguard::model::action::Word;
use fdguard::model::decision::{Cause, Outcome, Verdict, Work};
use fdguard::model::event::{Event, Fact};

use crate::fd_stability::case::Case;
use crate::fd_stability::side::Side;
use crate::fd_stability::tape::Tally;

/// Both sides of a case.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) case: &'static Case,
    pub(crate) unguarded: Side,
    pub(crate) guarded: Side,
    pub(crate) deeds: Vec<Deed>,
    /// What it did by the clock, whatever the count.
    pub(crate) upkeep: usize,
    /// When the watch ended, in seconds since the machine's boot.
    pub(crate) end: f64,
}

/// Something that the guard did, or said of what it had done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    /// Seconds since the guarded bot's first start.
    pub(crate) at: f64,
    pub(crate) word: Word,
    /// None where it was begun.
    pub(crate) outcome: Option<Outcome>,
}

impl Pair {
    /// Takes what the guard did to this bot out of all that it recorded.
    pub(crate) fn take_deeds(&mut self, events: &[Event]) {
        let begin = self.guarded.tape.begin().unwrap_or_default();
        let of = |event: &&Event| event.target.as_ref().is_some_and(|name| name.as_str() == self.case.name);
        let deed = |event: &Event| {
            let (word, outcome) = match &event.fact {
                Fact::Decision(decision) => match (&decision.verdict, &decision.work, decision.cause) {
                    (_, _, Cause::Upkeep) => return None,
                    (Verdict::Start, Work::Do(action), _) => (action.word(), None),
                    _ => return None,
                },
                Fact::Judged(judged) => (judged.word, Some(judged.outcome)),
                _ => return None,
            };
            let at = Duration::from_nanos(event.at.as_nanos()).as_secs_f64() - begin;
            Some(Deed { at, word, outcome })
        };
        self.deeds = events.iter().filter(of).filter_map(deed).collect();
        let by_the_clock = |event: &&Event| match &event.fact {
            Fact::Decision(decision) => decision.cause == Cause::Upkeep && decision.verdict == Verdict::Start,
            _ => false,
        };
        self.upkeep = events.iter().filter(of).filter(by_the_clock).count();
    }

    /// How often the word was begun, and how its outcomes were told.
    pub(crate) fn count(&self, word: Word, outcome: Option<Outcome>) -> usize {
        self.deeds.iter().filter(|deed| deed.word == word && deed.outcome == outcome).count()
    }

    /// What a side heard and traded until the end, or until its death.
    pub(crate) fn tally(&self, side: &Side) -> (Tally, f64) {
        let begin = side.tape.begin().unwrap_or(self.end);
        let end = side.tape.death().map_or(self.end, |line| line.boot);
        (side.tape.tally(begin, end), end - begin)
    }

    /// When a side died, in seconds since its start, and of what.
    pub(crate) fn death(side: &Side) -> Option<(f64, &str)> {
        let line = side.tape.death()?;
        Some((line.boot - side.tape.begin()?, line.error.as_deref().unwrap_or("an unknown reason")))
    }

    /// What the guard did, in words.
    pub(crate) fn done(&self) -> String {
        let words = [Word::ResetPool, Word::DestroySockets, Word::ReapDescriptors, Word::Stop];
        let mut parts: Vec<String> = words.into_iter().filter_map(|word| self.done_with(word)).collect();
        if parts.is_empty() {
            parts.push("no tier was raised".to_owned());
        }
        if self.upkeep > 0 {
            parts.push(format!("{}x {} as upkeep", self.upkeep, Word::ResetPool));
        }
        parts.join("; ")
    }

    fn done_with(&self, word: Word) -> Option<String> {
        let begun = self.count(word, None);
        if begun == 0 {
            return None;
        }
        let told = [Outcome::Effective, Outcome::Ineffective, Outcome::Unknown].map(|outcome| {
            let count = self.count(word, Some(outcome));
            (count > 0).then(|| format!("{count} {outcome}"))
        });
        let told: Vec<String> = told.into_iter().flatten().collect();
        let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
        Some(format!("{begun}x {word}{told}"))
    }
}
