//! Which shared statements a server connection has, and which it was asked for longest ago.
//!
//! A statement counts as there from the moment its Parse is sent, since a Bind of the same batch may use it: an error that
//! skips the one skips the other. For a batch after that one it is unsure until the Parse is answered.

use std::collections::HashMap;

/// What is known of one statement.
#[derive(Debug)]
struct Known {
    /// When it was last asked for.
    used: u64,
    /// The batch in which it was sent, until that is answered.
    sent: Option<u64>,
}

/// The statements of one server connection.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    known: HashMap<u32, Known>,
    /// Of them, those not answered yet.
    unanswered: usize,
    clock: u64,
}

impl Prepared {
    /// Whether it has the statement; counts as use.
    pub(super) fn touch(&mut self, id: u32) -> bool {
        self.clock += 1;
        match self.known.get_mut(&id) {
            Some(known) => {
                known.used = self.clock;
                true
            }
            None => false,
        }
    }

    /// It is being prepared, in this batch.
    pub(super) fn add(&mut self, id: u32, batch: u64) {
        self.remove(id);
        self.clock += 1;
        self.unanswered += 1;
        self.known.insert(id, Known { used: self.clock, sent: Some(batch) });
    }

    /// It was prepared.
    pub(super) fn answered(&mut self, id: u32) {
        if let Some(known) = self.known.get_mut(&id) {
            self.unanswered -= usize::from(known.sent.take().is_some());
        }
    }

    /// Whether any is not answered yet.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unanswered > 0
    }

    /// Whether it was sent in an earlier batch than this, and is not answered.
    pub(super) fn is_unsure(&self, id: u32, batch: u64) -> bool {
        self.known.get(&id).and_then(|known| known.sent).is_some_and(|sent| sent < batch)
    }

    /// It was not prepared after all.
    pub(super) fn remove(&mut self, id: u32) {
        let known = self.known.remove(&id);
        self.unanswered -= usize::from(known.is_some_and(|known| known.sent.is_some()));
    }

    /// None is left.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.unanswered = 0;
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Takes out the one that was asked for longest ago.
    pub(super) fn pop_oldest(&mut self) -> Option<u32> {
        let (id, _) = self.known.iter().min_by_key(|(_, known)| known.used)?;
        let id = *id;
        self.remove(id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_used_for_longest_goes_first() {
        let mut prepared = Prepared::default();
        (1..=3).for_each(|id| prepared.add(id, 0));
        assert!(prepared.touch(1));
        assert!(!prepared.touch(9));
        assert_eq!(prepared.pop_oldest(), Some(2));
        assert_eq!(prepared.len(), 2);
        assert!(!prepared.touch(2));
    }

    #[test]
    fn one_is_unsure_for_later_batches_until_it_is_answered() {
        let mut prepared = Prepared::default();
        prepared.add(1, 4);
        prepared.add(2, 5);
        assert!(!prepared.is_unsure(1, 4) && prepared.is_unsure(1, 5) && !prepared.is_unsure(2, 5));
        prepared.answered(1);
        assert!(!prepared.is_unsure(1, 5) && prepared.is_unsettled());
        prepared.remove(2);
        assert!(!prepared.is_unsettled());
        prepared.add(3, 6);
        prepared.add(3, 7);
        prepared.clear();
        prepared.answered(3);
        assert!(!prepared.is_unsettled());
    }
}
