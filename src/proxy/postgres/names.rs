//! The prepared statements of one client, by its own names.
//!
//! A name counts from the moment its Parse is sent, since a Bind of the same batch may use it; where an error makes the
//! server skip that Parse, the name is taken back. So every change leaves an entry in a log of what to undo, and every
//! answer settles the oldest. For a later batch a name is unsure until then.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::proxy::postgres::statements::Statement;

/// The most statements that one client may have prepared.
pub(super) const NAMES_MAX: usize = 10_000;
/// And the most bytes of their texts.
pub(super) const TEXTS_MAX: usize = 64 << 20;
/// An unnamed statement is kept for the transactions after its own up to this size.
pub(super) const UNNAMED_MAX: usize = 16 << 10;

/// A change that is not settled.
#[derive(Debug)]
struct Change {
    name: Box<[u8]>,
    /// In which batch it was sent.
    batch: u64,
    /// Which change of all it is.
    number: u64,
    undo: Undo,
}

/// How a change is undone.
#[derive(Debug)]
enum Undo {
    /// The name came.
    Added,
    /// The name went, where it was there.
    Removed(Option<Named>),
}

/// A statement under its name.
#[derive(Debug)]
struct Named {
    statement: Rc<Statement>,
    /// The batch and number of the change that made it, until that is settled.
    made: Option<(u64, u64)>,
}

/// The names of one client.
#[derive(Debug, Default)]
pub(super) struct Names {
    named: HashMap<Box<[u8]>, Named>,
    /// Bytes of the texts behind them.
    texts: usize,
    changes: VecDeque<Change>,
    last: u64,
    /// The Parse of the unnamed statement, whole; empty where there is none.
    unnamed: Vec<u8>,
}

impl Names {
    /// The statement behind a name.
    pub(super) fn find(&self, name: &[u8]) -> Option<&Rc<Statement>> {
        self.named.get(name).map(|named| &named.statement)
    }

    /// Whether no more names fit.
    pub(super) fn full(&self) -> bool {
        self.named.len() >= NAMES_MAX || self.texts >= TEXTS_MAX
    }

    /// A Parse under a name that is free.
    pub(super) fn add(&mut self, name: &[u8], statement: Rc<Statement>, batch: u64) {
        let number = self.note(name, batch, Undo::Added);
        self.put(name.into(), Named { statement, made: Some((batch, number)) });
    }

    /// A Close of a name.
    pub(super) fn remove(&mut self, name: &[u8], batch: u64) {
        let removed = self.take(name);
        self.note(name, batch, Undo::Removed(removed));
    }

    fn note(&mut self, name: &[u8], batch: u64, undo: Undo) -> u64 {
        self.last += 1;
        self.changes.push_back(Change { name: name.into(), batch, number: self.last, undo });
        self.last
    }

