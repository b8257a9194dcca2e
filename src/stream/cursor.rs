//! What has been delivered, by the cursor that a message bears: the declared number that rises from message to message
//! within a topic.
//!
//! At or below the last one delivered is a duplicate. What is missing is told by the numbers themselves where they have
//! no holes; else a gap of unknown size is told after every breach, once for each topic. A venue may begin to count anew:
//! where old numbers alone have come for [`Rule::reset_after`], each above the one before it, they are a new count, which
//! begins behind a gap. Of a poll's answer only the newest number counts there: answers repeat what is old.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::clock::Timestamp;

/// The most topics whose cursors are kept; of more there is no dedupe.
pub const TOPICS_MAX: usize = 4_096;

/// How a cursor goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It rises, by any amount.
    Rises,
    /// By one each time.
    ByOne,
}

/// What is declared of cursors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// How they go on.
    pub step: Step,
    /// Old numbers that rise for so long are a new count; where it is zero the first of them begins one.
    pub reset_after: Duration,
}

impl Default for Rule {
    fn default() -> Self {
        Self { step: Step::Rises, reset_after: Duration::from_secs(30) }
    }
}

/// Where a message comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A socket.
    Socket,
    /// A poll.
    Poll,
}

/// What a message says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen<'m> {
    /// Its topic.
    pub topic: Option<&'m str>,
    /// Its cursor.
    pub cursor: Option<u64>,
    /// The cursor of the message before it, where it says so.
    pub previous: Option<u64>,
}

/// Something is missing, or may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Of which topic, where topics are known.
    pub topic: Option<String>,
    /// The last cursor before it.
    pub from: Option<u64>,
    /// The first one after it.
    pub to: Option<u64>,
    /// Whether it is known that something is missing.
    pub certain: bool,
}

/// What becomes of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judged {
    /// It is delivered.
    New,
    /// It is delivered behind a gap.
    After(Gap),
    /// It was delivered before.
    Duplicate,
}

/// The last delivered of each topic.
#[derive(Clone, Debug, Default)]
pub struct Cursors {
    rule: Rule,
    marks: BTreeMap<String, Mark>,
    /// Messages that bear no topic.
    home: Option<Mark>,
    breach: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    last: Option<u64>,
    /// Old numbers that rise: since when, and the last of them.
    old: Option<(Timestamp, u64)>,
    /// The last breach that is accounted for.
    breach: u64,
}

impl Cursors {
    /// Nothing delivered so far.
    pub fn new(rule: Rule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Something may have been missed from here on.
    pub const fn breach(&mut self) {
        self.breach += 1;
    }

    /// Something may have been missed of one topic.
    pub fn fear(&mut self, topic: &str) {
        if let Some(mark) = self.marks.get_mut(topic) {
            mark.breach = self.breach.wrapping_sub(1);
        }
    }

    /// The last cursor delivered of a topic.
    pub fn last(&self, topic: Option<&str>) -> Option<u64> {
        match topic {
            Some(topic) => self.marks.get(topic)?.last,
            None => self.home?.last,
        }
    }

    /// Whether a message, if it came now, would stand right behind the last one delivered.
    pub fn joins(&self, seen: &Seen<'_>) -> bool {
        let (Some(last), Some(cursor)) = (self.last(seen.topic), seen.cursor) else { return true };
        match (seen.previous, self.rule.step) {
            (Some(previous), _) => previous <= last,
            (None, Step::ByOne) => cursor <= last.saturating_add(1),
            (None, Step::Rises) => true,
        }
    }

    /// The newest of what a poll's answer says of a topic, before its items are judged one by one.
    pub fn newest(&mut self, seen: &Seen<'_>, now: Timestamp) {
        let mark = match seen.topic {
            None => self.home.as_mut(),
            Some(topic) => self.marks.get_mut(topic),
        };
        let Some(mark) = mark else { return };
        let (Some(last), Some(cursor)) = (mark.last, seen.cursor) else { return };
        if cursor >= last {
            mark.old = None;
        } else if mark.counts_anew(cursor, self.rule, now) {
            // What comes next is behind a gap.
            *mark = Mark { last: None, old: None, breach: self.breach.wrapping_sub(1) };
        }
    }

    /// What becomes of a message; counts it as delivered where it is.
    pub fn judge(&mut self, seen: &Seen<'_>, source: Source, now: Timestamp) -> Judged {
        let (rule, breach) = (self.rule, self.breach);
        let fresh = Mark { last: seen.cursor, old: None, breach };
        let mark = match seen.topic {
            None => self.home.get_or_insert(Mark { last: None, ..fresh }),
            Some(topic) => {
                if !self.marks.contains_key(topic) {
                    if self.marks.len() < TOPICS_MAX {
                        self.marks.insert(topic.to_owned(), fresh);
                    }
                    return Judged::New;
                }
                let Some(mark) = self.marks.get_mut(topic) else { return Judged::New };
                mark
            }
        };
        if source == Source::Socket
            && let (Some(last), Some(cursor)) = (mark.last, seen.cursor)
            && cursor < last
            && mark.counts_anew(cursor, rule, now)
        {
            *mark = fresh;
            let topic = seen.topic.map(str::to_owned);
            return Judged::After(Gap { topic, from: Some(last), to: seen.cursor, certain: false });
        }
        mark.judge(seen, fresh, rule)
    }
}

impl Mark {
    /// Whether old numbers have risen for so long that they are a new count.
    fn counts_anew(&mut self, cursor: u64, rule: Rule, now: Timestamp) -> bool {
        let since = match self.old {
            Some((since, before)) if cursor > before => since,
            Some(_) | None => now,
        };
        self.old = Some((since, cursor));
        now.since(since) >= rule.reset_after
    }

