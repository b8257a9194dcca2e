//! The prepared statements of one client, by its own names.
//!
//! A name counts from the moment its Parse is sent, since a Bind of the same batch may use it; where an error makes the
//! server skip that Parse, the name is taken back. So every change leaves an entry in a log of what to undo, and every
//! answer settles the oldest.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::proxy::postgres::statements::Statement;

/// The most statements that one client may have prepared.
pub(super) const NAMES_MAX: usize = 10_000;
/// An unnamed statement is kept for the transactions after its own up to this size.
const UNNAMED_MAX: usize = 16 << 10;

/// A change that is not settled.
#[derive(Debug)]
enum Undo {
    /// The name came.
    Added(Box<[u8]>),
    /// The name went, where it was there.
    Removed(Box<[u8]>, Option<Rc<Statement>>),
}

/// The names of one client.
#[derive(Debug, Default)]
pub(super) struct Names {
    named: HashMap<Box<[u8]>, Rc<Statement>>,
    undo: VecDeque<Undo>,
    /// The Parse of the unnamed statement, whole; empty where there is none.
    unnamed: Vec<u8>,
}

impl Names {
    /// The statement behind a name.
    pub(super) fn find(&self, name: &[u8]) -> Option<&Rc<Statement>> {
        self.named.get(name)
    }

    /// Whether no more names fit.
    pub(super) fn full(&self) -> bool {
        self.named.len() >= NAMES_MAX
    }

    /// A Parse under a name that is free.
    pub(super) fn add(&mut self, name: &[u8], statement: Rc<Statement>) {
        self.named.insert(name.into(), statement);
        self.undo.push_back(Undo::Added(name.into()));
    }

    /// A Close of a name.
    pub(super) fn remove(&mut self, name: &[u8]) {
        let removed = self.named.remove(name);
        self.undo.push_back(Undo::Removed(name.into(), removed));
    }

    /// All names go: DEALLOCATE ALL, DISCARD ALL.
    pub(super) fn clear(&mut self) {
        self.named.clear();
        self.forget_unnamed();
    }

    /// A name went, for certain.
    pub(super) fn forget(&mut self, name: &[u8]) {
        self.named.remove(name);
    }

    /// The oldest change was answered.
    pub(super) fn settle(&mut self) {
        self.undo.pop_front();
    }

    /// The oldest `count` changes never took place.
    pub(super) fn take_back(&mut self, count: usize) {
        let count = count.min(self.undo.len());
        let undone: Vec<Undo> = self.undo.drain(..count).collect();
        for change in undone.into_iter().rev() {
            match change {
                Undo::Added(name) => drop(self.named.remove(&name)),
                Undo::Removed(name, Some(statement)) => drop(self.named.insert(name, statement)),
                Undo::Removed(_, None) => {}
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
        names.add(b"a", statements.share(b"1"));
        names.settle();
        names.add(b"b", statements.share(b"2"));
        names.remove(b"a");
        names.add(b"a", statements.share(b"3"));
        names.take_back(3);
        assert!(has(&names, "a") && !has(&names, "b"));
        assert_eq!(names.find(b"a").map(|statement| statement.body().to_vec()), Some(b"1".to_vec()));
        names.remove(b"none");
        names.take_back(1);
        assert_eq!((names.named.len(), names.undo.len()), (1, 0));
    }

    #[test]
    fn only_what_was_not_answered_is_taken_back() {
        let mut statements = Statements::default();
        let mut names = Names::default();
        names.add(b"a", statements.share(b"1"));
        names.add(b"b", statements.share(b"2"));
        names.settle();
        names.take_back(1);
        assert!(has(&names, "a") && !has(&names, "b"));
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