    /// Whether any change is not settled.
    pub(super) fn is_unsettled(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether a change of this name was sent in an earlier batch than this and is not settled: whether it took place
    /// is not known.
    pub(super) fn is_unsure(&self, name: &[u8], batch: u64) -> bool {
        match self.named.get(name) {
            Some(named) => named.made.is_some_and(|(made, _)| made < batch),
            None => self.changes.iter().any(|change| change.batch < batch && *change.name == *name),
        }
    }

    /// All names go: DEALLOCATE ALL, DISCARD ALL.
    pub(super) fn clear(&mut self) {
        self.named.clear();
        self.texts = 0;
        self.forget_unnamed();
    }

    /// A name went, for certain.
    pub(super) fn forget(&mut self, name: &[u8]) {
        drop(self.take(name));
    }

    fn put(&mut self, name: Box<[u8]>, named: Named) {
        self.texts += named.statement.body().len();
        if let Some(before) = self.named.insert(name, named) {
            self.texts -= before.statement.body().len();
        }
    }

    fn take(&mut self, name: &[u8]) -> Option<Named> {
        let taken = self.named.remove(name)?;
        self.texts -= taken.statement.body().len();
        Some(taken)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.named.len()
    }

    /// The oldest change was answered.
    pub(super) fn settle(&mut self) {
        let Some(change) = self.changes.pop_front() else { return };
        if let Some(named) = self.named.get_mut(&change.name)
            && named.made.is_some_and(|(_, number)| number == change.number)
        {
            named.made = None;
        }
    }

    /// The oldest `count` changes never took place.
    pub(super) fn take_back(&mut self, count: usize) {
        let count = count.min(self.changes.len());
        let undone: Vec<Change> = self.changes.drain(..count).collect();
        for Change { name, undo, .. } in undone.into_iter().rev() {
            match undo {
                Undo::Added => drop(self.take(&name)),
                Undo::Removed(Some(named)) => self.put(name, named),
                Undo::Removed(None) => {}
            }
        }
    }

    /// The unnamed statement, as the Parse that made it.
    pub(super) fn unnamed(&self) -> Option<&[u8]> {
        (!self.unnamed.is_empty()).then_some(&self.unnamed[..])
    }

    /// Keeps an unnamed statement for transactions to come.
    pub(super) fn keep_unnamed(&mut self, parse: &[u8]) {
        self.unnamed.clear();
        if parse.len() <= UNNAMED_MAX {
            self.unnamed.extend_from_slice(parse);
        }
    }

    /// The unnamed statement is gone: a simple query ends it.
    pub(super) fn forget_unnamed(&mut self) {
        self.unnamed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::postgres::statements::Statements;

    fn has(names: &Names, name: &str) -> bool {
        names.find(name.as_bytes()).is_some()
    }

    #[test]
    fn what_an_error_skipped_is_taken_back_and_what_was_answered_stays() {
        let mut statements = Statements::default();
        let mut names = Names::default();
        names.add(b"a", statements.share(b"1"), 0);
        names.settle();
        names.add(b"b", statements.share(b"2"), 0);
        names.remove(b"a", 0);
        names.add(b"a", statements.share(b"3"), 0);
        names.take_back(3);
        assert!(has(&names, "a") && !has(&names, "b"));
        assert_eq!(names.find(b"a").map(|statement| statement.body().to_vec()), Some(b"1".to_vec()));
        names.remove(b"none", 0);
        names.take_back(1);
        assert_eq!((names.named.len(), names.changes.len()), (1, 0));
    }

    #[test]
    fn only_what_was_not_answered_is_taken_back() {
        let mut statements = Statements::default();
        let mut names = Names::default();
        names.add(b"a", statements.share(b"1"), 0);
        names.add(b"b", statements.share(b"2"), 0);
        names.settle();
        names.take_back(1);
        assert!(has(&names, "a") && !has(&names, "b"));
    }

    #[test]
    fn a_name_is_unsure_for_later_batches_until_its_change_is_settled() {
        let mut statements = Statements::default();
        let mut names = Names::default();
        names.add(b"a", statements.share(b"1"), 1);
        assert!(!names.is_unsure(b"a", 1) && names.is_unsure(b"a", 2) && !names.is_unsure(b"b", 2));
        names.settle();
        assert!(!names.is_unsure(b"a", 2) && !names.is_unsettled());
        names.remove(b"a", 2);
        assert!(!names.is_unsure(b"a", 2) && names.is_unsure(b"a", 3));
        names.add(b"a", statements.share(b"2"), 2);
        names.settle();
        assert!(names.is_unsure(b"a", 3), "it is the Close that was answered");
        names.settle();
        assert!(!names.is_unsure(b"a", 3));
    }

    #[test]
    fn texts_are_bounded_by_their_bytes() {
        let mut statements = Statements::default();
        let mut names = Names::default();
        let text = |number: u8| vec![number; 1 << 20];
        for number in 0..64 {
            assert!(!names.full(), "{number}");
            names.add(&[number], statements.share(&text(number)), 0);
        }
        assert!(names.full());
        names.remove(&[7], 0);
        assert!(!names.full());
        names.take_back(65);
        assert_eq!((names.len(), names.texts), (0, 0));
    }

    #[test]
    fn a_large_unnamed_statement_is_not_kept() {
        let mut names = Names::default();
        names.keep_unnamed(b"P....");
        assert_eq!(names.unnamed(), Some(&b"P...."[..]));
        names.keep_unnamed(&vec![1; UNNAMED_MAX + 1]);
        assert_eq!(names.unnamed(), None);
    }
}