    fn judge(&mut self, seen: &Seen<'_>, fresh: Self, rule: Rule) -> Judged {
        let old = *self;
        let breached = old.breach != fresh.breach;
        let gap = |certain| {
            let topic = seen.topic.map(str::to_owned);
            Judged::After(Gap { topic, from: old.last, to: seen.cursor, certain })
        };
        let (Some(last), Some(cursor)) = (old.last, seen.cursor) else {
            *self = Self { last: seen.cursor.or(old.last), ..fresh };
            return if breached { gap(false) } else { Judged::New };
        };
        if cursor <= last {
            return Judged::Duplicate;
        }
        *self = fresh;
        // The number right before this one, where it is known: nothing is missing if that was delivered.
        let before = match rule.step {
            Step::ByOne => Some(seen.previous.unwrap_or(cursor - 1)),
            Step::Rises => seen.previous,
        };
        match before {
            Some(before) if before > last => gap(true),
            None if breached => gap(false),
            Some(_) | None => Judged::New,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn of(cursor: u64) -> Seen<'static> {
        Seen { topic: Some("t"), cursor: Some(cursor), previous: None }
    }

    fn gap(from: u64, to: u64, certain: bool) -> Judged {
        Judged::After(Gap { topic: Some("t".to_owned()), from: Some(from), to: Some(to), certain })
    }

    #[test]
    fn numbers_without_holes_tell_what_is_missing() {
        let mut cursors = Cursors::new(Rule { step: Step::ByOne, ..Rule::default() });
        let judged = [4, 5, 5, 4, 8, 9].map(|cursor| cursors.judge(&of(cursor), Source::Socket, at(0)));
        let (new, old) = (Judged::New, Judged::Duplicate);
        assert_eq!(judged, [new.clone(), new.clone(), old.clone(), old, gap(5, 8, true), new]);
        assert!(cursors.joins(&of(10)) && cursors.joins(&of(3)) && !cursors.joins(&of(11)));
        cursors.breach();
        assert_eq!(
            cursors.judge(&of(10), Source::Socket, at(0)),
            Judged::New,
            "the numbers show that nothing was missed"
        );
    }

    #[test]
    fn numbers_with_holes_tell_it_by_the_number_before_or_after_a_breach_once() {
        let mut cursors = Cursors::new(Rule::default());
        let linked = |cursor, previous| Seen { previous: Some(previous), ..of(cursor) };
        assert_eq!(cursors.judge(&linked(10, 7), Source::Socket, at(0)), Judged::New);
        assert_eq!(cursors.judge(&linked(14, 10), Source::Socket, at(0)), Judged::New);
        assert_eq!(cursors.judge(&linked(20, 17), Source::Socket, at(0)), gap(14, 20, true));
        cursors.breach();
        assert_eq!(cursors.judge(&linked(23, 20), Source::Socket, at(0)), Judged::New);
        cursors.breach();
        assert_eq!(cursors.judge(&of(30), Source::Socket, at(0)), gap(23, 30, false));
        assert_eq!(cursors.judge(&of(33), Source::Socket, at(0)), Judged::New);
    }

    #[test]
    fn a_new_count_is_taken_up_after_a_while_and_told() {
        let mut cursors = Cursors::new(Rule::default());
        assert_eq!(cursors.judge(&of(1_000), Source::Socket, at(0)), Judged::New);
        assert_eq!(cursors.judge(&of(1), Source::Socket, at(100)), Judged::Duplicate);
        assert_eq!(cursors.judge(&of(2), Source::Socket, at(129)), Judged::Duplicate);
        assert_eq!(
            cursors.judge(&of(2), Source::Socket, at(130)),
            Judged::Duplicate,
            "what does not rise is no count"
        );
        assert_eq!(cursors.judge(&of(3), Source::Socket, at(159)), Judged::Duplicate);
        assert_eq!(cursors.judge(&of(4), Source::Socket, at(160)), gap(1_000, 4, false));
        assert_eq!(cursors.judge(&of(5), Source::Socket, at(160)), Judged::New);
    }

    #[test]
    fn a_venue_that_counts_anew_on_each_connection_loses_nothing() {
        let rule = Rule { reset_after: Duration::ZERO, ..Rule::default() };
        let mut cursors = Cursors::new(rule);
        let mut judge = |cursor| cursors.judge(&of(cursor), Source::Socket, at(0));
        assert_eq!([judge(1_000), judge(1_000)], [Judged::New, Judged::Duplicate]);
        assert_eq!([judge(1), judge(2)], [gap(1_000, 1, false), Judged::New]);
    }

    #[test]
    fn answers_of_polls_count_anew_by_their_newest() {
        let mut cursors = Cursors::new(Rule::default());
        assert_eq!(cursors.judge(&of(9), Source::Socket, at(0)), Judged::New);
        let mut answer = |items: [u64; 2], seconds| {
            cursors.newest(&of(items[1]), at(seconds));
            items.map(|cursor| cursors.judge(&of(cursor), Source::Poll, at(seconds)))
        };
        let old = Judged::Duplicate;
        for seconds in [100, 150] {
            assert_eq!(answer([8, 9], seconds), [old.clone(), old.clone()]);
        }
        assert_eq!(answer([1, 2], 200), [old.clone(), old.clone()]);
        assert_eq!(answer([1, 2], 300), [old.clone(), old.clone()], "what does not rise is no count");
        assert_eq!(answer([2, 3], 329), [old.clone(), old.clone()]);
        let behind = Gap { topic: Some("t".to_owned()), from: None, to: Some(3), certain: false };
        assert_eq!(answer([3, 4], 330), [Judged::After(behind), Judged::New]);
    }

    #[test]
    fn without_cursors_a_breach_is_a_gap_of_each_topic_once() {
        let mut cursors = Cursors::new(Rule::default());
        let bare = |topic| Seen { topic, ..Seen::default() };
        assert_eq!(cursors.judge(&bare(None), Source::Socket, at(0)), Judged::New);
        assert_eq!(cursors.judge(&bare(Some("a")), Source::Socket, at(0)), Judged::New);
        cursors.breach();
        for topic in [None, Some("a")] {
            let told = Gap { topic: topic.map(str::to_owned), from: None, to: None, certain: false };
            assert_eq!(cursors.judge(&bare(topic), Source::Socket, at(0)), Judged::After(told));
            assert_eq!(cursors.judge(&bare(topic), Source::Socket, at(0)), Judged::New);
        }
        assert_eq!(cursors.judge(&bare(Some("new")), Source::Socket, at(0)), Judged::New);
    }
}
